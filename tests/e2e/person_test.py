"""Recording with a person at the terminal, which is theirs: keys, jobs, hang-ups, shells and full-screen programs."""

import base64
import os
import shlex
import signal
import subprocess

from harness import PATIENCE, STELE, main, set_window_size
from recorded import PLAIN_BASH, SHELL, SessionTest, is_running, name_of_terminal, until
from tmux import Tmux

OUTSIDE = ["env", "PS1=outside$ ", *PLAIN_BASH]  # a person's own shell, in which stele is started


class PersonsTerminal(SessionTest):
    """A shell on a terminal, in which a person starts stele."""

    def setUp(self):
        super().setUp()
        self.person = self.terminal(*OUTSIDE)
        self.at = self.person.expect("outside$ ")

    def say(self, line, *expected):
        self.person.type(line + "\r")
        self.at += len(line)
        for text in expected:
            self.at = self.person.expect(text, self.at)

    def settings(self):
        """As `stty -g` prints them in the person's own shell."""
        self.say("stty -g", "\n", "\r\noutside$ ")
        return self.person.shown[: self.at].decode().split("\r\n")[-2]

    def record_shell(self):
        self.say(shlex.join([STELE, "record", "--", *SHELL]), "ready$ ")

    def test_is_as_before_when_the_session_ends(self):
        for settings in ["sane", "-echo", "-icanon min 3 time 7", "erase ^H intr ^X -ixon", "raw opost"]:
            with self.subTest(settings=settings):
                record = f"'{STELE}' record --"
                script = f"stty {settings}; stty -g; {record} stty raw -echo; stty -g; {record} /no/such; stty -g"
                person = self.terminal("sh", "-c", script)
                person.wait()
                found = [line.strip() for line in person.shown.decode().splitlines() if line.count(":") > 10]
                self.assertEqual(len(found), 3, person.shown)
                self.assertEqual(len(set(found)), 1, found)

    def test_is_as_before_when_the_recorder_is_terminated(self):
        before = self.settings()
        self.record_shell()
        recorder = self.recorder()
        self.assertNotEqual(before, self.stty(), "raw while it records")
        os.kill(recorder, signal.SIGTERM)
        self.at = self.person.expect("outside$ ", self.at)
        self.assertEqual(self.settings(), before)
        self.say("echo status $?", "status 0")
        self.assertEqual(self.newest()["end"]["why"], "terminated")
        self.assert_closed()

    def recorder(self):
        """The person's shell's child."""
        return int(
            subprocess.run(["pgrep", "-P", str(self.person.pid)], capture_output=True, text=True).stdout.split()[0]
        )

    def stty(self):
        return subprocess.run(
            ["stty", "-g", "-F", name_of_terminal(self.person)], capture_output=True, text=True
        ).stdout.strip()

    def test_exit_status_of_a_terminated_recorder(self):
        self.record_shell()
        os.kill(self.recorder(), signal.SIGTERM)
        self.at = self.person.expect("outside$ ", self.at)
        self.say("echo status $?", "status 143")

    def test_control_keys_reach_the_session(self):
        self.record_shell()
        self.say("sh -c 'echo started; exec sleep 1000'", "\r\nstarted")
        self.person.type("\x03")
        self.at = self.person.expect("ready$ ", self.at)
        self.say("echo status $?", "status 130", "ready$ ")
        self.say("sh -c 'trap \"echo quit; exit 5\" QUIT; echo waiting; while :; do sleep 0.01; done'", "\r\nwaiting")
        self.person.type("\x1c")
        self.at = self.person.expect("quit", self.at)
        self.at = self.person.expect("ready$ ", self.at)
        self.say("cat", "\r\n")
        self.person.type("\x04")
        self.at = self.person.expect("ready$ ", self.at)
        self.say("exit 4", "outside$ ")
        self.say("echo status $?", "status 4")
        self.assert_closed("exit 4")

    def test_jobs_are_suspended_and_resumed_in_the_session(self):
        self.record_shell()
        self.say("sh -c 'echo started; read line; echo got $line'", "\r\nstarted")
        self.person.type("\x1a")
        self.at = self.person.expect("Stopped", self.at)
        self.at = self.person.expect("ready$ ", self.at)
        self.say("jobs", "Stopped", "ready$ ")
        self.say("fg", "read line")
        self.say("hello", "got hello", "ready$ ")
        self.say("sleep 1000 & kill %1; wait", "ready$ ")
        self.say("exit", "outside$ ")
        self.assert_closed("exit 0")
        self.assertEqual(self.events("suspended"), [])

    def test_the_recorder_itself_is_stopped_and_continued(self):
        before = self.settings()
        self.record_shell()
        raw = self.stty()
        os.kill(self.recorder(), signal.SIGTSTP)
        self.at = self.person.expect("Stopped", self.at)
        self.at = self.person.expect("outside$ ", self.at)
        self.assertEqual(self.settings(), before)
        set_window_size(self.person.fd, 30, 90)
        self.say("fg", "record")
        self.at = self.person.expect("\n", self.at)
        until(lambda: self.stty() == raw, "raw again")
        self.say("stty size", "30 90", "ready$ ")
        self.say("exit", "outside$ ")
        self.assertEqual(self.settings(), before)
        told = [e["type"] for e in self.ledger.events(self.newest()["id"])]
        told = [kind for kind in told if kind in ("suspended", "continued", "resize")]
        self.assertEqual(told[:3], ["suspended", "continued", "resize"])
        self.assertLessEqual(set(told[3:]), {"continued"}, "a shell may say so twice")
        self.assert_closed("exit 0")

    def test_a_session_in_the_background_does_not_disturb_the_terminal(self):
        before = self.settings()
        self.say(
            f"{STELE} record -- sh -c 'exit 3' </dev/null >'{self.folder}/out' & wait $!; echo status $?",
            "status 3",
            "outside$ ",
        )
        self.assertEqual(self.settings(), before)


