"""Peers that mean harm, from an address of their own, while hosts ship: what they hold on to is bounded, and the fleet does not notice."""
import contextlib
import json
import re
import socket
import ssl
import subprocess
import threading

from fleet import wait_until
from harness import PATIENCE, LedgerTest, main
from server_test import LOAD, Server

THEIRS = ("127.0.0.2", 0)
PER_PEER = 64  # connections of one address
HOSTS, SEGMENTS, RATE = ("web01", "web02"), 600, 300


class Peers:
    """Those at 127.0.0.2, each on a thread: until stop(), they come again whenever they are thrown out."""

    def __init__(self, port, authority):
        self.port = port
        self.context = ssl.create_default_context(cafile=authority)
        self.context.check_hostname = False
        self.stopping = threading.Event()
        self.threads = []

    def add(self, count, act):
        for _ in range(count):
            self.threads.append(threading.Thread(target=self.run, args=(act,)))
            self.threads[-1].start()

    def run(self, act):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE, THEIRS) as plain:
                act(plain)
            self.stopping.wait(0.01)

    def half_open(self, plain):
        """Connects, and never says a word."""
        self.hold(plain)

    def loris(self, plain):
        """One byte of a request at a time."""
        with self.context.wrap_socket(plain) as s:
            for byte in b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 10_000:
                s.sendall(bytes([byte]))
                if self.stopping.wait(0.2):
                    return

    def flood(self, plain):
        """Asks as fast as it can, for what is there and what is not."""
        with self.context.wrap_socket(plain) as s:
            while not self.stopping.is_set():
                s.sendall(b"GET /log/checkpoint HTTP/1.1\r\nHost: x\r\n\r\n" b"POST /v1/segments HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
                if not s.recv(65536):
                    return

    def garbage(self, plain):
        """No TLS at all."""
        plain.sendall(b"\x16\x03\x01" + bytes(range(256)) * 16)
        plain.recv(1)

    def hold(self, plain):
        plain.settimeout(0.2)
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not plain.recv(1):
                    return

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Hostile(LedgerTest):
    def setUp(self):
        super().setUp()
        self.server = Server(self.ledger, self.folder, connections_per_peer=PER_PEER)
        self.addCleanup(self.server.stop)
        self.authority = self.ledger.path / "tls-authority.pem"
        for name in HOSTS:
            token = self.ledger.stele("token", "create", "--config", self.server.config, "--host", name).decode().strip()
            self.ledger.stele("enroll", "--server", self.server.url, "--token", token, "--ca-pin", self.server.pin,
                              "--dir", self.folder / name, "--config", self.folder / f"{name}.toml")

    def metric(self, name):
        return int(re.search(rf"^{name} (\d+)", self.server.get("/metrics", self.authority)[1].decode(), re.M)[1])

    def test_hosts_ship_on_and_everything_is_acknowledged(self):
        peers = Peers(self.server.port, self.authority)
        self.addCleanup(peers.stop)
        peers.add(40, peers.half_open)
        peers.add(20, peers.loris)
        peers.add(4, peers.flood)
        peers.add(8, peers.garbage)
        wait_until(lambda: self.metric("stele_http_connections_refused_total") > 0, "their address has all it gets")
        corpus = self.folder / "corpus"
        corpus.write_bytes(bytes(range(256)) * 64)
        said = subprocess.run([LOAD, self.server.url, corpus, f"segments={SEGMENTS}", f"rate={RATE}", *(self.folder / name for name in HOSTS)],
                              capture_output=True, timeout=PATIENCE, check=True).stdout
        self.assertEqual(json.loads(said)["segments"], SEGMENTS * len(HOSTS))
        self.assertGreater(self.metric("stele_http_connections"), PER_PEER // 2, "they are still there")
        self.assertLessEqual(self.metric("stele_http_connections"), PER_PEER + 1)
        peers.stop()
        self.assertEqual(self.server.stop(), (0, ""))
        status, report = self.ledger.verify()
        taken = sum(stream["segments"] for stream in report["streams"] if stream["kind"] == "session")
        self.assertEqual((status, report["verdict"], taken), (0, "intact", SEGMENTS * len(HOSTS)))


if __name__ == "__main__":
    main()
