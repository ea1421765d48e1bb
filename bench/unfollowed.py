#!/usr/bin/python3
"""What the programs in the kernel cost a process that is of no session: made, executed and ended, by the kernel's own count of their time.

daemon:    without a login uid, as whatever a service does
terminal:  somebody who logged in, on a terminal that was told already: what each later exec there costs
"""
import os
import pathlib
import pty
import re
import subprocess
import sys

import benchlib as b

ap = b.arguments(__doc__, 5, "")
ap.add_argument("--loops", type=int, default=3000)
a = ap.parse_args()
b.isolate()
b.build()
FOLLOW = b.STELE.parent / "follow"
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
LOOP = ["sh", "-c", f"i=0; while [ $i -lt {a.loops} ]; do /bin/true; i=$((i+1)); done"]
LOG_IN = "import os, sys; open('/proc/self/loginuid', 'w').write('4242'); os.execvp(sys.argv[1], sys.argv[1:])"


def spent_ns(pid):
    texts = [path.read_text() for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir()]
    return sum(int(found[1]) for text in texts if (found := re.search(r"^run_time_ns:\t(\d+)$", text, re.M)))


def on_a_terminal():
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", LOG_IN, *LOOP])
    os.waitpid(pid, 0)
    os.close(fd)


def one(how):
    """By the kernel's own count: what else runs on the machine makes it no longer."""
    watch = subprocess.Popen([str(FOLLOW), "bpf", "true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watch.stdout.readline()
    before = spent_ns(watch.pid)
    if how == "daemon":
        subprocess.run(LOOP, check=True)
    else:
        on_a_terminal()
    spent = spent_ns(watch.pid) - before
    watch.communicate("\n")
    return {"us": spent / a.loops / 1000}


STATISTICS.write_text("1")
results = {"daemon": [], "terminal": []}
for _ in range(a.runs):
    for name, runs in results.items():
        runs.append(one(name))
STATISTICS.write_text("0")
b.table(["process", "programs' time, µs"], [[name, b.spread(r["us"] for r in rs)] for name, rs in results.items()])
b.save(a, results)
