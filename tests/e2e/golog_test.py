"""Go's own note and tlog code (golang.org/x/mod/sumdb) verifies our log: checkpoint, tiles, bundles, inclusion, consistency."""
import functools
import http.server
import subprocess
import threading

from harness import LEDGER_GENERATOR, ROOT, LedgerTest, flip_bit, main

CHECK = ROOT / "tests" / "golog" / "check.sh"
THREE_TILE_LEVELS = 70_000  # more than 256²


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class GoLog(LedgerTest):
    def check(self, where, *old):
        done = subprocess.run([CHECK, str(where), self.ledger.path / "log.vkey", *map(str, old)], capture_output=True, text=True, timeout=600)
        if done.returncode == 77:
            self.skipTest(done.stderr.strip())
        return done

    def assert_holds(self, where, *old):
        done = self.check(where, *old)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def checkpoint(self):
        lines = (self.log / "checkpoint").read_text().splitlines()
        return f"{lines[1]}={lines[2]}"

    @property
    def log(self):
        return self.ledger.path / "vault" / "log"

    def test_a_log_of_real_sessions_served_by_a_static_web_server(self):
        old = []
        for i in range(4):
            self.ledger.record("echo", i)
            old.append(self.checkpoint())
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=self.log))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            self.assert_holds(f"http://127.0.0.1:{server.server_port}", *old)
        finally:
            server.shutdown()
            server.server_close()

    def test_a_log_with_three_levels_of_tiles(self):
        subprocess.run([LEDGER_GENERATOR, self.ledger.path, str(THREE_TILE_LEVELS), "8"], check=True, capture_output=True, timeout=600)
        self.ledger.record("echo", "and a real one")
        self.assertTrue((self.log / "tile/2/000.p/1").exists(), "the third level")
        self.assert_holds(self.log, 1, 255, 256, 257, 65_535, 65_536, 65_537, THREE_TILE_LEVELS)
        tile = self.log / "tile/1/000"
        with flip_bit(tile, 5000):
            self.assertEqual(self.check(self.log).returncode, 1)
        self.assertEqual(self.check(self.log, "256=" + "A" * 43 + "=").returncode, 1, "a root it never had")


if __name__ == "__main__":
    main()
