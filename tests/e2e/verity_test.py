"""What only fs-verity does for a closed volume, and what it does not. Where the kernel has none, `tools/interop local_vault` boots
one that has."""
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import unittest

from fleet import Here, wait_until
from harness import STELE, main, unprotect
from latched import BLOCK_BYTES, OWNER, As, Disk, flags

FS_IOC_ENABLE_VERITY = 0x40806685
SLOW_US = 1_000_000


def verity_digest(content):
    """What fs-verity is to measure: from the kernel's fsverity.rst alone."""
    blocks = lambda data: [data[at:at + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0") for at in range(0, len(data), BLOCK_BYTES)]
    sha256 = lambda data: hashlib.sha256(data).digest()
    level = [sha256(block) for block in blocks(content)]
    while len(level) > 1:
        level = [sha256(block) for block in blocks(b"".join(level))]
    descriptor = bytes([1, 1, 12, 0]) + bytes(4) + len(content).to_bytes(8, "little") + level[0].ljust(64, b"\0") + bytes(32 + 144)
    return "sha256:" + hashlib.sha256(descriptor).hexdigest()


class Verity(Disk):
    """What only fs-verity does, and what it does not."""

    def setUp(self):
        super().setUp()
        probe = self.disk / "probe"
        probe.write_bytes(b"x")
        how = (1).to_bytes(4, "little") + (1).to_bytes(4, "little") + BLOCK_BYTES.to_bytes(4, "little") + bytes(116)
        with probe.open("rb") as file:
            try:
                fcntl.ioctl(file, FS_IOC_ENABLE_VERITY, how)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):
                    raise
                self.skipTest("the kernel has no fs-verity; tools/interop local_vault boots one that has")

    def flip_beneath(self, path, offset):
        """One bit of a file, past the file system: on the disk that it lies on."""
        content = path.read_bytes()
        block = offset // BLOCK_BYTES * BLOCK_BYTES
        os.sync()
        with self.image.open("r+b") as image:
            at = image.read().index(content[block:block + BLOCK_BYTES]) + offset - block
            image.seek(at)
            (byte,) = image.read(1)
            image.seek(at)
            image.write(bytes([byte ^ 1]))
            os.fsync(image.fileno())
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return content

    def closed_volume(self):
        self.start_latch()
        self.start_server()
        closed = self.close_a_volume()
        wait_until(lambda: flags(closed) == {"i", "V"}, "a closed volume is immutable and has fs-verity")
        return closed

    def test_a_closed_volume_has_it_and_status_says_its_digest(self):
        closed = self.closed_volume()
        said = self.status()
        self.assertEqual((said["verity_volumes"], said["verity"]), (1, verity_digest(closed.read_bytes())))
        text = As().do(STELE, "status", "--dir", self.disk / "ledger").decode()
        self.assertIn(f"of 1, 1 immutable, 1 with fs-verity, the newest {said['verity']}\n", text)
        self.assertEqual(flags(self.volumes()[-1]), {"a"})

    def test_root_can_take_the_flag_off_and_still_not_write_but_replace_and_that_is_found(self):
        closed = self.closed_volume()
        self.server.stop()
        scrub = lambda: As().run(STELE, "scrub", "--json", "--dir", self.disk / "ledger")
        self.assertEqual(scrub().returncode, 0)
        unprotect(closed)
        self.assertEqual(flags(closed), {"V"})
        self.assert_refused(open, closed, "r+b")
        self.assert_refused(os.truncate, closed, 0)
        content = closed.read_bytes()
        closed.unlink()
        closed.write_bytes(content)
        os.chown(closed, OWNER, OWNER)
        found = scrub()
        self.assertEqual([fault["what"] for fault in json.loads(found.stdout)["faults"]], ["replaced"])
        self.assertEqual(found.returncode, 2)

    def test_a_block_that_changes_beneath_it_can_not_be_read_and_another_can(self):
        closed = self.closed_volume()
        plain = self.disk / "plain"
        plain.write_bytes(os.urandom(2 * BLOCK_BYTES))
        before = self.flip_beneath(plain, 5000)
        self.assertNotEqual(plain.read_bytes(), before, "what has no fs-verity is read as it is now")
        self.flip_beneath(closed, 150)
        self.assert_refused(closed.read_bytes, code=errno.EIO)
        self.server.stop()
        status, report = self.server.ledger.verify()
        self.assertEqual((status, report["verdict"]), (2, "unknown"), "nothing altered is read, so nobody is accused")
        found = json.loads(As().run(STELE, "scrub", "--json", "--dir", self.disk / "ledger").stdout)
        self.assertRegex(" ".join(fault["where"] for fault in found["faults"]), re.escape(closed.name) + ".*Input/output error")

    def test_who_can_still_write_keeps_it_from_being_had_and_writes_nothing(self):
        self.start_latch()
        self.start_server()
        with self.volumes()[-1].open("ab", buffering=0) as late:
            closed = self.close_a_volume()
            wait_until(lambda: "i" in flags(closed), "a closed volume is immutable")
            self.assertEqual(flags(closed), {"i"})
            self.assert_refused(late.write, b"more")

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_nobody_can_write_while_the_hashes_are_made(self):
        self.start_latch("strace", "-I2", "--quiet=all", "-o", self.disk / "trace", "-e", "trace=ioctl", "-e", f"inject=ioctl:delay_enter={SLOW_US}")
        self.start_server()
        closed = self.close_a_volume()
        wait_until(lambda: flags(closed) == set(), "it is not append-only for as long")
        self.assert_refused(os.open, closed, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK, code=errno.EWOULDBLOCK)
        self.assert_refused(os.open, closed, os.O_RDWR | os.O_NONBLOCK, code=errno.EWOULDBLOCK)
        wait_until(lambda: flags(closed) == {"i", "V"}, "it is immutable then, and has fs-verity")

    def test_an_embedded_ledger_of_root_s_needs_no_latch(self):
        directory = self.disk / "embedded"
        environment = {**os.environ, "HOME": str(self.disk), "STELE_DIR": str(directory)}
        run = lambda *words: Here().do(STELE, *words, env=environment)
        run("init", "--no-recovery")
        run("record", "--", "true")
        (volume,) = (directory / "vault/volume").iterdir()
        self.assertEqual(flags(volume), {"a"})
        with volume.open("ab") as torn:
            torn.write(b"torn")
        run("record", "--", "true")
        self.assertEqual(flags(volume), {"i", "V"})


if __name__ == "__main__":
    main()
