#!/usr/bin/python3
"""Made testdata/golden/v1 once, with the first version of the formats: kept so that every later version still reads it.

    make.py STELE FOLDER        FOLDER must not exist; the identity in it is for tests only

Never run again over v1: a new version of the formats gets a folder of its own (CONTRIBUTING.md).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))
import harness  # noqa: E402

harness.STELE = os.path.abspath(sys.argv[1])  # make_fleet.py's, too
KEPT = ("log.vkey", "host.vkey", "policy.vkey", "recipients", "recipients.d", "auditor.age", "vault", "state/head")


def sit_at(ledger, *args, steps, size=(24, 80)):
    terminal = harness.Terminal([harness.STELE, "record", *args], env=ledger.environment, rows=size[0], columns=size[1])
    at = 0
    for wait, keys in steps:
        at = terminal.expect(wait, at)
        if callable(keys):
            keys(terminal)
        else:
            terminal.type(keys)
    terminal.wait()
    terminal.close()


def keep(ledger, folder, newcomer):
    """What of the ledger goes into the folder, and what it says today."""
    folder.mkdir()
    for name in KEPT:
        source, target = ledger.path / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy(source, target)
    shutil.copy(newcomer, folder / "newcomer.age")
    expected = {"verify": ledger.verify()[1], "sessions": []}
    for session in ledger.sessions():
        expected["sessions"].append(session)
        output = folder / "expected" / f"{session['id']}.raw"
        output.parent.mkdir(exist_ok=True)
        output.write_bytes(ledger.export(session["id"]))
    (folder / "expected" / "ledger.json").write_text(json.dumps(expected, indent=1) + "\n")


def main():
    folder = pathlib.Path(sys.argv[2]).resolve()
    os.chdir("/")
    work = folder.with_suffix(".work")
    ledger = harness.Ledger(work, "--origin", "stele.example/golden/1")
    ledger.record("sh", "-c", "printf 'caf\\303\\251 \\377\\376 \\033[31mred\\033[m\\n'; exit 3", options=["--title", "bytes"])
    sit_at(ledger, "--title", "a shell", "--", "bash", "--norc", "--noprofile", "-i", steps=[
        ("# ", "echo hello\r"), ("\rhello\r\n", "read -rsp 'Secret: ' s\r"), ("\rSecret: ", "golden-secret\r"),
        ("# ", lambda t: (t.resize(40, 132), t.type("stty size\r"))), ("40 132", "exit 7\r")])
    ledger.record("sh", "-c", "for i in 1 2 3; do echo part $i; sleep 1; done", options=["--title", "several segments"])
    newcomer = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    (work / "newcomer.age").write_text(newcomer)
    ledger.stele("key", "grant", newcomer.split("public key: ")[1].split()[0])
    ledger.record("seq", "2000", options=["--title", "a flood"])
    sit_at(ledger, "--title", "cut", "--", "sh", "-c", "echo begun; sleep 2; kill -9 $PPID", steps=[("begun", b"")])

    keep(ledger, folder, work / "newcomer.age")
    harness.remove(work)


if __name__ == "__main__":
    main()
