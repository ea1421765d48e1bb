"""pam_stele.so behind a real sshd: what let a person in is root's word, and nothing that they own changes the record of it."""
import json
import os
import pathlib
import signal
import time
import unittest

from fleet import PROGRAMS, RECORDER, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import PATIENCE, LedgerTest, main
from ssh_test import SshTest

SSHD = pathlib.Path("/usr/sbin/sshd")
MODULE = PROGRAMS / "pam_stele.so"
PORT = 2222
PASSWORD = "open sesame"
ROLES = """version = 5
shared = ["root", "deploy"]
[people.grace]
principals = ["grace"]
[people.ada]
principals = ["ada"]
[people.linus]
keys = ["{key}"]
"""
STACK = """auth     required pam_unix.so
account  required pam_unix.so
session  required pam_loginuid.so
session  {control} /run/bin/pam_stele.so socket={socket} wait={wait}
session  required pam_env.so user_readenv=1
session  required pam_unix.so
"""


def is_sanitized():
    module = MODULE.read_bytes()
    return b"__asan_init" in module or b"__tsan_init" in module


@unittest.skipIf(can_have_machines(), can_have_machines())
@unittest.skipUnless(SSHD.exists(), f"{SSHD} is not installed")
@unittest.skipIf(is_sanitized(), "sshd can not load a module with a sanitizer in it")
class PamTest(LedgerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o711)
        cls.machine = Machine("web01", cls.folder)
        cls.addClassCleanup(cls.machine.close)
        for place in ("bin", "sshd", "keys"):
            cls.machine.do("mkdir", "-m", "755", f"/run/{place}")
        cls.machine.do("cp", RECORDER, MODULE, "/run/bin/")
        cls.machine.do("useradd", "-m", "-b", "/run", "-s", "/bin/bash", "deploy")
        cls.machine.run("chpasswd", stdin=None, input=f"deploy:{PASSWORD}\n".encode())
        cls.make_keys()
        cls.server = FleetServer(cls.folder, cls.machine)
        cls.addClassCleanup(cls.server.stop)
        roles, authorities = cls.folder / "roles.toml", cls.folder / "authorities"
        key = cls.machine.do("ssh-keygen", "-l", "-f", "/run/keys/linus.pub").decode().split()[1]
        roles.write_text(ROLES.format(key=key))
        roles.chmod(0o644)
        authorities.write_bytes(cls.machine.do("cat", "/run/keys/ca.pub"))
        cls.host = Host("web01", cls.server, cls.folder, cls.machine, roles=str(roles), ssh_authorities=str(authorities)).start()
        cls.addClassCleanup(cls.host.stop)
        cls.host.folder.chmod(0o711)
        cls.socket = cls.host.run_directory / "agent.sock"
        cls.put_stack()
        cls.start_sshd()

    @classmethod
    def make_keys(cls):
        for name in ("host", "ca", "ada", "grace", "linus"):
            cls.machine.do("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-C", name, "-f", f"/run/keys/{name}")
        for name in ("ada", "grace"):
            cls.machine.do("ssh-keygen", "-q", "-s", "/run/keys/ca", "-I", name, "-n", f"deploy,{name}", f"/run/keys/{name}.pub")
        cls.machine.do("install", "-D", "-m", "644", "/run/keys/linus.pub", "/run/keys/authorized/deploy")
        cls.machine.do("chmod", "755", "/run/keys/authorized")
        cls.machine.do("sh", "-c", "printf 'publickey ' > /run/keys/stolen; cat /run/keys/ada-cert.pub >> /run/keys/stolen; chmod 644 /run/keys/stolen")

    @classmethod
    def put_stack(cls, control="required", wait=5):
        cls.machine.run("sh", "-c", "cat > /etc/pam.d/sshd", stdin=None,
                        input=STACK.format(socket=cls.socket, control=control, wait=wait).encode())

    @classmethod
    def start_sshd(cls):
        config, said = cls.folder / "sshd_config", cls.folder / "sshd.log"
        config.write_text(f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey /run/keys/host\nPidFile none\nUsePAM yes\nStrictModes no\n"
                          "KbdInteractiveAuthentication no\nAuthorizedKeysFile /run/keys/authorized/%u\n"
                          "TrustedUserCAKeys /run/keys/ca.pub\nExposeAuthInfo yes\nAllowAgentForwarding yes\nPrintMotd no\n"
                          "Subsystem sftp internal-sftp\n")
        out = cls.enterClassContext(said.open("wb"))
        # As one that a boot started: nobody's login.
        sshd = cls.machine.start("sh", "-c", f"echo 4294967295 > /proc/self/loginuid; exec {SSHD} -D -e -f {config}", stdout=out, stderr=out)
        cls.addClassCleanup(sshd.wait)
        cls.addClassCleanup(sshd.terminate)
        cls.log = said
        wait_until(lambda: "listening on" in said.read_text() or sshd.poll() is not None, "sshd listens")

    def setUp(self):
        self.ledger = self.server.ledger
        self.before = {s["id"] for s in self.ledger.sessions()}

    def options(self, *more):
        return ("ssh", "-tt", "-F", "none", "-p", PORT, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", *more)

    def recording(self, command="true"):
        return f"/run/bin/stele-recorder --socket {self.socket} -- {command}"

    def ssh(self, key, command, *more):
        terminal = self.machine.terminal(*self.options("-i", f"/run/keys/{key}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", *more),
                                         "deploy@127.0.0.1", command)
        try:
            return terminal.wait(), terminal.shown
        finally:
            terminal.close()

    def session(self, key, command, *more):
        status, shown = self.ssh(key, command, *more)
        self.assertEqual(status, 0, shown)
        return self.new()

    def new(self):
        def look():
            new = [s for s in self.ledger.sessions() if s["id"] not in self.before]
            return new if new and all(s["state"].startswith(("exit", "signal")) for s in new) else None
        (session,) = wait_until(look, "the session")
        return session

    def assert_is_graces(self, session):
        self.assertEqual((session["arrival"], session["methods"]), ("sshd", ["publickey"]))
        self.assertEqual(session["certificate"]["key_id"], "grace")
        self.assertEqual((session["person"], session["person_by"], session["person_through"]), ("grace", "signature", "certificate"))
        self.assertRegex(session["from"], r"^127\.0\.0\.1 \d+$")
        self.assertEqual([session["known"].get(each) for each in ("from", "ssh_key", "certificate")], [None, None, "signature"])

    def arrivals(self):
        (place,) = self.host.run_directory.glob("arrivals-*")
        return list(place.iterdir())


class TellsRootsWord(PamTest):
    def test_of_a_certificate_with_principals(self):
        session = self.session("grace", self.recording())
        self.assert_is_graces(session)
        shown = self.ledger.stele("show", session["id"]).decode()
        self.assertRegex(shown, r"grace.*by the certificate, as PAM told")
        self.assertRegex(shown, r"from +127\.0\.0\.1 \d+, told by PAM|127\.0\.0\.1 \d+.*told by PAM")

    def test_of_a_key(self):
        session = self.session("linus", self.recording())
        self.assertEqual((session["arrival"], session["person"], session["person_by"]), ("sshd", "linus", "arrival"))
        self.assertNotIn("ssh_key", session["known"])

    def test_of_a_password(self):
        terminal = self.machine.terminal(*self.options("-o", "PubkeyAuthentication=no"), "deploy@127.0.0.1", self.recording())
        self.addCleanup(terminal.close)
        terminal.expect("password: ")
        terminal.type(PASSWORD.encode() + b"\n")
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        session = self.new()
        self.assertEqual((session["arrival"], session["methods"], session["ssh_key"]), ("sshd", ["password"], ""))
        self.assertEqual(session["person"], "", "nobody is known behind it")

    def test_that_is_over_when_the_login_is(self):
        self.session("grace", self.recording())
        wait_until(lambda: not self.arrivals(), "its arrival is forgotten")

    def test_that_an_agent_started_again_still_knows(self):
        terminal = self.machine.terminal(*self.options("-i", "/run/keys/grace", "-o", "IdentitiesOnly=yes"), "deploy@127.0.0.1",
                                         f"echo in; read x; {self.recording()}")
        self.addCleanup(terminal.close)
        terminal.expect("in\r\n")
        self.host.restart()
        terminal.type(b"\n")
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        self.assert_is_graces(self.new())

    def test_and_notes_a_forwarded_agent_as_a_claim(self):
        agent = self.machine.do("ssh-agent", "-s").decode().split(";")
        variables = dict(each.strip().split("=") for each in agent if "=" in each)
        self.addCleanup(os.kill, int(variables["SSH_AGENT_PID"]), signal.SIGTERM)
        options = self.options("-A", "-i", "/run/keys/grace", "-o", "IdentitiesOnly=yes")
        terminal = self.machine.terminal("env", f"SSH_AUTH_SOCK={variables['SSH_AUTH_SOCK']}", *options, "deploy@127.0.0.1", self.recording())
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.wait(), 0, terminal.shown)
        session = self.new()
        self.assertRegex(session["forwarded_agent"], r"^/tmp/ssh-\S+/agent")
        self.assertEqual(session["known"]["forwarded_agent"], "environment")


