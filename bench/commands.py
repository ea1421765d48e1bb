#!/usr/bin/python3
"""What it costs that each exec is seen: exec-heavy work by itself, with auditd's rule for execve, and followed by us, by
programs in the kernel ("stele") and, as on a kernel that does not take them, by its process connector.

loop:   a shell's loop of /bin/true
build:  make of small C files with gcc, two at a time
Wall and CPU of the work itself and, where there are any, of who listens (auditd, or our thread); the machine's CPU counts all.
"""
import os
import pathlib
import re
import subprocess
import time

import benchlib as b

ap = b.arguments(__doc__, 7, "")
ap.add_argument("--loops", type=int, default=3000)
ap.add_argument("--files", type=int, default=60)
a = ap.parse_args()
b.isolate()
b.build()
FOLLOW = b.STELE.parent / "follow"
WORK = b.WORK / "commands"
AUDIT = b.WORK / "audit"
WAYS = {"stele": "bpf", "stele by the connector": "connector"}


def prepare():
    b.remove(WORK)
    WORK.mkdir()
    for i in range(a.files):
        body = "".join(f"int f{i}_{k}(int x) {{ for (int j = 0; j < x; ++j) x += j * {k}; return x; }}\n" for k in range(40))
        (WORK / f"f{i}.c").write_text("#include <stdio.h>\n#include <stdlib.h>\n" + body)
    names = " ".join(f"f{i}.o" for i in range(a.files))
    (WORK / "Makefile").write_text(f"all: {names}\n%.o: %.c\n\t@gcc -O1 -c $< -o $@\n")


WORKS = {
    "loop": ["sh", "-c", f"i=0; while [ $i -lt {a.loops} ]; do /bin/true; i=$((i+1)); done"],
    "build": ["sh", "-c", f"cd {WORK} && rm -f *.o && make -s -j2"],
}


def machine_cpu():
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Auditd:
    """auditd with a rule for every execve, and nothing else, as its own manual has it; the kernel's state is put back."""

    def __enter__(self):
        b.remove(AUDIT)
        AUDIT.mkdir(mode=0o700)
        (AUDIT / "auditd.conf").write_text(f"log_file = {AUDIT}/audit.log\nlog_format = RAW\nflush = INCREMENTAL_ASYNC\nfreq = 50\nnum_logs = 2\n"
                                           "max_log_file = 500\nmax_log_file_action = IGNORE\nspace_left = 75\nspace_left_action = IGNORE\n"
                                           "admin_space_left = 50\nadmin_space_left_action = IGNORE\n")
        self.process = subprocess.Popen(["auditd", "-n", "-c", AUDIT, "-s", "enable"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        time.sleep(1)
        subprocess.run(["auditctl", "-b", "65536"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", "execve,execveat"], check=True, stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        subprocess.run(["auditctl", "-D"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["auditctl", "-e", "0"], check=True, stdout=subprocess.DEVNULL)
        self.process.terminate()
        self.process.wait()


def measure(words, waits=False):
    """`waits`: it says that it is ready, and begins when it is told to."""
    process = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if waits:
        process.stdout.readline()
    before, began = machine_cpu(), time.monotonic()
    _, said = process.communicate("\n")
    r = {"wall": time.monotonic() - began, "cpu": machine_cpu() - before, "said": said}
    if process.returncode:
        raise SystemExit(f"{words}: {said}")
    return r


def one(name, how):
    work, how = name.split(", ")
    if how == "auditd":
        with Auditd():
            r = measure(WORKS[work])
        r["seen"] = (AUDIT / "audit.log").read_bytes().count(b"type=EXECVE")
    elif how in WAYS:
        r = measure([FOLLOW, WAYS[how], *WORKS[work]], waits=True)
        seen, lost = map(int, re.search(r"^(\d+) (\d+)$", r["said"], re.M).groups())
        r["seen"] = f"{seen // 2}, {lost} lost"
    else:
        r = measure(WORKS[work])
        r["seen"] = ""
    return r


prepare()
results = b.interleaved({f"{work}, {how}": how for work in WORKS for how in ("bare", "auditd", *WAYS)}, a.runs, one)
rows = []
for name, rs in results.items():
    base = name.split(", ")[0] + ", bare"
    rows.append([name, b.spread(r["wall"] for r in rs), *(b.spread(b.pairwise(results, name, base, key)) for key in ("wall", "cpu")), rs[-1]["seen"]])
b.table(["work, seen by", "wall s", "wall × bare (paired)", "machine's CPU × bare (paired)", "execs seen"], rows)
b.save(a, results)
