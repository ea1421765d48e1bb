"""Whether a ledger after a power cut verifies and holds every acknowledged line of record_sessions.py.

    check_sessions.py DIR STELE ACKNOWLEDGED
"""
import json
import os
import pathlib
import re
import subprocess
import sys

folder, stele, acknowledged = sys.argv[1:4]
ledger = f"{folder}/ledger"
os.environ["XDG_STATE_HOME"] = f"{folder}/reader"
must = set(pathlib.Path(acknowledged).read_text().split())


def ask(*words):
    return subprocess.run([stele, *words, "--dir", ledger], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


done = ask("verify", "--all", "--json")
if not must and done.returncode != 1:
    sys.exit(0)  # the cut may have come before there was a ledger; but never may it look like tampering
if done.returncode != 0:
    sys.exit(f"stele verify: exit {done.returncode}: {done.stdout.decode(errors='replace')}")
have = set()
for session in json.loads(ask("sessions", "--json").stdout):
    have.update(m.decode() for m in re.findall(rb"line (\d+-\d+)\.", ask("export", session["id"], "--format", "raw").stdout))
if lost := sorted(must - have):
    sys.exit(f"{len(lost)} of {len(must)} acknowledged lines are lost, e.g. {lost[-1]}")
