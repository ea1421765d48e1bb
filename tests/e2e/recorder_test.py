"""The recorder and an agent (tests/tools/test_agent.cc): nothing lost, nothing twice, whoever is killed."""
import os
import pathlib
import random
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import cbor2

import harness

RECORDER = os.environ.get("STELE_RECORDER", str(harness.ROOT / "build/dev/bin/stele-recorder"))
TEST_AGENT = os.environ.get("TEST_AGENT", str(harness.ROOT / "build/dev/bin/test_agent"))
EFFORT = int(os.environ.get("STELE_TEST_EFFORT", "1"))
BANNER = b"this session is recorded\r\n"
START, OUTPUT, INPUT, GAP, END = 1, 2, 3, 6, 7
GROUP = 4242  # the recorder's, where it is set-gid
PERSON = 12345


def wait_until(condition, what):
    end = time.monotonic() + harness.PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.005)


class Agent:
    """A test agent, to be killed and started again; `events` is what it made durable."""

    def __init__(self, folder, *how):
        self.socket = folder / "agent.sock"
        self.store = folder / "store"
        self.store.mkdir()
        self.how = [str(h) for h in how]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([TEST_AGENT, str(self.socket), str(self.store), *self.how],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.process.stdout.readline() != b"listening\n":
            raise AssertionError("the test agent did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def restart(self):
        self.kill()
        self.start()

    def files(self):
        return sorted(self.store.glob("*.events"))

    def lines(self):
        (file,) = self.files()
        text = file.read_text()
        return text[:text.rfind("\n") + 1].splitlines()

    def is_closed(self):
        return self.lines()[-1:] == ["closed"]

    def events(self):
        """[type, body…] of each durable message, after a look at their numbers."""
        lines = [line.split() for line in self.lines() if line != "closed"]
        numbers = [int(line[0]) for line in lines]
        if numbers != list(range(1, len(lines) + 1)):
            raise AssertionError(f"lost, twice or out of order: {numbers[:20]} … {numbers[-20:]}")
        return [cbor2.loads(bytes.fromhex(line[3])) for line in lines]

    def of_type(self, kind):
        return [event[2:] for event in self.events() if event[0] == kind]

    def bytes_of(self, kind):
        return b"".join(body[0] for body in self.of_type(kind))


class RecorderTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-recorder-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def agent(self, *how):
        agent = Agent(self.folder, *how)
        self.addCleanup(agent.kill)
        return agent

    def command(self, *args):
        return [RECORDER, "--socket", str(self.folder / "agent.sock"), *args]

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("STELE")}
        return {**kept, "TERM": "xterm-256color", "SHELL": "/bin/bash", "PS1": "$ "}

    def recording(self, *args):
        terminal = harness.Terminal(self.command(*args), env=self.environment())
        self.addCleanup(terminal.close)
        return terminal

    def run_recorder(self, *args, **kwargs):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "env": self.environment(), "timeout": 120}
        return subprocess.run(self.command(*args), **{**options, **kwargs})

    def assert_recorded(self, agent, shown):
        """The record is whole, and what it says was shown was shown."""
        self.assertTrue(shown.startswith(BANNER), shown[:200])
        self.assertEqual(agent.bytes_of(OUTPUT), shown[len(BANNER):])
        self.assertTrue(agent.is_closed())
        self.assertEqual(agent.events()[0][0], START)
        self.assertEqual(agent.events()[-1][0], END)


