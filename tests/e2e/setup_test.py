"""Making a ledger, letting others read, and what protects it: stele init, key grant, key list, status, repair."""
import hashlib
import json
import re
import stat
import subprocess

from harness import LEDGER_GENERATOR, STELE, Ledger, LedgerTest, main, unprotect


def identity(folder, name):
    """An age identity made by age-keygen: (file, recipient)."""
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return path, re.search(r"public key: (age1\w+)", path.read_text())[1]


def generate(ledger, leaves, output_bytes):
    argv = [LEDGER_GENERATOR, ledger.path, str(leaves), str(output_bytes)]
    subprocess.run(argv, check=True, capture_output=True, timeout=600)


class Init(LedgerTest):
    def test_one_step_makes_everything_and_says_what_belongs_offline(self):
        fresh = Ledger.__new__(Ledger)
        fresh.folder, fresh.path, fresh.home = self.folder, self.folder / "fresh", self.ledger.home
        done = fresh.run("init", ok=(0,))
        said = done.stdout.decode()
        self.assertIn(str(fresh.path / "auditor.age"), said)
        self.assertIn("offline", said)
        self.assertIn("no recovery recipient", done.stderr.decode(), "loudly")
        auditor = fresh.path / "auditor.age"
        self.assertEqual(stat.S_IMODE(auditor.stat().st_mode), 0o600)
        shown = subprocess.run(["age-keygen", "-y", auditor], check=True, capture_output=True, text=True).stdout
        self.assertIn(shown.strip(), said)
        self.assertRegex((fresh.path / "log.vkey").read_text(), r"^\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n$")
        for key in (fresh.path / "keys").iterdir():
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600, key)
        self.assertEqual(fresh.verify()[0], 0)

    def test_asks_for_a_recovery_recipient(self):
        file, recipient = identity(self.folder, "recovery.age")
        new = self.folder / "asked"
        t = self.terminal(STELE, "init", "--dir", new)
        t.expect("Recovery recipient")
        t.type(recipient + "\n")
        self.assertEqual(t.wait(), 0)
        self.assertNotIn(b"WARNING", t.shown)
        self.ledger.path = new
        self.ledger.record("echo", "hello")
        session = self.ledger.sessions()[0]["id"]
        (new / "auditor.age").unlink()
        self.assertEqual(self.ledger.stele("export", session, "--format", "raw", "--identity", file), b"hello\r\n")

    def test_a_second_init_harms_nothing(self):
        self.ledger.record("echo", "hello")
        before = {p: p.read_bytes() for p in self.ledger.path.rglob("*") if p.is_file()}
        done = self.ledger.run("init", "--no-recovery")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), "already|exists")
        self.assertEqual(before, {p: p.read_bytes() for p in self.ledger.path.rglob("*") if p.is_file()})

    def test_a_recipient_that_is_none_is_named(self):
        for option in ("--auditor", "--recovery"):
            for bad in ("age1nonsense", "ssh-ed25519 AAAA", "", "\x1b]0;x\x07"):
                with self.subTest(option=option, bad=bad):
                    done = self.ledger.run("init", "--dir", self.folder / "bad", option, bad, "--no-recovery")
                    self.assertEqual(done.returncode, 70)
                    self.assertTrue(done.stderr.startswith(f'stele: {option} "'.encode()), done.stderr)
                    self.assertIn(b"age1", done.stderr)
                    self.assertNotIn(b"\x1b", done.stderr)
                    self.assertFalse((self.folder / "bad").exists(), "nothing was made")

    def test_a_recovery_recipient_typed_wrong_makes_nothing(self):
        t = self.terminal(STELE, "init", "--dir", self.folder / "bad")
        t.expect("Recovery recipient")
        t.type("age1oops\n")
        self.assertEqual(t.wait(), 70)
        self.assertIn(b'"age1oops" is none', t.shown)
        self.assertFalse((self.folder / "bad").exists())

    def test_the_same_recipient_twice_is_refused_before_anything_is_made(self):
        recipient = identity(self.folder, "auditor.age")[1]
        for again in ("--auditor", "--recovery"):
            done = self.ledger.run("init", "--dir", self.folder / "bad", "--auditor", recipient, again, recipient)
            self.assertEqual(done.returncode, 70)
            self.assertIn(f"{recipient} is given twice".encode(), done.stderr)
            self.assertFalse((self.folder / "bad").exists())

    def test_nobody_else_may_read_what_it_made(self):
        for path in [self.ledger.path, *self.ledger.path.rglob("*")]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_with_auditors_of_its_own_it_makes_no_identity(self):
        file, recipient = identity(self.folder, "auditor.age")
        path = self.folder / "theirs"
        other = identity(self.folder, "recovery.age")[1]
        said = self.ledger.stele("init", "--dir", path, "--auditor", recipient, "--recovery", other).decode()
        self.assertIn(recipient, said)
        self.assertFalse((path / "auditor.age").exists())
        self.ledger.path = path
        self.ledger.record("echo", "hello")
        session = json.loads(self.ledger.stele("sessions", "--json", "--identity", file))[0]["id"]
        self.assertEqual(self.ledger.stele("export", session, "--format", "raw", "--identity", file), b"hello\r\n")