class Hangup(SessionTest):
    def test_a_closed_terminal_ends_the_session_and_seals_it(self):
        terminal = self.recording(
            "--", "sh", "-c", "trap 'echo unseen; exit 9' HUP; echo $$; echo ready; while :; do sleep 0.01; done"
        )
        terminal.expect("ready\r\n")
        command = int(terminal.shown.split()[0])
        os.close(terminal.fd)
        terminal.fd = os.open("/dev/null", os.O_RDONLY)
        terminal.status = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
        self.assertEqual(terminal.status, 128 + signal.SIGHUP)
        until(lambda: not is_running(command), "told of the hang-up")
        self.assertEqual(self.newest()["end"]["why"], "hangup")
        self.assertTrue(self.output().startswith(terminal.shown))
        self.assert_closed()

    def test_sighup_does_the_same(self):
        terminal = self.recording("--", *SHELL)
        terminal.expect("ready$ ")
        os.kill(terminal.pid, signal.SIGHUP)
        self.assertEqual(terminal.wait(), 128 + signal.SIGHUP)
        self.assertEqual(self.newest()["end"]["why"], "hangup")
        self.assert_closed()

    def test_a_killed_recorder_takes_the_session_with_it_and_leaves_it_cut(self):
        terminal = self.recording("--", "sh", "-c", "echo $$; echo ready; exec sleep 1000")
        terminal.expect("ready\r\n")
        command = int(terminal.shown.split()[0])
        until(lambda: b"ready" in self.output(), "sealed")
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.wait()
        until(lambda: not is_running(command), "ended with its terminal")
        self.assertEqual(self.newest()["state"], "cut")
        code, report = self.ledger.verify()
        self.assertEqual((code, report["streams"][0]["verdict"]), (0, "cut"))

    def test_a_session_that_runs_is_open(self):
        terminal = self.recording("--", *SHELL)
        terminal.expect("ready$ ")
        until(lambda: self.newest()["state"] == "open", "listed as open")
        code, report = self.ledger.verify()
        self.assertEqual((code, report["streams"][0]["verdict"]), (0, "open"))
        terminal.type("exit\r")
        self.assertEqual(terminal.wait(), 0)
        self.assert_closed("exit 0")


