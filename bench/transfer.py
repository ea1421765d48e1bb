#!/usr/bin/python3
"""What a copy through stele-shell costs: scp of one file through sshd on the loopback, to the host and from it, by people whose shell is bash (bare), or
stele's by digest, or by policy whole; each in turn.

    bench/transfer.py [ROUNDS [MB [LINK]]]

LINK (as `1gbit`): all that passes the loopback of the host, which has a network of its own, is held to that rate by the kernel: what a copy costs where a network, and not this machine's
processors, decides how fast it is.
Wall seconds of the client, their ratio to the bare copy of the same round, and the CPU seconds of the agent.
"""
import os
import pathlib
import statistics
import sys
import time

import benchlib as b

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from transfer_test import TransferTest as Hosts  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SIZE = int(sys.argv[2]) * 1_000_000 if len(sys.argv) > 2 else 1_000_000_000
LINK = sys.argv[3] if len(sys.argv) > 3 else None
USERS = {"bare": "bare", "digest": "jane", "whole": "whole"}
PROTOCOLS = {"sftp": (), "scp": ("-O",)}


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copied(user, flags, source, target):
    agent = Hosts.host.process.pid
    before, begun = cpu_of(agent), time.perf_counter()
    Hosts.web.do("scp", "-q", *flags, *Hosts.options, source, target, timeout=900)
    return time.perf_counter() - begun, cpu_of(agent) - before


def spread(values, digits=2):
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    first, middle, last = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} [{first:.{digits}f}…{last:.{digits}f}]"


Hosts.setUpClass()
try:
    if LINK:
        Hosts.web.do("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", LINK, "burst", "512kb", "latency", "20ms")
    file = Hosts.folder / "big"
    with file.open("wb") as out:
        for _ in range(SIZE // 1_000_000):
            out.write(os.urandom(1_000_000))
    results = {}
    for number in range(ROUNDS + 1):
        for protocol, flags in PROTOCOLS.items():
            for way, user in USERS.items():
                there = f"{user}@127.0.0.1:big"
                for direction, source, target in (("to", file, there), ("from", there, "/dev/null")):
                    wall, cpu = copied(user, flags, source, target)
                    if number > 0:
                        results.setdefault((protocol, direction, way), []).append((wall, cpu))
                Hosts.web.do("rm", f"/run/home-{user}/big")
finally:
    Hosts.doClassCleanups()

rows = []
for (protocol, direction, way), runs in results.items():
    bare = [wall for wall, _ in results[protocol, direction, "bare"]]
    walls = [wall for wall, _ in runs]
    rows.append([f"{protocol}, {direction} the host, {way}", spread(walls), f"{SIZE / 1e6 / statistics.median(walls):.0f}",
                 spread([w / base for w, base in zip(walls, bare)]), spread([cpu for _, cpu in runs])])
print(f"{SIZE // 1_000_000} MB, {ROUNDS} rounds{f', over {LINK}' if LINK else ''}; median [quartiles]")
b.table(["", "wall, s", "MB/s", "wall × bare (paired)", "agent's CPU, s"], rows)
