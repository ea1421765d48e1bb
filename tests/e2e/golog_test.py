"""Go's own note and tlog code (golang.org/x/mod/sumdb) verifies our log: checkpoint, tiles, bundles, proofs."""
import base64
import re
import subprocess

from harness import LEDGER_GENERATOR, ROOT, LedgerTest, flip_bit, main

CHECK = ROOT / "tests" / "golog" / "check.sh"
THREE_TILE_LEVELS = 70_000  # more than 256²
NEVER_ITS_ROOT = base64.b64encode(bytes(32)).decode()


class GoLog(LedgerTest):
    def check(self, where, *old):
        """Older sizes are SIZE, or SIZE=ROOT where the root is remembered."""
        argv = [CHECK, str(where), self.ledger.path / "log.vkey", *map(str, old)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
        if done.returncode == 77:
            self.skipTest(done.stderr.strip())
        return done

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
        self.generate(THREE_TILE_LEVELS - 5)
        before = self.checkpoint()
        self.ledger.record("echo", "and a real one")
        self.generate(5)
        self.assertTrue((self.log / "tile/2/000.p/1").exists(), "the third level")
        address = self.serve()
        said = self.assert_holds(address, before, 1, 255, 256, 257, 65_535, 65_536, 65_537, THREE_TILE_LEVELS - 5)
        self.assertGreater(int(re.search(r"size (\d+)", said)[1]), THREE_TILE_LEVELS)
        for name in ("tile/0/123", "tile/1/000", "tile/2/000.p/1", "tile/entries/200"):
            with self.subTest(name), flip_bit(self.log / name, 17):
                self.assert_fails(address, saying="tile/")
        self.assert_fails(address, f"256={NEVER_ITS_ROOT}", saying="consistency")

    def generate(self, leaves):
        argv = [LEDGER_GENERATOR, self.ledger.path, str(leaves), "8"]
        subprocess.run(argv, check=True, capture_output=True, timeout=600)


if __name__ == "__main__":
    main()
