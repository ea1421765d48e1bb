"""A server, and hosts that it lets in: `stele server`, `stele token create`, `stele enroll`, and what is served to whom."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import tomllib

from fleet import wait_until
from harness import PATIENCE, STELE, LedgerTest, main

LOAD = os.environ.get("LOAD", str(pathlib.Path(STELE).parent / "load"))


class Server:
    """`stele server` on a free port of loopback, until the test is over."""

    def __init__(self, ledger, folder, environment=None, **config):
        self.folder = folder
        settings = {"dir": str(ledger.path), "listen": "127.0.0.1:0", **config}
        lines = [f'{key} = {json.dumps(value)}\n' for key, value in settings.items()] + ['names = ["127.0.0.1"]\n']
        self.config = folder / "server.toml"
        self.config.write_text("".join(lines))
        self.process = subprocess.Popen([STELE, "server", "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**ledger.environment, **(environment or {})}, text=True)
        said = self.process.stdout.readline() + self.process.stdout.readline()
        found = re.search(r"stele server of (\S+) on 127\.0\.0\.1 port (\d+)\nauthority pin ([0-9a-f]{64})\n", said)
        if not found:
            raise AssertionError(said + self.process.communicate(timeout=PATIENCE)[1])
        self.origin, self.port, self.pin = found[1], int(found[2]), found[3]
        self.url = f"https://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def get(self, path, authority, certificate=None, method="GET", body=None, headers=None):
        context = ssl.create_default_context(cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if certificate:
            context.load_cert_chain(certificate / "tls.pem", certificate / "tls.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()


class Fleet(LedgerTest):
    def setUp(self):
        super().setUp()
        self.folder = self.make_folder()
        self.authority = self.ledger.path / "tls-authority.pem"
        self.server = Server(self.ledger, self.folder)
        self.addCleanup(self.server.stop)

    def token(self, host="web01"):
        return self.ledger.stele("token", "create", "--config", self.server.config, "--host", host).decode().strip()

    def enrol(self, token, name="host", pin=None, **kwargs):
        return self.ledger.run("enroll", "--server", self.server.url, "--token", token, "--ca-pin", pin or self.server.pin,
                               "--dir", self.folder / name, "--config", self.folder / f"{name}.toml", **kwargs)

    def test_three_commands_let_a_host_in(self):
        done = self.enrol(self.token())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"Enrolled as web01", done.stdout)
        self.assertEqual(tomllib.loads((self.folder / "host.toml").read_text()),
                         {"server": self.server.url, "dir": str(self.folder / "host")})
        kept = self.folder / "host"
        self.assertEqual({p.name for p in kept.iterdir()},
                         {"host.key", "tls.key", "tls.pem", "authority.pem", "log.vkey", "policy.vkey", "recipients", "epoch", "machine"})
        for path in kept.iterdir():
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual((kept / "log.vkey").read_text(), (self.ledger.path / "log.vkey").read_text())
        self.assertIn(f"{self.server.origin}/host/web01+", (self.ledger.path / "host.vkey").read_text())
        checked = subprocess.run(["openssl", "verify", "-CAfile", kept / "authority.pem", "-purpose", "sslclient", kept / "tls.pem"],
                                 capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_token_is_good_once(self):
        token = self.token()
        self.assertEqual(self.enrol(token).returncode, 0)
        done = self.enrol(token, "second")
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"does not let anybody in", done.stderr)
        self.assertFalse((self.folder / "second/host.key").exists())

    def test_an_enrolled_host_is_not_enrolled_over(self):
        self.enrol(self.token())
        key = (self.folder / "host/host.key").read_bytes()
        done = self.enrol(self.token())
        self.assertEqual(done.returncode, 70)
        self.assertEqual((self.folder / "host/host.key").read_bytes(), key)

    def test_a_host_configured_for_another_server_shows_it_no_token(self):
        token, config = self.token(), self.folder / "host.toml"
        config.write_text('server = "https://other:1"\n')
        done = self.enrol(token)
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"https://other:1", done.stderr)
        config.unlink()
        self.assertEqual(self.enrol(token).returncode, 0, "the token was never sent")

    def test_another_server_than_the_pinned_one_is_told_nothing(self):
        token = self.token()
        done = self.enrol(token, pin="0" * 64)
        self.assertEqual(done.returncode, 70)
        self.assertEqual(self.enrol(token).returncode, 0, "the token was never sent")

    def test_no_secret_is_said_or_kept(self):
        token = self.token()
        self.enrol(token)
        status, said = self.server.stop()
        self.assertEqual((status, said), (0, ""))
        secret = token.split(".")[1].encode()
        for path in self.ledger.path.rglob("*"):
            self.assertFalse(path.is_file() and secret in path.read_bytes(), path)

    def test_only_hosts_may_send_and_anybody_may_read_the_log(self):
        self.enrol(self.token())
        kind = {"Content-Type": "application/vnd.stele.segments-v1"}
        self.assertEqual(self.server.get("/v1/segments", self.authority, None, "POST", b"x", kind)[0], 403)
        self.assertEqual(self.server.get("/v1/segments", self.authority, self.folder / "host", "POST", b"x", kind)[0], 400)
        status, checkpoint = self.server.get("/log/checkpoint", self.authority)
        self.assertEqual(status, 200)
        for _ in range(10):  # what the server writes of itself may be covered between the two
            if checkpoint == (kept := (self.ledger.path / "vault/log/checkpoint").read_bytes()):
                break
            checkpoint = self.server.get("/log/checkpoint", self.authority)[1]
        self.assertEqual(checkpoint, kept)
        for path in ("/keys/log.key", "/log/../keys/log.key", "/log/%2e%2e/keys/log.key", "/vault/volume/000000000000.vol"):
            self.assertIn(self.server.get(path, self.authority)[0], (400, 404), path)

    def test_many_hosts_at_once_are_all_taken(self):
        for name in ("web01", "web02"):
            self.assertEqual(self.enrol(self.token(name), name).returncode, 0)
        corpus = self.folder / "corpus"
        corpus.write_bytes(bytes(range(256)) * 64)
        said = subprocess.run([LOAD, self.server.url, corpus, "segments=300", "seal=along", self.folder / "web01", self.folder / "web02"],
                              capture_output=True, timeout=PATIENCE, check=True).stdout
        self.assertEqual(json.loads(said)["segments"], 600)
        self.server.stop()
        status, report = self.ledger.verify()
        sessions = [s for s in report["streams"] if s["kind"] == "session"]
        self.assertEqual((status, report["verdict"], sum(s["segments"] for s in sessions), len(sessions)), (0, "intact", 600, 32))
        self.assertEqual({s["kind"] for s in report["streams"]}, {"session", "server"})

    def test_connections_are_bounded_as_configured(self):
        self.server.stop()
        for bounds, taken in (({"connections_per_peer": 2}, 2), ({"connections": 3, "connections_per_peer": 3}, 3)):
            self.server = Server(self.ledger, self.folder, **bounds)
            self.addCleanup(self.server.stop)
            with contextlib.ExitStack() as open_now:
                def connect():
                    plain = open_now.enter_context(socket.create_connection(("127.0.0.1", self.server.port), PATIENCE))
                    return open_now.enter_context(ssl.create_default_context(cafile=self.authority).wrap_socket(plain, server_hostname="127.0.0.1"))
                for _ in range(taken):
                    connect()
                with self.assertRaises(OSError):
                    connect()
            self.server.stop()

    def test_its_certificate_is_made_anew_and_nobody_notices(self):
        self.server.stop()
        self.server = Server(self.ledger, self.folder, certificate_life="10s")
        self.addCleanup(self.server.stop)
        context = ssl.create_default_context(cafile=self.authority)

        def connect():
            connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, timeout=PATIENCE)
            self.addCleanup(connection.close)
            connection.request("GET", "/healthz")
            self.assertEqual(connection.getresponse().read(), b"alive")
            return connection, connection.sock.getpeercert()["serialNumber"]
        old, first = connect()

        def shows_another():
            connection, number = connect()
            connection.close()
            return number != first
        wait_until(shows_another, "another certificate")
        old.request("GET", "/healthz")
        self.assertEqual(old.getresponse().read(), b"alive", "what was connected goes on")
        self.assertEqual(old.sock.getpeercert()["serialNumber"], first)

    def test_older_tls_is_refused(self):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-tls1_2"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        self.assertIn(b"alert protocol version", done.stderr)

    def test_a_ledger_has_one_server(self):
        done = self.ledger.run("server", "--config", self.server.config)
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"another server has this ledger", done.stderr)

    def test_it_comes_up_again_as_the_same(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            before = self.server
            before.stop(how)
            self.server = Server(self.ledger, self.folder)
            self.assertEqual((self.server.pin, self.server.origin), (before.pin, before.origin))
            self.addCleanup(self.server.stop)
        self.assertEqual(self.enrol(self.token()).returncode, 0)


class Watchdog(LedgerTest):
    def test_it_tells_its_supervisor_that_it_lives(self):
        heard = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(str(heard))
            supervisor.settimeout(PATIENCE)
            server = Server(self.ledger, self.folder, environment={"NOTIFY_SOCKET": str(heard), "WATCHDOG_USEC": "30000000"})
            self.addCleanup(server.stop)
            self.assertEqual([supervisor.recv(64) for _ in range(3)], [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"])


class Configuration(LedgerTest):
    def refused(self, text):
        path = self.make_folder() / "server.toml"
        path.write_text(text)
        done = self.ledger.run("server", "--config", path)
        self.assertEqual(done.returncode, 70, done.stderr)
        return done.stderr.decode()

    def test_what_is_wrong_is_named_with_its_place(self):
        ledger = f'dir = "{self.ledger.path}"\n'
        self.assertRegex(self.refused(ledger + 'lsten = "x"\n'), r'server\.toml:2:1: lsten: .*"listen"')
        self.assertRegex(self.refused(ledger + 'listen = "nowhere"\n'), r"server\.toml:2:\d+: listen: ")
        self.assertRegex(self.refused(ledger + "threads = 0\n"), r"server\.toml:2:\d+: threads: ")
        self.assertRegex(self.refused(ledger + "connections = 0\n"), r"server\.toml:2:\d+: connections: ")
        self.assertRegex(self.refused(ledger + "connections = 60000\n"), r"server\.toml:2:\d+: connections: ")
        self.assertRegex(self.refused(ledger + "connections = 20\nconnections_per_peer = 21\n"),
                         r"server\.toml:3:\d+: connections_per_peer: .*only 20")
        self.assertRegex(self.refused('listen = "127.0.0.1:0"\n'), r"dir")
        self.assertRegex(self.refused("dir = \n"), r"server\.toml:1:")

    def test_what_it_can_not_open_is_told(self):
        path = self.make_folder() / "server.toml"
        path.write_text(f'dir = "{self.ledger.path}"\nlisten = "127.0.0.1:0"\nconnections = 1000\n')
        done = self.ledger.run("server", "--config", path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500)))
        self.assertEqual(done.returncode, 70)
        self.assertRegex(done.stderr, rb"server\.toml: connections: .* only 500 files.*LimitNOFILE")

    def test_a_directory_without_a_ledger_is_told(self):
        self.assertIn("/nonexistent", self.refused('dir = "/nonexistent"\n'))


if __name__ == "__main__":
    main()