class Grant(LedgerTest):
    def test_a_newcomer_opens_old_sessions_and_a_lost_key_is_not_the_end(self):
        self.ledger.record("echo", "before")
        old = self.ledger.sessions()[0]["id"]
        file, recipient = identity(self.folder, "newcomer.age")
        refused = self.ledger.run("export", old, "--format", "raw", "--identity", file)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(refused.stdout, b"")

        before = (self.ledger.path / "recipients").read_bytes()
        said = self.ledger.stele("key", "grant", recipient).decode()
        self.assertIn("1 recorded before", said)
        kept = self.ledger.path / "recipients.d" / hashlib.sha256(before).hexdigest()
        self.assertEqual(kept.read_bytes(), before, "what was in force stays known")
        (self.ledger.path / "auditor.age").unlink()  # lost
        self.ledger.record("echo", "after")
        self.assertEqual(self.ledger.stele("export", old, "--format", "raw", "--identity", file), b"before\r\n")
        sessions = json.loads(self.ledger.stele("sessions", "--json", "--identity", file))
        new = sessions[-1]["id"]
        self.assertEqual(self.ledger.stele("export", new, "--format", "raw", "--identity", file), b"after\r\n")

        report = self.assert_verdict("intact", status=0)
        kinds = [s["kind"] for s in report["streams"]]
        self.assertEqual(kinds, ["session", "grants", "session"], "the grant is a record in the ledger")
        listed = json.loads(self.ledger.stele("key", "list", "--json"))
        self.assertEqual({e["recipient"] for e in listed if e["role"] == "auditor"} & {recipient}, {recipient})

        third, third_recipient = identity(self.folder, "third.age")
        self.ledger.stele("key", "grant", third_recipient, "--identity", file)
        self.assertEqual(self.ledger.stele("export", old, "--format", "raw", "--identity", third), b"before\r\n")

    def test_of_thousands_of_sessions(self):
        generate(self.ledger, 60_000, 8)
        file, recipient = identity(self.folder, "newcomer.age")
        self.assertRegex(self.ledger.stele("key", "grant", recipient), rb"60\d\d recorded before")
        report = self.assert_verdict("intact", status=0)
        grants = [s["segments"] for s in report["streams"] if s["kind"] == "grants"]
        self.assertEqual(grants, [2], "more than one segment holds")
        (self.ledger.path / "auditor.age").unlink()
        first = report["streams"][0]["stream"]
        self.assertEqual(len(self.ledger.stele("export", first, "--format", "raw", "--identity", file)), 80)

    def test_to_somebody_who_may_read_already_changes_nothing_for_others(self):
        self.ledger.record("echo", "before")
        session = self.ledger.sessions()[0]["id"]
        file, recipient = identity(self.folder, "newcomer.age")
        for _ in range(2):
            self.ledger.stele("key", "grant", recipient)
        listed = json.loads(self.ledger.stele("key", "list", "--json"))
        self.assertEqual([e["lane"] for e in listed if e["recipient"] == recipient], ["facts", "output", "input"])
        self.assert_verdict("intact", status=0)
        for args in ((), ("--identity", file)):
            self.assertEqual(self.ledger.stele("export", session, "--format", "raw", *args), b"before\r\n")

    def test_of_a_wrong_recipient_changes_nothing(self):
        self.ledger.record("echo", "before")
        before = (self.ledger.path / "recipients").read_bytes(), self.ledger.verify()[1]["leaves"]
        for bad in ("age1nonsense", ""):
            done = self.ledger.run("key", "grant", bad)
            self.assertEqual(done.returncode, 70)
            self.assertTrue(done.stderr.startswith(f'stele: "{bad}" is no recipient'.encode()), done.stderr)
        self.assertEqual(before, ((self.ledger.path / "recipients").read_bytes(), self.ledger.verify()[1]["leaves"]))

    def test_without_an_identity_that_opens_them_it_says_so(self):
        self.ledger.record("echo", "before")
        (self.ledger.path / "auditor.age").unlink()
        recipient = identity(self.folder, "newcomer.age")[1]
        done = self.ledger.run("key", "grant", recipient)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), "--identity|auditor.age")


