"""A tmux server of a test's own, with one window: a real terminal whose screen can be asked for."""

import itertools
import os
import subprocess
import time

from harness import PATIENCE

CONFIGURATION = """
set -g status off
set -g default-terminal tmux-256color
set -g history-limit 100000
set -g escape-time 0
set -g set-clipboard on
set -g allow-passthrough on
"""
_numbers = itertools.count()


class Tmux:
    """`argv` runs in a window of that size; the server ends with the test."""

    def __init__(self, test, argv, rows=24, columns=80, env=None, options=""):
        self.name = f"stele-test-{os.getpid()}-{next(_numbers)}"
        configuration = test.folder / f"{self.name}.conf"
        configuration.write_text(CONFIGURATION + options)
        self.environment = {**(env or os.environ), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        self.environment.pop("TMUX", None)
        test.addCleanup(self.run, "kill-server", check=False)
        self.run("-f", str(configuration), "new-session", "-d", "-x", str(columns), "-y", str(rows), *map(str, argv))

    def run(self, *args, check=True):
        done = subprocess.run(
            ["tmux", "-u", "-L", self.name, *args],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {args}: {done.stderr}")
        return done.stdout

    def keys(self, *keys):
        """Keys by tmux's names for them: "Left", "C-c", "q" …"""
        self.run("send-keys", *keys)

    def type(self, text):
        self.run("send-keys", "-l", text)

    def ask(self, variable):
        return self.run("display-message", "-p", f"#{{{variable}}}").rstrip("\n")

    def resize(self, rows, columns):
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, *options):
        """The rows as text, without the blanks at their ends."""
        return [row.rstrip() for row in self.run("capture-pane", "-p", *options).split("\n")[:-1]]

    def history(self):
        """All rows, those scrolled away too, without blank ones at the end."""
        return trimmed(self.screen("-S", "-"))

    def until(self, condition, what):
        """Waits until condition() holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"never {what}\nthe screen:\n" + "\n".join(self.screen()))
            time.sleep(0.02)

    def until_shown(self, text):
        self.until(lambda: any(text in row for row in self.screen()), f"shown: {text}")

    def until_screen(self, rows):
        self.until(lambda: trimmed(self.screen()) == trimmed(rows), "this screen:\n" + "\n".join(rows) + "\n")


def trimmed(rows):
    rows = list(rows)
    while rows and not rows[-1]:
        rows.pop()
    return rows


def rendered(test, data, rows=24, columns=80):
    """A Tmux whose window shows these bytes, as a terminal would that had got them."""
    path = test.folder / f"rendered-{next(_numbers)}"
    path.write_bytes(data + b"\x1b]2;all shown\x07")
    tmux = Tmux(test, ["sh", "-c", f"stty raw -echo; cat '{path}'; exec cat"], rows, columns)
    tmux.until(lambda: tmux.ask("pane_title") == "all shown", "shown whole")
    return tmux