class NobodyElsesWord(PamTest):
    def test_a_variable_that_names_a_stolen_certificate_changes_nothing(self):
        self.assert_is_graces(self.session("grace", f"cp /run/keys/stolen ~/mine; SSH_USER_AUTH=~/mine SSH_CONNECTION='192.0.2.9 1 192.0.2.1 22' {self.recording()}"))

    def test_the_file_of_sshd_that_its_user_overwrites_changes_nothing(self):
        self.assert_is_graces(self.session("grace", f"cat /run/keys/stolen > $SSH_USER_AUTH; {self.recording()}"))

    def test_the_file_of_sshd_that_its_user_swaps_changes_nothing(self):
        self.assert_is_graces(self.session("grace", f"cp /run/keys/stolen ~/swap; mv -f ~/swap $SSH_USER_AUTH; {self.recording()}"))

    def test_what_a_user_has_pam_read_later_changes_nothing(self):
        self.machine.do("sh", "-c", "echo \"SSH_AUTH_INFO_0=$(cat /run/keys/stolen)\" > /run/deploy/.pam_environment")
        self.addCleanup(self.machine.do, "rm", "/run/deploy/.pam_environment")
        self.assert_is_graces(self.session("grace", self.recording()))

    def test_one_who_is_not_root_arrives_nowhere(self):
        said = bytes([5, 5]) + b"".join(len(s).to_bytes(2, "big") + s for s in (b"sshd", b"deploy", b"", b"", b"", b"", b""))
        script = ("import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                  f"s.connect('{self.socket}')\ns.send(bytes.fromhex('{said.hex()}'))\nprint(s.recv(1000))")
        done = self.machine.do("setpriv", "--reuid", "deploy", "--regid", "deploy", "--clear-groups", "/usr/bin/python3", "-c", script)
        self.assertIn(b"only root's side of a login says who arrived", done)
        self.assertEqual(self.arrivals(), [])

    def test_without_the_module_it_is_a_claim(self):
        self.machine.do("sed", "-i", "/pam_stele/d", "/etc/pam.d/sshd")
        self.addCleanup(self.put_stack)
        session = self.session("grace", f"cp /run/keys/stolen ~/mine; SSH_USER_AUTH=~/mine {self.recording()}")
        self.assertEqual((session["arrival"], session["person"]), ("", "ada"), "whose it is, not who logged in with it")
        self.assertEqual(session["known"]["from"], "environment")


class WithoutASession(PamTest):
    def findings(self):
        return [line for line in self.host.journal().splitlines() if "was let in by sshd from 127.0.0.1" in line]

    def test_a_login_that_only_forwards_is_found(self):
        before = len(self.findings())
        forwarding = self.machine.start(*self.options("-i", "/run/keys/grace", "-o", "IdentitiesOnly=yes", "-N", "-L", "127.0.0.1:4242:127.0.0.1:22"),
                                        "deploy@127.0.0.1")
        self.addCleanup(forwarding.wait)
        self.addCleanup(forwarding.terminate)
        wait_until(lambda: len(self.findings()) > before, "a finding")
        self.assertIn("deploy was let in", self.findings()[-1])
        (host,) = json.loads(self.ledger.stele("hosts", "--json"))
        self.assertIn("unrecorded", [f["rule"] for f in host["findings"]])

    def test_a_copy_by_sshds_own_sftp_is_found_however_quick(self):
        before, sessions = len(self.findings()), len(self.ledger.sessions())
        self.machine.do("sftp", "-F", "none", "-P", PORT, *self.options("-i", "/run/keys/grace", "-o", "IdentitiesOnly=yes")[6:],
                        "deploy@127.0.0.1:/etc/hostname", "/run/keys/copied")
        wait_until(lambda: len(self.findings()) > before, "a finding")
        self.assertIn("a subsystem within sshd", self.findings()[-1])
        self.assertEqual(len(self.ledger.sessions()), sessions)
        wait_until(lambda: not self.arrivals(), "and it is forgotten")

    def test_one_with_a_session_is_not(self):
        before = len(self.findings())
        self.session("grace", self.recording("sleep 7"))
        self.assertEqual(len(self.findings()), before)


class WithoutAnAgent(PamTest):
    def tearDown(self):
        if self.host.process.poll() is not None:
            self.host.start()
        self.put_stack()

    def test_nobody_gets_in_where_it_is_required(self):
        self.host.kill()
        self.put_stack(wait=1)
        status, shown = self.ssh("grace", "echo inside")
        self.assertNotEqual(status, 0)
        self.assertNotIn(b"inside", shown)

    def test_everybody_gets_in_where_it_is_optional(self):
        self.host.kill()
        self.put_stack("optional", wait=1)
        begun = time.monotonic()
        self.assertEqual(self.ssh("grace", "echo inside")[0], 0)
        self.assertLess(time.monotonic() - begun, 15)

    def test_a_login_waits_for_an_agent_that_is_started_again(self):
        self.host.kill()
        self.put_stack(wait=60)
        terminal = self.machine.terminal(*self.options("-i", "/run/keys/grace", "-o", "IdentitiesOnly=yes"), "deploy@127.0.0.1", "echo inside")
        self.addCleanup(terminal.close)
        time.sleep(0.5)
        self.host.start()
        self.assertEqual(terminal.wait(), 0)
        self.assertIn(b"inside", terminal.shown)


@unittest.skipIf(is_sanitized(), "sshd can not load a module with a sanitizer in it")
class Setup(SshTest):
    CONFIG, PAM = "/etc/ssh/sshd_config", "/etc/pam.d/sshd"
    DROP_IN = "/etc/ssh/sshd_config.d/00-stele-pam.conf"
    MODULE = "/usr/local/lib/stele/pam_stele.so"
    NEW = """Include /etc/ssh/sshd_config.d/*.conf
Port 2222
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PasswordAuthentication no
PidFile none
"""

    @classmethod
    def start_sshd(cls):
        super().start_sshd()
        cls.web.do("cp", cls.host.config, "/etc/stele/agent.toml")
        cls.put(cls.CONFIG, cls.NEW.format(folder=cls.folder / "ssh"))

    @classmethod
    def put(cls, path, text):
        cls.web.do("sh", "-c", f"cat >{path}", stdin=None, input=text.encode())

    def text(self, path):
        return self.web.do("cat", path).decode()

    def setup(self, *args):
        return self.web.run("/usr/local/bin/stele", "setup", "sshd", "--pam", *args)

    def refused(self, why, *args):
        before = self.text(self.PAM)
        done = self.setup(*args, "--apply")
        self.assertEqual((done.returncode, done.stdout), (70, b""), done.stderr)
        self.assertIn(why, done.stderr.decode())
        self.assert_untouched(before)

    def assert_untouched(self, before):
        self.assertEqual(self.text(self.PAM), before)
        for path in (self.PAM + ".before", self.DROP_IN):
            self.assertNotEqual(self.web.run("test", "-e", path).returncode, 0, path)

    def login(self, user, *words):
        return self.web.run("ssh", "-p", 2222, *self.options, f"{user}@127.0.0.1", *words)

    def test_who_comes_is_told_and_nobody_is_locked_out(self):
        self.refused("--keep USER")
        self.refused("can not log in", "--keep", "daemon")
        self.refused("KbdInteractiveAuthentication no", "--keep", "bare")
        self.web.do("sh", "-c", f"echo KbdInteractiveAuthentication no >>{self.CONFIG}")
        for spoil, mend, why in (("chmod 664 {0}", "chmod 644 {0}", "only root"), ("chown jane {0}", "chown 0 {0}", "only root"),
                                 ("chmod 777 /usr/local/lib/stele", "chmod 755 /usr/local/lib/stele", "only root"),
                                 ("mv {0} {0}.away", "mv {0}.away {0}", "is not there")):
            self.web.do("sh", "-c", spoil.format(self.MODULE))
            self.refused(why, "--keep", "bare")
            self.web.do("sh", "-c", mend.format(self.MODULE))
        stack = self.text(self.PAM)
        for spoilt, why in (("session required pam_permit.so\n", "pam_loginuid"), ("auth required pam_env.so user_readenv=1\n" + stack, "user's")):
            self.put(self.PAM, spoilt)
            self.refused(why, "--keep", "bare")
        self.put(self.PAM, stack)
        self.host.stop()
        self.refused("no agent answers", "--keep", "bare")
        self.host.start()

        shown = self.setup("--keep", "bare", "--dry-run")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(f"+session    [success=1 default=ignore] {self.MODULE}\n+session    required     pam_succeed_if.so quiet user in bare\n", shown.stdout.decode())
        self.assertIn(b"+UsePAM yes\n", shown.stdout)
        self.assert_untouched(stack)
        self.web.do("sed", "-i", "s/^Include/#Include/", self.CONFIG)
        self.assertIn("nothing was changed", self.setup("--keep", "bare", "--apply").stderr.decode())
        self.assertEqual(self.text(self.PAM), stack, "neither of the two files")
        self.web.do("sed", "-i", "s/^#Include/Include/", self.CONFIG)
        applied = self.setup("--keep", "bare", "--apply")
        self.assertEqual((applied.returncode, applied.stdout), (0, shown.stdout), applied.stderr)
        self.assertEqual(self.text(self.PAM + ".before"), stack)
        self.assertEqual(self.web.do("stat", "-c", "%a", self.PAM, self.PAM + ".before"), b"644\n644\n")
        self.assertEqual(self.setup("--keep", "bare", "--apply").stdout, b"nothing to change\n")
        self.assertEqual(self.text(self.PAM + ".before"), stack)

        # As one that a boot started: nobody's login.
        said = self.folder / "ssh" / "log-of-new"
        log = self.enterContext(said.open("wb"))
        sshd = self.web.start("sh", "-c", "echo 4294967295 >/proc/self/loginuid; exec /usr/sbin/sshd -D -e", stderr=log)
        self.addCleanup(sshd.wait, PATIENCE)
        self.addCleanup(sshd.terminate)
        wait_until(lambda: "listening on" in said.read_text() or sshd.poll() is not None, "sshd listens")
        self.assertEqual(self.login("jane", "echo in").stdout, b"in\n", said.read_text())
        (session,) = self.new()
        self.assertEqual((session["arrival"], session["methods"]), ("sshd", ["publickey"]))
        self.assertEqual(self.login("bare", "echo in").stdout, b"in\n")
        wait_until(lambda: "bare was let in by sshd" in self.host.journal(), "whose shell records nothing is found")
        self.host.stop()
        try:
            refused = self.login("forced", "echo came-in")
            self.assertNotEqual(refused.returncode, 0, "no agent noted it, though bash would have run")
            self.assertNotIn(b"came-in", refused.stdout)
            self.assertEqual(self.login("bare", "echo in").stdout, b"in\n", "the way in that is kept")
            self.web.do("mv", self.MODULE, self.MODULE + ".away")
            self.addCleanup(self.web.do, "mv", self.MODULE + ".away", self.MODULE)
            self.assertEqual(self.login("bare", "echo in").stdout, b"in\n", "nor is it lost with the module")
        finally:
            self.host.start()


if __name__ == "__main__":
    main()
