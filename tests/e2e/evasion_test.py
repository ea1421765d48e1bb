"""Tricks not to be recorded, by real programs: each is recorded, refused or found (docs/threat-model.md, "Evasion"). Others of that table stand in
commands_test, coverage_test, recorder_test, agent_test and full_disk_test."""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import unittest

from coverage_test import LOG_IN, Logins, why_no_logins
from fleet import Here, Host, wait_until
from harness import main
from recorder_test import RECORDER, libraries

GROUP, PERSON = 4242, 12345


@unittest.skipIf(why_no_logins(), why_no_logins())
class Recorded(Logins):
    """What is executed stands in the session's facts, wherever it went."""

    def session(self, script):
        self.host.record("sh", "-c", script)
        return self.facts(self.server.arrived(1)[0]["id"])

    def arguments(self, facts):
        return [e["argv"] for e in facts if e["type"] == "exec"]

    def test_in_other_namespaces_and_on_other_terminals(self):
        facts = self.session("unshare --pid --fork --mount-proc /bin/echo pid-namespace; unshare --user --map-root-user /bin/echo user-namespace; "
                             "unshare --mount sh -c 'nsenter --target $PPID --mount /bin/echo entered'; script -qc '/bin/echo scripted' /dev/null; "
                             f"screen -dmS stele-{os.getpid()} /bin/echo screened; sleep 1")
        for text in ("pid-namespace", "user-namespace", "entered", "scripted", "screened"):
            self.assertIn(["/bin/echo", text], self.arguments(facts))

    def test_in_a_multiplexer_it_belongs_to_the_session_that_made_that(self):
        """Its first process has no parent any more that would lead there."""
        name = f"stele-nested-{os.getpid()}"
        self.addCleanup(subprocess.run, ["tmux", "-L", name, "kill-server"], capture_output=True)
        inner = shlex.join(self.recorder("/bin/echo", "inner"))
        self.host.record("sh", "-c", f"tmux -L {name} -f /dev/null new-session -d {shlex.quote(inner + '; sleep 60')}; sleep 3")
        sessions = {s["command"][0]: s for s in self.server.arrived(2)}
        inner, outer = sessions["/bin/echo"], sessions["sh"]
        self.assertEqual((inner["parent"], inner["known"]["parent"], outer["parent"]), (outer["id"], "kernel", ""))

    def test_as_somebody_else(self):
        facts = self.session("su -s /bin/sh -c '/bin/echo another' nobody")
        (another,) = [e for e in facts if e["type"] == "exec" and e["argv"] == ["/bin/echo", "another"]]
        self.assertNotEqual(another["uid"], 0)
        self.assertTrue([e for e in facts if e["type"] == "privilege" and e["to"]["uid"] == another["uid"]])

    def test_what_is_written_to_another_s_terminal_is_shown_there(self):
        victim = self.login(*self.recorder("sh", "-c", "tty; read over"))
        victim.expect("/dev/pts/")
        victim.expect("\n")
        pty = re.search(rb"/dev/pts/\d+", victim.shown)[0].decode()
        (shown,) = [s["id"] for s in self.server.arrived(1, closed=False)]
        self.host.record("sh", "-c", f"/bin/echo whis''pered > {pty}; /bin/true {pty}")
        victim.expect("whispered")
        victim.type(b"\r")
        victim.wait()
        (writer,) = [s["id"] for s in self.server.arrived(2) if s["id"] != shown]
        self.assertIn(b"whispered", self.ledger.export(shown))
        self.assertIn(["/bin/echo", "whispered"], self.arguments(self.facts(writer)))


