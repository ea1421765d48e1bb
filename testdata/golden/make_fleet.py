#!/usr/bin/python3
"""Made testdata/golden/v1-fleet once: what a server kept of a host's sessions, with all that v1 has not.

    make_fleet.py STELE FOLDER        FOLDER must not exist; the identities in it are for tests only

Never run again over v1-fleet: a new version of the formats gets a folder of its own (CONTRIBUTING.md).
"""
import json
import os
import pathlib
import subprocess
import sys

os.environ["STELE"] = os.path.abspath(sys.argv[1])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))
import fleet  # noqa: E402
import harness  # noqa: E402
from make import keep  # noqa: E402

POLICY = "stele-policy-v1\n{origin}\n1\n2026-11-28\nrule everybody\n  open\n  patience 1 seconds\n  banner You are recorded.\n"


def sign_policy(ledger, path):
    draft = path.with_suffix(".draft")
    draft.write_text(POLICY.format(origin=(ledger.path / "log.vkey").read_text().split("+")[0]))
    ledger.stele("policy", "sign", draft, "-o", path)


def sit_at(host, title, *command, steps):
    terminal = host.recording("--title", title, "--", *command)
    at = 0
    for wait, keys in steps:
        at = terminal.expect(wait, at)
        keys(terminal) if callable(keys) else terminal.type(keys)
    terminal.wait()
    terminal.close()


def work_in_a_shell(host):
    sit_at(host, "a shell", "env", "PS1=$ ", "bash", "--norc", "--noprofile", "-i", steps=[
        ("$ ", "echo hello\r"), ("\rhello\r\n", "read -rsp 'Secret: ' s\r"), ("\rSecret: ", "golden-secret\r"),
        ("$ ", lambda t: (t.resize(40, 132), t.type("stty size\r"))), ("40 132", "exit 7\r")])


def lose_the_agent(host, ledger):
    """A gap, and a stream that goes on with other lane keys."""
    def come_back(terminal):
        host.start()
        fleet.wait_until(lambda: any(e["type"] == "gap" for s in ledger.sessions() for e in ledger.events(s["id"])), "the gap is told")
        terminal.type("\r")
    sit_at(host, "a gap", "sh", "-c", "echo one; read a; echo two; read b; echo three", steps=[
        ("one\r\n", lambda t: (host.kill(), t.type("\r"))), ("two\r\n", come_back), ("three\r\n", "")])


def admit_a_newcomer(host, server, recipient):
    """The list of recipients changes within a session."""
    ledger = server.ledger

    def grant(terminal):
        server.arrived(4, closed=False)  # what it has not got it can not grant
        ledger.stele("key", "grant", recipient)
        wanted = (ledger.path / "recipients").read_bytes()
        fleet.wait_until(lambda: (host.directory / "recipients").read_bytes() == wanted, "the host seals for the newcomer")
        terminal.type("\r")
    sit_at(host, "a newcomer", "sh", "-c", "echo before; read a; echo after", steps=[("before\r\n", grant), ("after\r\n", "")])


def tear_a_volume(ledger):
    """What a power cut leaves of a record; it ends the volume."""
    volume = max((ledger.path / "vault/volume").glob("*.vol"))
    with volume.open("ab") as f:
        f.write(b"\1torn record" * 5)


def main():
    folder = pathlib.Path(sys.argv[2]).resolve()
    os.chdir("/")
    work = folder.with_suffix(".work")
    ledger = harness.Ledger(work, "--origin", "stele.example/golden/fleet-1")
    sign_policy(ledger, work / "policy")
    newcomer = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    (work / "newcomer.age").write_text(newcomer)

    server = fleet.FleetServer(work)
    host = fleet.Host("web01", server, work, policy=str(work / "policy")).start()
    host.machine.run(*host.command("--title", "bytes", "--", "sh", "-c", "printf 'caf\\303\\251 \\377\\376 \\033[31mred\\033[m\\n'; exit 3"))
    work_in_a_shell(host)
    lose_the_agent(host, ledger)
    server.arrived(3)
    server.stop()
    tear_a_volume(ledger)
    server.start()
    admit_a_newcomer(host, server, newcomer.split("public key: ")[1].split()[0])
    server.arrived(4)
    host.stop()
    server.covered()
    server.stop()

    keep(ledger, folder, work / "newcomer.age")
    harness.remove(work)


if __name__ == "__main__":
    main()