class AsAShell(SessionTest):
    def test_without_a_command_the_login_shell_is_recorded(self):
        (self.ledger.home / ".bash_profile").write_text("PS1='login$ '\n")
        terminal = self.recording()
        terminal.expect("login$ ")
        terminal.type("shopt -q login_shell && echo $0 is a login shell\r")
        terminal.expect("-bash is a login shell")
        terminal.type("exit 3\r")
        self.assertEqual(terminal.wait(), 3)
        self.assertEqual(self.newest()["command"], ["-bash"])

    def test_started_from_a_profile(self):
        profile = f"[ -n \"$STELE_SESSION\" ] || exec '{STELE}' record\nPS1='recorded$ '\n"
        (self.ledger.home / ".bash_profile").write_text(profile)
        terminal = self.terminal("bash", "-l")
        terminal.expect("recorded$ ")
        terminal.type("exit 5\r")
        self.assertEqual(terminal.wait(), 5)
        self.assertEqual(len(self.ledger.sessions()), 1)
        self.assert_closed("exit 5")

    def as_shell(self, *words, name=STELE, **environment):
        """What login, sshd, vim and others do with the shell they find in passwd or $SHELL."""
        variables = [f"{key}={value}" for key, value in {"SHELL": STELE, **environment}.items()]
        return ["env", *variables, "bash", "-c", 'exec -a "$0" "$@"', str(name), str(STELE), *words]

    def test_in_the_passwd_file(self):
        (self.ledger.home / ".bash_profile").write_text("PS1='login$ '\n")
        terminal = self.terminal(*self.as_shell(name="-stele"))
        terminal.expect("login$ ")
        terminal.type("shopt -q login_shell && echo $0 has $SHELL behind it\r")
        terminal.expect("-bash has /bin/bash behind it")
        terminal.type("exit 3\r")
        self.assertEqual(terminal.wait(), 3)
        self.assertEqual(self.newest()["command"], ["-bash"])

    def test_with_a_command(self):
        terminal = self.terminal(*self.as_shell("-c", "test -t 0 && echo $0 $1; exit 4", "zero", "one"))
        self.assertEqual(terminal.wait(), 4)
        self.assertEqual(self.output(), b"zero one\r\n")
        self.assertEqual(self.newest()["command"][:2], ["/bin/bash", "-c"])

    def test_behind_it_is_the_shell_that_one_names(self):
        terminal = self.terminal(*self.as_shell("-c", "echo $0 $SHELL", STELE_SHELL="/bin/sh"))
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.output(), b"/bin/sh /bin/sh\r\n")
        terminal = self.terminal(*self.as_shell("-c", "echo $0", STELE_SHELL=str(STELE)))  # never itself
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.output(), b"/bin/bash\r\n")

    def test_a_command_without_any_terminal_is_not_touched(self):
        everything = bytes(range(256)) * 1000 + b"\n\r\n\x04"
        done = subprocess.run(self.as_shell("-c", "cat; exit 5"), env=self.ledger.environment, input=everything,
                              capture_output=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (5, everything, b""))
        self.assertEqual(self.ledger.sessions(), [])

    def test_of_vim_in_a_session_nothing_is_recorded_twice(self):
        terminal = self.terminal(*self.as_shell("-c", "vim -u NONE -c '!echo from $0' -c 'qa!' </dev/tty"))
        terminal.expect("from")
        terminal.expect("ENTER")
        terminal.type("\r")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(len(self.ledger.sessions()), 1)

    def test_as_the_shell_of_tmux(self):
        (self.ledger.home / ".bash_profile").write_text("PS1='recorded$ '\n")
        tmux = Tmux(self, [], env=self.ledger.environment, options=f"set -g default-command '{STELE} record'\n")
        tmux.until_shown("recorded$")
        tmux.type("echo first window; stty size")
        tmux.keys("Enter")
        tmux.until_shown("24 80")
        tmux.run("split-window")
        tmux.until_shown("recorded$")
        tmux.type("stty size; exit")
        tmux.keys("Enter")
        tmux.until(lambda: tmux.ask("window_panes") == "1", "one window again")
        tmux.type("until [ \"$(stty size)\" = '24 80' ]; do sleep 0.01; done; echo large again | tr a-z A-Z")
        tmux.keys("Enter")
        tmux.until_shown("LARGE AGAIN")
        tmux.run("kill-server")
        self.wait_until_sealed()
        first, second = self.ledger.sessions()
        self.assertEqual((first["end"]["why"], second["end"]["exit"]), ("hangup", 0))
        self.assertEqual(first["terminal"], "tmux-256color")
        self.assertIn(b"first window", self.output(first))
        self.assertIn(b"11 80", self.output(second))

    def test_as_the_shell_of_screen(self):
        (self.ledger.home / ".bash_profile").write_text("PS1='recorded$ '\n")
        shell = self.file("shell", f"#!/bin/sh\nSHELL=/bin/bash exec '{STELE}' record\n".encode())
        shell.chmod(0o755)
        environment = {**self.ledger.environment, "SCREENDIR": str(self.folder / "screens")}
        (self.folder / "screens").mkdir(mode=0o700)
        self.addCleanup(subprocess.run, ["screen", "-X", "quit"], env=environment, capture_output=True)
        terminal = self.terminal("screen", "-c", "/dev/null", "-s", shell, env=environment)
        at = terminal.expect("recorded$ ")
        terminal.type("echo $TERM in a window\r")
        at = terminal.expect("screen", terminal.expect("in a window", at))
        terminal.type("exit\r")
        terminal.expect("screen is terminating", at)
        terminal.wait()
        self.assertTrue(self.newest()["terminal"].startswith("screen"))
        self.assertIn(b"in a window", self.output())
        self.assert_closed("exit 0")


