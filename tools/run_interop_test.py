"""Runs parts that say one thing and another, and demands the right sums: silence is no success, nor is a skip without a reason."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

import run_interop

sys.path.insert(0, str(run_interop.PARTS))
import kernels  # noqa: E402


class InteropTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_part(self, program, wanted=(), why_not=""):
        (self.folder / "part.py").write_text(program)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            self.status = run_interop.main(list(wanted), self.folder, lambda: why_not)
        self.said = said.getvalue()
        return self.said.splitlines()[-1]

    def test_each_verdict_is_counted_and_what_else_is_said_is_shown(self):
        self.assertEqual(self.run_part("print('one: ok, 3 s\\n  two: FAILED\\ntwo: skipped: no network\\nthree: ok')"),
                         "2 passed, 0 failed, 1 skipped")
        self.assertEqual(self.status, 0)
        for line in ("part, one: ok, 3 s", "  two: FAILED", "part, two: skipped: no network"):
            self.assertIn(line, self.said.splitlines())

    def test_a_failure_is_one(self):
        self.assertEqual(self.run_part("print('one: FAILED: what booted is nothing\\ntwo: ok')"), "1 passed, 1 failed, 0 skipped")
        self.assertEqual(self.status, 1)

    def test_a_part_without_a_verdict_has_failed(self):
        self.assertEqual(self.run_part("print('okay')"), "0 passed, 1 failed, 0 skipped")

    def test_a_skip_has_a_reason(self):
        self.assertEqual(self.run_part("print('one: skipped: ')"), "0 passed, 1 failed, 0 skipped")

    def test_a_part_that_breaks_after_its_verdict_has_failed(self):
        self.assertEqual(self.run_part("print('one: ok', flush=True); raise SystemExit(3)"), "1 passed, 1 failed, 0 skipped")
        self.assertIn("part: FAILED: status 3", self.said)

    def test_what_can_not_be_installed_is_why_it_is_skipped(self):
        self.assertEqual(self.run_part("raise SystemExit(1)", why_not="only root can"), "0 passed, 0 failed, 1 skipped")
        self.assertIn("part: skipped: only root can", self.said)
        self.assertEqual(self.status, 0)

    def test_a_part_that_is_not_there_is_asked_for_in_vain(self):
        self.run_part("print('one: ok')", wanted=["other"])
        self.assertEqual(self.status, 64)


class KernelsTest(unittest.TestCase):
    """What the machines leave behind is judged; what is not there is no success."""

    def judge(self, name, log, status="0\n"):
        with tempfile.TemporaryDirectory() as folder:
            shared = pathlib.Path(folder)
            (shared / f"{name}.log").write_text(log)
            if status:
                (shared / f"{name}.status").write_text(status)
            return kernels.judge_one(name, shared)

    def test_what_passed(self):
        self.assertEqual(self.judge("Watch.a", "[  PASSED  ] 1 test.\n"), (1, ""))
        self.assertEqual(self.judge("e2e_a", "a ... ok\n\n---\nRan 10 tests in 3.1s\n\nOK\n"), (10, ""))

    def test_what_was_skipped_did_not_run(self):
        self.assertEqual(self.judge("Watch.a", "[  PASSED  ] 0 tests.\n[  SKIPPED ] 1 test, listed below:\n"), (0, "skipped"))
        self.assertEqual(self.judge("e2e_a", "Ran 10 tests in 3.1s\n\nOK (skipped=1)\n"), (0, "OK (skipped=1)"))
        self.assertEqual(self.judge("e2e_a", "Ran 0 tests in 0.0s\n\nOK\n")[0], 0)
        self.assertTrue(self.judge("e2e_a", "Ran 0 tests in 0.0s\n\nOK\n")[1])

    def test_what_failed_or_was_cut_short(self):
        self.assertEqual(self.judge("Watch.a", "[  FAILED  ] 1 test\n", "1\n"), (0, "status 1"))
        self.assertEqual(self.judge("Watch.a", "[ RUN      ] Watch.a\n", ""), (0, "came to no end"))


if __name__ == "__main__":
    unittest.main()
