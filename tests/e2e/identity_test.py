"""Who a session is of: by a real sshd, sudo and su, and what nobody can make the record say."""
import json
import pathlib
import signal
import unittest

from fleet import RECORDER, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import STELE, LedgerTest, main

SSHD = pathlib.Path("/usr/sbin/sshd")
PORT = 2222
ROLES = """version = {version}
shared = ["root", "deploy"]

[people.ada]
users = ["ada"]
roles = ["on-call"]

[people.grace]
name = "grace.hopper"
principals = ["grace"]
roles = [{grace}]

[people.linus]
keys = ["{key}"]

[roles.operators]
groups = ["ops"]
"""


@unittest.skipIf(can_have_machines(), can_have_machines())
@unittest.skipUnless(SSHD.exists(), f"{SSHD} is not installed")
class IdentityTest(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.folder.chmod(0o711)
        self.machine = Machine("web01", self.folder)
        self.addCleanup(self.machine.close)
        for place in ("bin", "sshd", "keys"):
            self.machine.do("mkdir", "-m", "755", f"/run/{place}")
        self.machine.do("cp", RECORDER, "/run/bin/stele-recorder")
        self.machine.do("groupadd", "ops")
        for user, groups in (("ada", "ops"), ("deploy", "")):
            self.machine.do("useradd", "-m", "-b", "/run", "-s", "/bin/bash", "-p", "*", "-G", groups, user)
        self.machine.do("sh", "-c", "echo 'ada ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ada; chmod 440 /etc/sudoers.d/ada")
        self.make_keys()
        self.server = FleetServer(self.folder, self.machine)
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)
        self.roles = self.folder / "roles.toml"
        self.put_roles(5)
        self.authorities = self.folder / "authorities"
        self.authorities.write_bytes(self.machine.do("cat", "/run/keys/ca.pub"))
        self.host = Host("web01", self.server, self.folder, self.machine, roles=str(self.roles),
                         ssh_authorities=str(self.authorities)).start()
        self.addCleanup(self.host.stop)
        self.host.folder.chmod(0o711)
        self.start_sshd()

    def make_keys(self):
        for name in ("host", "ca", "other", "ada", "grace", "linus"):
            self.machine.do("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-C", name, "-f", f"/run/keys/{name}")
        self.machine.do("ssh-keygen", "-q", "-s", "/run/keys/ca", "-I", "grace@example.org", "-z", "7", "-n", "deploy,grace",
                        "-O", "extension:team@example.org=db", "/run/keys/grace.pub")
        for user, key in (("ada", "ada"), ("deploy", "linus")):
            self.machine.do("install", "-D", "-m", "644", f"/run/keys/{key}.pub", f"/run/keys/authorized/{user}")
        self.machine.do("chmod", "755", "/run/keys/authorized")
        self.key = self.machine.do("ssh-keygen", "-l", "-f", "/run/keys/linus.pub").decode().split()[1]

    def put_roles(self, version, grace='"dba"'):
        self.roles.write_text(ROLES.format(version=version, key=self.key, grace=grace))
        self.roles.chmod(0o644)

    def start_sshd(self):
        record = f'exec /run/bin/stele-recorder --socket {self.host.run_directory}/agent.sock -- sh -c "$SSH_ORIGINAL_COMMAND"'
        config = self.folder / "sshd_config"
        config.write_text(f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey /run/keys/host\nPidFile none\nUsePAM no\nStrictModes no\n"
                          "PasswordAuthentication no\nAuthorizedKeysFile /run/keys/authorized/%u\nTrustedUserCAKeys /run/keys/ca.pub\n"
                          f"ExposeAuthInfo yes\nForceCommand {record}\n")
        said = self.folder / "sshd.log"
        # As one that a boot started: nobody's login.
        start = f"echo 4294967295 > /proc/self/loginuid; exec {SSHD} -D -e -f {config}"
        with said.open("wb") as out:
            sshd = self.machine.start("sh", "-c", start, stdout=out, stderr=out)
        self.addCleanup(sshd.wait)
        self.addCleanup(sshd.terminate)
        wait_until(lambda: "listening on" in said.read_text() or sshd.poll() is not None, "sshd listens")
        self.assertIsNone(sshd.poll(), said.read_text())

    def ssh(self, user, key, command):
        """What somebody sees who has `command` run by SSH."""
        terminal = self.machine.terminal("ssh", "-tt", "-F", "none", "-p", PORT, "-i", f"/run/keys/{key}", "-o", "BatchMode=yes", "-o",
                                         "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                         f"{user}@127.0.0.1", command)
        try:
            self.assertEqual(terminal.wait(), 0, terminal.shown)
            return terminal.shown.decode()
        finally:
            terminal.close()

    def recorded(self, count):
        return self.server.arrived(count)

    def from_afar(self, *options):
        """The sessions that somebody finds who reads from the server, once its index has some."""
        self.ledger.stele("user", "add", "--config", self.server.config, "jane", "--roles", "auditor,investigator", "--who", "jane")
        token = self.folder / "jane.token"
        token.write_bytes(self.ledger.stele("user", "token", "--config", self.server.config, "jane", "--ttl", "1h"))
        asked = (STELE, "sessions", "--json", *options, "--server", self.server.url(), "--ca-pin", self.server.pin, "--token-file", token,
                 "--identity", self.ledger.path / "auditor.age")
        read = lambda: self.machine.run(*asked, env=self.ledger.environment)
        def look():
            done = read()
            return json.loads(done.stdout) if done.returncode == 0 else None
        return wait_until(look, "somebody whom the server knows, and the sessions")

    def nested(self, command):
        return f"/run/bin/stele-recorder --socket {self.host.run_directory}/agent.sock -- {command}"

    def show(self, session):
        return self.ledger.stele("show", session["id"]).decode()


class BySsh(IdentityTest):
    def test_a_person_with_an_account_is_that_account(self):
        self.ssh("ada", "ada", "true")
        (session,) = self.recorded(1)
        self.assertEqual((session["person"], session["person_by"], session["person_through"]), ("ada", "kernel", "user"))
        self.assertEqual(session["roles"], ["on-call", "operators"])
        self.assertEqual((session["service"], session["user"]), ("sshd", "ada"))
        self.assertIn("ops", session["group_names"])
        self.assertRegex(session["from"], r"^127\.0\.0\.1 \d+$")
        known = session["known"]
        self.assertEqual([known[each] for each in ("uid", "service", "user", "names", "from", "ssh_key", "term")],
                         ["kernel", "kernel", "database", "database", "environment", "environment", "environment"])

    def test_a_certificate_tells_who_is_behind_a_shared_account(self):
        self.ssh("deploy", "grace", "true")
        (session,) = self.recorded(1)
        self.assertEqual((session["person"], session["person_by"], session["person_through"]),
                         ("grace.hopper", "signature", "certificate"))
        self.assertEqual(session["roles"], ["dba"])
        self.assertEqual(session["certificate"]["key_id"], "grace@example.org")
        self.assertEqual(session["certificate"]["serial"], 7)
        self.assertEqual(session["certificate"]["principals"], ["deploy", "grace"])
        self.assertEqual(session["certificate"]["extensions"]["team@example.org"], "db")
        self.assertEqual(session["known"]["certificate"], "signature")
        self.assertIn("by a signature", self.show(session))
        self.assertIn("grace.hopper as dba, by the certificate", self.show(session))

    def test_a_key_tells_it_as_a_claim(self):
        self.ssh("deploy", "linus", "true")
        (session,) = self.recorded(1)
        self.assertEqual((session["person"], session["person_by"], session["ssh_key"]), ("linus", "environment", self.key))

    def test_what_nobody_signed_names_nobody_and_is_a_finding(self):
        self.authorities.write_bytes(self.machine.do("cat", "/run/keys/other.pub"))
        self.host.restart()
        self.ssh("deploy", "grace", "true")
        (session,) = self.recorded(1)
        self.assertEqual((session["person"], session["known"]["certificate"]), ("", "environment"))
        self.assertIn("FINDING shared-account", self.show(session))
        self.assertIn("nobody is known behind the shared account", self.host.journal())

    def test_a_later_change_rewrites_nothing(self):
        self.ssh("deploy", "grace", "true")
        self.put_roles(6, grace='"auditor"')
        self.host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "roles: version 6 holds" in self.host.journal(), "the agent has the new roles")
        self.ssh("deploy", "grace", "true")
        before, after = self.recorded(2)
        self.assertEqual((before["roles"], before["roles_version"]), (["dba"], 5))
        self.assertEqual((after["roles"], after["roles_version"]), (["auditor"], 6))
        ids = lambda *options: [s["id"] for s in json.loads(self.ledger.stele("sessions", "--json", *options))]
        self.assertEqual(ids("--role", "dba"), [before["id"]])
        self.assertEqual(ids("--person", "grace"), [before["id"], after["id"]])
        self.assertEqual(ids("--person", "grace", "--role", "auditor"), [after["id"]])
        self.assertEqual(ids("--person", "ada"), [])
        self.assertEqual([s["id"] for s in self.from_afar("--person", "grace", "--role", "dba")], [before["id"]])

    def test_roles_that_are_wrong_or_anybodys_change_nothing(self):
        for spoil in (lambda: self.roles.write_text("version = 7\npeople = 1\n"), lambda: self.roles.chmod(0o666)):
            self.put_roles(5)
            spoil()
            said = self.host.journal().count("; version 5 holds")
            self.host.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.host.journal().count("; version 5 holds") > said, "the agent says so")