class Programs(SessionTest):
    """Full-screen programs look in a recorded session as they do outside of one."""

    def look(self, argv, keys, shown):
        tmux = Tmux(self, argv, env=self.ledger.environment)
        for key, text in zip(keys, shown):
            tmux.until_shown(text)
            tmux.keys(*key)
        tmux.until_shown(shown[-1])
        return tmux

    def assert_looks_the_same(self, argv, keys, shown):
        inside = self.look([STELE, "record", "--", *argv], keys, shown)
        outside = self.look(argv, keys, shown)
        inside.until_screen(outside.screen())
        for what in ("cursor_x", "cursor_y", "alternate_on", "mouse_any_flag", "keypad_cursor_flag"):
            self.assertEqual(inside.ask(what), outside.ask(what), what)
        return inside

    def text(self):
        return self.file(
            "text", "".join(f"line {i} of a text that is longer than any window\n" for i in range(300)).encode()
        )

    def test_vim(self):
        inside = self.assert_looks_the_same(
            ["vim", "-u", "NONE", "-N", "-n", "-i", "NONE", str(self.text())],
            [["G"], ["o", "a new line", "Escape"], [":split", "Enter"]],
            ["line 0 of", "line 299", "a new line", "[+]"],
        )
        inside.resize(20, 60)
        inside.keys(":set lines?", "Enter")
        inside.until_shown("lines=20")
        inside.keys(":qa!", "Enter")
        self.wait_for_end("exit 0")
        typed = b"".join(base64.b64decode(e["base64"]) for e in self.events("input"))
        self.assertIn(b"a new line\x1b:split\r", typed, "what is typed into vim is kept")

    def test_less(self):
        inside = self.assert_looks_the_same(
            ["less", str(self.text())],
            [["Space"], ["/", "line 20", "Enter"], ["k"]],
            ["line 0 of", "line 30", "line 200", "line 199"],
        )
        inside.keys("q")
        self.wait_for_end("exit 0")

    def test_top(self):
        inside = self.look(
            [STELE, "record", "--", "sh", "-c", "exec top -d 0.2 -p $$"], [["1"], ["c"]], ["load average", "%Cpu0", "top -d 0."]
        )  # what "c" does is awaited: of keys that come together top takes the first
        inside.keys("q")
        self.wait_for_end("exit 0")
        self.assertIn("load average", self.ledger.export(self.newest()["id"], "text").decode())

    def test_screen(self):
        shell = self.file("shell", b"#!/bin/sh\nexec env 'PS1=in$ ' bash --norc --noprofile -i\n")
        shell.chmod(0o755)
        (self.folder / "screens").mkdir(mode=0o700)
        environment = {**self.ledger.environment, "SCREENDIR": str(self.folder / "screens")}
        self.addCleanup(subprocess.run, ["screen", "-X", "quit"], env=environment, capture_output=True)
        terminal = self.recording("--", "screen", "-c", "/dev/null", "-s", shell, env=environment)

        def say(keys, text):
            self.at = terminal.expect(text, self.at)
            terminal.type(keys)

        self.at = 0
        say("echo $((40+2)) in $TERM\r", "in$ ")
        say("\x01c", "42 in screen")  # another window
        say("echo se''cond window\r", "in$ ")
        say("\x01n", "second window")
        say("stty size\r", "42 in screen")  # the first one is shown again
        say("\x01S", "24 80")  # split
        terminal.resize(30, 90)
        say("until [ $(stty size | cut -d' ' -f2) = 90 ]; do sleep 0.01; done; stty size\r", "24 80")
        say("exit\r", "14 90")
        say("exit\r", "1 shell")
        terminal.expect("screen is terminating", self.at)
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.output(), terminal.shown)
        self.assertEqual(self.sizes(), [(30, 90)])
        typed = b"".join(base64.b64decode(e["base64"]) for e in self.events("input"))
        self.assertIn(b"\x01cecho se''cond window\r\x01nstty size\r\x01S", typed)
        text = self.ledger.export(self.newest()["id"], "text").decode()
        self.assertIn("screen of a full-screen program", text)
        self.assertIn("[screen is terminating]", text)
        self.assert_closed("exit 0")

    def wait_for_end(self, state):
        until(lambda: self.newest()["state"] == state, state)
        self.wait_until_sealed()


if __name__ == "__main__":
    main()
