"""A stranger with 80 lines of Python and `age`, and no stele, comes to the same conclusions."""
import functools
import operator
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT, Ledger, LedgerTest, flip_bit, main, unprotect

SCRIPT = ROOT / "tools" / "without_stele.py"
PAGE = ROOT / "docs" / "without-stele.md"
SEGMENT_AT = 92  # in a record: behind its leaf


class Page(unittest.TestCase):
    """docs/without-stele.md: every command there says what the page says it does."""

    def commands(self):
        """[command, what it prints] of each, in order; `>` continues a command."""
        found = []
        for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.S | re.M):
            for line in block.splitlines():
                if line.startswith("$ "):
                    found.append([line[2:], ""])
                elif line.startswith("> ") and not found[-1][1]:
                    found[-1][0] += "\n" + line[2:]
                else:
                    found[-1][1] += line + "\n"
        return found

    def test_its_commands_say_what_stands_there(self):
        commands = self.commands()
        self.assertGreater(len(commands), 20)
        with tempfile.TemporaryDirectory() as folder:
            here = pathlib.Path(folder)
            for name in ("tools", "testdata"):
                (here / name).symlink_to(ROOT / name)
            script = "".join(f"{command}\necho --end-of-{i}--\n" for i, (command, _) in enumerate(commands))
            environment = {**os.environ, "TMPDIR": folder, "PATH": "/usr/bin:/bin"}
            done = subprocess.run(["bash", "-c", script], cwd=here, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        said = re.split(r"--end-of-\d+--\n", done.stdout)[:-1]
        self.assertEqual([tuple(c) for c in commands], [(c, s) for (c, _), s in zip(commands, said, strict=True)])


class WithoutStele(LedgerTest):
    def setUp(self):
        super().setUp()
        self.ledger.record("sh", "-c", "printf 'caf\\351 \\0\\377\\n'; head -c 700000 /dev/urandom")
        self.ledger.record("sh", "-c", "echo the second; exit 3")
        self.volume = next((self.ledger.path / "vault/volume").glob("*.vol"))

    def stranger(self, *args, ledger=None):
        argv = ["/usr/bin/python3", SCRIPT, ledger or self.ledger.path, *map(str, args)]
        return subprocess.run(argv, capture_output=True, timeout=120)

    def flags(self, volume):
        """All that stand in the leaves of a volume."""
        data = volume.read_bytes()
        return functools.reduce(operator.or_, (data[at + 2] for at, _ in self.records(data)), 0)

    def records(self, data=None):
        """(offset, size) of each record of a volume, the first by default."""
        data, at = data or self.volume.read_bytes(), 0
        while at < len(data):
            size = SEGMENT_AT + int.from_bytes(data[at + 24:at + 28], "big")
            yield at, size
            at += size

    def assert_fails(self, *words, ledger=None):
        done = self.stranger(ledger=ledger)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(done.stderr.startswith(b"TAMPERED: "), done.stderr)
        for word in words:
            self.assertIn(word.encode(), done.stderr)

    def test_it_is_at_most_eighty_lines(self):
        self.assertLessEqual(len(SCRIPT.read_text().splitlines()), 80)

    def test_verifies_a_vault_and_decrypts_its_sessions(self):
        for session in self.ledger.sessions():
            done = self.stranger(session["id"], self.ledger.path / "auditor.age")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b"leaves verified", done.stderr)
            self.assertEqual(done.stdout, self.ledger.export(session["id"]))

    def test_reads_across_changes_of_key_and_volumes(self):
        self.ledger.record("head", "-c", "70000000", "/dev/urandom")
        self.assertTrue(any(self.flags(v) & 4 for v in self.volume.parent.glob("*.vol")), "a rekey segment")
        session = self.ledger.sessions()[-1]["id"]
        done = self.stranger(session, self.ledger.path / "auditor.age")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout == self.ledger.export(session))

    def test_needs_nothing_secret_to_verify(self):
        """Both programs, on a copy elsewhere of what is public; the ledger itself is out of their sight."""
        self.ledger.stele("key", "grant", subprocess.run(["age-keygen"], capture_output=True, text=True,
                                                         check=True).stdout.split("public key: ")[1].split()[0])
        elsewhere = self.make_folder()
        (elsewhere / "ledger").mkdir()
        reader = Ledger(elsewhere)
        for name in ("log.vkey", "host.vkey", "policy.vkey", "recipients"):
            shutil.copy(self.ledger.path / name, reader.path)
        for name in ("vault", "recipients.d"):
            shutil.copytree(self.ledger.path / name, reader.path / name)
        self.ledger.path.rename(self.folder / "out of sight")
        copied = b"".join(p.read_bytes() for p in reader.path.rglob("*") if p.is_file())
        secrets = [line.split()[-1] for line in self.secret_lines(self.folder / "out of sight")]
        self.assertEqual(len(secrets), 4, "the keys of log, host and policy, and the auditor's")
        self.assertFalse([secret for secret in secrets if secret in copied])

        self.assertEqual(self.stranger(ledger=reader.path).returncode, 0)
        status, report = reader.verify()
        self.assertEqual((status, report["verdict"]), (0, "intact"), report)
        self.assertEqual([s["verdict"] for s in report["streams"]], ["intact"] * 3)
        self.assertEqual(report["notes"], ["no state directory beside the vault: the head was not checked"])
        with flip_bit(reader.path / "vault/volume" / self.volume.name, 5000):
            self.assert_fails(ledger=reader.path)
            self.assertEqual(reader.verify()[0], 1)

    def secret_lines(self, ledger):
        """What makes the secret files of a ledger secret."""
        files = [ledger / "auditor.age", *(ledger / "keys").iterdir()]
        return [line for file in files for line in file.read_bytes().splitlines() if not line.startswith(b"#")]

    def test_says_which_record_was_altered(self):
        for index, (at, size) in enumerate(self.records()):
            for offset in (28, SEGMENT_AT, SEGMENT_AT + 40, size // 2, size - 1):
                with self.subTest(index=index, offset=offset), flip_bit(self.volume, at + offset):
                    self.assert_fails(f"leaf {index} (000000000000.vol, byte {at})")
        self.assertEqual(self.stranger().returncode, 0)

    def test_finds_any_flipped_bit(self):
        size = self.volume.stat().st_size
        draw = random.Random(7)
        for _ in range(20):
            offset, bit = draw.randrange(size), 1 << draw.randrange(8)
            with self.subTest(offset=offset, bit=bit), flip_bit(self.volume, offset, bit):
                self.assertEqual(self.stranger().returncode, 1)

    def test_finds_leaves_that_are_gone_swapped_or_there_twice(self):
        data, records = self.volume.read_bytes(), list(self.records())
        (first, a), (second, b) = records[1:3]
        unprotect(self.volume)
        wrong = {
            "cut off": data[:records[-1][0]],
            "gone": data[:first] + data[second:],
            "swapped": data[:first] + data[second:second + b] + data[first:second] + data[second + b:],
            "twice": data[:second] + data[first:first + a] + data[second:],
        }
        for what, bytes_now in wrong.items():
            with self.subTest(what):
                self.volume.write_bytes(bytes_now)
                self.assert_fails("leaf" if what != "cut off" else f"{len(records) - 1} of {len(records)} leaves")
        self.volume.write_bytes(data)
        self.assertEqual(self.stranger().returncode, 0)

    def test_holds_the_checkpoint_to_its_key(self):
        for name, offsets in (("vault/log/checkpoint", (-10, 0, 60)), ("log.vkey", (-5, 3)), ("host.vkey", (-8,))):
            for offset in offsets:
                with self.subTest(name=name, offset=offset), flip_bit(self.ledger.path / name, offset):
                    self.assertEqual(self.stranger().returncode, 1)

    def test_refuses_an_identity_that_is_not_the_auditors(self):
        other = self.folder / "other.age"
        subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
        done = self.stranger(self.ledger.sessions()[0]["id"], other)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    main()
