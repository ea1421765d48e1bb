"""The body of ./tools/test: builds, runs, and adds up what passed. (tools/test installs what this needs.)"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's cbor2, cryptography and zstandard
TEST_SECONDS_MAX = 1800      # of one ctest entry, under a sanitizer on a busy machine
LAST_WORDS_MAX = 6000        # bytes of what a failed entry printed, said once more at the end


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.last_words = []  # of each failed ctest entry: its name, and the end of what it printed

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def one(self, name, ok):
        self.add(int(ok), int(not ok))
        if not ok:
            self.failures.append(name)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


def say(text):
    print(f"\n── {text}", flush=True)


def run(words, **kwargs):
    return subprocess.run([str(w) for w in words], cwd=ROOT, stdin=subprocess.DEVNULL, **kwargs)


def timed(name, tally, step):
    say(name)
    begun = time.monotonic()
    ok = step()
    print(f"   {name}: {'ok' if ok else 'FAILED'}, {time.monotonic() - begun:.0f} s", flush=True)
    tally.one(name, ok)
    return ok


def build(preset):
    # Sharing ccache between clones: without this every path of the clone would be part of the key.
    env = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    return (run(["cmake", "--preset", preset, "--log-level=WARNING"], env=env, stdout=subprocess.DEVNULL).returncode == 0
            and run(["cmake", "--build", f"build/{preset}", "--", "--quiet"], env=env).returncode == 0)


def gtest_counts(report):
    top = xml.parse(report).getroot()
    skipped = len(top.findall(".//testcase/skipped")) + int(top.get("disabled", 0))
    failed = int(top.get("failures", 0)) + int(top.get("errors", 0))
    failures = [f"{case.get('classname')}.{case.get('name')}" for case in top.iter("testcase") if case.find("failure") is not None]
    return int(top.get("tests", 0)) - failed - skipped, failed, skipped, failures


def count_ctest(junit, reports, tally, preset):
    """A GoogleTest program counts by its own cases, any other ctest entry as one test."""
    for case in xml.parse(junit).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        if status == "fail":
            tally.last_words.append((f"{preset}: {name}", (case.findtext("system-out") or "").rstrip()[-LAST_WORDS_MAX:]))
        report = reports / f"{name}_test.xml"
        if report.exists():
            *counts, failures = gtest_counts(report)
            tally.add(*counts)
            tally.failures += [f"{preset}: {f}" for f in failures]
            if status == "fail" and not failures:  # every case passed and the program still failed: a leak, a race
                tally.one(f"{preset}: {name}, at its end", False)
        elif status == "disabled" or "SKIP" in (case.find("skipped").get("message", "") if case.find("skipped") is not None else ""):
            tally.add(0, 0, 1)  # by its SKIP_RETURN_CODE, or its SKIP_REGULAR_EXPRESSION
        else:
            tally.one(f"{preset}: {name}", status == "run")


def run_ctest(preset, tally):
    folder = ROOT / "build" / preset
    reports, junit = folder / "reports", folder / "ctest.xml"
    shutil.rmtree(reports, ignore_errors=True)
    junit.unlink(missing_ok=True)
    env = {**os.environ, "GTEST_OUTPUT": f"xml:{reports}/", "GTEST_COLOR": "no", "CTEST_OUTPUT_ON_FAILURE": "1",
           "UBSAN_OPTIONS": "print_stacktrace=1"}
    words = ["ctest", "--test-dir", folder, "--parallel", os.cpu_count(), "--timeout", TEST_SECONDS_MAX, "--output-junit", junit]
    # gcc 12's thread sanitizer does not know the wider address space randomisation of newer kernels.
    unshuffled = ["setarch", os.uname().machine, "--addr-no-randomize"]
    if preset == "tsan" and run([*unshuffled, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        words = unshuffled + words
    say(f"{preset}: tests")
    begun = time.monotonic()
    done = run(words, env=env)
    print(f"   {preset}: tests, {time.monotonic() - begun:.0f} s", flush=True)
    before = tally.failed
    if junit.exists():
        count_ctest(junit, reports, tally, preset)
    if done.returncode and tally.failed == before:
        tally.one(f"{preset}: ctest", False)


def run_python_tests(tally):
    say("tests of the tools")
    done = run([PYTHON, "-m", "unittest", "discover", "-s", "tools", "-p", "*_test.py"], stderr=subprocess.PIPE, text=True)
    print(done.stderr, flush=True)
    ran = re.search(r"^Ran (\d+) tests?", done.stderr, re.M)
    count = {word: int(n) for word, n in re.findall(r"(failures|errors|skipped)=(\d+)", done.stderr)}
    failed, skipped = count.get("failures", 0) + count.get("errors", 0), count.get("skipped", 0)
    if done.returncode and not failed or not ran:
        failed += 1
    tally.add(max(0, int(ran[1]) - failed - skipped) if ran else 0, failed, skipped)
    if failed:
        tally.failures.append("tests of the tools")


def main():
    ap = argparse.ArgumentParser(prog="tools/test", description="Builds stele and runs every test.")
    ap.add_argument("--quick", action="store_true", help="the ordinary build only, no sanitizers")
    a = ap.parse_args()
    tally = Tally()
    begun = time.monotonic()
    timed("walls between the folders", tally, lambda: run([PYTHON, "tools/check_layers.py"]).returncode == 0)
    run_python_tests(tally)
    for preset in ["dev"] if a.quick else ["dev", "asan", "tsan"]:
        if not timed(f"{preset}: build", tally, lambda: build(preset)):
            break  # what does not compile once will not compile thrice
        run_ctest(preset, tally)
        if preset == "dev":
            timed("habits of the tree", tally, lambda: run([PYTHON, "tools/check_tree.py", "--build", "build/dev"]).returncode == 0)
    for name, words in tally.last_words:
        say(f"the last words of {name}")
        print(words)
    say(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    for failure in tally.failures:
        print(f"failed: {failure}")
    print(tally, flush=True)
    return int(tally.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
