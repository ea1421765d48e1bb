#!/usr/bin/python3
"""What it costs a login that the server has its opening before anything is shown.

One server and two hosts on this machine, of which one waits for the server and the other for its own spool only. Each in turn:
whole:   `stele-recorder -- true`, from its start to its end, ms
waited:  what the session's record says of its opening, ms
"""
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from fleet import FleetServer, Host  # noqa: E402
from harness import remove  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 101
POLICY = "stele-policy-v1\n{origin}\n1\n2026-11-28\nrule everybody\n  opening wait {wait} seconds\n"


def start_host(name, server, folder, wait):
    origin = (server.ledger.path / "log.vkey").read_text().split("+")[0]
    draft, policy = folder / f"{name}.draft", folder / f"{name}.policy"
    draft.write_text(POLICY.format(origin=origin, wait=wait))
    server.ledger.stele("policy", "sign", draft, "-o", policy)
    return Host(name, server, folder, policy=str(policy)).start()


def whole_ms(host):
    begun = time.perf_counter()
    done = host.record("true")
    assert done.returncode == 0, done.stderr
    return (time.perf_counter() - begun) * 1e3


def waited_ms(ledger, session):
    (opening,) = [e for e in ledger.events(session["id"]) if e["type"] == "opening"]
    return opening["waited"] * 1e3, opening["acknowledged"]


def spread(values):
    first, middle, last = statistics.quantiles(values, n=4)
    return f"{middle:.1f} [{first:.1f}…{last:.1f}]"


folder = pathlib.Path(tempfile.mkdtemp())
try:
    server = FleetServer(folder)
    hosts = {wait: start_host(f"waits-{wait}", server, folder, wait) for wait in (1, 0)}
    runs = [{wait: whole_ms(host) for wait, host in hosts.items()} for _ in range(ROUNDS + 1)][1:]
    for host in hosts.values():
        host.stop()
    sessions = server.arrived(2 * (ROUNDS + 1))
    openings = [waited_ms(server.ledger, session) for session in sessions]
    server.stop()
finally:
    remove(folder)

print(f"{len(runs)} rounds; median [quartiles], ms")
for wait in hosts:
    print(f"whole, opening wait {wait} seconds: {spread([run[wait] for run in runs])}")
print(f"more, within a round: {spread([run[1] - run[0] for run in runs])}")
print(f"waited, acknowledged ({sum(a for _, a in openings)}): {spread([ms for ms, a in openings if a])}")
print(f"waited, not acknowledged: {spread([ms for ms, a in openings if not a])}")
