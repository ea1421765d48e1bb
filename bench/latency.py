#!/usr/bin/python3
"""Keystroke to echo, round trips in µs: one letter is typed, its echo awaited, then a pause of about --gap-us.

--mode raw:  the recorded command is `cat` on a raw, non-echoing tty (the path through the recorder and little else)
--mode bash: the recorded command is an interactive bash (readline echoes; ^U, untimed, every 40 letters)
--busy:      another process keeps one core busy throughout (a loaded host)

All recorders are alive at once and take turns letter by letter, in a random order: a noisy moment meets them all alike.
p10 is near what an idle machine gives; the rest is this machine with its neighbours' work on it.
"""
import json
import subprocess
import sys

import benchlib as b

STRETCHES = 20

ap = b.arguments(__doc__, 1, "bare,relay,stele,tlog,asciinema,ttyrec,script,script-f,sudo,sudo-flush")
ap.add_argument("--mode", choices=("raw", "bash"), default="raw")
ap.add_argument("--keys", type=int, default=5000, help="keystrokes into each (default %(default)s)")
ap.add_argument("--gap-us", type=int, default=1000)
ap.add_argument("--busy", action="store_true")
a = ap.parse_args()
found = b.prepare(a)
if a.mode == "raw":
    options, cmd = ["--ready", "READY"], ["sh", "-c", "stty raw -echo; printf READY; exec cat"]
else:
    options, cmd = ["--ready", "ready>", "--line-kill"], ["env", "PS1=ready>", "bash", "--norc", "--noprofile", "-i"]

b.clear()
words = []
for n, recorder in enumerate(found.values()):
    out = f"{b.OUT}.{n}.{recorder.name}"
    recorder.make_ready(out)
    words += ["---"] * bool(words) + recorder.argv(cmd, out)
hog = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if a.busy else None
try:
    b.wait_for_quiet()
    done = subprocess.run([b.BIN / "pty_drive", "latency", "-n", str(a.keys), "--gap-us", str(a.gap_us), *options, "--", *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
finally:
    if hog:
        hog.kill()
results = dict(zip(found, json.loads(done.stdout)))
b.save(a, results)


def added(name, base, p):
    """The p-th percentile's distance to the base's, in each of the stretches of the run."""
    size = max(1, a.keys // STRETCHES)
    blocks = [(results[name]["us"][i * size:(i + 1) * size], results[base]["us"][i * size:(i + 1) * size]) for i in range(STRETCHES)]
    return [b.percentile(sorted(x), p) - b.percentile(sorted(y), p) for x, y in blocks if x and y]


base = b.base_of(results)
bases = [base] + ["relay"] * ("relay" in results and base != "relay")
rows = []
for name, r in results.items():
    us = sorted(r["us"])
    rows.append([name, len(us), *(f"{b.percentile(us, p):.0f}" for p in (10, 50, 95, 99, 99.9)), f"{us[-1]:.0f}",
                 *(b.spread(added(name, x, 50), "{:+.0f}") for x in bases), r["lost"]])
b.table(["recorder", "keys", "p10", "p50", "p95", "p99", "p99.9", "max", *(f"p50 added to {x}, {STRETCHES} stretches" for x in bases),
         "no echo in 2 s"], rows)
