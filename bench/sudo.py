#!/usr/bin/python3
"""What sudo's plugin costs, beside sudo by itself and sudoers' own I/O log, on a machine of its own; each in turn.

start:   `sudo true` at a terminal, from its start to its end, ms
flood:   `sudo cat` of the terminal corpus (20 MB) at a terminal that reads as fast as it can: wall, s
CPU:     of that flood, of sudo and all that it started, and of stele's agent: s
"""
import os
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import benchlib as b

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
from fleet import ENVIRONMENT, FleetServer, Host, Machine  # noqa: E402
from harness import Terminal, remove  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
OWN = "Plugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\nPlugin sudoers_audit sudoers.so\n"
PLUGIN = "/usr/local/lib/stele/stele_sudo.so"
OURS = f"{OWN}Plugin stele_io {PLUGIN}\nPlugin stele_audit {PLUGIN}\n"
RULES = "Defaults !fqdn, use_pty\nroot ALL=(ALL) ALL\n"
WAYS = {"sudo": (OWN, RULES), "sudo, its I/O log": (OWN, RULES + "Defaults log_input, log_output\n"), "sudo, stele": (OURS, RULES)}


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(machine, agent, *command):
    """Wall and CPU seconds."""
    before, agents = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_of(agent)
    begun = time.perf_counter()
    terminal = Terminal([*machine.prefix, "sudo", *map(str, command)], env=ENVIRONMENT)
    while terminal.read(10):
        terminal.shown = b""
    status = terminal.wait()
    wall = time.perf_counter() - begun
    terminal.close()
    assert status == 0, status
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + cpu_of(agent) - agents


def spread(values, digits):
    first, middle, last = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} [{first:.{digits}f}…{last:.{digits}f}]"


corpus = b.corpus_file(20)
folder = pathlib.Path(tempfile.mkdtemp())
folder.chmod(0o755)
machine = Machine("web01", folder)
try:
    machine.install()
    server = FleetServer(folder, machine)
    host = Host("web01", server, folder, machine, run="/run/stele", recorder_group="stele-recorder").start()
    results = {way: {"start": [], "flood": [], "cpu": []} for way in WAYS}
    for number in range(ROUNDS + 1):
        for way, (conf, rules) in WAYS.items():
            for path, text in (("/etc/sudo.conf", conf), ("/etc/sudoers", rules)):
                machine.do("tee", path, stdin=None, input=text.encode())
            start, _ = run(machine, host.process.pid, "true")
            flood, cpu = run(machine, host.process.pid, "cat", corpus)
            if number > 0:
                for key, value in (("start", start * 1e3), ("flood", flood), ("cpu", cpu)):
                    results[way][key].append(value)
    host.stop()
    server.stop()
finally:
    machine.close()
    remove(folder)

print(f"{ROUNDS} rounds; median [quartiles]")
b.table(["", "start, ms", "flood of 20 MB, s", "its CPU, s", "CPU, of sudo's within a round"],
        [[way, spread(r["start"], 1), spread(r["flood"], 2), spread(r["cpu"], 2),
          spread([mine / base for mine, base in zip(r["cpu"], results["sudo"]["cpu"])], 2)] for way, r in results.items()])
