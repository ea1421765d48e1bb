"""Faults at random, and nothing lost: a server, hosts with networks of their own whose keys rotate, and people at work, while everything
is killed, held, cut off, slowed and filled, and clocks are set. What the terminals showed is then what the ledger holds.

    STELE_FAULT_SEEDS=100-199 STELE_FAULT_SECONDS=60 fault_test.py       other and longer worlds than the two of the ordinary run
    STELE_FAULT_KINDS=fill,set_clock,heal fault_test.py                  where nothing else happens"""
import contextlib
import os
import random
import select
import signal
import subprocess
import time
import unittest

from fleet import FleetServer, Host, Machine, can_have_machines, wait_until
from harness import LedgerTest, is_of_commands, main

HOSTS, SESSIONS_AT_ONCE = 3, 12
SECONDS = float(os.environ.get("STELE_FAULT_SECONDS", "8"))
KINDS = os.environ.get("STELE_FAULT_KINDS", "").replace(",", " ").split()
DISK, SERVER_DISK = "32m", "192m"
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* The wall clock, with what stands in the file $TEST_CLOCK added to it: seconds. */
static time_t by(void) {
  long seconds = 0;
  FILE* file = fopen(getenv("TEST_CLOCK"), "re");
  if (file && fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  if (file) fclose(file);
  return seconds;
}
int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(clock, now);
  if (!failed && clock == CLOCK_REALTIME) now->tv_sec += by();
  return failed;
}
int gettimeofday(struct timeval* now, void* zone) {
  struct timespec precise;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""
WORK = (
    "for i in 1 2 3 4 5 6 7 8 9; do echo step $i; sleep 0.2; done; exit 3",
    "seq 200000; echo done",
    "for i in 1 2 3 4; do head -c 300000 /dev/urandom | base64; sleep 0.3; done",
    "printf 'caf\\351 \\033[31mred\\033[0m \\0'; sleep 1; stty size; kill -TERM $$",
    "echo; exit 0",
)


def seeds():
    first, _, last = os.environ.get("STELE_FAULT_SEEDS", "1-2").partition("-")
    return range(int(first), int(last or first) + 1)


class Person:
    """Somebody's session, and what its terminal showed."""

    def __init__(self, number, host, work):
        self.title, self.host, self.killed = f"session-{number}", host, False
        self.work = work
        self.terminal = host.recording("--title", self.title, "--", "sh", "-c", work)

    def runs(self):
        while self.terminal.status is None and self.terminal.read(0):
            if not self.more():
                break
        if self.terminal.status is None:
            pid, status = os.waitpid(self.terminal.pid, os.WNOHANG)
            if pid:
                self.terminal.status = os.waitstatus_to_exitcode(status)
                while self.more() and self.terminal.read(0):
                    pass
        return self.terminal.status is None

    def more(self):
        return bool(select.select([self.terminal.fd], [], [], 0)[0])


class Clock:
    """What one process takes for the wall clock. (Namespaces have none, and a recorder with rights of its own believes no preload.)"""

    def __init__(self, folder, library, name):
        self.file = folder / f"clock-{name}"
        self.set(0)
        self.variables = (f"LD_PRELOAD={library}", f"TEST_CLOCK={self.file}", "ASAN_OPTIONS=verify_asan_link_order=0")

    def set(self, seconds):
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds}\n")
        new.replace(self.file)


def make_clock_library(folder):
    (folder / "clock.c").write_text(CLOCK)
    library = folder / "clock.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, folder / "clock.c", "-ldl"], check=True)
    return library


