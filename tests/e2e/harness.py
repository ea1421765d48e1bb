"""What the tests of the whole share: a fresh ledger, the real `stele`, and a terminal to sit at."""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STELE = os.environ.get("STELE", str(ROOT / "build/dev/bin/stele"))
INJECT = os.environ.get("INJECT", str(ROOT / "build/dev/bin/inject"))
LEDGER_GENERATOR = os.environ.get("LEDGER_GENERATOR", str(ROOT / "build/dev/bin/ledger_generator"))
PATIENCE = float(os.environ.get("STELE_TEST_PATIENCE", "60"))  # seconds until a test gives up on something that should happen at once


def remove(folder):
    """Removes a ledger too, whose closed volumes are immutable and whose open one is append-only."""
    subprocess.run(["chattr", "-R", "-i", "-a", str(folder)], capture_output=True)
    shutil.rmtree(folder)


def unprotect(path):
    """Takes the flags off a file, as a thief with root would."""
    subprocess.run(["chattr", "-i", "-a", str(path)], capture_output=True)


def flip(path, offset, mask=1):
    unprotect(path)
    with open(path, "r+b") as f:
        f.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ mask]))


@contextlib.contextmanager
def flip_bit(path, offset, mask=1):
    """For as long as it lasts, the bits of `mask` are wrong at `offset` (negative: from the end)."""
    flip(path, offset, mask)
    try:
        yield
    finally:
        flip(path, offset, mask)


class Ledger:
    """A ledger of its own, with a home of its own, so that no reader's memory leaks between tests."""

    def __init__(self, folder, *init_args):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "ledger"
        self.home = self.folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        if init_args is not None and not self.path.exists():
            self.stele("init", "--no-recovery", *init_args)

    @property
    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STELE", "XDG_"))}
        return {**kept, "STELE_DIR": str(self.path), "HOME": str(self.home), "SHELL": "/bin/bash", "TERM": "xterm-256color"}

    @property
    def traced_environment(self):
        """For what runs under strace, where the leak checker of a sanitized build cannot work."""
        return {**self.environment, "ASAN_OPTIONS": "detect_leaks=0"}

    def run(self, *args, ok=None, **kwargs):
        """Runs `stele ARGS…` without a terminal; `ok`: the exit statuses that are no error (None: any)."""
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "env": self.environment, "timeout": 600, **kwargs}
        done = subprocess.run([STELE, *map(str, args)], **options)
        if ok is not None and done.returncode not in ok:
            raise AssertionError(f"stele {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def stele(self, *args, **kwargs):
        return self.run(*args, ok=(0,), **kwargs).stdout

    def record(self, *command, options=(), **kwargs):
        """Records a command that needs no keyboard; returns the finished process."""
        return self.run("record", *options, "--", *command, **kwargs)

    def sessions(self):
        return json.loads(self.stele("sessions", "--json"))

    def verify(self, *args):
        """The exit status and the parsed report of `stele verify --json`."""
        done = self.run("verify", "--json", *args)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"stele verify: {done.returncode}, no JSON\n{done.stdout}\n{done.stderr}") from None

    def export(self, session, form="raw"):
        return self.stele("export", session, "--format", form)

    def events(self, session):
        return [json.loads(line) for line in self.export(session, "json").splitlines()]


def is_of_commands(gap):
    """Nothing shown or typed is missing: while an agent is away nobody is told what is executed."""
    return (gap["output_bytes"], gap["input_bytes"]) == (0, 0) and "executed" in gap["why"]


def set_window_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A person's terminal: `argv` runs on a pty of its own; type into it, wait for what it shows."""

    def __init__(self, argv, env=None, rows=24, columns=80, cwd=None):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                set_window_size(0, rows, columns)
                if cwd:
                    os.chdir(cwd)
                os.execvpe(argv[0], [str(a) for a in argv], env or os.environ)
            finally:
                os._exit(127)
        self.status = None

    def resize(self, rows, columns):
        set_window_size(self.fd, rows, columns)

    def type(self, text):
        view = memoryview(text if isinstance(text, bytes) else text.encode())
        while view:
            view = view[os.write(self.fd, view):]

    def read(self, timeout=0.05):
        """Takes what is there; False once the other side is gone."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.shown += data
        return bool(data)

    def expect(self, text, after=0, timeout=PATIENCE):
        """Waits until `text` was shown after position `after`; returns the position behind it."""
        text = text if isinstance(text, bytes) else text.encode()
        end = time.monotonic() + timeout
        alive = True
        while True:
            at = self.shown.find(text, after)
            if at >= 0:
                return at + len(text)
            if not alive or time.monotonic() > end:
                raise AssertionError(f"never shown: {text!r}\nshown: {self.shown[-2000:]!r}")
            alive = self.read()

    def wait(self, timeout=PATIENCE):
        """Reads until the program ends; its exit status, or -n for signal n."""
        end = time.monotonic() + timeout
        alive = True
        while self.status is None:
            alive = alive and self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError(f"did not end\nshown: {self.shown[-2000:]!r}")
            elif not alive:
                time.sleep(0.01)
        while alive and select.select([self.fd], [], [], 0)[0]:
            alive = self.read(0)
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)


class LedgerTest(unittest.TestCase):
    """A test with an empty ledger in `self.ledger`."""

    @staticmethod
    def needs_root(why):
        return unittest.skipUnless(os.geteuid() == 0, f"needs root: {why}")

    @classmethod
    def make_folder(cls):
        """A folder that goes with the class."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-e2e-"))
        cls.addClassCleanup(remove, folder)
        return folder

    def setUp(self):
        self.folder = self.make_folder()
        self.ledger = Ledger(self.folder)

    def terminal(self, *argv, **kwargs):
        terminal = Terminal([str(a) for a in argv], env=kwargs.pop("env", self.ledger.environment), **kwargs)
        self.addCleanup(terminal.close)
        return terminal

    def recording(self, *args, **kwargs):
        """`stele record ARGS…` with someone at the terminal."""
        return self.terminal(STELE, "record", *args, **kwargs)

    def assert_verdict(self, verdict, *, status=None):
        code, report = self.ledger.verify()
        self.assertEqual(report["verdict"], verdict, report)
        if status is not None:
            self.assertEqual(code, status, report)
        return report


def main():
    unittest.main(verbosity=2)
