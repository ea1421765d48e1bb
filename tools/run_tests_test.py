"""Feeds run_tests what ctest and GoogleTest write, and demands the right sums: a failure that is not counted is a lie."""
import contextlib
import io
import pathlib
import tempfile
import unittest

import run_tests


class CountTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "reports").mkdir()
        self.tally = run_tests.Tally()

    def count(self, *cases):
        (self.folder / "ctest.xml").write_text("<testsuite>" + "".join(cases) + "</testsuite>")
        run_tests.count_ctest(self.folder / "ctest.xml", self.folder / "reports", self.tally, "dev")
        return self.tally.passed, self.tally.failed, self.tally.skipped

    def gtest_report(self, name, *cases, failures=0):
        (self.folder / "reports" / f"{name}_test.xml").write_text(
            f'<testsuites tests="{len(cases)}" failures="{failures}" disabled="0" errors="0"><testsuite>{"".join(cases)}</testsuite></testsuites>')

    def test_a_googletest_program_counts_by_its_cases(self):
        self.gtest_report("ledger", '<testcase classname="A" name="b"/>', '<testcase classname="A" name="c"/>',
                          '<testcase classname="A" name="d"><skipped message=""/></testcase>')
        self.assertEqual(self.count('<testcase name="ledger" status="run"/>'), (2, 0, 1))

    def test_failures_are_counted_and_named(self):
        self.gtest_report("ledger", '<testcase classname="A" name="b"/>', '<testcase classname="A" name="c"><failure message="x"/></testcase>', failures=1)
        self.assertEqual(self.count('<testcase name="ledger" status="fail"><failure message=""/></testcase>'), (1, 1, 0))
        self.assertEqual(self.tally.failures, ["dev: A.c"])

    def test_what_a_failed_entry_said_last_is_kept(self):
        self.count('<testcase name="a" status="run"><system-out>fine</system-out></testcase>',
                   f'<testcase name="b" status="fail"><failure message=""/><system-out>{"x" * 9000}the end\n</system-out></testcase>')
        ((name, words),) = self.tally.last_words
        self.assertEqual((name, len(words), words[-7:]), ("dev: b", run_tests.LAST_WORDS_MAX, "the end"))

    def test_a_program_that_fails_after_its_last_case_is_a_failure(self):
        self.gtest_report("ledger", '<testcase classname="A" name="b"/>')
        self.assertEqual(self.count('<testcase name="ledger" status="fail"><failure message=""/></testcase>'), (1, 1, 0))

    def test_a_program_that_crashes_leaves_no_report_and_is_a_failure(self):
        self.assertEqual(self.count('<testcase name="ledger" status="fail"><failure message=""/></testcase>'), (0, 1, 0))

    def test_a_program_that_is_not_there_is_a_failure_and_no_skip(self):
        self.assertEqual(self.count('<testcase name="ledger" status="notrun"><skipped message="Unable to find executable"/></testcase>'), (0, 1, 0))

    def test_a_test_may_say_that_it_cannot_run_here(self):
        self.assertEqual(self.count('<testcase name="powercut" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>',
                                    '<testcase name="x" status="run"/>'), (1, 0, 1))

    def test_the_closing_line_is_the_one_that_ci_reads(self):
        self.tally.add(3, 1)
        self.assertEqual(str(self.tally), "3 passed, 1 failed")
        self.tally.add(0, 0, 2)
        self.assertEqual(str(self.tally), "3 passed, 1 failed, 2 skipped")

    def test_a_step_that_fails_is_counted(self):
        with contextlib.redirect_stdout(io.StringIO()):
            run_tests.timed("a step", self.tally, lambda: False)
        self.assertEqual((self.tally.failed, self.tally.failures), (1, ["a step"]))


if __name__ == "__main__":
    unittest.main()
