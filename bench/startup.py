#!/usr/bin/python3
"""Start and end of a session, and what an idle one costs.

first:   from exec of the recorder to the child's first byte on the user's terminal (`echo` of a marker), ms
whole:   the same run to the last process reaped, ms
idle:    memory of the recorder's processes (not the recorded command's), KiB, and their number, once idle for 1.5 s
"""
import os
import pathlib
import pty
import re
import signal
import time

import benchlib as b

MARKER = "xMARKx"


def one(_, recorder):
    return b.drive("run", ["--marker", MARKER], recorder, ["/bin/echo", MARKER])


def descendants(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [d for c in children for d in descendants(int(c))]


def is_recorded_command(pid):
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return words.split(b"\0")[:2] == [b"sleep", b"600"] or (name == "sh" and b"sleep 600" in words)


def idle(recorder):
    """(RSS, PSS, private, processes, threads) of the recorder: every process of the session but the recorded `sleep`."""
    recorder.make_ready()
    pid, master = pty.fork()
    if pid == 0:
        words = recorder.argv(["sleep", "600"])
        os.execvp(words[0], words)
    time.sleep(1.5)
    total, every = [0, 0, 0, 0, 0], descendants(pid)
    for p in every:
        if is_recorded_command(p):
            continue
        rollup = pathlib.Path(f"/proc/{p}/smaps_rollup").read_text()
        private = sum(int(v) for v in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", rollup, re.M))
        for i, v in enumerate((int(re.search(r"^Rss: +(\d+)", rollup, re.M)[1]), int(re.search(r"^Pss: +(\d+)", rollup, re.M)[1]),
                               private, 1, len(os.listdir(f"/proc/{p}/task")))):
            total[i] += v
    for p in reversed(every):
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os.close(master)
    os.waitpid(pid, 0)
    return total


a = b.arguments(__doc__, 25, "bare,relay,stele,stele-fresh,tlog,asciinema,ttyrec,script,sudo,sudo-flush").parse_args()
found = b.prepare(a)
results = b.interleaved(found, a.runs, one)
b.save(a, results)
base = b.base_of(results)
rows = []
for name, rs in results.items():
    rss, pss, private, processes, threads = idle(found[name])
    added = [(r["first"] - x["first"]) * 1e3 for r, x in zip(rs, results[base])]
    rows.append([name, b.spread([r["first"] * 1e3 for r in rs]), b.spread(added, "{:+.2f}"), b.spread([r["wall"] * 1e3 for r in rs]),
                 f"{b.med(r['user'] + r['sys'] for r in rs) * 1e3:.1f}", rss, pss, private, f"{processes}/{threads}",
                 f"{b.med(r['disk'] for r in rs) / 1e3:.1f}", "/".join(sorted({str(r["status"]) for r in rs}))])
b.table(["recorder", "first byte ms, median [min…max]", f"added to {base} (paired)", "whole session ms", "CPU ms", "idle RSS KiB", "idle PSS KiB",
         "idle private KiB", "processes/threads", "on disk KB", "exit"], rows)
