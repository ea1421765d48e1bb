"""What is read of recorded sessions: export in every format, sessions, show."""

import base64
import json
import subprocess

from harness import STELE, main
from recorded import NOT_UTF8, SessionTest
from tmux import rendered, trimmed

LEAVES_SCREEN = b"\x1b[?1049l"


def parts(text):
    """Of exported text: the lines of the main screen, and those of each full-screen program."""
    main_screen, screens, inside = [], [], False
    for line in text.decode().splitlines():
        if line.startswith("─── screen"):
            inside = True
            screens.append([])
        elif line.startswith("─── end"):
            inside = False
        else:
            (screens[-1] if inside else main_screen).append(line)
    return main_screen, screens


class Export(SessionTest):
    def test_raw_is_every_byte_that_was_shown(self):
        session = self.show_file(NOT_UTF8)
        self.assertEqual(self.ledger.export(session["id"], "raw"), NOT_UTF8)

    def test_raw_is_what_a_pipe_got(self):
        done = self.ledger.record("sh", "-c", "printf 'one\\ntwo \\377\\n'; printf err >&2")
        self.assertEqual(self.ledger.export(self.newest()["id"], "raw"), done.stdout)

    def test_json_has_every_byte_and_when_it_came(self):
        shown, session = self.work()
        outputs = self.outputs(session)
        self.assertEqual(b"".join(data for _, data in outputs), shown)
        times = [at for at, _ in outputs]
        self.assertEqual(times, sorted(times))
        events = self.ledger.events(session["id"])
        self.assertEqual((events[0]["type"], events[-1]["type"], events[-1]["exit"]), ("start", "end", 0))
        self.assertIn(b":qa!", b"".join(base64.b64decode(e["base64"]) for e in events if e["type"] == "input"))

    def asciinema_cat(self, cast):
        """What it writes; it insists on a terminal beside."""
        out = self.folder / "out"
        terminal = self.terminal("sh", "-c", f"asciinema cat '{cast}' >'{out}'")
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        return out.read_bytes()

    def test_version_2_plays_in_asciinema_with_equal_bytes(self):
        shown, session = self.work()
        cast = self.folder / "session.cast"
        self.ledger.stele("export", session["id"], "--format", "asciicast-v2", "--output", cast)
        self.assertEqual(self.asciinema_cat(cast), shown)
        player = self.terminal("asciinema", "play", "--speed", "1000", "--idle-time-limit", "0.001", cast)
        self.assertEqual(player.wait(), 0)
        self.assertEqual(player.shown, shown)

    def test_version_2_stands_replacements_for_what_is_not_utf8(self):
        session = self.show_file(NOT_UTF8)
        cast = self.folder / "session.cast"
        cast.write_bytes(self.ledger.export(session["id"], "asciicast-v2"))
        self.assertEqual(self.asciinema_cat(cast), NOT_UTF8.decode(errors="replace").encode())

    def test_version_3_is_what_its_specification_says(self):
        shown, session = self.work(rows=30, columns=100)
        lines = self.ledger.export(session["id"], "asciicast").decode().splitlines()
        header, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
        self.assertEqual(header["version"], 3)
        self.assertEqual(header["term"], {"cols": 100, "rows": 30, "type": "xterm-256color"})
        self.assertIsInstance(header["timestamp"], int)
        for interval, code, data in events:
            self.assertGreaterEqual(interval, 0)
            self.assertIn(code, "oimrx")
            self.assertIsInstance(data, str)
        self.assertEqual("".join(data for _, code, data in events if code == "o").encode(), shown)
        self.assertEqual(events[-1][1:], ["x", "0"])
        total = sum(interval for interval, _, _ in events)
        self.assertAlmostEqual(total, self.ledger.events(session["id"])[-1]["at"], places=3)

    def test_version_3_tells_of_a_new_size_and_of_a_signal(self):
        terminal = self.recording("--", "sh", "-c", "trap 'kill -9 $$' WINCH; echo ready; while :; do sleep 0.01; done")
        terminal.expect("ready")
        terminal.resize(50, 132)
        self.assertEqual(terminal.wait(), 128 + 9)
        lines = self.ledger.export(self.newest()["id"], "asciicast").decode().splitlines()[1:]
        self.assertEqual([json.loads(line)[1:] for line in lines][-2:], [["r", "132x50"], ["x", "137"]])

    def test_text_is_what_tmux_captures_of_the_same_session(self):
        shown, session = self.work()
        main_screen, screens = parts(self.ledger.export(session["id"], "text"))
        self.assertEqual(main_screen, rendered(self, shown).history())
        self.assertEqual(len(screens), 2, "vim's and less's, as they were left")
        end = 0
        for screen in screens:
            end = shown.index(LEAVES_SCREEN, end) + 1
            self.assertEqual(screen, trimmed(rendered(self, shown[: end - 1]).screen()))

    def test_does_not_write_over_a_file(self):
        self.ledger.record("echo", "x")
        there = self.folder / "there"
        there.write_text("mine")
        done = self.ledger.run("export", self.newest()["id"], "--format", "raw", "--output", there)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(there.read_text(), "mine")

    def test_without_an_identity_shows_nothing_and_says_why(self):
        self.ledger.record("echo", "hidden")
        session = self.newest()["id"]
        key = self.ledger.path / "auditor.age"
        key.rename(self.folder / "elsewhere.age")
        done = self.ledger.run("export", session, "--format", "raw")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(b"hidden", done.stdout)
        self.assertIn(b"--identity", done.stderr)
        self.assertEqual(
            self.ledger.stele("export", session, "--format", "raw", "--identity", self.folder / "elsewhere.age"),
            b"hidden\r\n",
        )