class Record(RecorderTest):
    def test_holds_what_the_terminal_showed_and_who_saw_it(self):
        agent = self.agent()
        terminal = self.recording("--title", "a title", "--", "sh", "-c", "tty; printf 'caf\\351\\0\\n'; exit 3")
        self.assertEqual(terminal.wait(), 3)
        self.assert_recorded(agent, terminal.shown)
        self.assertIn(b"caf\xe9\0\r\n", terminal.shown)
        start = agent.of_type(START)[0][0]
        self.assertEqual(start["argv"][:2], [b"sh", b"-c"])
        self.assertEqual(start["title"], b"a title")
        self.assertEqual(start["uid"], os.getuid())
        self.assertEqual(start["term"], b"xterm-256color")
        self.assertEqual(start["size"], [24, 80, 0, 0])
        self.assertEqual(start["cwd"], os.fsencode(os.getcwd()))
        self.assertTrue(start["tty"].startswith(b"/dev/pts/"), start["tty"])
        self.assertTrue(start["recorder"].startswith("stele-recorder "))
        self.assertEqual(agent.of_type(END)[0][0]["exit"], 3)

    def test_holds_what_was_typed(self):
        agent = self.agent()
        terminal = self.recording("--input", "all", "--", "sh", "-c", "echo ready; exec cat")
        at = terminal.expect("ready\r\n")
        for word in (b"hello", "schön".encode(), b"third"):
            terminal.type(word + b"\n")
            at = terminal.expect(word, terminal.expect(word, at))  # its echo, and cat's
        terminal.type(b"\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assert_recorded(agent, terminal.shown)
        self.assertEqual(agent.bytes_of(INPUT), "hello\nschön\nthird\n\x04".encode())

    def test_ends_as_its_command_ended(self):
        cases = [(["true"], 0), (["sh", "-c", "exit 200"], 200), (["sh", "-c", "kill -TERM $$"], 143),
                 (["no-such-command-here"], 127), (["/etc/passwd"], 126)]
        for command, status in cases:
            with self.subTest(command):
                folder = self.folder / str(status)
                folder.mkdir()
                agent = Agent(folder)
                self.addCleanup(agent.kill)
                done = subprocess.run([RECORDER, "--socket", str(agent.socket), "--", *command], capture_output=True,
                                      stdin=subprocess.DEVNULL, env=self.environment(), timeout=60)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertTrue(agent.is_closed())
                self.assertEqual(done.stdout, agent.bytes_of(OUTPUT))

    def test_gives_the_command_the_session_and_the_persons_environment(self):
        agent = self.agent()
        done = self.run_recorder("--", "sh", "-c", "echo $STELE_SESSION $TERM; ls /proc/self/fd | wc -l")
        session, terminal, fds = done.stdout.split()
        self.assertEqual(session.decode(), agent.files()[0].stem)
        self.assertEqual(terminal, b"xterm-256color")
        self.assertEqual(int(fds), 4)  # 0, 1, 2 and ls's own

    def test_is_refused_where_the_command_line_does_not_fit(self):
        agent = self.agent()
        done = self.run_recorder("--", "echo", "x" * 70000)
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"too long", done.stderr)
        self.assertEqual((done.stdout, agent.files()), (b"", []))


