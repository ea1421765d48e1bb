"""What `stele verify` shows while it works, and whom."""
import re
import shutil
import subprocess

from harness import LEDGER_GENERATOR, STELE, Ledger, LedgerTest, main

LEAVES, OUTPUT_BYTES = 5000, 4000  # many ranges, so that there is something to wait for
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


if __name__ == "__main__":
    main()
