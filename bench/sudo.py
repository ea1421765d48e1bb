#!/usr/bin/python3
"""What sudo's plugin costs, and its log protocol at an agent, beside sudo by itself, sudoers' own I/O log and sudo_logsrvd, on a machine of its own; each in turn.

start:   `sudo true` at a terminal, from its start to its end, ms
flood:   `sudo cat` of the terminal corpus (20 MB) at a terminal that reads as fast as it can: wall, s
CPU:     of that flood, of sudo and all that it started, and of who takes the log (stele's agent, sudo_logsrvd): s
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
LOGGED = RULES + "Defaults log_input, log_output\n"
LOGSRVD, AGENT = "127.0.0.1:30345", "127.0.0.1:30343"
WAYS = {"sudo": (OWN, RULES), "sudo, its I/O log": (OWN, LOGGED), "sudo, stele's plugin": (OURS, RULES),
        "sudo, sudo_logsrvd": (OWN, LOGGED + f"Defaults log_servers = {LOGSRVD}\n"),
        "sudo, stele's agent as its log server": (OWN, LOGGED + f"Defaults log_servers = {AGENT}\n")}


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(machine, listeners, *command):
    """Wall and CPU seconds."""
    before, theirs = resource.getrusage(resource.RUSAGE_CHILDREN), sum(map(cpu_of, listeners))
    begun = time.perf_counter()
    terminal = Terminal([*machine.prefix, "sudo", *map(str, command)], env=ENVIRONMENT)
    while terminal.read(10):
        terminal.shown = b""
    status = terminal.wait()
    wall = time.perf_counter() - begun
    terminal.close()
    assert status == 0, status
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + sum(map(cpu_of, listeners)) - theirs


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
    host = Host("web01", server, folder, machine, run="/run/stele", recorder_group="stele-recorder", sudo_log=AGENT).start()
    machine.do("sh", "-c", f"printf '[server]\nlisten_address = {LOGSRVD}\npid_file =\n[iolog]\niolog_dir = /var/log/sudo-io\n' > /etc/sudo_logsrvd.conf")
    logsrvd = machine.start("sudo_logsrvd", "-n", "-f", "/etc/sudo_logsrvd.conf")
    listeners = (host.process.pid, logsrvd.pid)
    results = {way: {"start": [], "flood": [], "cpu": []} for way in WAYS}
    for number in range(ROUNDS + 1):
        for way, (conf, rules) in WAYS.items():
            for path, text in (("/etc/sudo.conf", conf), ("/etc/sudoers", rules)):
                machine.do("tee", path, stdin=None, input=text.encode())
            start, _ = run(machine, listeners, "true")
            flood, cpu = run(machine, listeners, "cat", corpus)
            if number > 0:
                for key, value in (("start", start * 1e3), ("flood", flood), ("cpu", cpu)):
                    results[way][key].append(value)
    logsrvd.terminate()
    logsrvd.wait()
    host.stop()
    server.stop()
finally:
    machine.close()
    remove(folder)

print(f"{ROUNDS} rounds; median [quartiles]")
b.table(["", "start, ms", "flood of 20 MB, s", "its CPU, s", "CPU, of sudo's within a round"],
        [[way, spread(r["start"], 1), spread(r["flood"], 2), spread(r["cpu"], 2),
          spread([mine / base for mine, base in zip(r["cpu"], results["sudo"]["cpu"])], 2)] for way, r in results.items()])