@unittest.skipIf(why_no_logins(), why_no_logins())
class Found(Logins):
    """Nothing records it, and the host's own stream says so."""

    def test_a_terminal_that_a_daemon_makes(self):
        """As at and cron would with one: no terminal of a login, but a login uid."""
        Logins.last_login += 1
        subprocess.run([sys.executable, "-c", LOG_IN, str(self.last_login), "setsid", "--fork", "script", "-qc", "/bin/sleep 20", "/dev/null"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        (found,) = self.wait_for("unrecorded", f"{self.last_login} logged in")
        self.assertRegex(found, r"is on /dev/pts/\d+, .* first there: ")

    def test_a_login_that_becomes_somebody_else_is_named_by_who_came_in(self):
        terminal = self.login("su", "-s", "/bin/sh", "-c", "sleep 60", "nobody")
        (found,) = wait_until(lambda: self.of(terminal), "it is found")
        self.assertRegex(found, r"first there: \S*su, ")

    def test_a_multiplexer_that_outlives_its_session(self):
        name = f"stele-evasion-{os.getpid()}"
        self.addCleanup(subprocess.run, ["tmux", "-L", name, "kill-server"], capture_output=True)
        self.host.record("sh", "-c", f"tmux -L {name} -f /dev/null new-session -d 'sleep 3; /bin/echo later; sleep 60'")
        (session,) = self.server.arrived(1)
        (found,) = self.wait_for("left-behind")
        self.assertRegex(found, r"pid \d+ of a session that has ended (is on /dev/pts/\d+|executes /)")
        self.assertNotIn(["/bin/echo", "later"], [e.get("argv") for e in self.facts(session["id"])])

    def test_one_on_a_terminal_that_executes_nothing_more(self):
        name = f"stele-silent-{os.getpid()}"
        self.addCleanup(subprocess.run, ["tmux", "-L", name, "kill-server"], capture_output=True)
        self.host.record("sh", "-c", f"tmux -L {name} -f /dev/null new-session -d 'read never'; sleep 1 & sleep 0.5")
        self.server.arrived(1)
        (found,) = self.wait_for("left-behind")
        self.assertRegex(found, r"pid \d+ of a session that has ended is on /dev/pts/\d+, and maybe more")

    def test_without_its_socket_nothing_is_begun_and_what_runs_goes_on(self):
        running = self.login(*self.recorder("sh"))
        running.expect("#")
        (self.host.run_directory / "agent.sock").unlink()
        refused = self.login(*self.recorder("touch", str(self.folder / "ran")))
        self.assertEqual(refused.wait(), 70)
        self.assertFalse((self.folder / "ran").exists(), "nothing runs unrecorded")
        wait_until(lambda: self.of(refused), "that somebody was there is found")
        running.type(b"/bin/echo still-there; exit\r")
        self.assertEqual(running.wait(), 0)
        (session,) = self.server.arrived(1)
        self.assertIn(["/bin/echo", "still-there"], [e.get("argv") for e in self.facts(session["id"])])


class Apart(Here):
    """This machine with a /run of its own, where the recorder is set-gid as it is installed, and a person runs it."""

    def __init__(self, test):
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o mode=0755 none /run && echo && exec sleep infinity"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        test.addCleanup(self.close)
        if not self.holder.stdout.readline():
            raise unittest.SkipTest("no mount namespace to be had")
        self.prefix = ("nsenter", "--target", str(self.holder.pid), "--mount", "--")

    def close(self):
        self.holder.kill()
        self.holder.communicate()


INTRUDER = r"""
#include <stdio.h>
__attribute__((constructor)) static void enter(void) { puts("in" "side"); fflush(stdout); }
"""


@unittest.skipIf(why_no_logins(), why_no_logins())
class Installed(Logins):
    """Against the recorder's own process, by the person who runs it."""

    def setUp(self):
        if any(name.startswith(("libasan", "libtsan")) for name in libraries()):
            self.skipTest("a sanitizer has to read and trace the process, which a set-gid one forbids")
        super().setUp()
        self.host.stop()
        self.host.machine = Apart(self)
        self.host.config.write_text(re.sub('run = ".*"', 'run = "/run/stele"', self.host.config.read_text()))
        self.host.start()
        self.host.machine.do("install", "-D", "--group", str(GROUP), "--mode", "2755", RECORDER, "/run/bin/stele-recorder")

    def person(self, *argv):
        return [*self.host.machine.prefix, "setpriv", "--reuid", str(PERSON), "--regid", str(PERSON), "--clear-groups", *argv]

    def recorder(self, *command):
        return self.person("/run/bin/stele-recorder", "--", *command)

    @unittest.skipUnless(shutil.which("strace") and shutil.which("gdb"), "needs strace and gdb")
    def test_it_is_not_traced(self):
        terminal = self.login(*self.recorder("sh", "-c", "echo recorder $PPID.; read over"))
        terminal.expect(".")
        pid = re.search(rb"recorder (\d+)\.", terminal.shown)[1].decode()
        for tool in (("strace", "-p", pid), ("gdb", "-batch", "-ex", "detach", "-p", pid)):
            done = subprocess.run(self.person(*tool), capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
            self.assertIn(b"Operation not permitted", done.stdout + done.stderr, tool)
        terminal.type(b"\r")
        self.assertEqual(terminal.wait(), 0)

    @unittest.skipUnless(shutil.which("cc"), "needs a compiler")
    def test_nothing_is_loaded_into_it(self):
        folder = self.make_folder()
        folder.chmod(0o755)
        (folder / "intruder.c").write_text(INTRUDER)
        library = folder / "intruder.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "intruder.c"], check=True)
        preload = ("env", f"LD_PRELOAD={library}")
        self.assertIn(b"inside", subprocess.run(self.person(*preload, "true"), capture_output=True, check=True).stdout, "into others it is")
        terminal = self.login(*self.person(*preload, "/run/bin/stele-recorder", "--", "/bin/cat", "/proc/self/maps"))
        self.assertEqual(terminal.wait(), 0)
        self.assertNotIn(b"inside", terminal.shown)

    def test_killing_it_ends_what_it_records_and_is_found(self):
        terminal = self.login(*self.recorder("sh", "-c", "echo recorder $PPID.; read over"))
        terminal.expect(".")
        pid = int(re.search(rb"recorder (\d+)\.", terminal.shown)[1])
        subprocess.run(self.person("sh", "-c", f"kill -9 {pid}"), check=True)
        self.assertEqual(terminal.wait(), -signal.SIGKILL)
        (found,) = self.wait_for("recorder-killed")
        self.assertIn(f"pid {pid}, by signal 9", found)


if __name__ == "__main__":
    main()