class BySudoAndSu(IdentityTest):
    def test_one_tree_and_the_same_person_all_the_way(self):
        as_deploy = self.nested("true")
        as_root = self.nested(f"su deploy -c '{as_deploy}'")
        self.ssh("ada", "ada", f"sudo -n {as_root}")
        by_service = {s["service"]: s for s in self.recorded(3)}
        ssh, sudo, su = (by_service[each] for each in ("sshd", "sudo", "su"))
        self.assertEqual([s["user"] for s in (ssh, sudo, su)], ["ada", "root", "deploy"])
        self.assertEqual([s["person"] for s in (ssh, sudo, su)], ["ada"] * 3)
        self.assertEqual([s["person_through"] for s in (sudo, su)], ["invoker", "invoker"])
        self.assertEqual((sudo["invoker_name"], sudo["known"]["invoker"]), ("ada", "kernel"))
        self.assertEqual((sudo["parent"], su["parent"]), (ssh["id"], sudo["id"]))
        self.assertEqual([s["known"]["parent"] for s in (sudo, su)], ["kernel", "kernel"])
        shown = self.show(sudo)
        self.assertRegex(shown, rf"within +{ssh['id']}.*from the kernel")
        self.assertRegex(shown, rf"within it +{su['id']}")
        self.assertIn("recorded there as well", shown)

    def test_behind_a_shared_account_within_a_session_is_whose_session_that_is(self):
        self.machine.do("sh", "-c", "echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy; chmod 440 /etc/sudoers.d/deploy")
        self.ssh("deploy", "grace", f"sudo -n {self.nested('true')}")
        nested = next(s for s in self.recorded(2) if s["service"] == "sudo")
        self.assertEqual((nested["person"], nested["person_through"], nested["person_by"]), ("grace.hopper", "parent", "signature"))

    def test_a_variable_makes_nobody_else_of_root(self):
        forged = "SUDO_USER=grace SSH_USER_AUTH=/run/ada/forged"
        self.machine.do("sh", "-c", "printf 'publickey ' > /run/ada/forged; cat /run/keys/grace-cert.pub >> /run/ada/forged")
        self.ssh("ada", "ada", f"sudo -n env {forged} {self.nested('true')}")
        nested = next(s for s in self.recorded(2) if s["service"] == "sudo")
        self.assertEqual((nested["person"], nested["invoker_name"]), ("ada", "ada"))


if __name__ == "__main__":
    main()
