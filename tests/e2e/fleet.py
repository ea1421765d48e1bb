"""A fleet on one machine: a server, and hosts whose agents ship to it. What is killed can be started again.

A `Machine` has a network, mounts and a name of its own, so that stele can be installed on it as on any other."""
import copy
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import PATIENCE, ROOT, STELE, Ledger, Terminal

PROGRAMS = pathlib.Path(STELE).parent
AGENT, RECORDER = PROGRAMS / "stele-agent", PROGRAMS / "stele-recorder"
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.startswith(("STELE", "XDG_"))},
               "TERM": "xterm-256color", "SHELL": "/bin/bash", "PS1": "$ "}


def wait_until(condition, what, patience=PATIENCE):
    """The first true value of `condition()`."""
    end = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.02)
    return found


class Here:
    """This machine as it is."""
    prefix = ()
    address = "127.0.0.1"

    def run(self, *command, **kwargs):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "env": ENVIRONMENT, "timeout": PATIENCE}
        return subprocess.run([*self.prefix, *map(str, command)], **{**options, **kwargs})

    def do(self, *command, **kwargs):
        done = self.run(*command, **kwargs)
        if done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start(self, *command, **kwargs):
        return subprocess.Popen([*self.prefix, *map(str, command)], env=ENVIRONMENT, **{"stdin": subprocess.DEVNULL, **kwargs})

    def terminal(self, *command):
        return Terminal([*self.prefix, *map(str, command)], env=ENVIRONMENT)