class AgentKilled(RecorderTest):
    """kill -9 of the agent, at moments that a seed tells."""

    def flood(self, seed):
        chance = random.Random(seed)
        agent = self.agent()
        last = 150000
        terminal = self.recording("--", "seq", str(last))
        at = terminal.expect(BANNER)
        for part in sorted(chance.sample(range(1, last), 4)):
            at = terminal.expect(f"\r\n{part}\r\n", at - 2)
            agent.restart()
        self.assertEqual(terminal.wait(), 0, terminal.shown[-500:])
        self.assert_recorded(agent, terminal.shown)
        self.assertEqual(agent.bytes_of(OUTPUT), b"".join(b"%d\r\n" % i for i in range(1, last + 1)))

    def test_in_a_flood_loses_nothing(self):
        for seed in range(EFFORT):
            with self.subTest(seed=seed):
                self.flood(seed)
                self.doCleanups()
                self.setUp()

    def test_while_somebody_types_loses_nothing(self):
        chance = random.Random(EFFORT)
        agent = self.agent()
        terminal = self.recording("--input", "all", "--", "sh", "-c", "echo ready; exec cat")
        at = terminal.expect("ready\r\n")
        typed = b""
        for i in range(40 * EFFORT):
            word = b"word%d\n" % i
            when = chance.choice(("never", "before", "after", "away"))
            if when == "before":
                agent.restart()
            if when == "away":
                agent.kill()
            terminal.type(word)
            if when == "after":
                agent.restart()
            if when == "away":
                agent.start()
            typed += word
            at = terminal.expect(word.strip(), terminal.expect(word.strip(), at))
        terminal.type(b"\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assert_recorded(agent, terminal.shown)
        self.assertEqual(agent.bytes_of(INPUT), typed + b"\x04")

    def test_pauses_the_terminal_until_it_is_back(self):
        agent = self.agent()
        terminal = self.recording("--", "sh", "-c", "echo ready; read line; echo got $line")
        at = terminal.expect("ready\r\n")
        agent.kill()
        terminal.type(b"x\n")
        self.assertEqual(select.select([terminal.fd], [], [], 0.3)[0], [])  # not even an echo
        agent.start()
        terminal.expect(b"got x", at)
        self.assertEqual(terminal.wait(), 0)
        self.assert_recorded(agent, terminal.shown)

    def test_while_nothing_happens_is_noticed_at_once(self):
        agent = self.agent()
        terminal = self.recording("--", "sleep", "1000")
        terminal.expect(BANNER)
        agent.restart()
        connected = lambda: pathlib.Path("/proc/net/unix").read_text().count(str(agent.socket)) >= 2
        wait_until(connected, "a new connection")

    def test_and_never_back_ends_a_closed_session_though_nobody_types(self):
        agent = self.agent("closed", 1)
        terminal = self.recording("--", "sleep", "1000")
        terminal.expect(BANNER)
        agent.kill()
        self.assertEqual(terminal.wait(), 70)
        self.assertIn(b"not recorded, so the session was refused or ended", terminal.shown)
        agent.start()

    def test_leaves_a_gap_in_an_open_session(self):
        agent = self.agent("open", 1)
        terminal = self.recording("--", "sh", "-c", "echo ready; read a; echo one; read b; echo two; read c; echo three")
        at = terminal.expect("ready\r\n")
        terminal.type(b"\n")
        at = terminal.expect(b"one\r\n", at)
        agent.kill()
        terminal.type(b"\n")
        at = terminal.expect(b"two\r\n", at)
        agent.start()
        wait_until(lambda: agent.of_type(GAP), "the gap")
        terminal.type(b"\n")
        terminal.expect(b"three\r\n", at)
        self.assertEqual(terminal.wait(), 0)
        why, output, *_ = agent.of_type(GAP)[0]
        self.assertIn("agent", why)
        shown = terminal.shown[len(BANNER):]
        self.assertEqual(len(agent.bytes_of(OUTPUT)) + output, len(shown))
        self.assertNotIn(b"two", agent.bytes_of(OUTPUT))
        self.assertTrue(agent.bytes_of(OUTPUT).endswith(b"three\r\n"))
        self.assertTrue(agent.is_closed())


class NoAgent(RecorderTest):
    def test_is_no_session(self):
        done = self.run_recorder("--", "touch", str(self.folder / "ran"))
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"the agent cannot be reached", done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertFalse((self.folder / "ran").exists())

    def test_that_says_no_is_no_session(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: the socket gets another group")
        agent = self.agent("closed", 1, GROUP)
        self.folder.chmod(0o711)
        # Who may connect, and is not the recorder, nor root, who may have any group.
        anybody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--groups", str(GROUP)]
        done = subprocess.run([*anybody, *self.command("--", "touch", "/tmp/stele-ran")], stdin=subprocess.DEVNULL, capture_output=True,
                              env=self.environment(), timeout=120)
        self.assertEqual(done.returncode, 70, done.stderr)
        self.assertIn(b"only the recorder may record", done.stderr)
        self.assertFalse(os.path.exists("/tmp/stele-ran"))
        self.assertEqual(agent.files(), [])


class RecorderKilled(RecorderTest):
    def test_takes_its_command_with_it(self):
        agent = self.agent()
        terminal = self.recording("--", "sh", "-c", "echo pid $$ end; exec sleep 1000")
        terminal.expect(b"end\r\n")
        pid = int(terminal.shown.split(b"pid ")[1].split()[0])
        os.kill(terminal.pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the command's end")
        wait_until(lambda: b"end\r\n" in agent.bytes_of(OUTPUT), "its last words")
        self.assertFalse(agent.is_closed())  # cut

    def test_by_a_polite_signal_records_the_end(self):
        agent = self.agent()
        terminal = self.recording("--", "sh", "-c", "echo ready; exec sleep 1000")
        terminal.expect("ready\r\n")  # the recorder watches for signals then
        os.kill(terminal.pid, signal.SIGTERM)
        self.assertEqual(terminal.wait(), 128 + signal.SIGTERM)
        self.assertEqual(agent.of_type(END)[0][0]["why"], "terminated")
        self.assertTrue(agent.is_closed())


def libraries():
    done = subprocess.run(["readelf", "-d", RECORDER], capture_output=True, text=True, check=True)
    return [line.split("[")[1].split("]")[0] for line in done.stdout.splitlines() if "(NEEDED)" in line]


class Program(unittest.TestCase):
    def test_loads_no_crypto_and_no_network(self):
        allowed = ("libc.so", "libstdc++.so", "libgcc_s.so", "libm.so", "ld-linux", "libasan", "libubsan", "libtsan")
        self.assertEqual([name for name in libraries() if not name.startswith(allowed)], [])


IN_ITS_OWN_RUN = r"""
set -e
mount -t tmpfs -o mode=0755 none /run
mkdir /run/stele /run/bin /run/store
cp "$RECORDER" /run/bin/stele-recorder
chgrp $GROUP /run/bin/stele-recorder
chmod 2755 /run/bin/stele-recorder
"$TEST_AGENT" /run/stele/agent.sock /run/store closed 5 $GROUP > /run/agent.out 2> /run/agent.err &
agent=$!
while ! grep -q listening /run/agent.out; do kill -0 $agent; done
as_person() { setpriv --reuid $PERSON --regid $PERSON --clear-groups "$@"; }
as_person /run/bin/stele-recorder -- sh -c "$INSIDE" < /dev/null || echo "status $?"
as_person /run/bin/stele-recorder --socket /tmp/elsewhere -- true < /dev/null || echo "elsewhere $?"
as_person "$RECORDER" --socket /run/stele/agent.sock -- true < /dev/null || echo "copy $?"
kill -9 $agent
cat /run/store/*.owner
"""
INSIDE = r"""
echo ids $(grep -E '^(Gid|Groups):' /proc/self/status)
cat /proc/$PPID/environ > /dev/null 2>&1 && echo readable || echo unreadable
ls /proc/$PPID/fd > /dev/null 2>&1 && echo open || echo shut
echo dumpable $(stat -c %u /proc/$PPID/fd)
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root: a set-gid program")
class SetGid(unittest.TestCase):
    """The recorder as it is installed: of a group of its own, at an agent that takes nobody else."""

    @classmethod
    def setUpClass(cls):
        if any(name.startswith(("libasan", "libtsan")) for name in libraries()):
            raise unittest.SkipTest("a sanitizer has to read and trace the process, which a set-gid one forbids")
        environment = {**os.environ, "RECORDER": RECORDER, "TEST_AGENT": TEST_AGENT, "GROUP": str(GROUP),
                       "PERSON": str(PERSON), "INSIDE": INSIDE}
        cls.done = subprocess.run(["unshare", "--mount", "sh", "-c", IN_ITS_OWN_RUN], capture_output=True,
                                  env=environment, timeout=120, text=True)
        if "unshare" in cls.done.stderr or "mount:" in cls.done.stderr:
            raise unittest.SkipTest("no mount namespace to be had: " + cls.done.stderr)

    def test_is_recorded_by_the_agent_that_takes_only_this_group(self):
        self.assertEqual(self.done.returncode, 0, self.done)
        self.assertNotIn("status", self.done.stdout)
        self.assertTrue(self.done.stdout.splitlines()[-1].endswith(f" {PERSON}"), self.done)

    def test_gives_the_command_nothing_of_its_group(self):
        self.assertIn(f"ids Gid: {PERSON} {PERSON} {PERSON} {PERSON} Groups:\n", self.done.stdout.replace("\r", ""))

    def test_is_not_to_be_read_by_its_user(self):
        self.assertIn("unreadable", self.done.stdout)
        self.assertIn("shut", self.done.stdout)
        self.assertIn("dumpable 0", self.done.stdout)

    def test_goes_to_no_other_agent(self):
        self.assertIn("elsewhere 70", self.done.stdout)
        self.assertIn("and nowhere else", self.done.stderr)

    def test_a_copy_without_the_group_is_not_taken(self):
        self.assertIn("copy 70", self.done.stdout)


if __name__ == "__main__":
    harness.main()