class World(contextlib.ExitStack):
    """One seed's fleet, and what may happen to it."""

    def __init__(self, test, seed):
        super().__init__()
        self.random, self.test = random.Random(seed), test
        self.log, self.people, self.held, self.tracer = [], [], [], None
        folder = test.make_folder()
        self.server_disk = folder / "log"
        self.server_disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=700,size={SERVER_DISK}", "none", self.server_disk], check=True)
        self.callback(subprocess.run, ["umount", "-l", self.server_disk], check=True)
        library = make_clock_library(folder)
        self.clocks = [Clock(folder, library, n) for n in range(HOSTS + 1)]
        machine = self.machine("log", folder)
        self.webs = [self.machine(f"web{n}", folder) for n in range(1, HOSTS + 1)]
        for n, web in enumerate(self.webs, 1):
            machine.connect(web, n)
        self.server = FleetServer(self.server_disk, machine, ["127.0.0.1", *(f"10.203.{n}.1" for n in range(1, HOSTS + 1))],
                                  self.clocks[0].variables)
        self.callback(self.server.stop)
        self.hosts = []
        for n, web in enumerate(self.webs, 1):
            disk = folder / web.name / "agent"
            disk.mkdir(parents=True)
            web.do("mount", "-t", "tmpfs", "-o", f"mode=700,size={DISK}", "none", disk)
            host = Host(web.name, self.server, folder, web, f"10.203.{n}.1", rotate_keys="1s")
            host.variables = self.clocks[n].variables
            self.callback(host.stop)
            self.hosts.append(host.start())

    def machine(self, name, folder):
        machine = Machine(name, folder)
        self.callback(machine.close)
        return machine

    def say(self, what):
        self.log.append(f"{time.monotonic() - self.began:6.2f} {what}")

    def kill_agent(self):
        host = self.random.choice(self.hosts)
        self.say(f"kill the agent of {host.name}")
        host.kill()
        self.bring_back(host)

    def kill_server(self):
        self.say("kill the server")
        self.server.kill()
        self.bring_back(self.server)

    def bring_back(self, daemon):
        """On a full disk it says so, and comes back when there is room."""
        try:
            daemon.start()
        except AssertionError as failed:
            why = str(failed).strip().splitlines()[-1]
            if "No space left on device" not in why:
                raise
            self.say(why)

    def kill_recorder(self):
        running = [person for person in self.people if person.terminal.status is None]
        if running:
            person = self.random.choice(running)
            self.say(f"kill the recorder of {person.title}")
            person.killed = True
            os.kill(person.terminal.pid, signal.SIGKILL)

    def hold(self):
        """Somebody stops answering, and does not know it."""
        process = self.random.choice([self.server.process, *(host.process for host in self.hosts)])
        self.say(f"hold {process.pid}")
        process.send_signal(signal.SIGSTOP)
        self.held.append(process)

    def slow(self):
        """Somebody's disk takes 50 ms for a sync."""
        process = self.random.choice([self.server.process, *(host.process for host in self.hosts)])
        self.say(f"slow {process.pid}")
        self.tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "-e",
                                        "inject=fsync,fdatasync:delay_exit=50000", "-p", str(process.pid)], stderr=subprocess.DEVNULL)

    def fill(self):
        host = self.random.choice(self.hosts)
        self.say(f"fill the disk of {host.name}")
        host.machine.run("sh", "-c", f"cat /dev/zero > {host.directory}/filler")

    def fill_server(self):
        self.say("fill the server's disk")
        subprocess.run(["sh", "-c", f"cat /dev/zero > {self.server_disk}/filler"], capture_output=True)

    def set_clock(self):
        n, seconds = self.random.randrange(len(self.clocks)), self.random.choice((-3600, -400, -20, 20, 400, 3600))
        self.say(f"set clock {n} to {seconds:+} s")
        self.clocks[n].set(seconds)

    def go_on(self):
        while self.held:
            self.held.pop().send_signal(signal.SIGCONT)
        if self.tracer:
            self.tracer.terminate()
            self.tracer.wait()
            self.tracer = None

    def cut(self):
        web = self.random.choice(self.webs)
        self.say(f"cut {web.name} off")
        web.cut()

    def heal(self):
        self.say("heal")
        self.go_on()
        (self.server_disk / "filler").unlink(missing_ok=True)
        for clock in self.clocks:
            clock.set(0)
        for host in self.hosts:
            host.machine.heal()
            host.machine.do("rm", "-f", host.directory / "filler")
        for daemon in (self.server, *self.hosts):  # as systemd would: who ended by itself is started again
            if daemon.process.poll() is not None:
                self.say(f"{daemon.process.args[-1]} had ended: {daemon.process.returncode}")
                daemon.start()

    def run(self):
        self.began = time.monotonic()
        faults = (self.kill_agent, self.kill_server, self.kill_recorder, self.hold, self.slow, self.cut, self.fill,
                  self.fill_server, self.set_clock, self.set_clock, self.heal, self.heal, self.heal)
        if KINDS:
            faults = [fault for fault in faults if fault.__name__ in KINDS]
        due = 0.3
        while (now := time.monotonic() - self.began) < SECONDS:
            working = [person for person in self.people if person.runs()]
            while len(working) < SESSIONS_AT_ONCE:
                person = Person(len(self.people), self.random.choice(self.hosts), self.random.choice(WORK))
                self.say(f"{person.title} on {person.host.name}: {person.work}")
                self.people.append(person)
                working.append(person)
                self.callback(person.terminal.close)
            if now > due:
                self.go_on()
                self.random.choice(faults)()
                due = now + self.random.uniform(0.1, 0.8)
            time.sleep(0.01)
        self.heal()
        wait_until(lambda: not any([person.runs() for person in self.people]), "everybody is done")

    def judge(self):
        test, ledger = self.test, self.server.ledger
        by_title = lambda: {session["title"]: session for session in ledger.sessions()}
        recorded = [person for person in self.people if b"stele: not recorded" not in person.terminal.shown]
        test.assertGreater(len(recorded), HOSTS)
        unkilled = {person.title for person in recorded if not person.killed}
        def unsettled():
            known = by_title()
            return (unkilled - set(known)) | {title for title, session in known.items() if session["state"] == "open"}
        try:
            wait_until(lambda: not unsettled(), "every session has ended at the server")
        except AssertionError as never:
            raise AssertionError(f"{never}: {sorted(unsettled())}") from never
        known = by_title()
        for person in recorded:
            shown = person.terminal.shown
            if person.killed and person.title not in known:
                test.assertEqual(shown, b"", "what was shown before its start was durable")
                continue
            kept = ledger.export(known[person.title]["id"])
            if person.killed:
                test.assertTrue(kept.startswith(shown) or shown.startswith(kept), person.title)
            else:
                test.assertEqual(kept, shown, person.title)
                test.assertIn(person.terminal.status, (0, 3, 128 + signal.SIGTERM), person.title)
        status, report = self.server.covered()
        faults = [(stream["stream"], fault) for stream in report["streams"] for fault in stream["faults"]] + report["faults"]
        test.assertEqual((status, report["verdict"]), (0, "intact"), "\n".join(map(str, faults)))
        verdicts = {kind: {s["verdict"] for s in report["streams"] if s["kind"] == kind} for kind in ("session", "host", "server")}
        test.assertEqual(verdicts["session"], {"intact"})
        for kind in ("host", "server"):  # whose agent or server was killed; one of each still runs
            test.assertLessEqual(verdicts[kind], {"intact", "open", "cut"})
            test.assertIn("open", verdicts[kind])
        for stream in report["streams"]:
            if stream["gaps"] > 0:
                test.assertEqual(stream["kind"], "session")
                gaps = [e for e in ledger.events(stream["stream"]) if e["type"] == "gap"]
                test.assertTrue(all(map(is_of_commands, gaps)), gaps)


@unittest.skipIf(can_have_machines(), can_have_machines())
class Faults(LedgerTest):
    def test_nothing_that_was_shown_is_lost(self):
        for seed in seeds():
            with self.subTest(seed=seed), World(self, seed) as world:
                try:
                    world.run()
                    world.judge()
                except AssertionError as fault:
                    said = [f"{host.name}: {line}" for host in world.hosts for line in host.journal().splitlines()[-40:]]
                    raise AssertionError("\n".join([*world.log, *said, f"seed {seed}: {fault}"])) from fault


if __name__ == "__main__":
    main()
