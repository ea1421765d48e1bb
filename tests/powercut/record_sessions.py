"""A workload for run.py: terminal sessions recorded at once into one ledger, by `stele record`.

    record_sessions.py DIR STELE [--seconds 6] [--sessions 2] [--after 1.0]

Each session shows a numbered line about every 20 ms. A line is acknowledged once it has been on the screen for --after
seconds: what stele promises is to lose at most the last second. With --after 0 this is the control that must be caught.
"""
import argparse
import collections
import os
import pty
import re
import select
import subprocess
import time

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("dir")
ap.add_argument("stele")
ap.add_argument("--seconds", type=float, default=6)
ap.add_argument("--sessions", type=int, default=2)
ap.add_argument("--after", type=float, default=1.0)
a = ap.parse_args()
ledger = f"{a.dir}/ledger"
os.environ["XDG_STATE_HOME"] = f"{a.dir}/reader"
subprocess.run([a.stele, "init", "--dir", ledger, "--no-recovery"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(number):
    ticker = f"n=0; while :; do n=$((n+1)); echo line {number}-$n.; sleep 0.02; done"
    pid, master = pty.fork()
    if pid == 0:
        os.execv(a.stele, [a.stele, "record", "--dir", ledger, "--", "sh", "-c", ticker])
    return master


masters = [start(n) for n in range(a.sessions)]
seen = dict.fromkeys(masters, b"")
shown = collections.deque()  # (when, line)
end = time.monotonic() + a.seconds
while time.monotonic() < end:
    for master in select.select(masters, [], [], 0.01)[0]:
        seen[master] += os.read(master, 65536)
        *lines, seen[master] = seen[master].split(b"\n")
        shown.extend((time.monotonic(), m[1].decode()) for line in lines if (m := re.search(rb"line (\d+-\d+)\.", line)))
    while shown and shown[0][0] + a.after <= time.monotonic():
        print(shown.popleft()[1], flush=True)
