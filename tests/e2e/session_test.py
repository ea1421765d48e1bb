"""Recording: every byte, size and fact of a session, with a terminal or without one."""

import base64
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

from harness import PATIENCE, STELE, main
from recorded import NOT_UTF8, SessionTest, is_running, name_of_terminal


class Bytes(SessionTest):
    def test_every_byte_is_shown_and_kept(self):
        path = self.file("bytes", NOT_UTF8)
        terminal = self.recording("--", "sh", "-c", f"stty raw; cat '{path}'")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(terminal.shown, NOT_UTF8)
        self.assertEqual(self.output(), NOT_UTF8)
        self.assertEqual(self.newest()["end"]["output_bytes"], len(NOT_UTF8))

    def test_what_the_terminal_makes_of_the_bytes_is_kept(self):
        terminal = self.recording("--", "printf", "one\\ntwo\\n")
        terminal.wait()
        self.assertEqual(terminal.shown, b"one\r\ntwo\r\n")
        self.assertEqual(self.output(), terminal.shown)

    def test_every_key_is_passed_on_and_kept(self):
        keys = bytes(b for b in range(1, 256))
        terminal = self.recording("--", "sh", "-c", "stty raw -echo; echo ready; head -c 255 | od -An -tx1 -v")
        terminal.expect("ready")
        terminal.type(keys)
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(bytes.fromhex(terminal.shown.split(b"ready\n")[1].decode()), keys)
        self.assertEqual(b"".join(base64.b64decode(e["base64"]) for e in self.events("input")), keys)

    def test_a_flood_is_kept_whole(self):
        path = self.file("flood", base64.b64encode(os.urandom(9 << 20)))
        terminal = self.recording("--", "sh", "-c", f"stty raw; cat '{path}'")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(len(terminal.shown), path.stat().st_size)
        self.assertEqual(terminal.shown, path.read_bytes())
        self.assertEqual(self.output(), terminal.shown)
        self.assert_closed("exit 0")

    def test_a_slow_terminal_slows_the_command_and_loses_nothing(self):
        progress = self.file("progress", b"0")
        size = 3 << 20
        source = (
            "import os, sys\n"
            f"fd = os.open('{progress}', os.O_WRONLY)\n"
            f"for i in range({size} // 4096):\n"
            "    os.write(1, (b'%07d ' % i) * 512)\n"
            "    os.pwrite(fd, b'%d' % ((i + 1) * 4096), 0)\n"
        )
        terminal = self.recording("--", "sh", "-c", f'stty raw; exec /usr/bin/python3 -c "{source}"')
        held_max, shown = 0, 0
        while terminal.read(timeout=PATIENCE):
            if len(terminal.shown) - shown < 100_000 and len(terminal.shown) < size:
                continue
            # The reader pauses: the command runs into the wall, which does not move.
            shown = len(terminal.shown)
            before = -1
            while before != (written := int(progress.read_text())):
                before = written
                time.sleep(0.02)
            held_max = max(held_max, written - shown)
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(len(terminal.shown), size)
        self.assertEqual(self.output(), terminal.shown)
        self.assertLess(held_max, 256 << 10, "what is on its way between the command and a terminal that does not read")


class Sizes(SessionTest):
    TELL = "trap 'stty size' WINCH; stty size; echo ready; while [ ! -e '{}' ]; do sleep 0.01; done"

    def test_the_command_has_the_terminals_size_and_each_new_one(self):
        done = self.folder / "done"
        terminal = self.recording("--", "sh", "-c", self.TELL.format(done), rows=31, columns=97)
        at = terminal.expect("31 97\r\nready")
        sizes = [(50, 132), (0, 0), (65535, 65535), (1, 1), (24, 10_000), (24, 80)]
        for rows, columns in sizes:
            terminal.resize(rows, columns)
            at = terminal.expect(f"{rows} {columns}\r\n", at)
        done.touch()
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual((self.newest()["rows"], self.newest()["columns"]), (31, 97))
        self.assertEqual(self.sizes(), sizes)
        self.read_in_every_way()

    def test_absurd_sizes_at_the_start(self):
        for rows, columns in [(0, 0), (65535, 65535), (24, 10_000), (1, 1)]:
            with self.subTest(rows=rows, columns=columns):
                terminal = self.recording(
                    "--", "sh", "-c", "stty size; printf '%s' \"$(seq 1 2000)\"", rows=rows, columns=columns
                )
                self.assertEqual(terminal.wait(), 0)
                self.assertTrue(terminal.shown.startswith(f"{rows} {columns}\r\n".encode()), terminal.shown[:99])
                self.assertEqual((self.newest()["rows"], self.newest()["columns"]), (rows, columns))
                self.assertEqual(self.output(), terminal.shown)
                self.read_in_every_way()

    def read_in_every_way(self):
        session = self.newest()["id"]
        for form in ("text", "asciicast", "asciicast-v2", "json"):
            self.assertNotEqual(self.ledger.export(session, form), b"", form)
        self.assertEqual(
            self.ledger.stele("play", session, "--speed", "1000", "--idle", "0.001"), self.ledger.export(session)
        )

    def test_a_terminal_of_ten_thousand_columns(self):
        line = "".join(f"{i:9} " for i in range(1, 1001))
        path = self.file("wide", (line + "\n").encode())
        terminal = self.recording("--", "less", "-S", path, rows=24, columns=10_000)
        terminal.expect(" 1000")
        terminal.type("q")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(self.output(), terminal.shown)
        self.assertIn(line.rstrip(), self.ledger.export(self.newest()["id"], "text").decode())


