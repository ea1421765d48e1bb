"""A stranger with 80 lines of Python and `age`, and no stele, comes to the same conclusions."""
import subprocess

from harness import ROOT, LedgerTest, flip_bit, main

SCRIPT = ROOT / "tools" / "without_stele.py"


class WithoutStele(LedgerTest):
    def setUp(self):
        super().setUp()
        self.ledger.record("sh", "-c", "printf 'caf\\351 \\0\\377\\n'; head -c 700000 /dev/urandom")
        self.ledger.record("sh", "-c", "echo the second; exit 3")

    def stranger(self, *args):
        return subprocess.run(["/usr/bin/python3", SCRIPT, self.ledger.path, *map(str, args)], capture_output=True, timeout=120)

    def test_it_is_at_most_eighty_lines(self):
        self.assertLessEqual(len(SCRIPT.read_text().splitlines()), 80)

    def test_verifies_a_vault_and_decrypts_its_sessions(self):
        for session in self.ledger.sessions():
            done = self.stranger(session["id"], self.ledger.path / "auditor.age")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"leaves verified", done.stderr)
            self.assertEqual(done.stdout, self.ledger.export(session["id"]))

    def test_finds_what_was_tampered_with(self):
        volume = next((self.ledger.path / "vault/volume").glob("*.vol"))
        size = volume.stat().st_size
        self.assertEqual(self.stranger().returncode, 0)
        for offset in [0, 91, 92, size // 3, size // 2, size - 1]:
            with self.subTest(offset=offset), flip_bit(volume, offset):
                done = self.stranger()
                self.assertEqual(done.returncode, 1, done.stderr)
        with flip_bit(volume, size // 2):
            self.assertIn(b"altered segment", self.stranger().stderr)
        self.assertEqual(self.stranger().returncode, 0)

    def test_holds_the_checkpoint_to_its_key(self):
        with flip_bit(self.ledger.path / "vault/log/checkpoint", -10):
            self.assertEqual(self.stranger().returncode, 1)
        with flip_bit(self.ledger.path / "log.vkey", -5):
            self.assertEqual(self.stranger().returncode, 1)


if __name__ == "__main__":
    main()
