"""The person of ./tools/demo: types a short session into a recorder and lets the screen be seen.

    demo_session.py HOME COMMAND…      exit status: the command's, or 1 if the session did not go as it should
"""
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import sessions  # noqa: E402  the hands that the benchmarks use too

# What vim asks of a terminal. The one that looks on must not answer: the answer would be typed into nobody's session.
QUESTIONS = re.compile(rb"\x1b\[6n|\x1b\[>c|\x1b\]1[01];\?(\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\")
STEPS = [*sessions.shell("echo 'disk 93% full' > alert.log; ls -l --color", "cat /no/such/file"),
         ("vim -u NONE -N notes.txt\r", sessions.QUIET), ("istele was here: cleaned the cache\x1b", sessions.QUIET), (":wq\r", sessions.PROMPT),
         *sessions.shell("cat notes.txt"),
         ("read -rsp 'Password: ' secret\r", sessions.QUIET), *sessions.shell("hunter2"), *sessions.shell("echo; echo ${#secret} characters")]


class ShownHands(sessions.Hands):
    def pump(self, seconds):
        before = len(self.seen)
        got = super().pump(seconds)
        os.write(1, QUESTIONS.sub(b"", bytes(self.seen[before:])))
        return got


def main():
    hands = ShownHands(sys.argv[2:], sys.argv[1], gap=(0.01, 0.04))
    try:
        status = hands.play(STEPS)
    except TimeoutError as e:
        print(f"\ndemo_session: {e}", file=sys.stderr)
        return 1
    return status if b"7 characters" in hands.seen else 1


if __name__ == "__main__":
    sys.exit(main())
