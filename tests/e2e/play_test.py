"""Playing recorded sessions on somebody's terminal."""

import datetime
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from harness import PATIENCE, STELE, Ledger, main
from recorded import SessionTest
from tmux import Tmux, rendered, trimmed

# Each would make a terminal answer, copy, retitle itself or change what keys send.
TRICKS = (
    b"\x05\x1b[c\x1b[6n\x1b[21t\x1bP$qm\x1b\\\x1bZ\x1b]52;c;cm0gLXJmIC8=\x07\x1b]2;owned\x07\x1b]11;?\x07"
    b"\x1b[5i\x1b[?1000h\x1b[?2004h\x1b[?1h\x1b[3J\x1b[8;1;1t\x1b_Gi=1\x1b\\\x1b^pm\x1b\\\xc2\x9b6n\x1b]8;;file:///\x07"
)


class Play(SessionTest):
    """A player in tmux."""

    def tmux(self, argv, **kwargs):
        return Tmux(self, argv, env=self.ledger.environment, **kwargs)

    def play(self, session, *args, **kwargs):
        """Plays in tmux; the file `over` gets the exit status, and the window stays."""
        (self.folder / "over").unlink(missing_ok=True)
        play = " ".join([STELE, "play", *args, session["id"]])
        return self.tmux(["sh", "-c", f"{play}; echo $? >'{self.folder}/over'; exec cat"], **kwargs)

    def assert_over(self, player, status=0):
        over = self.folder / "over"
        player.until(lambda: over.exists() and over.read_text().endswith("\n"), "over")
        self.assertEqual(int(over.read_text()), status)

    def moments(self, session):
        """Times between two outputs, and the bytes shown by then: of every screen that stood a while."""
        outputs = self.outputs(session)
        out = []
        for i in range(len(outputs) - 1):
            if outputs[i + 1][0] - outputs[i][0] > 0.00001:
                between = (outputs[i][0] + outputs[i + 1][0]) / 2
                out.append((between, b"".join(data for _, data in outputs[: i + 1])))
        return out

    def jump(self, player, seconds):
        player.keys("g")
        player.type(f"{seconds:.6f}")
        player.keys("Enter")

    def picture(self, tmux):
        """Text, colours and cursor."""
        return tmux.run("capture-pane", "-p", "-e"), tmux.ask("cursor_x"), tmux.ask("cursor_y")


