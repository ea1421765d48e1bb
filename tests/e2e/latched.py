"""A server that may not protect its volumes, on a disk of its own, and the `stele-latch` that may: ext4 that can have fs-verity."""
import errno
import json
import os
import signal
import socket
import subprocess
import unittest

from fleet import PROGRAMS, FleetServer, Here, wait_until
from harness import PATIENCE, STELE, LedgerTest

LATCH = PROGRAMS / "stele-latch"
OWNER = 12345
BLOCK_BYTES = 4096
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as latch:
    latch.settimeout(60)
    latch.connect(sys.argv[1])
    try:
        latch.send(bytes.fromhex(sys.argv[2]))
        print(latch.recv(64).hex())
    except (BrokenPipeError, ConnectionResetError):
        print("")
"""


def request(what, first_index=0, attempt=0):
    return bytes([1, what, 0, 0]) + attempt.to_bytes(4, "big") + first_index.to_bytes(8, "big")


def flags(path):
    """As lsattr(1) has them: a, i, V."""
    return set(subprocess.run(["lsattr", "-d", path], check=True, capture_output=True, text=True).stdout.split()[0]) & set("aiV")


class As(Here):
    """This machine, by the server's user, who has no capability but these."""

    def __init__(self, capabilities=""):
        sets = ("-all," + capabilities).rstrip(",")
        self.prefix = ("setpriv", "--reuid", str(OWNER), "--regid", str(OWNER), "--clear-groups", "--bounding-set", sets, "--inh-caps", sets,
                       *(("--ambient-caps", sets) if capabilities else ()))


@unittest.skipIf(os.geteuid() != 0, "needs root: makes a disk, and is another user")
class Disk(LedgerTest):
    """A disk of its own, on which the server's user has a ledger."""

    def setUp(self):
        self.folder = self.make_folder()
        self.image, self.disk = self.folder / "image", self.folder / "disk"
        self.disk.mkdir()
        with self.image.open("wb") as image:
            image.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-b", str(BLOCK_BYTES), "-O", "verity", self.image], check=True)
        mounted = subprocess.run(["mount", "-o", "loop", self.image, self.disk], capture_output=True, text=True)
        if mounted.returncode:
            self.skipTest(f"no disk can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk])
        self.folder.chmod(0o755)
        os.chown(self.disk, OWNER, OWNER)
        As().do(STELE, "init", "--no-recovery", "--dir", self.disk / "ledger", env={**os.environ, "HOME": str(self.disk)})
        self.socket, self.latch, self.server = self.disk / "latch", None, None
        self.addCleanup(self.stop)

    def start_latch(self, *under):
        """`under`: a program, with its options, that runs it."""
        self.latch = As("+linux_immutable").start(*under, LATCH, "--directory", self.disk / "ledger/vault/volume", "--socket", self.socket,
                                                  stderr=subprocess.PIPE, text=True)
        wait_until(self.can_connect, "the latch listens")

    def can_connect(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            return client.connect_ex(str(self.socket)) == 0

    def start_server(self, **settings):
        self.server = FleetServer(self.disk, As(), latch=str(self.socket), **settings)
        self.addCleanup(self.server.stop)

    def stop(self):
        if self.latch and self.latch.poll() is None:
            self.latch.terminate()
            self.latch.communicate(timeout=PATIENCE)

    def volumes(self):
        return sorted((self.disk / "ledger/vault/volume").iterdir())

    def close_a_volume(self):
        """By what a power cut could leave behind: the server goes on in the next one. The path of the closed one."""
        last = self.volumes()[-1]
        self.server.stop()
        with last.open("ab") as volume:
            volume.write(b"torn")
        self.server.start()
        self.assertEqual(len(self.volumes()), self.volumes().index(last) + 2)
        return last

    def status(self):
        return json.loads(As().do(STELE, "status", "--json", "--dir", self.disk / "ledger"))

    def ask(self, packet, who=None):
        """The answer, as hex; empty: none."""
        return (who or As()).do("/usr/bin/python3", "-c", ASK, self.socket, packet.hex()).decode().strip()

    def assert_refused(self, call, *args, code=errno.EPERM):
        with self.assertRaises(OSError) as refused:
            call(*args)
        self.assertEqual(refused.exception.errno, code)