class List(SessionTest):
    def ids(self, *filters):
        return [s["id"] for s in json.loads(self.ledger.stele("sessions", "--json", *filters))]

    def record_as(self, prefix, *command):
        """Records with `prefix` before stele; the new session's id."""
        before = set(self.ids())
        subprocess.run(
            [*prefix, STELE, "record", "--", *command],
            env=self.ledger.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return (set(self.ids()) - before).pop()

    def test_is_empty_for_an_empty_ledger(self):
        self.assertEqual(self.ids(), [])
        self.assertEqual(self.ledger.stele("sessions"), b"")

    def test_finds_sessions_by_user_host_command_and_time(self):
        ours = self.record_as([], "echo", "first thing")
        nobody = self.record_as(
            ["setpriv", "--reuid=65534", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"], "id", "-u"
        )
        elsewhere = self.record_as(["unshare", "--uts", "sh", "-c", 'hostname far-away; exec "$@"', "sh"], "hostname")
        everyone = [ours, nobody, elsewhere]
        self.assertEqual(self.ids(), everyone)
        self.assertEqual(self.ids("--user", "nobo"), [nobody])
        self.assertEqual(self.ids("--user", "root"), [ours, elsewhere])
        self.assertEqual(self.ids("--host", "far-away"), [elsewhere])
        self.assertEqual(self.ids("--command", "first thing"), [ours])
        self.assertEqual(self.ids("--command", "id -u", "--user", "nobody"), [nobody])
        self.assertEqual(self.ids("--command", "id -u", "--user", "root"), [])
        began = {s["id"]: s["began"] for s in self.ledger.sessions()}
        self.assertEqual(self.ids("--since", began[nobody]), [nobody, elsewhere])
        self.assertEqual(self.ids("--until", began[nobody]), [ours])
        self.assertEqual(self.ids("--since", began[nobody], "--until", began[elsewhere]), [nobody])
        self.assertEqual(self.ids("--since", "2001-01-01"), everyone)
        self.assertEqual(self.ids("--since", "2101-01-01T10:00"), [])
        listed = self.ledger.stele("sessions", "--user", "nobody").decode()
        self.assertIn(nobody, listed)
        self.assertIn("id -u", listed)
        self.assertEqual(len(listed.splitlines()), 1)

    def test_does_not_guess_at_a_time(self):
        done = self.ledger.run("sessions", "--since", "yesterday")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"yesterday", done.stderr)

    def test_lists_what_it_cannot_read_and_says_so(self):
        self.ledger.record("echo", "x")
        key = self.ledger.path / "auditor.age"
        key.rename(self.folder / "elsewhere.age")
        done = self.ledger.run("sessions", "--json")
        listed = json.loads(done.stdout)
        self.assertEqual([s["readable"] for s in listed], [False])
        self.assertNotIn("command", listed[0])
        self.assertIn(b"--identity", done.stderr)
        known = json.loads(self.ledger.stele("sessions", "--json", "--identity", self.folder / "elsewhere.age"))
        self.assertEqual(known[0]["command"], ["echo", "x"])

    def test_does_not_let_a_session_write_to_the_readers_terminal(self):
        self.ledger.record("true", options=("--title", "a\x1b]2;owned\x07\x9b title"))
        for args in [("sessions",), ("sessions", "--json"), ("show", self.newest()["id"])]:
            shown = self.ledger.stele(*args)
            self.assertNotIn(b"\x1b", shown)
            self.assertNotIn(b"\x07", shown)

    def test_show_tells_facts_events_and_verdict(self):
        terminal = self.recording(
            "--title", "a visit", "--", "sh", "-c", "trap 'exit 3' WINCH; echo ready; while :; do sleep 0.01; done"
        )
        terminal.expect("ready")
        terminal.resize(33, 99)
        self.assertEqual(terminal.wait(), 3)
        session = self.newest()["id"]
        shown = self.ledger.stele("show", session).decode()
        for fact in [session, "exit 3", "a visit", "root", "sh -c", "80x24", "resized to 99x33", "verdict    intact"]:
            self.assertIn(fact, shown)
        facts = json.loads(self.ledger.stele("show", session, "--json"))
        self.assertEqual((facts["id"], facts["verdict"], facts["end"]["exit"]), (session, "intact", 3))
        self.assertEqual(
            json.loads(self.ledger.stele("show", session[:20], "--json"))["id"],
            session,
            "the beginning of an id will do",
        )

    def test_show_refuses_what_names_no_session_or_several(self):
        for _ in range(2):
            self.ledger.record("true")
        for name in ["0", "ffff"]:
            self.assertNotEqual(self.ledger.run("show", name).returncode, 0, name)


if __name__ == "__main__":
    main()