class Facts(SessionTest):
    def test_the_start_says_who_where_and_what(self):
        terminal = self.recording(
            "--title", "a title", "--", "sh", "-c", 'tty; echo "$STELE_SESSION"', cwd=str(self.folder)
        )
        tty = name_of_terminal(terminal)
        self.assertEqual(terminal.wait(), 0)
        session = self.newest()
        own = {
            "title": "a title",
            "command": ["sh", "-c", 'tty; echo "$STELE_SESSION"'],
            "cwd": os.path.realpath(self.folder),
            "uid": os.getuid(),
            "euid": os.geteuid(),
            "gid": os.getgid(),
            "groups": os.getgroups(),
            "user": "root",
            "tty": tty,
            "terminal": "xterm-256color",
            "host": socket.gethostname(),
            "kernel": os.uname().release,
            "boot_id": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "machine_id": (
                pathlib.Path("/etc/machine-id").read_text().strip() if os.path.exists("/etc/machine-id") else ""
            ),
            "rows": 24,
            "columns": 80,
            "parent": "",
            "input": "redact",
        }
        self.assertEqual({name: session[name] for name in own}, own)
        for name, file in [("login_uid", "loginuid"), ("audit_session", "sessionid")]:
            number = self.audit_number(file)
            self.assertEqual(session.get(name), number, name)
        inner_tty, inner_id = terminal.shown.decode().split()
        self.assertNotEqual(inner_tty, tty, "the command has a terminal of its own")
        self.assertEqual(inner_id, session["id"])

    @staticmethod
    def audit_number(file):
        path = pathlib.Path("/proc/self") / file
        number = int(path.read_text()) if path.exists() else 2**32 - 1
        return None if number == 2**32 - 1 else number

    def test_a_login_uid_is_kept_where_there_is_one(self):
        done = subprocess.run(
            ["sh", "-c", 'echo 1000 >/proc/self/loginuid && exec "$@"', "sh", STELE, "record", "--", "true"],
            env=self.ledger.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if b"loginuid" in done.stderr:
            self.skipTest("this kernel lets no login uid be set: " + done.stderr.decode().strip())
        self.assertEqual(self.newest()["login_uid"], 1000)

    def test_a_command_of_another_user_and_groups(self):
        subprocess.run(
            [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--groups=65534,7,24",
                "--inh-caps=+dac_override",
                "--ambient-caps=+dac_override",
                STELE,
                "record",
                "--",
                "id",
            ],
            env=self.ledger.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        session = self.newest()
        self.assertEqual(
            (session["uid"], session["euid"], session["gid"], session["user"]), (65534, 65534, 65534, "nobody")
        )
        self.assertEqual(sorted(session["groups"]), [7, 24, 65534])

    def test_the_end_says_how_it_ended(self):
        for command, status, state, end in [
            ("exit 0", 0, "exit 0", {"exit": 0}),
            ("exit 7", 7, "exit 7", {"exit": 7}),
            ("exit 255", 255, "exit 255", {"exit": 255}),
            ("kill -KILL $$", 137, "signal 9", {"signal": 9}),
            ("kill -TERM $$", 143, "signal 15", {"signal": 15}),
            ("ulimit -c 0; kill -SEGV $$", 139, "signal 11", {"signal": 11, "core": False}),
        ]:
            with self.subTest(command=command):
                self.assertEqual(self.ledger.record("sh", "-c", command).returncode, status)
                session = self.newest()
                self.assertEqual(session["state"], state)
                self.assertEqual({name: session["end"][name] for name in end}, end)
                self.assertEqual(session["end"]["why"], "")

    def test_a_core_dump_is_told(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if pattern.startswith("|") or "/" in pattern:
            self.skipTest(f"core dumps go elsewhere here: {pattern}")
        self.ledger.record(
            "sh",
            "-c",
            "ulimit -c unlimited; kill -QUIT $$",
            cwd=self.folder,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            ),
        )
        self.assertEqual((self.newest()["end"]["signal"], self.newest()["end"]["core"]), (3, True))

    def test_the_end_says_what_was_used(self):
        self.ledger.record(
            "/usr/bin/python3",
            "-c",
            "import time; x = bytearray(50 << 20)\nwhile time.process_time() < 0.3: pass\nprint('x' * 99)",
        )
        end = self.newest()["end"]
        self.assertGreaterEqual(end["user_seconds"] + end["system_seconds"], 0.3)
        self.assertGreaterEqual(end["rss_bytes"], 50 << 20)
        self.assertEqual(end["output_bytes"], 101)

    def test_a_command_that_cannot_be_run(self):
        for command, status in [("/no/such/command", 127), ("no-such-command", 127), ("/etc/passwd", 126), ("/", 126)]:
            with self.subTest(command=command):
                done = self.ledger.record(command)
                self.assertEqual(done.returncode, status)
                self.assertIn(command.encode(), done.stderr)
                self.assertEqual(self.newest()["end"]["exit"], status)
                self.assertIn("cannot", self.newest()["end"]["why"])
        self.assert_closed()

    def test_a_session_inside_a_session_names_its_parent(self):
        terminal = self.recording("--", "sh", "-c", f"'{STELE}' record -- echo inner")
        self.assertEqual(terminal.wait(), 0)
        sessions = {s["command"][0]: s for s in self.ledger.sessions()}
        self.assertEqual(sessions["echo"]["parent"], sessions["sh"]["id"])
        self.assertEqual(sessions["sh"]["parent"], "")
        self.assertEqual(self.output(sessions["echo"]), b"inner\r\n")
        self.assertEqual(self.output(sessions["sh"]), b"inner\r\n")
        self.assert_closed()


class WithoutTerminal(SessionTest):
    def test_input_from_a_pipe_reaches_the_command_and_ends(self):
        done = self.ledger.record("cat", stdin=None, input=b"one\ntwo\n")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"one\r\ntwo\r\n", done.stdout)
        self.assertEqual(self.output(), done.stdout)
        self.assertEqual((self.newest()["tty"], self.newest()["rows"]), ("", 0))

    def test_input_larger_than_any_buffer(self):
        lines = b"".join(b"line %06d\n" % i for i in range(20_000))
        done = self.ledger.record("sh", "-c", "stty -echo; wc -c", stdin=None, input=lines)
        self.assertIn(str(len(lines)).encode(), done.stdout)

    def test_output_into_a_pipe_is_the_same(self):
        inside = "test -t 1 && echo a terminal inside; stty size"
        out = self.folder / "out"
        terminal = self.terminal(
            "sh", "-c", f"'{STELE}' record -- sh -c '{inside}' | cat >'{out}'", rows=33, columns=77
        )
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(out.read_bytes(), b"a terminal inside\r\n33 77\r\n")

    def test_a_pipe_that_closes_ends_the_session(self):
        done = subprocess.run(
            ["sh", "-c", f"'{STELE}' record -- yes | head -n 3"],
            env=self.ledger.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertEqual(done.stdout, b"y\r\n" * 3)
        self.wait_until_sealed()
        self.assertEqual(self.newest()["end"]["why"], "hangup")

    def test_closed_descriptors(self):
        command = f"echo plain-$((40 + 2)); cat; ! grep -rl plain-42 '{self.ledger.path}' || exit 9; exit 6"
        for closed, expected in [
            ("<&-", b"plain-42\r\n"),
            ("<&- >&-", b""),
            ("<&- >&- 2>&-", b""),
            (">&-", b""),
            (">&- 2>&-", b""),
        ]:
            with self.subTest(closed=closed):
                done = subprocess.run(
                    ["sh", "-c", f'exec {closed}; exec "$@"', "sh", STELE, "record", "--", "sh", "-c", command],
                    env=self.ledger.environment,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=PATIENCE,
                )
                self.assertEqual(done.returncode, 6, "9: the output stands in clear in a file of the ledger")
                self.assertEqual(done.stdout.replace(b"^D\b\b", b""), expected)
                self.assertEqual(self.output().replace(b"^D\b\b", b""), b"plain-42\r\n")
        self.assert_closed()

    def test_processes_left_on_the_terminal_do_not_hold_the_session(self):
        terminal = self.recording("--", "sh", "-c", "trap '' HUP; sleep 1000 & echo $!; exit 2")
        self.assertEqual(terminal.wait(), 2)
        left = int(terminal.shown.split()[0])
        self.addCleanup(os.kill, left, signal.SIGKILL)
        self.assertTrue(is_running(left))
        self.assertIn("background", self.newest()["end"]["why"])
        self.assertEqual(self.newest()["end"]["exit"], 2)
        self.assert_closed()

    def test_what_a_background_process_still_writes_is_kept(self):
        terminal = self.recording(
            "--", "sh", "-c", "trap '' HUP; (for i in 1 2 3; do sleep 0.02; echo late $i; done) & exit 0"
        )
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(terminal.shown, b"late 1\r\nlate 2\r\nlate 3\r\n")
        self.assertEqual(self.output(), terminal.shown)


if __name__ == "__main__":
    main()
