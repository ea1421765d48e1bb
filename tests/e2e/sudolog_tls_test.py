"""sudo's log protocol over TLS: a host without stele, whose sudo sends to the agent of another through a tunnel.

web02 has the distribution's sudo, which has no TLS, and socat; collector has an agent and a server."""
import json
import re
import shutil
import signal
import subprocess
import unittest

from fleet import AGENT, ENVIRONMENT, FleetServer, Host, Machine, can_have_machines, wait_until
from harness import PATIENCE, LedgerTest, Terminal, main
from sudolog_test import PORT, SECOND, SECRET, Client

TLS_PORT = 30344
HELLO = "bytes.fromhex('0000000c6a0a0a087375646f65727320')"  # as a client says it


def make_authority(folder, name):
    """Files NAME.pem and NAME.key. sudo refuses an authority without a key usage."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)


def make_certificate(folder, authority, name, subject, key="rsa:2048", alternative="DNS:localhost", days="2"):
    """As an administrator would make it."""
    subprocess.run(["openssl", "req", "-newkey", key, "-nodes", "-subj", f"/CN={subject}", "-addext", f"subjectAltName={alternative}",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key",
                    "-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", folder / f"{name}.pem"], check=True, capture_output=True)


@unittest.skipUnless(shutil.which("sudo") and shutil.which("sudo_sendlog"), "needs sudo")
@unittest.skipUnless(shutil.which("socat") and shutil.which("openssl"), "needs socat and openssl")
@unittest.skipIf(can_have_machines(), can_have_machines())
class SudoTlsTest(LedgerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.make_folder()
        cls.folder.chmod(0o755)
        cls.collector, cls.web = Machine("collector", cls.folder), Machine("web02", cls.folder)
        cls.addClassCleanup(cls.collector.close)
        cls.addClassCleanup(cls.web.close)
        cls.collector.connect(cls.web, 7)
        cls.web.address = "10.203.7.2"
        make_authority(cls.folder, "authority")
        make_authority(cls.folder, "other")
        make_certificate(cls.folder, "authority", "collector", "collector", alternative=f"IP:{cls.collector.address},DNS:collector")
        make_certificate(cls.folder, "authority", "web02", "web02.example")
        make_certificate(cls.folder, "other", "stranger", "web02.example")
        make_certificate(cls.folder, "authority", "former", "web02.example", days="-1")
        cls.server = FleetServer(cls.folder, cls.collector)
        cls.addClassCleanup(cls.server.stop)
        cls.host = Host("collector", cls.server, cls.folder, cls.collector, **{
            "sudo_log_tls.listen": f"0.0.0.0:{TLS_PORT}", "sudo_log_tls.certificate": str(cls.folder / "collector.pem"),
            "sudo_log_tls.key": str(cls.folder / "collector.key"), "sudo_log_tls.clients": str(cls.folder / "authority.pem")}).start()
        cls.addClassCleanup(cls.host.stop)
        cls.tunnel = cls.web.start("socat", f"TCP-LISTEN:{PORT},bind=127.0.0.1,fork,reuseaddr",
                                   f"OPENSSL:{cls.collector.address}:{TLS_PORT},cafile={cls.folder / 'authority.pem'},"
                                   f"cert={cls.folder / 'web02.pem'},key={cls.folder / 'web02.key'}", stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.tunnel.wait, PATIENCE)
        cls.addClassCleanup(cls.tunnel.kill)
        cls.web.do("sh", "-c", "useradd -m -d /run/home-jane -s /bin/bash jane; mkdir -p /run/sudo/ts")
        wait_until(lambda: cls.web.run("sh", "-c", f"ss -ltn | grep -q :{PORT}").returncode == 0, "the tunnel listens")

    def sudoers(self, *defaults):
        rules = "\n".join([*defaults, "Defaults !fqdn", "root ALL=(ALL:ALL) NOPASSWD: ALL", "jane ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/bin/id", ""])
        self.web.do("sh", "-c", "cat >/etc/sudoers; chmod 440 /etc/sudoers", stdin=None, input=rules.encode())

    def setUp(self):
        self.sudoers("Defaults log_input, log_output", f"Defaults log_servers = 127.0.0.1:{PORT}")
        self.ledger = self.server.ledger
        self.before = {s["id"] for s in self.ledger.sessions()}

    def new(self):
        (session,) = wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in self.before and s["state"] != "open"], "a session")
        return session["id"], self.ledger.events(session["id"])

    def as_jane(self, *command):
        return ["setpriv", "--reuid", "jane", "--regid", "jane", "--init-groups", *command]

    def client(self):
        client = Client(self.web)
        self.addCleanup(client.close)
        return client

    def say(self, bytes_, context="None"):
        """What the agent answers to somebody on web02."""
        script = (f"import socket, ssl\ns = socket.create_connection(('{self.collector.address}', {TLS_PORT})); s.settimeout({PATIENCE})\n"
                  f"context = {context}\n"
                  "try:\n  if context: s = context.wrap_socket(s)\n"
                  f"  s.sendall({bytes_}); print(s.recv(999))\nexcept OSError as error: print(error)\n")
        return self.web.do("/usr/bin/python3", "-c", script)

    def context(self, name=None):
        chain = f".load_cert_chain('{self.folder / name}.pem', '{self.folder / name}.key')" if name else ""
        return f"[c := ssl._create_unverified_context(), c{chain}][0]"


class SudoTls(SudoTlsTest):
    def test_a_session_of_another_host_says_who_told_of_it(self):
        terminal = Terminal([*self.web.prefix, *self.as_jane("sudo", "sh", "-c", "printf 'a\\377b\\n'; read line; echo got $line; exit 7")], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        terminal.expect(b"a\xffb")
        terminal.type("hello\n")
        self.assertEqual(terminal.wait(), 7, terminal.shown)
        session, events = self.new()
        start, end = events[0], events[-1]
        self.assertEqual(start["title"], f"told by sudo's log protocol over TLS by web02.example at {self.web.address}, "
                                         "sealed by this host's agent as its owner")
        (listed,) = [s for s in self.ledger.sessions() if s["id"] == session]
        self.assertEqual((listed["host"], listed["known"]["host"], listed["user"], listed["uid"]), ("web02", "environment", "jane", 65534))
        for key in ("kernel", "machine_id", "boot_id"):
            self.assertEqual(listed.get(key, ""), "", f"{key} is the collector's")
        self.assertEqual(end["exit"], 7)
        (sudo,) = [e for e in events if e["type"] == "sudo"]
        self.assertEqual((sudo["what"], sudo["by"], sudo["as"], sudo["host"]), ("accept", "jane", "root", "web02"))
        shown = self.ledger.export(session, "raw")
        self.assertIn(b"a\xffb", shown)
        self.assertIn(b"got hello", shown)
        self.assertEqual(self.ledger.verify(session)[0], 0)
        text = self.ledger.stele("show", session)
        self.assertRegex(text, rb"host +web02 \(claimed\)\n")

    def test_a_password_that_is_typed_never_stands_in_the_record(self):
        terminal = Terminal([*self.web.prefix, *self.as_jane("sudo", "bash", "-c", "read -s -p 'Password: ' x; echo; echo done; sleep 0.2")], env=ENVIRONMENT)
        self.addCleanup(terminal.close)
        terminal.expect("Password: ")
        terminal.type(SECRET + "\n")
        terminal.expect("done")
        self.assertEqual(terminal.wait(), 0)
        _, events = self.new()
        self.assertNotIn(SECRET, json.dumps(events))
        self.assertEqual([e["why"] for e in events if e["type"] == "redaction"], ["heuristic"])

    def test_much_passes_whole_and_what_is_rejected_is_recorded(self):
        # What is in a full pipe when the command ends sudo may drop (docs/sudo.md): this one waits.
        whole = self.web.do(*self.as_jane("sudo", "sh", "-c", "seq 300000; sleep 1"))
        session, _ = self.new()
        self.assertEqual(self.ledger.export(session, "raw"), whole)
        self.before.add(session)
        self.assertNotEqual(self.web.run(*self.as_jane("sudo", "-n", "id")).returncode, 0)
        _, events = self.new()
        self.assertEqual([e["what"] for e in events if e["type"] == "sudo"], ["reject"])
        self.assertEqual(events[-1]["why"], "rejected by sudo")

    def test_a_log_of_before_is_sent(self):
        self.sudoers("Defaults log_output, iolog_dir = /run/iolog, iolog_file = one")
        self.web.do(*self.as_jane("sudo", "echo", "earlier"))
        self.web.do("sudo_sendlog", "-h", "127.0.0.1", "-p", PORT, "/run/iolog/one")
        session, events = self.new()
        self.assertIn(b"earlier", self.ledger.export(session, "raw"))
        self.assertIn("by web02.example", events[0]["title"])

    def test_the_agent_is_killed_and_the_log_goes_on_from_its_commit_point(self):
        client = self.client()
        client.say(["accept", "jane", "/bin/sh"])
        log = client.next("log_id")
        client.say(["out", SECOND, "one "])
        self.assertEqual(client.next("commit"), SECOND, "in the middle of the session")
        client.say(["out", SECOND, "two "])
        self.host.restart()
        client.next("closed")
        client = self.client()
        client.say(["restart", log[:-1] + ("0" if log[-1] != "0" else "1"), SECOND])
        self.assertIn("there is no such log", client.next("error"))
        client = self.client()
        client.say(["restart", log, SECOND], ["out", SECOND, "two "], ["out", SECOND, "three"], ["exit", 3])
        while client.next("commit") != 3 * SECOND:
            pass
        session, events = self.new()
        self.assertTrue(log.startswith(session))
        self.assertEqual(self.ledger.export(session, "raw"), b"one two three")
        self.assertEqual(events[-1]["exit"], 3)
        self.assertEqual(self.ledger.verify(session)[0], 0)

    def test_without_an_agent_nothing_runs(self):
        self.host.stop()
        try:
            done = self.web.run(*self.as_jane("sudo", "echo", "inside"))
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, b"")
        finally:
            self.host.start()

    def test_nobody_is_answered_without_a_certificate_that_holds(self):
        self.assertIn(b"stele", self.say(HELLO, self.context("web02")))
        for context in ("None", self.context(), self.context("stranger"), self.context("former")):
            self.assertNotIn(b"stele", self.say(HELLO, context), context)
        wait_until(lambda: f"{self.web.address}: TLS, handshake" in self.host.journal(), "the journal says so")
        self.assertEqual({s["id"] for s in self.ledger.sessions()}, self.before)

    def test_certificates_are_read_anew_when_asked(self):
        clients = self.folder / "authority.pem"
        both = clients.read_text() + (self.folder / "other.pem").read_text()
        alone = clients.read_text()
        try:
            for text, answer in (("nothing", False), (both, True)):
                clients.write_text(text)
                self.host.process.send_signal(signal.SIGHUP)
                if not answer:
                    wait_until(lambda: "what was read before holds" in self.host.journal(), "the journal says so")
                    self.assertIn(b"stele", self.say(HELLO, self.context("web02")))
            wait_until(lambda: b"stele" in self.say(HELLO, self.context("stranger")), "the other authority counts")
        finally:
            clients.write_text(alone)
            self.host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: b"stele" not in self.say(HELLO, self.context("stranger")), "it counts no more")

    def test_an_agent_that_could_not_keep_its_key_does_not_start(self):
        self.host.stop()
        key = self.folder / "collector.key"
        try:
            key.chmod(0o644)
            done = self.collector.run(AGENT, "agent", "--config", self.host.config)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr + done.stdout, re.escape(f"sudo_log_tls.key: {key}").encode() + b".*chmod 600")
        finally:
            key.chmod(0o600)
            self.host.start()


if __name__ == "__main__":
    main()