class Protection(LedgerTest):
    def test_status_says_what_protects_the_volumes_and_why_not(self):
        self.ledger.record("echo", "hello")
        said = self.ledger.stele("status").decode()
        volume = self.ledger.path / "vault/volume/000000000000.vol"
        flags = subprocess.run(["lsattr", volume], capture_output=True, text=True).stdout.split(" ")[0]
        if "a" in flags:
            self.assertIn("append-only", said)
            with self.assertRaises(PermissionError):
                volume.write_bytes(b"")
            with self.assertRaises(PermissionError):
                volume.unlink()
            unprotect(volume)
        said = self.ledger.stele("status").decode()
        self.assertRegex(said, "not append-only|not protected|no protection|none")

    def test_status_tells_the_open_volume_from_the_closed_ones(self):
        generate(self.ledger, 70, 1_000_000)
        now = json.loads(self.ledger.stele("status", "--json"))
        self.assertEqual((now["leaves"], now["volumes"]), (70, 2))
        flags = subprocess.run(["lsattr", self.ledger.path / "vault/volume"], capture_output=True, text=True).stdout
        first, second = (line.split(" ")[0] for line in sorted(flags.splitlines(), key=lambda line: line.split(" ")[1]))
        if "i" not in first:
            self.assertRegex(now["closed_volumes"], "^none: ")
            self.skipTest("this file system has no immutable flag: " + now["closed_volumes"])
        self.assertIn("a", second)
        self.assertRegex(now["closed_volumes"], "^immutable")
        self.assertRegex(now["open_volume"], "^append-only")
        self.assertIs(now["auditor_identity_here"], True)
        self.assertIs(now["recovery_recipient"], False)

    def test_status_names_what_weakens_the_ledger(self):
        said = self.ledger.stele("status").decode()
        self.assertIn("no recovery recipient", said)
        self.assertIn("auditor.age is here", said)
        (self.ledger.path / "auditor.age").rename(self.folder / "auditor.age")
        self.ledger.stele("key", "grant", identity(self.folder, "recovery.age")[1], "--role", "recovery",
                          "--identity", self.folder / "auditor.age")
        said = self.ledger.stele("status").decode()
        self.assertNotIn("WARNING", said)

    def test_repair_mends_a_head_that_was_rolled_back(self):
        self.ledger.record("echo", "one")
        head = self.ledger.path / "state/head"
        old = head.read_bytes()
        self.ledger.record("echo", "two")
        head.write_bytes(old)
        self.assertEqual(self.ledger.verify()[0], 1)
        self.assertEqual(self.ledger.record("echo", "no").returncode, 70)
        self.ledger.stele("repair")
        self.assertEqual(self.ledger.record("echo", "three").returncode, 0)
        report = self.assert_verdict("intact", status=0)
        self.assertEqual(len(report["streams"]), 3)

    def test_repair_refuses_to_bless_volumes_that_were_changed(self):
        self.ledger.record("echo", "one")
        head = self.ledger.path / "state/head"
        old = head.read_bytes()
        self.ledger.record("echo", "two")
        head.write_bytes(old)
        volume = self.ledger.path / "vault/volume/000000000000.vol"
        unprotect(volume)
        data = bytearray(volume.read_bytes())
        data[40] ^= 1
        volume.write_bytes(data)
        self.assertNotEqual(self.ledger.run("repair").returncode, 0)
        self.assertEqual(head.read_bytes(), old)


if __name__ == "__main__":
    main()