class Machine(Here):
    """Namespaces for network, mounts and the host's name. /etc, /run, /var and /usr/local are its own; `folder` is what
    it writes to. close() ends it, and all that runs in it."""
    namespaces, enter = ("--net", "--mount", "--uts"), ("-n", "-m", "-u")
    runs = "echo ready; exec sleep infinity"

    def __init__(self, name, folder):
        self.name, self.folder = name, pathlib.Path(folder) / f"machine-{name}"
        self.folder.mkdir()
        script = f"""
            set -e
            hostname {name}
            mount -t tmpfs -o mode=755 none /run
            mount -t tmpfs -o mode=755 none {self.folder}
            for place in etc var usr/local; do
              mkdir -p {self.folder}/$place/upper {self.folder}/$place/work
              mount -t overlay none -o lowerdir=/$place,upperdir={self.folder}/$place/upper,workdir={self.folder}/$place/work /$place
            done
            ip link set lo up
            echo {name} > /etc/hostname
            {self.runs}"""
        self.holder = subprocess.Popen(["unshare", *self.namespaces, "--propagation", "private", "sh", "-c", script],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise AssertionError(self.holder.communicate()[1])
        self.pid = self.first_process()
        self.prefix = ("nsenter", "-t", str(self.pid), *self.enter, "--")

    def first_process(self):
        return self.holder.pid

    def close(self):
        self.holder.kill()
        self.holder.communicate()

    def install(self):
        self.do(ROOT / "tools" / "install", PROGRAMS.parent)

    def connect(self, other, number):
        """A cable between the two; this machine is 10.203.N.1."""
        self.address = f"10.203.{number}.1"
        # From outside: inside, the other's process may have no number.
        Here().do("nsenter", "-t", self.pid, "-n", "ip", "link", "add", f"to-{other.name}", "type", "veth", "peer", "name", "uplink",
                  "netns", other.pid)
        self.do("ip", "address", "add", f"{self.address}/30", "dev", f"to-{other.name}")
        self.do("ip", "link", "set", f"to-{other.name}", "up")
        other.do("ip", "address", "add", f"10.203.{number}.2/30", "dev", "uplink")
        other.do("ip", "link", "set", "uplink", "up")

    def cut(self):
        self.do("ip", "link", "set", "uplink", "down")

    def heal(self):
        self.do("ip", "link", "set", "uplink", "up")


class BootedMachine(Machine):
    """One whose first process is systemd. It knows no units but these targets and what is installed in /usr/local: nothing of
    the machine around it is started, mounted or tidied up."""
    namespaces = ("--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--mount-proc")
    enter = ("-a",)
    targets = "sysinit basic shutdown umount paths multi-user network network-online"
    runs = f"""
        mount -t tmpfs none /etc/systemd/system
        for target in {targets}; do
          printf '[Unit]\\nDefaultDependencies=no\\n' > /etc/systemd/system/$target.target
        done
        # A sanitized build's leak checker has to trace its process, which the units' sandbox forbids: it would hang at the end.
        mkdir -p /etc/systemd/system.conf.d
        printf '[Manager]\\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0\\n' > /etc/systemd/system.conf.d/leaks.conf
        umount -R /sys/fs/cgroup
        mount -t tmpfs none /sys/fs/cgroup
        mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
        mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
        mount -t cgroup2 none /sys/fs/cgroup/unified
        echo ready
        exec env -i container=other PATH="$PATH" SYSTEMD_UNIT_PATH=/etc/systemd/system:/usr/local/lib/systemd/system \\
          SYSTEMD_GENERATOR_PATH=/nowhere SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere \\
          /lib/systemd/systemd --system --unit=basic.target --show-status=0"""

    def first_process(self):
        (child,) = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        return int(child)

    def wait_for_boot(self):
        """Where systemd can not start at all, the test is skipped."""
        def has_started():
            if self.holder.poll() is not None:
                raise unittest.SkipTest(f"systemd does not start here: {self.holder.stderr.read().strip()}")
            return self.run("systemctl", "is-system-running").stdout in (b"running\n", b"degraded\n")
        wait_until(has_started, "systemd has started")


class FleetServer:
    """`stele server`; its port stays when it comes again."""

    def __init__(self, folder, machine=None, addresses=("127.0.0.1",), variables=(), **settings):
        self.machine, self.variables = machine or Here(), variables
        self.ledger = Ledger(folder)
        self.config = pathlib.Path(folder) / "server.toml"
        self.addresses, self.settings = addresses, settings
        self.configure(0)
        self.start()
        self.configure(self.port)

    def configure(self, port):
        names = ", ".join(f'"{name}"' for name in self.addresses)
        self.config.write_text(f'dir = "{self.ledger.path}"\nlisten = "0.0.0.0:{port}"\nnames = [{names}]\n'
                               + "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.settings.items()))

    def start(self):
        self.process = self.machine.start("env", *self.variables, STELE, "server", "--config", self.config, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, text=True)
        said = self.process.stdout.readline() + self.process.stdout.readline()
        found = re.search(r"stele server of \S+ on \S+ port (\d+)\nauthority pin ([0-9a-f]{64})\n", said)
        if not found:
            raise AssertionError(said + self.process.communicate(timeout=PATIENCE)[1])
        self.port, self.pin = int(found[1]), found[2]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def kill(self):
        self.stop(signal.SIGKILL)

    def snapshot(self, copy):
        """What a snapshot of the file system holds: the ledger's directory at one instant, between any two steps of the server."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
            shutil.copytree(self.ledger.path, copy, ignore=shutil.ignore_patterns("*.lock", "live"))
        finally:
            self.process.send_signal(signal.SIGCONT)
        return copy

    def url(self, address="127.0.0.1"):
        return f"https://{address}:{self.port}"

    def token(self, host):
        return self.ledger.stele("token", "create", "--config", self.config, "--host", host).decode().strip()

    def reader(self, name="jane"):
        """The options with which somebody new, who may read everything, reads from it; it knows them."""
        self.ledger.stele("user", "add", "--config", self.config, name, "--roles", "auditor,investigator", "--who", name)
        token = self.ledger.folder / f"{name}.token"
        token.write_bytes(self.ledger.stele("user", "token", "--config", self.config, name, "--ttl", "1h"))
        options = ("--server", self.url(), "--ca-pin", self.pin, "--token-file", token)
        wait_until(lambda: self.ledger.run("sessions", *options).returncode == 0, "somebody whom the server knows")
        return options

    def arrived(self, count, closed=True):
        """Its sessions, once there are so many, all of them ended if `closed`."""
        def look():
            sessions = self.ledger.sessions()
            over = [s for s in sessions if not closed or s["state"].startswith(("exit", "signal"))]
            return sessions if len(over) >= count else None
        return wait_until(look, f"{count} sessions at the server")

    def covered(self):
        """What verification says once a checkpoint covers everything."""
        def look():
            status, report = self.ledger.verify()
            return (status, report) if report["covered"] == report["leaves"] else None
        return wait_until(look, "a checkpoint of everything")


class Host:
    """An enrolled host: its agent, and recorders that connect to it."""

    def __init__(self, name, server, folder, machine=None, address="127.0.0.1", **settings):
        self.name, self.machine, self.variables = name, machine or Here(), ()
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(exist_ok=True)
        self.directory, self.run_directory = self.folder / "agent", self.folder / "run"
        url = server.url(address)
        self.config = self.folder / "agent.toml"
        self.machine.do(STELE, "enroll", "--server", url, "--token", server.token(name), "--ca-pin", server.pin,
                        "--dir", self.directory, "--config", self.config)
        settings = {"server": url, "dir": str(self.directory), "run": str(self.run_directory), "recorder_group": "", "pins": "", **settings}
        self.config.write_text("".join(f'{key} = "{value}"\n' for key, value in settings.items()))
        self.process, self.said = None, self.folder / "journal"

    def clone(self, name):
        """The same host on a disk of its own, copied as this one's is now; it did not start yet."""
        twin = copy.copy(self)
        twin.folder = self.folder.parent / name
        twin.folder.mkdir()
        twin.directory, twin.run_directory = twin.folder / "agent", twin.folder / "run"
        twin.config, twin.said, twin.process = twin.folder / "agent.toml", twin.folder / "journal", None
        shutil.copytree(self.directory, twin.directory)
        twin.config.write_text(self.config.read_text().replace(str(self.folder), str(twin.folder)))
        return twin

    def start(self):
        """Returns when the agent says that it is ready, as it says it to systemd."""
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        with self.said.open("ab") as said, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            ready.settimeout(0.05)
            self.process = self.machine.start("env", f"NOTIFY_SOCKET={notify}", *self.variables, AGENT, "agent", "--config", self.config,
                                              stdout=said, stderr=said)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    if ready.recv(64) == b"READY=1":
                        return self
                except TimeoutError:
                    if self.process.poll() is not None:
                        break
        raise AssertionError(self.journal())

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def journal(self):
        return self.said.read_text(errors="replace") if self.said.exists() else ""

    def command(self, *args):
        return [RECORDER, "--socket", self.run_directory / "agent.sock", *args]

    def recording(self, *args):
        """Somebody at a terminal; to be closed."""
        return self.machine.terminal(*self.command(*args))

    def record(self, *command, **kwargs):
        return self.machine.run(*self.command("--", *command), **kwargs)

    def spooled(self):
        """Bytes in the spool's files."""
        return sum(path.stat().st_size for path in (self.directory / "spool").glob("*.spool"))


def can_have_machines():
    """Why not; empty: they can be had."""
    if os.geteuid() != 0:
        return "needs root for namespaces"
    if not shutil.which("ip"):
        return "needs ip (iproute2)"
    return ""
