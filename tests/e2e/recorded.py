"""Sessions for the tests of the whole to record and to look at."""

import base64
import fcntl
import pathlib
import struct
import time

from harness import PATIENCE, LedgerTest

PLAIN_BASH = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
SHELL = ["env", "PS1=ready$ ", *PLAIN_BASH]
READLINE_SHELL = ["env", "PS1=ready$ ", "bash", "--norc", "--noprofile", "-i"]
NOT_UTF8 = bytes(range(256)) + b"\xc3\x28 caf\xe9 \xed\xa0\x80 \xf0\x9f\x9a\x80 \xff\x00\r\n" * 20 + b"\xe6\xbc"


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never {what}")
        time.sleep(0.01)


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def name_of_terminal(terminal):
    get_number = 0x80045430  # TIOCGPTN, which Python does not know by name
    return "/dev/pts/%d" % struct.unpack("i", fcntl.ioctl(terminal.fd, get_number, b"\0" * 4))


class SessionTest(LedgerTest):
    def newest(self):
        return self.ledger.sessions()[-1]

    def output(self, session=None):
        return self.ledger.export((session or self.newest())["id"])

    def events(self, kind, session=None):
        return [e for e in self.ledger.events((session or self.newest())["id"]) if e["type"] == kind]

    def sizes(self):
        return [(e["rows"], e["columns"]) for e in self.events("resize")]

    def assert_closed(self, state=None):
        """The session was sealed to its end, and all of it verifies."""
        report = self.assert_verdict("intact", status=0)
        self.assertEqual(report["streams"][-1]["verdict"], "intact")
        if state is not None:
            self.assertEqual(self.newest()["state"], state)

    def wait_until_sealed(self):
        """For recorders that the test has no handle of."""

        def sealed():
            code, report = self.ledger.verify()
            return code == 0 and {s["verdict"] for s in report["streams"]} == {"intact"}

        until(sealed, "sealed to the end")

    def outputs(self, session):
        """(seconds, bytes) of each output of the session."""
        return [(e["at"], base64.b64decode(e["base64"])) for e in self.events("output", session)]

    def show_file(self, data, **kwargs):
        """A session in which `cat` shows these bytes, on a terminal that does not change them."""
        path = self.folder / "shown"
        path.write_bytes(data)
        terminal = self.recording("--", "sh", "-c", f"stty raw; cat '{path}'", **kwargs)
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(terminal.shown, data)
        return self.newest()

    def work(self, rows=24, columns=80):
        """Somebody at work: a shell, long output, vim, less. Returns what was shown, and the session."""
        text = self.folder / "text"
        text.write_text(
            "".join(
                f"line {i} of a text, which is longer than the window is wide, as lines sometimes are\n"
                for i in range(60)
            )
        )
        terminal = self.recording("--", *READLINE_SHELL, rows=rows, columns=columns)
        at = terminal.expect("ready$ ")
        coloured = "printf '\\033[1;31mred\\033[0m h\\303\\251llo \\346\\274\\242\\n'"
        for line in ["seq 1 40", "ls --color=always -la /etc | head -30", coloured]:
            terminal.type(line + "\r")
            at = terminal.expect("ready$ ", at + len(line))
        terminal.type(f"vim -u NONE -N -i NONE '{text}'\r")
        at = terminal.expect("line 1 of", at)
        for number, keys in enumerate(["Gihello from vim\x1b", ":set number\r", "ggdd", ":split\r"]):
            terminal.type(f"{keys}:echo 7000+{number}\r")
            at = terminal.expect(f"700{number}", at)
        terminal.type(":qa!\r")
        at = terminal.expect("ready$ ", at)
        terminal.type(f"less '{text}'\r")
        at = terminal.expect("line 0 of", at)
        terminal.type(" ")
        at = terminal.expect("line 2", at)
        terminal.type("q")
        at = terminal.expect("ready$ ", at)
        terminal.type("exit\r")
        self.assertEqual(terminal.wait(), 0)
        return terminal.shown, self.newest()

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path
