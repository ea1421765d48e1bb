"""The body of ./tools/interop: installs, runs the parts, and adds up their verdicts.

A part is a program, tests/interop/PART.py. Each line of its output that begins in the first column is a verdict: `WHAT: ok`,
`WHAT: skipped: REASON` or `WHAT: FAILED`, and what more there is to say of it. Other lines are shown, and mean nothing. A part
without a verdict has failed, and so has one that ends with another status than 0.
"""
import pathlib
import re
import subprocess
import sys

from run_tests import PYTHON, ROOT

PARTS = ROOT / "tests" / "interop"
VERDICT = re.compile(r"(\S.*?): (ok\b|FAILED\b|skipped: \S)")
WORDS = {"o": "passed", "F": "failed", "s": "skipped"}


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, word):
        setattr(self, word, getattr(self, word) + 1)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def verdict(part, text, counts):
    print(f"{part}: {text}", flush=True)
    counts.add(WORDS[VERDICT.match(f"{part}: {text}")[2][0]])


def run(part, words, counts):
    said = False
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in map(str.rstrip, process.stdout):
            if VERDICT.match(line):
                verdict(f"{part}, {line.split(': ', 1)[0]}", line.split(": ", 1)[1], counts)
                said = True
            else:
                print(line, flush=True)
    if process.returncode or not said:
        verdict(part, f"FAILED: {'no verdict, ' * (not said)}status {process.returncode}", counts)


def why_not():
    """What keeps the parts from running; empty: nothing does."""
    done = subprocess.run([ROOT / "tools/setup", "build", "interop"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def main(wanted, folder=PARTS, why_not=why_not):
    parts = {path.stem: path for path in sorted(pathlib.Path(folder).glob("*.py"))}
    if unknown := [each for each in wanted if each not in parts]:
        print(f"tools/interop: no part {', '.join(unknown)}; there are: {', '.join(parts)}", file=sys.stderr)
        return 64
    counts = Counts()
    reason = why_not()
    for part in wanted or parts:
        print(f"\n── {part}", flush=True)
        if reason:
            verdict(part, f"skipped: {reason}", counts)
        else:
            run(part, [PYTHON, parts[part]], counts)
    print(counts, flush=True)
    return int(counts.failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
