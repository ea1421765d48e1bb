"""Go's own note and tlog code (golang.org/x/mod/sumdb) verifies our log: checkpoint, tiles, bundles, proofs; and our receipts."""
import base64
import re
import subprocess

from fleet import FleetServer
from forge import split
from harness import LEDGER_GENERATOR, ROOT, Ledger, LedgerTest, flip_bit, main
from people_test import People

CHECK = ROOT / "tests" / "golog" / "check.sh"
LEAF = 92
THREE_TILE_LEVELS = 70_000  # more than 256²
NEVER_ITS_ROOT = base64.b64encode(bytes(32)).decode()


def check(test, *args):
    done = subprocess.run([CHECK, *map(str, args)], capture_output=True, text=True, timeout=600)
    if done.returncode == 77:
        test.skipTest(done.stderr.strip())
    return done


def generate(ledger, leaves):
    argv = [LEDGER_GENERATOR, ledger.path, str(leaves), "8"]
    subprocess.run(argv, check=True, capture_output=True, timeout=600)


class GoLog(LedgerTest):
    def check(self, where, *old):
        """Older sizes are SIZE, or SIZE=ROOT where the root is remembered."""
        return check(self, where, self.ledger.path / "log.vkey", *old)

    def assert_holds(self, where, *old):
        done = self.check(where, *old)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def assert_fails(self, where, *old, saying=""):
        done = self.check(where, *old)
        self.assertEqual(done.returncode, 1, done.stderr + done.stdout)
        self.assertIn(saying, done.stderr)

    def checkpoint(self):
        lines = (self.log / "checkpoint").read_text().splitlines()
        return f"{lines[1]}={lines[2]}"

    @property
    def log(self):
        return self.ledger.path / "vault" / "log"

    def serve(self):
        """The address at which a static web server, another program, serves the log."""
        argv = ["/usr/bin/python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", self.log]
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        return "http://127.0.0.1:" + re.search(r" port (\d+) ", server.stdout.readline())[1]

    def test_a_log_of_real_sessions_served_by_a_static_web_server(self):
        address, old = self.serve(), []
        for i in range(4):
            self.ledger.record("echo", i)
            old.append(self.checkpoint())
        self.assertEqual(len(set(old)), 4)
        self.assert_holds(address, *old)
        size = old[0].split("=", 1)[0]
        self.assert_fails(address, f"{size}={NEVER_ITS_ROOT}", saying="consistency")

    def test_a_flipped_bit_anywhere_in_a_small_log(self):
        self.ledger.record("echo", "one")
        self.ledger.record("echo", "two")
        self.assert_holds(self.log)
        size = (self.log / "checkpoint").read_text().splitlines()[1]
        for name in ("checkpoint", f"tile/0/000.p/{size}", f"tile/entries/000.p/{size}"):
            file = self.log / name
            for offset in range(0, file.stat().st_size, 29):
                with self.subTest(name=name, offset=offset), flip_bit(file, offset):
                    self.assert_fails(self.log)
        self.assert_holds(self.log)

    def test_an_empty_log(self):
        self.assertIn("size 0", self.assert_holds(self.log))

    def test_a_log_with_three_levels_of_tiles(self):
        generate(self.ledger, THREE_TILE_LEVELS - 5)
        before = self.checkpoint()
        self.ledger.record("echo", "and a real one")
        generate(self.ledger, 5)
        self.assertTrue((self.log / "tile/2/000.p/1").exists(), "the third level")
        address = self.serve()
        said = self.assert_holds(address, before, 1, 255, 256, 257, 65_535, 65_536, 65_537, THREE_TILE_LEVELS - 5)
        self.assertGreater(int(re.search(r"size (\d+)", said)[1]), THREE_TILE_LEVELS)
        for name in ("tile/0/123", "tile/1/000", "tile/2/000.p/1", "tile/entries/200"):
            with self.subTest(name), flip_bit(self.log / name, 17):
                self.assert_fails(address, saying="tile/")
        self.assert_fails(address, f"256={NEVER_ITS_ROOT}", saying="consistency")


class GoReceipt(People):
    """What a server gives out at /v1/proof, of a log with two levels of tiles."""

    LEAVES = 700

    def setUp(self):
        LedgerTest.setUp(self)
        generate(self.ledger, self.LEAVES)
        self.server = FleetServer(self.folder)
        self.addCleanup(self.server.stop)
        self.verifier = self.user("vera", "verifier")
        self.known(self.verifier)

    def receipt(self, index):
        status, text = self.get(f"/v1/proof?leaf={index}", self.verifier)
        self.assertEqual(status, 200, text)
        return text

    def check(self, text, key=None):
        file = self.folder / "leaf.tlog-proof"
        file.write_bytes(text)
        return check(self, "--receipt", file, key or self.ledger.path / "log.vkey")

    def assert_fails(self, text, saying="", **kwargs):
        done = self.check(text, **kwargs)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(saying, done.stderr)

    def leaves(self):
        volumes = sorted((self.ledger.path / "vault/volume").glob("*.vol"))
        return [record[:LEAF] for volume in volumes for record in split(volume.read_bytes())]

    def test_shows_that_a_leaf_stands_where_it_says(self):
        leaves = self.leaves()
        for index in (0, 1, 255, 256, 511, 512, 513, self.LEAVES - 2, self.LEAVES - 1):
            with self.subTest(index=index):
                done = self.check(self.receipt(index))
                self.assertEqual(done.returncode, 0, done.stderr)
                found = re.fullmatch(r"ok: entry (\d+) of (\d+) is ([0-9a-f]+)\n", done.stdout)
                self.assertEqual((int(found[1]), bytes.fromhex(found[3])), (index, leaves[index]))
                self.assertGreaterEqual(int(found[2]), self.LEAVES)

    def test_is_worth_nothing_once_anything_in_it_is_altered(self):
        text = self.receipt(300)
        for offset in range(0, len(text), 5):
            with self.subTest(offset=offset):  # this bit makes another sign of each that stands in one, and no base64
                self.assert_fails(text[:offset] + bytes([text[offset] ^ 0x40]) + text[offset + 1:])
        self.assertEqual(self.check(text).returncode, 0)

    def test_shows_no_other_leaf_no_other_place_and_no_other_log(self):
        lines, other = self.receipt(300).split(b"\n"), self.receipt(301).split(b"\n")
        self.assert_fails(b"\n".join([lines[0], other[1], *lines[2:]]), "inclusion of entry 300")
        self.assert_fails(b"\n".join([*lines[:2], other[2], *lines[3:]]), "inclusion of entry 301")
        self.assert_fails(b"\n".join([*lines[:3], lines[4], lines[3], *lines[5:]]), "inclusion of entry 300")
        self.assert_fails(b"\n".join([*lines[:3], *lines[4:]]), "inclusion of entry 300")
        stranger = Ledger(self.folder / "stranger")
        self.assert_fails(b"\n".join(lines), "checkpoint", key=stranger.path / "log.vkey")


if __name__ == "__main__":
    main()
