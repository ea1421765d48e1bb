"""SSH: stele-shell as login shell and as ForceCommand, behind a real sshd, on a machine of its own."""
import base64
import hashlib
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import time
import unittest

from commands_test import why_not
from fleet import ENVIRONMENT, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import PATIENCE, STELE, LedgerTest, Terminal, main

SSHD = """
Port 22
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
PrintMotd no
X11Forwarding yes
XAuthLocation /bin/true
PidFile {folder}/sshd.pid
Subsystem sftp /usr/lib/openssh/sftp-server
Match User forced
  ForceCommand /usr/local/bin/stele-shell
"""


@unittest.skipIf(can_have_machines(), can_have_machines())
class SshTest(LedgerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o755)
        cls.web = Machine("web01", cls.folder)
        cls.addClassCleanup(cls.web.close)
        cls.web.install()
        cls.server = FleetServer(cls.folder, cls.web)
        cls.addClassCleanup(cls.server.stop)
        cls.host = Host("web01", cls.server, cls.folder, cls.web, run="/run/stele", recorder_group="stele-recorder",
                        **cls.host_settings()).start()
        cls.addClassCleanup(cls.host.stop)
        cls.start_sshd()

    @classmethod
    def host_settings(cls):
        return {}

    @classmethod
    def start_sshd(cls):
        ssh = cls.folder / "ssh"
        ssh.mkdir()
        for name in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / name], check=True)
        (ssh / "authorized_keys").write_bytes((ssh / "key.pub").read_bytes())
        (ssh / "sshd_config").write_text(SSHD.format(folder=ssh))
        cls.web.do("sh", "-c", "echo /bin/bash >/etc/stele/shell; mkdir -p /run/sshd")
        for user, shell in (("jane", "/usr/local/bin/stele-shell"), ("whole", "/usr/local/bin/stele-shell"), ("forced", "/bin/bash"), ("bare", "/bin/bash")):
            cls.web.do("useradd", "-p", "*", "-m", "-d", f"/run/home-{user}", "-s", shell, user)
        log = cls.enterClassContext((ssh / "log").open("wb"))
        sshd = cls.web.start("/usr/sbin/sshd", "-D", "-e", "-f", ssh / "sshd_config", stderr=log)
        cls.addClassCleanup(sshd.wait, PATIENCE)
        cls.addClassCleanup(sshd.terminate)
        cls.options = ["-F", "none", "-i", ssh / "key", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null",
                       "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        wait_until(lambda: cls.ssh("true", user="bare").returncode == 0, "sshd")

    @classmethod
    def command(cls, *words, user="jane", program="ssh"):
        return [program, *cls.options, f"{user}@127.0.0.1", *words]

    @classmethod
    def ssh(cls, *words, user="jane", stdin=b""):
        return cls.web.run(*cls.command(*words, user=user), stdin=None, input=stdin)

    def setUp(self):
        self.ledger = self.server.ledger
        self.before = {s["id"] for s in self.ledger.sessions()}

    def new(self, count=1):
        """The sessions of this test, once they have ended at the server."""
        def look():
            new = [s for s in self.ledger.sessions() if s["id"] not in self.before]
            over = [s for s in new if s["state"].startswith(("exit", "signal"))]
            return new if len(over) >= count else None
        return wait_until(look, f"{count} sessions")

    def assert_passes_as_bare(self, command, stdin=b""):
        """Bytes and status are what they are without stele; the record has the same."""
        bare, ours = self.ssh(command, user="bare", stdin=stdin), self.ssh(command, stdin=stdin)
        self.assertEqual((ours.returncode, ours.stdout, ours.stderr), (bare.returncode, bare.stdout, bare.stderr))
        (session,) = self.new()
        self.before.add(session["id"])
        self.assertEqual(self.ledger.export(session["id"], "raw"), ours.stdout)
        if bare.returncode != 255:  # of what ended by a signal, the client has a word to say itself
            self.assertEqual(self.ledger.export(session["id"], "raw-error"), ours.stderr)
        return session["id"]


class LoginShell(SshTest):
    def test_a_command_has_three_ways_and_they_are_kept_apart(self):
        session = self.assert_passes_as_bare("cat; echo out; echo err >&2; tty; exit 7", b"in\0\xff\n")
        self.assertEqual(self.ledger.export(session, "raw-input"), b"in\0\xff\n")
        events = self.ledger.events(session)
        self.assertEqual(events[-1]["exit"], 7)
        self.assertEqual({e["type"] for e in events if e["type"].startswith("piped")}, {"piped-input", "piped-output", "piped-error"})
        self.assertEqual([e for e in events if e["type"] in ("output", "input")], [])
        self.assertEqual(events[0]["argv"][:2], ["bash", "-c"])

    def test_it_is_shown_as_a_terminal_would_show_it(self):
        session = self.assert_passes_as_bare("printf 'one\\ntwo'; sleep 0.1; echo ' err' >&2; exit 0", b"typed\n")
        self.assertEqual(self.ledger.export(session, "text").split(), [b"one", b"two", b"err"])
        shown = [json.loads(line) for line in self.ledger.export(session, "asciicast").splitlines()[1:]]
        self.assertEqual("".join(text for _, code, text in shown if code == "o"), "one\r\ntwo err\r\n")
        player = self.terminal(STELE, "play", session, rows=30)
        player.expect("two")
        self.assertEqual(player.wait(), 0)

    def test_a_recorder_that_is_killed_takes_its_command_with_it(self):
        command = "trap 'echo hup >/run/home-jane/told; exit' HUP; echo $PPID; while :; do sleep 0.1; done"
        client = self.web.start(*self.command(command), stdout=subprocess.PIPE)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        os.kill(int(client.stdout.readline()), signal.SIGKILL)
        wait_until(lambda: self.web.run("test", "-s", "/run/home-jane/told").returncode == 0, "its command is hung up")
        cut = lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before and s["state"] != "open"]
        (session,) = wait_until(cut, "its session is over")
        self.assertFalse(session["state"].startswith(("exit", "signal")), session)

    def test_any_bytes_and_many_of_them(self):
        noise = os.urandom(3_000_000)
        session = self.assert_passes_as_bare("cat; cat /bin/bash >&2", noise)
        self.assertEqual(self.ledger.export(session, "raw-input"), noise)

    def test_ends_of_every_kind(self):
        for command in ("exit 0", "exit 255", "kill -9 $$", "kill -TERM $$", "no-such-command", "exec 1>&-; echo x >&2", "sleep 0.2 & exit 3"):
            with self.subTest(command):
                self.assert_passes_as_bare(command)
        self.assert_passes_as_bare("head -c 5", b"x" * 1_000_000)
        (host,) = json.loads(self.ledger.stele("hosts", "--json"))
        found = [f for f in host["findings"] if f["rule"] == "recorder-killed" and f.get("session") in self.before]
        self.assertEqual(found, [], "they ended by themselves, by their commands' signals")

    def test_a_shell_without_a_terminal_has_what_it_is_told_recorded(self):
        ours = self.web.run(*self.command()[:1], "-T", *self.command()[1:], stdin=None, input=b"echo $((6*7)); echo $SHELL\n")
        self.assertTrue(ours.stdout.endswith(b"42\n/bin/bash\n"), ours.stdout)
        (session,) = self.new()
        self.assertEqual(self.ledger.export(session["id"], "raw-input"), b"echo $((6*7)); echo $SHELL\n")

    def test_a_terminal_is_recorded_as_one(self):
        words = self.command()
        terminal = Terminal([*self.web.prefix, words[0], "-tt", *map(str, words[1:])], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        terminal.type("PS1=; stty -echo; echo be''fore; tty; exit 4\n")
        terminal.expect("before\r\n")
        self.assertEqual(terminal.wait(), 4)
        (session,) = self.new()
        shown = self.ledger.export(session["id"], "raw")
        self.assertIn(b"before\r\n/dev/pts/", shown)
        self.assertTrue(terminal.shown.startswith(shown[:40]), (terminal.shown, shown))
        self.assertEqual([e["type"] for e in self.ledger.events(session["id"]) if e["type"].startswith("piped")], [])

    def test_what_speaks_its_own_protocol_is_not_disturbed(self):
        shell = " ".join(map(str, ["ssh", *self.options]))
        here, back = self.folder / "tree", self.folder / "again"
        here.mkdir()
        (here / "file").write_bytes(os.urandom(200_000))
        for source, target in ((f"{here}/", "jane@127.0.0.1:tree/"), ("jane@127.0.0.1:tree/", f"{back}/")):
            self.web.do("rsync", "-a", "-e", shell, source, target)
        self.assertEqual((back / "file").read_bytes(), (here / "file").read_bytes())
        self.assertEqual(self.ssh("git init -q --bare repo").returncode, 0)
        for words in (["init", "-q"], ["add", "file"], ["-c", "user.name=j", "-c", "user.email=j@x", "commit", "-qm", "m"],
                      ["push", "-q", "jane@127.0.0.1:repo", "HEAD:refs/heads/main"]):
            self.web.do("env", f"GIT_SSH_COMMAND={shell}", "git", "-c", "safe.directory=*", "-C", here, *words)
        self.assertEqual(self.ssh("git -C repo cat-file blob main:file").stdout, (here / "file").read_bytes())
        for session in self.new(5):
            self.assertFalse([e for e in self.ledger.events(session["id"]) if e["type"] == "elided"], "theirs is kept whole")

    def test_who_is_held_to_a_command_by_a_key_is_held(self):
        ssh = self.folder / "ssh"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / "held"], check=True)
        with (ssh / "authorized_keys").open("a") as keys:
            keys.write('command="echo held" ' + (ssh / "held.pub").read_text())
        options = [ssh / "held" if word == ssh / "key" else word for word in self.options]
        ran = {user: self.web.run("ssh", *options, f"{user}@127.0.0.1", "echo free").stdout for user in ("jane", "forced")}
        self.assertEqual(ran, {"jane": b"held\n", "forced": b"free\n"}, "under a ForceCommand sshd passes over it: docs/operations.md")
        self.assertEqual({tuple(self.ledger.events(s["id"])[0]["argv"]) for s in self.new(2)}, {("bash", "-c", "echo held"), ("bash", "-c", "echo free")})

    def test_what_looks_like_a_copy_is_none(self):
        marked = base64.b64encode(hashlib.sha256(os.urandom(8)).digest()).decode()
        terminal = Terminal([*self.web.prefix, "ssh", "-tt", *map(str, self.options), "jane@127.0.0.1", "scp -t x; bash --norc"], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        terminal.type("no such protocol\n")
        terminal.expect("$ ")
        terminal.type(f"echo {marked[:8]}''{marked[8:]}; exec -a scp sh -c 'exit 9'\n")
        terminal.expect(marked)
        terminal.wait()
        (session,) = self.new()
        self.assertIn(marked.encode(), self.ledger.export(session["id"], "raw"))

    def test_a_shell_that_others_may_name_is_not_run(self):
        self.addCleanup(self.web.do, "sh", "-c", "chmod 644 /etc/stele/shell; echo /bin/bash >/etc/stele/shell; chown 0 /etc/stele/shell")
        for spoil, why in (("chmod 666 /etc/stele/shell", b"only root"), ("chmod 644 /etc/stele/shell; chown jane /etc/stele/shell", b"only root"),
                           ("chown 0 /etc/stele/shell; echo bash >/etc/stele/shell", b"the path of a shell is wanted"),
                           ("echo /no/such/shell >/etc/stele/shell", b"No such file")):
            self.web.do("sh", "-c", spoil)
            refused = self.ssh("echo inside")
            self.assertEqual(refused.stdout, b"", spoil)
            self.assertIn(why, refused.stderr)
            self.assertNotEqual(refused.returncode, 0)

    def test_without_an_agent_nobody_gets_in(self):
        self.host.stop()
        try:
            refused = self.ssh("echo inside")
            self.assertEqual((refused.returncode, refused.stdout), (70, b""))
            self.assertIn(b"not recorded", refused.stderr)
        finally:
            self.host.start()


class ForcedCommand(SshTest):
    def test_what_the_client_asked_for_is_run_and_recorded(self):
        done = self.ssh("echo forced; exit 5", user="forced")
        self.assertEqual((done.returncode, done.stdout), (5, b"forced\n"))
        (session,) = self.new()
        self.assertEqual(self.ledger.export(session["id"], "raw"), b"forced\n")
        self.assertEqual(self.ledger.events(session["id"])[0]["argv"], ["bash", "-c", "echo forced; exit 5"])

    def test_a_subsystem_is_a_command_as_any_other(self):
        batch = self.folder / "batch"
        batch.write_text("pwd\n")
        done = self.web.run("sftp", *self.options, "-b", batch, "forced@127.0.0.1")
        self.assertIn(b"Remote working directory: /run/home-forced", done.stdout)
        (session,) = self.new()
        self.assertIn(b"/run/home-forced", self.ledger.export(session["id"], "raw"))

    def test_a_subsystem_within_sshd_is_refused_and_that_is_recorded(self):
        config = SSHD.format(folder=self.folder / "ssh").replace("/usr/lib/openssh/sftp-server", "internal-sftp").replace("Port 22", "Port 2223")
        (self.folder / "ssh" / "internal").write_text(config.replace("sshd.pid", "internal.pid"))
        said = self.folder / "ssh" / "log-of-internal"
        log = self.enterContext(said.open("wb"))
        sshd = self.web.start("/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "ssh" / "internal", stderr=log)
        self.addCleanup(sshd.wait, PATIENCE)
        self.addCleanup(sshd.terminate)
        wait_until(lambda: "listening on" in said.read_text() or sshd.poll() is not None, "sshd listens")
        copied = self.folder / "copied"
        done = self.web.run("sftp", "-P", 2223, *self.options, "forced@127.0.0.1:/etc/hostname", copied)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(copied.exists())
        (session,) = self.new()
        events = self.ledger.events(session["id"])
        self.assertEqual((events[0]["argv"], events[-1]["exit"]), (["bash", "-c", "internal-sftp"], 127))
        self.assertIn(b"internal-sftp: command not found", self.ledger.export(session["id"], "raw-error"), "sshd keeps it from the client")


@unittest.skipIf(why_not() or int(pathlib.Path("/proc/self/loginuid").read_text()) != 2**32 - 1, why_not() or "whoever runs this has a login uid")
class WithoutLoginUid(SshTest):
    """sshd without PAM: what the kernel does not know of a login, utmp does."""

    @classmethod
    def start_sshd(cls):
        cls.web.do("touch", "/run/utmp")
        super().start_sshd()

    def found(self, needle):
        hosts = json.loads(self.ledger.stele("hosts", "--json"))
        return [f["what"] for h in hosts for f in h["findings"] if f["rule"] == "unrecorded" and needle in f["what"]]

    def log_in(self, user, *words):
        client = self.web.start(*self.command("-tt", *words, user=user), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait, PATIENCE)
        self.addCleanup(client.terminate)
        self.addCleanup(client.stdin.close)
        return client

    def test_who_is_not_recorded_is_found_and_who_is_is_not(self):
        recorded, short = self.log_in("jane"), self.log_in("forced")
        short.stdin.write(b"exit\n")
        short.stdin.flush()
        within = self.log_in("bare", "/usr/local/bin/stele-recorder; true")  # a recorder that is not the first there
        self.log_in("bare")
        (found,) = wait_until(lambda: self.found("utmp names bare"), "who is not recorded is found")
        self.assertRegex(found, r"^unrecorded: no login uid is set, utmp names bare, uid \d+, is on /dev/pts/\d+, and no recording covers it; first there: (/usr)?/bin/bash, pid \d+$")
        for client in (recorded, within):
            client.stdin.write(b"exit\n")
            client.stdin.flush()
        self.new(3)
        self.assertEqual(self.found("utmp names bare"), [found])

    def write_down(self, user, pid, line):
        """As sshd would, in utmp(5)."""
        entry = struct.pack("hi32s4s32s256shhiii4i20x", 7, pid, line, line[-4:], user, b"", 0, 0, 0, int(time.time()), 0, 0, 0, 0, 0)
        self.web.do("sh", "-c", "cat >> /run/utmp", stdin=None, input=entry)

    def test_who_is_written_down_after_the_recording_began_and_after_they_are_gone(self):
        terminal = self.web.terminal("bash", "-c", "tty; /usr/local/bin/stele-recorder -- cat; true")
        self.addCleanup(terminal.close)
        terminal.expect("\n")
        terminal.type(b"here\r")
        terminal.expect("here\r\nhere")
        self.write_down(b"late", terminal.pid, re.search(rb"/dev/(pts/\d+)", terminal.shown)[1])
        for user, pid in ((b"gone", 2**22 + 1), (b"there", None)):  # no process has that number
            bare = self.web.terminal("bash", "-c", "tty; sleep 600")
            self.addCleanup(bare.close)
            bare.expect("\n")
            self.write_down(user, pid or bare.pid, re.search(rb"/dev/(pts/\d+)", bare.shown)[1])
        wait_until(lambda: self.found("utmp names there"), "who is not recorded is found")
        self.assertEqual(self.found("utmp names late") + self.found("utmp names gone"), [])
        self.assertEqual(self.found("utmp names jane") + self.found("utmp names forced"), [])


SERVE = """
import socket, sys
def serve(port):
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection = server.accept()[0]
            connection.sendall(b"hello")
            connection.close()
import threading
for port in (9001, 9002):
    threading.Thread(target=serve, args=(port,)).start()
"""
# Through ssh's own end of a forward: PORT, and of a SOCKS proxy which port to ask it for.
ASK = """
import socket, sys
end = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
for asked in sys.argv[2:]:
    end.sendall(b"\\5\\1\\0")
    end.recv(2)
    end.sendall(b"\\5\\1\\0\\1\\x7f\\0\\0\\1" + int(asked).to_bytes(2, "big"))
    end.recv(10)
print(end.recv(9).decode())
"""
NAMED = """
import ctypes, socket
ctypes.CDLL(None).prctl(15, b"sshd")
socket.socket().connect_ex(("127.0.0.1", 9001))
socket.create_server(("127.0.0.1", 0))
"""


@unittest.skipIf(why_not(), why_not())
class Forwarding(SshTest):
    """What is forwarded over a session's connection stands in its record, and in no other's."""

    @classmethod
    def start_sshd(cls):
        super().start_sshd()
        cls.web.do("useradd", "-o", "-u", "0", "-p", "*", "-m", "-d", "/run/home-toor", "-s", "/usr/local/bin/stele-shell", "toor")
        server = cls.web.start("/usr/bin/python3", "-c", SERVE)
        cls.addClassCleanup(server.wait, PATIENCE)
        cls.addClassCleanup(server.kill)
        wait_until(lambda: all(cls.ask(port) == "hello" for port in (9001, 9002)), "what is forwarded to")

    @classmethod
    def ask(cls, *words):
        return cls.web.run("/usr/bin/python3", "-c", ASK, *words).stdout.decode().strip()

    def begin(self, *options, user="jane", command="read x; exit 0"):
        """A connection whose session lasts until end()."""
        ssh, *words = self.command(command, user=user) if command else self.command(user=user)
        client = self.web.start(ssh, "-o", "ExitOnForwardFailure=yes", *options, *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def end(self, client):
        client.stdin.write(b"\n")
        client.stdin.close()
        client.stdin = None
        self.assertEqual(client.wait(PATIENCE), 0)

    def begun(self):
        return [s for s in self.ledger.sessions() if s["id"] not in self.before]

    def reached(self, *words):
        wait_until(lambda: self.ask(*words) == "hello", f"forwarded: {words}")

    def forwards(self, session):
        found = [e for e in self.ledger.events(session) if e["type"] == "forward"]
        return [(e["what"], e["address"], e["port"]) for e in found]

    def counted(self, session):
        return session["end"].get("forwards")

    def test_what_is_connected_to_is_told_once_however_often(self):
        for user in ("jane", "toor"):
            with self.subTest(user):
                client = self.begin("-L", "7001:127.0.0.1:9001", "-L", "7009:127.0.0.1:9009", user=user)
                wait_until(self.begun, "its session")
                self.reached(7001)
                self.reached(7001)
                self.end(client)
                (session,) = self.new()
                self.before.add(session["id"])
                self.assertEqual(self.forwards(session["id"]), [("connect", "127.0.0.1", 9001)])
                self.assertEqual(self.counted(session), 1)
                shown = self.ledger.stele("show", session["id"]).decode()
                self.assertIn("FORWARD sshd connects to 127.0.0.1 port 9001\n", shown)
                self.assertRegex(shown, r"forwards +by the kernel \(ebpf\)")
                kinds = [e["type"] for e in self.ledger.events(session["id"])]
                self.assertGreater(kinds.index("forward"), kinds.index("terms"))

    def test_what_listens_before_there_is_a_session_is_told(self):
        self.assertEqual(self.web.run(*self.command("true")[:1], "-R", "7002:127.0.0.1:9001", *self.command("true")[1:]).returncode, 0)
        (session,) = self.new()
        self.assertEqual(set(self.forwards(session["id"])), {("listen", "127.0.0.1", 7002), ("listen", "::1", 7002)})
        events = self.ledger.events(session["id"])
        self.assertTrue(all(e["ago"] > 0 for e in events if e["type"] == "forward"))
        self.assertEqual([e["type"] for e in events][:2], ["start", "terms"])
        self.assertIn(" before\n", self.ledger.stele("show", session["id"]).decode())

    def test_a_display_is_one_that_listens(self):
        ssh, *words = self.command("true")
        self.web.run("env", "DISPLAY=127.0.0.1:99", ssh, "-Y", "-o", "XAuthLocation=/bin/true", *words)
        (session,) = self.new()
        found = self.forwards(session["id"])
        self.assertTrue(found and all(what == "listen" and port >= 6010 for what, _, port in found), found)

    def test_a_proxy_tells_each_it_was_asked_for(self):
        client = self.begin("-D", "7003")
        for port in (9001, 9002, 9001):
            self.reached(7003, port)
        self.end(client)
        (session,) = self.new()
        self.assertEqual(self.forwards(session["id"]), [("connect", "127.0.0.1", 9001), ("connect", "127.0.0.1", 9002)])

    def test_another_connection_s_are_not_in_this_one_s_record(self):
        alone, forwarding = self.begin(), self.begin("-L", "7004:127.0.0.1:9001", user="whole")
        nobody = self.begin("-N", "-L", "7005:127.0.0.1:9002", command="", user="jane")
        self.reached(7004)
        self.reached(7005)
        self.end(alone)
        self.end(forwarding)
        nobody.kill()
        users = {s["user"]: s for s in self.new(2)}
        self.assertEqual(self.forwards(users["jane"]["id"]), [])
        self.assertEqual(self.counted(users["jane"]), 0)
        self.assertEqual(self.forwards(users["whole"]["id"]), [("connect", "127.0.0.1", 9001)])

    def test_who_only_calls_itself_sshd_is_in_nobody_s(self):
        other = self.begin(user="whole")
        self.assertEqual(self.ssh("exec -a sshd /usr/bin/python3 -", stdin=NAMED.encode()).returncode, 0)
        self.assertEqual(self.ssh("cp -L /usr/bin/python3 sshd; ./sshd -", stdin=NAMED.encode()).returncode, 0)
        self.assertEqual(self.ssh("cp -L /usr/bin/python3 sshd; ./sshd -", user="bare", stdin=NAMED.encode()).returncode, 0)
        self.assertEqual(self.web.run("setpriv", "--reuid", "1234", "--clear-groups", "/usr/bin/python3", "-", stdin=None, input=NAMED.encode()).returncode, 0)
        self.end(other)
        for session in self.new(3):
            self.assertEqual((self.forwards(session["id"]), self.counted(session)), ([], 0))

    def test_sessions_of_one_connection_have_it_each_and_what_goes_on_after_them_is_found(self):
        path = self.folder / "master"
        master = self.begin("-N", "-M", "-S", path, "-D", "7006", command="")
        self.reached(7006, 9001)
        shared = lambda *words: self.web.run("ssh", "-S", path, *self.command(*words)[1:], stdin=None, input=b"")
        lasting = self.begin("-S", path)
        wait_until(self.begun, "its session")
        self.reached(7006, 9002)
        self.assertEqual(shared("true").returncode, 0)
        self.end(lasting)
        for session in self.new(2):
            self.assertEqual(self.forwards(session["id"]), [("connect", "127.0.0.1", 9001), ("connect", "127.0.0.1", 9002)])
            self.assertEqual(self.counted(session), 2)

        def found():
            hosts = json.loads(self.ledger.stele("hosts", "--json"))
            return [f for h in hosts for f in h["findings"] if f["rule"] == "left-behind" and "sshd, pid" in f["what"]]
        self.assertEqual(found(), [])
        self.reached(7006, 9001)
        (finding,) = wait_until(found, "forwarded after its last session")
        self.assertRegex(finding["what"], r"^left-behind: sshd, pid \d+, connects to 127\.0\.0\.1 port 9001, and maybe more, after")
        master.kill()

    def test_an_agent_that_comes_again_says_what_it_does_not_know(self):
        path = self.folder / "again"
        lasting = self.begin("-M", "-S", path, "-L", "7007:127.0.0.1:9001")
        wait_until(self.begun, "its session")
        self.reached(7007)
        self.host.restart()
        self.reached(7007)
        self.assertEqual(self.web.run("ssh", "-S", path, *self.command("true", user="jane")[1:], stdin=None, input=b"").returncode, 0)
        self.end(lasting)
        first, second = sorted(self.new(2), key=lambda s: s["began"])
        gaps = {s["id"]: [e["why"] for e in self.ledger.events(s["id"]) if e["type"] == "gap"] for s in (first, second)}
        self.assertEqual(gaps[first["id"]], ["what was executed or forwarded while the agent was away was not seen"])
        self.assertEqual(gaps[second["id"]], ["what was forwarded over its SSH connection before is not known"])
        for session, count in ((first, None), (second, 1)):
            self.assertEqual(set(self.forwards(session["id"])), {("connect", "127.0.0.1", 9001)})
            self.assertEqual(self.counted(session), count)


class Setup(SshTest):
    CONFIG = "/etc/ssh/sshd_config"
    DROP_IN = "/etc/ssh/sshd_config.d/00-stele.conf"

    def setup(self, *args):
        return self.web.run("/usr/local/bin/stele", "setup", "sshd", *args)

    def refused(self, *args):
        done = self.setup(*args)
        self.assertEqual((done.returncode, done.stdout), (70, b""), done.stderr)
        self.assertNotEqual(self.web.run("test", "-e", self.DROP_IN).returncode, 0, "nothing is changed")
        return done.stderr.decode()

    def test_who_logs_in_is_recorded_and_nobody_is_locked_out(self):
        self.assertIn("not enrolled", self.refused("--keep", "bare"))
        self.web.do("cp", self.host.config, "/etc/stele/agent.toml")
        self.assertIn("--keep USER", self.refused("--apply"))
        self.assertIn("no user nobody-at-all", self.refused("--keep", "nobody-at-all", "--apply"))
        self.assertIn("can not log in", self.refused("--keep", "daemon", "--apply"))
        self.web.do("sed", "-i", "s/^#*PermitRootLogin .*/PermitRootLogin no/", self.CONFIG)
        self.assertIn("PermitRootLogin no", self.refused("--keep", "root", "--apply"))
        other = "/etc/ssh/sshd_config.d/sftp.conf"
        self.web.do("sh", "-c", f"cp {self.CONFIG} {self.CONFIG}.own; sed -i '/^Subsystem/d' {self.CONFIG}; echo Subsystem sftp internal-sftp -l INFO >{other}")
        self.assertIn("internal-sftp runs within sshd, past every shell; say Subsystem sftp /usr/lib", self.refused("--keep", "bare", "--apply"))
        self.web.do("sh", "-c", f"mv {self.CONFIG}.own {self.CONFIG}; printf 'Match User forced\n  ForceCommand /usr/bin/id\n' >{other}")
        self.assertIn(f"{other}, line 2 (  ForceCommand /usr/bin/id): would count for nothing", self.refused("--keep", "bare", "--apply"))
        self.web.do("sh", "-c", f"rm {other}; sed -i 's/^Subsystem.*/Subsystem sftp internal-sftp -l INFO/' {self.CONFIG}; chmod 600 {self.CONFIG}")
        self.host.stop()
        self.assertIn("no agent answers", self.refused("--keep", "bare", "--apply"))
        self.host.start()
        shown = self.setup("--keep", "bare")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(b"+Match User *,!bare\n+  ForceCommand /usr/local/bin/stele-shell\n", shown.stdout)
        self.assertIn(b"-Subsystem sftp internal-sftp -l INFO\n+Subsystem sftp /usr/lib/openssh/sftp-server -l INFO\n", shown.stdout)
        own = self.web.do("cat", self.CONFIG)
        self.assertNotEqual(self.web.run("test", "-e", self.DROP_IN).returncode, 0, "a dry run changes nothing")
        self.web.do("sed", "-i", "s/^Include/#Include/", self.CONFIG)
        self.assertIn("nothing was changed", self.setup("--keep", "bare", "--apply").stderr.decode())
        self.assertNotEqual(self.web.run("test", "-e", self.DROP_IN).returncode, 0)
        self.web.do("sed", "-i", "s/^#Include/Include/", self.CONFIG)
        self.assertEqual(self.web.do("cat", self.CONFIG), own, "neither of the two files")
        self.assertEqual(self.setup("--keep", "bare", "--apply").stdout, shown.stdout)
        self.assertEqual(self.setup("--keep", "bare", "--apply").stdout, b"nothing to change\n")
        self.assertIn(b"-Match User *,!bare\n", self.setup("--keep", "bare", "--keep", "forced").stdout)
        effect = lambda user: self.web.do("/usr/sbin/sshd", "-T", "-C", f"user={user},host=h,addr=192.0.2.1").decode()
        self.assertIn("forcecommand /usr/local/bin/stele-shell\n", effect("jane"))
        self.assertIn("forcecommand none\n", effect("bare"))
        self.assertIn("subsystem sftp /usr/lib/openssh/sftp-server -l INFO\n", effect("jane"))
        self.assertEqual(self.web.do("cat", self.CONFIG + ".before"), own)
        self.assertEqual(self.web.do("stat", "-c", "%a", self.CONFIG, self.CONFIG + ".before", self.DROP_IN), b"600\n600\n644\n", "who may read them is as it was")


if __name__ == "__main__":
    main()