class Screens(Play):
    def test_seeks_both_ways_to_the_screen_that_was(self):
        _, session = self.work()
        moments = self.moments(session)
        self.assertGreater(len(moments), 12)
        player = self.play(session)
        player.keys("Space")
        for index in [len(moments) - 1, 0, len(moments) // 2, len(moments) // 4, len(moments) - 3, 3]:
            seconds, shown = moments[index]
            self.jump(player, seconds)
            expected = self.picture(rendered(self, shown))
            player.until(lambda: self.picture(player) == expected, f"this picture:\n{expected}")

    def test_steps_from_output_to_output(self):
        self.ledger.record("sh", "-c", "for i in 1 2 3 4; do echo step $i; sleep 0.2; done")
        player = self.play(self.newest(), "--at", "0.000001")
        player.keys("Space")
        player.keys("g", "0", "Enter")
        player.until_screen([])
        for i in range(1, 4):
            player.keys(".")
            player.until_screen([f"step {k}" for k in range(1, i + 1)])
        player.keys("Left")
        player.until_screen([])
        player.keys("Right")
        player.until_screen([f"step {k}" for k in range(1, 5)])
        player.keys("q")
        self.assert_over(player)

    def test_plays_to_the_end_and_leaves_the_last_screen(self):
        shown, session = self.work()
        player = self.play(session, "--speed", "1000", "--idle", "0.01")
        self.assert_over(player)
        history = player.history()
        expected = rendered(self, shown).history()
        self.assertEqual(history[-len(expected) :], expected, "and can be scrolled back")

    def test_goes_on_after_a_pause_slower_and_faster(self):
        self.ledger.record("sh", "-c", "echo one; sleep 1; echo two; sleep 1; echo three")
        player = self.play(self.newest())
        player.until_shown("one")
        player.keys("Space", "[", "[", "]", "]", "]", "]", "Space")
        self.assert_over(player)
        self.assertEqual(trimmed(player.screen()), ["one", "two", "three"])

    def test_on_a_smaller_terminal_shows_the_part_around_the_cursor(self):
        _, session = self.work()
        player = self.play(session, rows=10, columns=40)
        player.keys("Space")
        for seconds, shown in self.moments(session)[::5]:
            self.jump(player, seconds)
            then = rendered(self, shown)
            screen = [row.ljust(80) for row in then.screen()]
            x, y = int(then.ask("cursor_x")), int(then.ask("cursor_y"))

            def is_part_of_it():
                px, py = int(player.ask("cursor_x")), int(player.ask("cursor_y"))
                part = [row[x - px : x - px + 40].rstrip() for row in screen[max(0, y - py) : y - py + 10]]
                return x >= px and y >= py and player.screen() == part

            player.until(is_part_of_it, f"the part of this around {x},{y}:\n" + "\n".join(screen))

    def test_on_a_larger_terminal_breaks_lines_where_the_session_did(self):
        _, session = self.work()
        player = self.play(session, rows=40, columns=120)
        player.keys("Space")
        for seconds, shown in self.moments(session)[::5]:
            self.jump(player, seconds)
            expected = rendered(self, shown).screen()
            player.until(lambda: player.screen()[:24] == expected, "this screen:\n" + "\n".join(expected))
            player.until(lambda: "paused" in player.screen()[24], "told that it is paused")

    def test_follows_the_viewers_terminal_when_it_is_resized(self):
        _, session = self.work()
        player = self.play(session)
        player.keys("Space")
        seconds, shown = self.moments(session)[8]
        self.jump(player, seconds)
        expected = rendered(self, shown).screen()
        player.until_screen(expected)
        player.resize(30, 100)
        player.until(lambda: player.screen()[:24] == expected, "the same on a larger terminal")
        player.resize(24, 80)
        player.until_screen(expected)

    def test_follows_the_sessions_terminal_when_it_was_resized(self):
        terminal = self.recording(
            "--",
            "sh",
            "-c",
            "trap : WINCH; seq 30; while [ $(stty size | cut -d' ' -f1) = 24 ]; do sleep 0.01; done; "
            "echo resized; sleep 0.1; seq 12",
        )
        terminal.expect("30\r\n")
        terminal.resize(10, 40)
        self.assertEqual(terminal.wait(), 0)
        player = self.play(self.newest())
        player.keys("Space")
        self.jump(player, 1000)
        player.until(lambda: player.screen()[:10] == [str(i) for i in range(4, 13)] + [""], "the end")
        self.jump(player, 0)
        player.until_screen([])

    def test_harms_no_terminal(self):
        session = self.show_file(b"before" + TRICKS + b"after")
        played = self.ledger.stele("play", session["id"], "--speed", "1000")
        self.assertEqual(played, b"beforeafter")
        self.assertEqual(
            self.ledger.stele("play", session["id"], "--speed", "1000", "--raw"), b"before" + TRICKS + b"after"
        )
        player = self.play(session)
        self.assert_over(player)
        self.assertEqual(trimmed(player.screen()), ["beforeafter"])
        self.assertEqual(player.ask("mouse_any_flag"), "0")
        self.assertNotEqual(player.ask("pane_title"), "owned")
        self.assertEqual(player.run("list-buffers"), "", "the clipboard")

    def test_raw_shows_the_tricks_and_cleans_up_after_them(self):
        session = self.show_file(
            b"\x1b]2;owned\x07\x1b]52;c;Y29waWVk\x07\x1b[?1000h\x1b[?1h\x1b[?2004h\x1b[?25lshown\x1bPunfinished"
        )
        player = self.play(session, "--raw")
        self.assert_over(player)
        self.assertEqual(player.ask("pane_title"), "owned")
        self.assertEqual(player.run("show-buffer"), "copied")
        self.assertEqual(
            [player.ask(flag) for flag in ("mouse_any_flag", "keypad_cursor_flag", "cursor_flag", "alternate_on")],
            ["0", "0", "1", "0"],
        )

    def test_answers_of_the_terminal_steer_nothing_and_are_not_left_behind(self):
        session = self.show_file(b"\x1b[c\x1b[6n\x1b]11;?\x07\x1bP$qm\x1b\\" * 5)
        shell = self.tmux(["sh", "-c", f"'{STELE}' play --raw {session['id']}; echo over; cat -v"])
        shell.until_shown("over")
        shell.keys("x", "Enter")
        shell.until_screen(["", "over", "x", "x"])

    def test_restores_the_viewers_terminal(self):
        modes = r"\033[?1049h\033[5;10r\033[?6h\033[?25l\033[?7l\033[31;44m\033(0\016full screen"
        self.assertEqual(self.recording("--", "sh", "-c", f"printf '{modes}'; sleep 1; echo end").wait(), 0)
        for leave, status in [("q", 0), ("C-c", 130), ("TERM", 143), ("HUP", 129), ("end", 0)]:
            with self.subTest(leave=leave):
                self.check_restored(self.newest(), leave, status)

    def check_restored(self, session, leave, status):
        note, pid = self.folder / f"note-{leave}", self.folder / f"pid-{leave}"
        player = self.file(f"player-{leave}", f"echo $$ >'{pid}'; exec '{STELE}' play \"$@\"".encode())
        speed = 1000 if leave == "end" else 0.01
        play = f"sh '{player}' --speed {speed} {session['id']}"
        shell = self.tmux(["sh", "-c", f"stty -g >'{note}'; {play}; echo status $?; stty -g >>'{note}'; exec cat"])
        if leave != "end":
            shell.until(lambda: shell.ask("alternate_on") == "1", "in a full-screen program")
        if leave in ("TERM", "HUP"):
            os.kill(int(pid.read_text()), getattr(signal, f"SIG{leave}"))
        elif leave != "end":
            shell.keys(leave)
        shell.until_shown(f"status {status}")
        shell.until(lambda: len(note.read_text().split()) == 2, "over")
        before, after = note.read_text().split()
        self.assertEqual(before, after)
        flags = (
            "alternate_on",
            "cursor_flag",
            "origin_flag",
            "wrap_flag",
            "scroll_region_upper",
            "scroll_region_lower",
        )
        self.assertEqual([shell.ask(flag) for flag in flags], ["0", "1", "0", "1", "0", "23"])

    def test_refuses_without_an_identity(self):
        self.ledger.record("echo", "hidden")
        session = self.newest()["id"]
        (self.ledger.path / "auditor.age").rename(self.folder / "elsewhere.age")
        done = self.ledger.run("play", session)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn(b"hidden", done.stdout)
        self.assertEqual(
            self.ledger.stele("play", session, "--speed", "1000", "--identity", self.folder / "elsewhere.age"),
            b"hidden\r\n",
        )


class Speed(SessionTest):
    """Of a session in which nothing is shown for three seconds, on a terminal with room for the player's own line."""

    PAUSE = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recorded = Ledger(cls.make_folder())
        cls.recorded.record("sh", "-c", f"echo one; sleep {cls.PAUSE}; echo two")

    def setUp(self):
        self.ledger = self.recorded

    def play(self, *args):
        return self.terminal(STELE, "play", *args, self.newest()["id"], rows=30, columns=100)

    def seconds_until_shown(self, players):
        """Of players that run side by side: {name: seconds}, in the order in which they came to the end."""
        began, over = time.monotonic(), {}
        while len(over) < len(players):
            self.assertLess(time.monotonic(), began + PATIENCE, f"only {over}")
            for name, player in players.items():
                player.read(0.01)
                if b"two" in player.shown and name not in over:
                    over[name] = time.monotonic() - began
        for player in players.values():
            self.assertEqual(player.wait(), 0)
        return over

    def test_is_what_was_asked_for(self):
        began = time.monotonic()
        players = {"as it was": self.play(), "slow": self.play("--speed", "0.5"), "fast": self.play("--speed", "10"),
                   "short of patience": self.play("--idle", "0.2"), "both": self.play("--speed", "10", "--idle", "0.2")}
        until_started = time.monotonic() - began
        over = self.seconds_until_shown(players)
        self.assertEqual(list(over)[-2:], ["as it was", "slow"], over)
        least = {"as it was": self.PAUSE, "slow": self.PAUSE / 0.5, "fast": self.PAUSE / 10, "short of patience": 0.2, "both": 0.2}
        for name, seconds in least.items():
            self.assertGreaterEqual(over[name] + until_started, seconds, f"{name}: sooner than it may be")

    def test_an_idle_limit_is_of_the_viewers_time(self):
        over = self.seconds_until_shown({"limit": self.play("--speed", "0.01", "--idle", "0.2"),
                                         "none that matters": self.play("--speed", "0.5", "--idle", "100")})
        self.assertEqual(list(over), ["limit", "none that matters"])

    def test_is_changed_by_keys(self):
        player, other = self.play("--speed", "0.1"), self.play("--speed", "0.1")
        at = player.expect("x0.1 ")
        for key, speed in [("[", "0.05"), ("[", "0.025"), ("]", "0.05"), ("[", "0.025"), ("[", "0.0125"), ("[", "0.01")]:
            player.type(key)
            at = player.expect(f"x{speed} ", at)
        player.type("[")  # no slower than that: five minutes for this session
        other.type("]]]]]]")
        other.expect("x6.4 ")
        self.assertEqual(other.wait(), 0)
        self.assertIn(b"two", other.shown)
        player.read(0)
        self.assertNotIn(b"two", player.shown[at:])
        player.type("]")
        at = player.expect("x0.02 ", at)
        player.type("]" * 20)
        player.expect("two", at)
        self.assertEqual(player.wait(), 0)

    def test_is_no_faster_than_a_thousand(self):
        player = self.play("--speed", "0.01")
        player.expect("x0.01 ")
        player.type(" " + "]" * 16)
        at = player.expect("x655.36 ")
        player.type("]")
        at = player.expect("x1000 ", at)
        player.type("][")
        player.expect("x500 ", at)
        player.type(" ")
        self.assertEqual(player.wait(), 0)

    def test_does_not_matter_while_it_stands_still(self):
        player, other = self.play("--speed", "0.01"), self.play("--speed", "0.01")
        for p in (player, other):
            p.expect("playing")
        player.type(" ")
        at = player.expect("paused")
        player.type("]" * 17)
        other.type("]" * 17)
        at = player.expect("x1000 ", at)
        self.assertEqual(other.wait(), 0)
        player.read(0.2)
        self.assertNotIn(b"two", player.shown)
        player.type(" ")
        player.expect("two", at)
        self.assertEqual(player.wait(), 0)


class Large(Play):
    """A session much larger than what a player may keep of it, with a change of keys on the way."""

    RAW_BYTES = 75_000_001  # random: 100 MB as base64, with "==" at the end, which is sealed in more than the 64 MiB after which keys change

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if re.search(rb"lib[at]san", subprocess.run(["ldd", STELE], capture_output=True).stdout):
            raise unittest.SkipTest("a sanitizer's own memory is more than that")
        cls.recorded = Ledger(cls.make_folder())
        cls.recorded.record("sh", "-c", f"head -c {cls.RAW_BYTES} /dev/urandom | base64", stdout=subprocess.DEVNULL, capture_output=False)

    def setUp(self):
        super().setUp()
        self.ledger = self.recorded

    def test_is_played_in_little_memory(self):
        session = self.newest()
        exported = hashlib.sha256(self.output(session))
        played, peak = hashlib.sha256(), 0
        player = subprocess.Popen([STELE, "play", "--speed", "1000", "--idle", "0", session["id"]], env=self.ledger.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with player.stdout:
            while piece := player.stdout.read(1 << 20):
                played.update(piece)
                peak = max(peak, self.peak_bytes(player.pid))
        self.assertEqual((player.wait(), played.hexdigest()), (0, exported.hexdigest()))
        self.assertGreater(peak, 1_000_000)
        self.assertLess(peak, 50_000_000, "half of what it shows; it was more than all of it once")

    def test_seeks_back_to_what_playing_shows(self):
        session = self.newest()
        began, last = (datetime.datetime.fromisoformat(session[name]) for name in ("began", "last"))
        end = (last - began).total_seconds()
        for share in (0.9, 0.3, 0.7):  # before and behind the change of keys
            forward, back = (self.play(session, "--speed", "0.01") for _ in range(2))
            for player in (forward, back):
                player.keys("Space")
            self.jump(back, end + 1)
            back.until(lambda: "=" in "".join(back.screen()), "the end of the base64")
            for player in (forward, back):
                self.jump(player, end * share)
            forward.until(lambda: len("".join(forward.screen())) > 1500, "a screen full")
            expected = self.picture(forward)
            back.until(lambda: self.picture(back) == expected, f"this picture:\n{expected}")

    def peak_bytes(self, pid):
        """The most memory that a process ever had; 0 once it is over."""
        found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
