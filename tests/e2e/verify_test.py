"""`stele verify` as a person and as a program see it: its progress, and that how many threads it has changes nothing it says."""
import re
import shutil
import subprocess

from harness import LEDGER_GENERATOR, STELE, Ledger, LedgerTest, flip, main

LEAVES, OUTPUT_BYTES = 5000, 4000  # many ranges, so that there is work for eight threads
PERCENT = re.compile(rb"\r *(\d+) % of [\d.]+ MiB ")
ERASE_LINE = b"\r\x1b[K"


class Large(LedgerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.make_folder()
        ledger = Ledger(cls.original)
        cls.generate(ledger, LEAVES)
        ledger.record("sh", "-c", "echo a real one; exit 3")

    @staticmethod
    def generate(ledger, leaves):
        subprocess.run([LEDGER_GENERATOR, ledger.path, str(leaves), str(OUTPUT_BYTES)], check=True, capture_output=True, timeout=600)

    def setUp(self):
        self.folder = self.make_folder()
        for name in ("ledger", "home"):
            shutil.copytree(self.original / name, self.folder / name)
        self.ledger = Ledger(self.folder)


class Progress(Large):
    def at_a_terminal(self, command):
        """What a terminal is shown of a shell command, in which $STELE is our program; it must succeed."""
        terminal = self.terminal("sh", "-c", command, env={**self.ledger.environment, "STELE": STELE}, cwd=self.folder)
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        return terminal.shown

    def test_is_shown_on_a_terminal_and_taken_away_again(self):
        shown = self.at_a_terminal('"$STELE" verify >report')
        percents = [int(found) for found in PERCENT.findall(shown)]
        self.assertEqual(percents, sorted(set(percents)), "it only grows")
        self.assertGreater(len(percents), 10)
        self.assertEqual(percents[-1], 100)
        self.assertEqual(PERCENT.sub(b"", shown), ERASE_LINE, "and nothing else is shown")

    def test_does_not_mingle_with_the_report(self):
        shown = self.at_a_terminal('"$STELE" verify')
        report = self.ledger.stele("verify").replace(b"\n", b"\r\n")
        self.assertTrue(shown.endswith(ERASE_LINE + report), shown[-500:])

    def test_is_shown_to_nobody_where_standard_error_is_no_terminal(self):
        shown = self.at_a_terminal('"$STELE" verify 2>told')
        self.assertEqual(shown, self.ledger.stele("verify").replace(b"\n", b"\r\n"))
        self.assertEqual((self.folder / "told").read_bytes(), b"")

    def test_is_not_shown_to_programs_that_ask_for_json(self):
        shown = self.at_a_terminal('"$STELE" verify --json >report')
        self.assertEqual(shown, b"")


class Threads(Large):
    def said(self, *args):
        """The exit status and everything that is printed, byte for byte."""
        done = self.ledger.run("verify", "--forget", *args)
        return done.returncode, done.stdout, done.stderr

    def assert_all_say_the_same(self, status, verdict):
        for form in (["--json"], []):
            one = self.said("--threads", 1, *form)
            self.assertEqual(one[0], status, one)
            self.assertIn(verdict, one[1])
            for threads in (2, 3, 8, None):
                with self.subTest(threads=threads, form=form):
                    self.assertEqual(self.said(*(["--threads", threads] if threads else []), *form), one)

    def test_say_the_same_of_an_intact_ledger(self):
        self.assert_all_say_the_same(0, b"intact")

    def test_say_the_same_of_a_tampered_one(self):
        volume = self.ledger.path / "vault/volume/000000000000.vol"
        size = volume.stat().st_size
        for k in range(1, 40):  # in leaves, headers and segments, several in one range
            flip(volume, size * k * k // 1700)
        flip(self.ledger.path / "vault/log/tile/0/003", 77)
        flip(self.ledger.path / "vault/log/tile/entries/005", 1234)
        self.assert_all_say_the_same(1, b"tampered")

    def test_say_the_same_of_one_cut_short(self):
        volume = self.ledger.path / "vault/volume/000000000000.vol"
        flip(volume, 12345)
        with open(volume, "r+b") as f:
            f.truncate(volume.stat().st_size * 2 // 3)
        self.assert_all_say_the_same(1, b"missing")


if __name__ == "__main__":
    main()
