"""What somebody with every right on the machine could do to a ledger of real sessions: each is found, named, and placed.

src/ledger/tamper_test.cc does the same to every bit of a small simulated ledger; here are the real program and real files.
tamper_large_test.py has a ledger of some MiB.
"""
import json
import os
import random
import shutil
import subprocess

from forge import PREVIOUS, SEQUENCE, STREAM, Key, Record, rewrite, split
from harness import LEDGER_GENERATOR, Ledger, LedgerTest, flip_bit, main, remove, unprotect

NEWCOMER = "age1s3cqcks5genc6ru8chl0hkkd04zmxvczsvdxq99ekffe4gmvjpzsedk23c"
FLIPS = 150 * int(os.environ.get("STELE_TEST_EFFORT", "1"))


class Recorded(LedgerTest):
    """A ledger of several sessions, a grant among them, and of many checkpoints; each test has a copy of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.make_folder()
        ledger = Ledger(cls.original)
        ledger.record("sh", "-c", "echo one; sleep 1.1; echo more; sleep 1.1; seq 200")
        shutil.copytree(ledger.path, cls.original / "earlier")
        ledger.record("sh", "-c", "head -c 300000 /dev/urandom | base64")
        ledger.stele("key", "grant", NEWCOMER)
        ledger.record("sh", "-c", "printf '\\033[31mthree\\033[m\\n'; sleep 1.2; exit 3")
        at, cls.records = 0, []  # (offset, size)
        for record in split((ledger.path / "vault/volume/000000000000.vol").read_bytes()):
            cls.records.append((at, len(record)))
            at += len(record)

    def setUp(self):
        self.folder = self.make_folder()
        for name in ("ledger", "earlier", "home"):
            shutil.copytree(self.original / name, self.folder / name)
        self.ledger = Ledger(self.folder)
        self.vault = self.ledger.path / "vault"
        self.volume = self.vault / "volume/000000000000.vol"

    def assert_found(self, what=None, where=""):
        """`stele verify` says tampered or missing, exit 1, with a fault of that name at that place."""
        status, report = self.ledger.verify()
        self.assertEqual(status, 1, report)
        self.assertIn(report["verdict"], ("tampered", "missing"))
        faults = report["faults"] + [f for s in report["streams"] for f in s["faults"]]
        self.assertTrue(faults, report)
        self.assertTrue(all(f["what"] and f["where"] for f in faults), faults)
        if what:
            self.assertTrue(any(f["what"] == what and where in f["where"] for f in faults), faults)

    def parts(self):
        return split(self.volume.read_bytes())

    def rewrite(self, parts):
        unprotect(self.volume)
        self.volume.write_bytes(b"".join(parts))


class Tamper(Recorded):
    """By somebody without keys."""

    def test_untouched_it_is_intact(self):
        report = self.assert_verdict("intact", status=0)
        self.assertEqual([s["kind"] for s in report["streams"]], ["session", "session", "grants", "session"])
        self.assertEqual([s["faults"] for s in report["streams"]] + [report["faults"]], [[]] * 5)

    def test_any_bit_of_any_file(self):
        files = [p for p in sorted(self.vault.rglob("*")) if p.is_file()]
        files += [self.ledger.path / name for name in ("state/head", "recipients", "policy.vkey")]
        r = random.Random(1)
        for i in range(FLIPS):
            path = files[i % len(files)]
            offset, mask = r.randrange(path.stat().st_size), 1 << r.randrange(8)
            with self.subTest(path=str(path), offset=offset, mask=mask), flip_bit(path, offset, mask):
                self.assert_found()
        self.assert_verdict("intact", status=0)

    def test_any_bit_of_the_keys_to_verify_with(self):
        r = random.Random(2)
        for name in ("log.vkey", "host.vkey"):
            path = self.ledger.path / name
            for _ in range(FLIPS // 8):
                offset, mask = r.randrange(path.stat().st_size), 1 << r.randrange(8)
                with self.subTest(name=name, offset=offset, mask=mask), flip_bit(path, offset, mask):
                    done = self.ledger.run("verify")
                    self.assertEqual(done.returncode, 70, "there is nothing to verify with")
                    self.assertIn(name.encode(), done.stderr)

    def test_a_bit_is_placed_exactly(self):
        for i, (offset, size) in enumerate(self.records):
            with self.subTest(leaf=i), flip_bit(self.volume, offset + size - 70):
                self.assert_found("altered", f"vault/volume/000000000000.vol, offset {offset}: leaf {i},")
        with flip_bit(self.vault / f"log/tile/0/000.p/{len(self.records)}", 32 * 2 + 5):
            self.assert_found("altered tile", f"tile/0/000.p/{len(self.records)}: wrong from byte 69 on (hash 2)")
        with flip_bit(self.vault / f"log/tile/entries/000.p/{len(self.records)}", 94 * 2 + 50):
            self.assert_found("altered bundle", f"tile/entries/000.p/{len(self.records)}: entry 2 is not leaf 2")

    def test_the_session_and_the_segment_are_named(self):
        stream = self.parts()[1][4:20].hex()
        session = f"{stream[:8]}-{stream[8:12]}-{stream[12:16]}-{stream[16:20]}-{stream[20:]}"
        with flip_bit(self.volume, self.records[1][0] + 200):
            _, report = self.ledger.verify()
        verdicts = {s["stream"]: s["verdict"] for s in report["streams"]}
        self.assertEqual(verdicts.pop(session), "tampered")
        self.assertEqual(set(verdicts.values()), {"intact"}, "nobody else is")
        fault = next(s for s in report["streams"] if s["stream"] == session)["faults"][0]
        self.assertIn(f"(session {session}, segment 1)", fault["where"])

    def test_files_cut_short_and_deleted(self):
        for path in [self.volume, self.vault / "log/checkpoint", self.ledger.path / "state/head",
                     *(self.vault / "log/tile").rglob(f"*.p/{len(self.records)}")]:
            whole = path.read_bytes()
            unprotect(path)
            for size in {0, 1, 91, 92, len(whole) // 3, len(whole) // 2, len(whole) - 64, len(whole) - 1} - {len(whole)}:
                path.write_bytes(whole[:size])
                with self.subTest(path=str(path), size=size):
                    self.assert_found()
            path.unlink()
            with self.subTest(path=str(path), deleted=True):
                self.assert_found()
            path.write_bytes(whole)
        self.assert_verdict("intact", status=0)

    def test_tiles_swapped(self):
        tile, bundle = (self.vault / f"log/tile/{name}/000.p/{len(self.records)}" for name in ("0", "entries"))
        one, other = tile.read_bytes(), bundle.read_bytes()
        tile.write_bytes(other)
        bundle.write_bytes(one)
        self.assert_found("altered tile", f"tile/0/000.p/{len(self.records)}")
        self.assert_found("altered bundle", f"tile/entries/000.p/{len(self.records)}")

    def test_records_deleted_swapped_duplicated(self):
        parts = self.parts()
        for i in range(len(parts)):
            with self.subTest(deleted=i):
                self.rewrite(parts[:i] + parts[i + 1:])
                self.assert_found("missing", f"leaf {i}")
            with self.subTest(twice=i):
                self.rewrite(parts[:i] + [parts[i]] + parts[i:])
                self.assert_found("duplicate", f"leaf {i}")
        for i in range(len(parts) - 1):
            with self.subTest(swapped=i):
                self.rewrite(parts[:i] + [parts[i + 1], parts[i]] + parts[i + 2:])
                self.assert_found("reordered", "offset")

    def test_a_session_taken_out_altogether(self):
        parts = self.parts()
        for stream in {p[4:20] for p in parts}:
            gone = [i for i, p in enumerate(parts) if p[4:20] == stream]
            self.rewrite([p for p in parts if p[4:20] != stream])
            for i in gone:
                self.assert_found("missing", f"leaf {i}: no volume holds it")

    def test_two_sessions_in_each_others_place(self):
        parts = self.parts()
        first = [p for p in parts if p[4:20] == parts[0][4:20]]
        self.rewrite([p for p in parts if p not in first] + first)
        self.assert_found("reordered", "offset")

    def test_a_segment_of_another_session_in_its_place(self):
        parts = self.parts()
        parts[1], other = parts[-2], parts[1]
        self.assertNotEqual(parts[1][4:20], other[4:20])
        self.rewrite(parts)
        self.assert_found("missing", "leaf 1")

    def test_a_volume_from_nowhere(self):
        for name in ("000000000002.vol", "000000000000.1.vol", "000000000099.vol", "other"):
            stray = self.vault / "volume" / name
            stray.write_bytes(self.volume.read_bytes())
            with self.subTest(name=name):
                self.assert_found(where=name)
            stray.unlink()

    def test_tiles_beyond_the_logs_end(self):
        """Whole or partial, hashes or entries: no log has put them there, and this one could never put its own there."""
        end = len(self.records)
        tile, bundle = (self.vault / f"log/tile/{name}/000.p/{end}" for name in ("0", "entries"))
        for name in ("0/000", "0/001", "0/000.p/255", f"0/000.p/{end + 1}", "0/x123/456", "1/000", "1/000.p/1", "5/000.p/1", "63/000",
                     "entries/000", "entries/001", "entries/001.p/7"):
            stray = self.vault / "log/tile" / name
            is_new = not stray.parent.exists()
            stray.parent.mkdir(parents=True, exist_ok=True)
            stray.write_bytes((bundle if name.startswith("entries") else tile).read_bytes())
            with self.subTest(name=name):
                self.assert_found("stray tile", f"vault/log/tile/{name}: the log ends before it, at {end} leaves")
                status, report = self.ledger.verify()
                self.assertEqual({s["verdict"] for s in report["streams"]}, {"intact"}, "no session is blamed for it")
            stray.unlink()
            if is_new:
                stray.parent.rmdir()
        self.assert_verdict("intact", status=0)

    def test_the_vault_rolled_back(self):
        remove(self.vault)
        shutil.copytree(self.folder / "earlier/vault", self.vault)
        self.assert_found("rolled back", "state/head")
        done = self.ledger.record("echo", "on top")
        self.assertEqual(done.returncode, 70, "nothing is recorded on top of it")
        self.assertIn(b"rolled back", done.stderr)

    def test_the_head_rolled_back(self):
        shutil.copy(self.folder / "earlier/state/head", self.ledger.path / "state/head")
        self.assert_found("head rolled back", "state/head")

    def test_everything_rolled_back_is_found_by_who_remembers(self):
        self.assert_verdict("intact")  # and is remembered
        remove(self.ledger.path)
        shutil.copytree(self.folder / "earlier", self.ledger.path)
        self.assert_found("rolled back", "this reader saw")
        newcomer = Ledger(self.folder)
        newcomer.home = self.folder / "newcomer"
        newcomer.home.mkdir()
        self.assertEqual(newcomer.verify()[0], 0, "docs/threat-model.md: what remains for witnesses")

    def test_another_ledger_in_its_place(self):
        self.assert_verdict("intact")
        origin = (self.vault / "log/checkpoint").read_text().splitlines()[0]
        remove(self.ledger.path)
        self.ledger.stele("init", "--no-recovery", "--origin", origin)
        self.ledger.record("echo", "nothing happened")
        self.assert_found("other log key", "log.vkey")

    def test_a_checkpoint_of_another_log(self):
        other = Ledger(self.folder / "other")
        other.record("echo", "x")
        (self.vault / "log/checkpoint").write_bytes((other.path / "vault/log/checkpoint").read_bytes())
        self.assert_found("bad checkpoint", "vault/log/checkpoint")

    def test_sessions_of_a_host_that_the_reader_does_not_trust(self):
        other = Ledger(self.folder / "other")
        shutil.copy(other.path / "host.vkey", self.ledger.path / "host.vkey")
        self.assert_found("unknown host key", "offset")

    def test_another_list_of_those_who_may_read(self):
        self.assert_verdict("intact")
        other = Ledger(self.folder / "other")
        shutil.copy(other.path / "recipients", self.ledger.path)
        self.assert_found("bad recipients list", "recipients")
        shutil.copy(other.path / "policy.vkey", self.ledger.path)
        self.assert_found("other policy key", "policy.vkey: this reader knows another")


class Forged(Recorded):
    """By somebody with Python who makes a tree, a checkpoint and a head that all agree with what he wants."""

    def setUp(self):
        super().setUp()
        self.log_key = Key.load(self.ledger.path / "keys/log.key")
        self.host_key = Key.load(self.ledger.path / "keys/host.key")
        self.all = [Record(part) for part in self.parts()]
        self.first = [i for i, r in enumerate(self.all) if r.stream == self.all[0].stream]
        self.assertGreaterEqual(len(self.first), 3)

    def forge(self, records, log_key=None):
        rewrite(self.ledger.path, records, log_key or self.log_key)

    def test_a_forger_who_changes_nothing_is_believed(self):
        self.forge(self.all)
        self.assert_verdict("intact", status=0)

    def test_a_whole_history_signed_with_another_log_key(self):
        self.forge(self.all[3:], Key(self.log_key.name))
        self.assert_found("bad checkpoint", "vault/log/checkpoint")

    def test_another_log_key_with_its_verifier_key_is_found_by_who_remembers(self):
        self.assert_verdict("intact")
        thief = Key(self.log_key.name)
        self.forge([r for r in self.all if r.stream != self.all[0].stream], thief)
        (self.ledger.path / "log.vkey").write_text(thief.vkey + "\n")
        self.assert_found("other log key", "log.vkey")

    def test_a_shorter_history_signed_with_the_stolen_log_key_is_found_by_who_remembers(self):
        self.assert_verdict("intact")
        self.forge([r for r in self.all if r.stream != self.all[0].stream])
        self.assert_found("rolled back", "this reader saw")

    def test_a_history_of_the_same_length_is_found_by_who_remembers(self):
        self.assert_verdict("intact")
        self.all[0].leaf[72:80] = bytes(8)  # back-dated: what only the log vouches for
        self.forge(self.all)
        self.assert_found("forked", "not those this reader saw before")

    def test_a_segment_left_out(self):
        for i in self.first[:-1]:
            with self.subTest(leaf=i):
                self.forge(self.all[:i] + self.all[i + 1:])
                self.assert_found("missing", f"segments {i} to {i}")

    def test_a_segment_twice_and_two_in_the_wrong_order(self):
        again = self.all[1].copy()
        self.forge(self.all[:2] + [again] + self.all[2:])
        self.assert_found("duplicate", "segment 1 stands here a second time")
        self.forge([self.all[0], self.all[2], self.all[1], *self.all[3:]])
        self.assert_found("duplicate", "segment 1")

    def test_a_segment_behind_the_closing_one(self):
        last = self.all[self.first[-1]]
        more = last.copy().put(PREVIOUS, last.hash).put(SEQUENCE, len(self.first).to_bytes(4, "big"))
        self.forge(self.all + [more.sign(self.host_key)])
        self.assert_found("after close", f"segment {len(self.first)}")

    def test_a_segment_of_another_session_put_into_this_one(self):
        place = self.all[1]
        other = next(r for r in self.all if r.stream != place.stream and r.segment[6] == place.segment[6])
        for where in (STREAM, SEQUENCE, PREVIOUS):
            other = other.copy().put(where, place.segment[where])
        self.forge([self.all[0], other.fit(), *self.all[2:]])
        self.assert_found("broken chain", "offset")

    def test_an_altered_session_whose_chain_is_mended_but_not_signed(self):
        mended = [r.copy() for r in self.all]
        mended[0].segment[-100] ^= 1
        for i in self.first:
            if i > 0:
                mended[i].put(PREVIOUS, mended[i - 1].fit().hash)
            mended[i].fit()
        self.forge(mended)
        self.assert_found("bad signature", f"offset {self.records[self.first[-1]][0]}")

    def test_segments_signed_by_another_host(self):
        stranger = Key(self.host_key.name)
        self.forge([*self.all[:-1], self.all[-1].copy().sign(stranger)])
        self.assert_found("unknown host key", stranger.id.hex())

    def test_segments_signed_by_another_host_that_claims_to_be_ours(self):
        forged = self.all[-1].copy().sign(Key(self.host_key.name))
        forged.put(slice(32, 40), self.host_key.id).fit()
        self.forge([*self.all[:-1], forged])
        self.assert_found("bad signature", f"not signed by host key {self.host_key.id.hex()}")

    def test_a_segment_of_an_older_epoch(self):
        """The host key has gone forward; whoever stole the older one continues a session with it."""
        newer = Key(self.host_key.name)
        (self.ledger.path / "host.vkey").write_text(f"{self.host_key.vkey}\n{newer.vkey}\n")
        chain = [self.all[i].copy() for i in self.first]
        chain[1].put(PREVIOUS, chain[0].hash).sign(newer, 2)
        chain[2].put(PREVIOUS, chain[1].hash).sign(newer, 2)
        rest = [r for r in self.all if r.stream != chain[0].stream]
        self.forge(chain[:3] + rest)
        code, report = self.ledger.verify()
        self.assertEqual(code, 0, report)
        chain[2].sign(self.host_key, 1)
        self.forge(chain[:3] + rest)
        self.assert_found("older key epoch", "epoch 1 after epoch 2")

    def test_an_epoch_that_the_host_never_had(self):
        self.forge([*self.all[:-1], self.all[-1].copy().sign(self.host_key, 7)])
        self.assert_found("unknown host key", "epoch 7")

    def test_a_leaf_that_contradicts_its_segment(self):
        self.all[2].leaf[60] ^= 1
        self.forge(self.all)
        self.assert_found("altered", "leaf 2, leaf and segment contradict each other")


class Live(LedgerTest):
    def test_a_ledger_being_written_to_is_never_slandered(self):
        sessions = [self.recording("--", "sh", "-c", f"for i in $(seq 40); do echo {n} $i; sleep 0.05; done") for n in range(3)]
        seen = set()
        while any(s.status is None for s in sessions):
            status, report = self.ledger.verify()
            self.assertEqual(status, 0, report)
            seen.update(s["verdict"] for s in report["streams"])
            for s in sessions:
                if s.status is None and not s.read(0):
                    s.wait()
        self.assertIn("open", seen)
        report = self.assert_verdict("intact", status=0)
        self.assertEqual([s["verdict"] for s in report["streams"]], ["intact"] * 3)

    def test_nor_one_that_is_published_while_it_is_read(self):
        """Tiles of checkpoints to come lie there before those do, full ones too; and what lay there with one is soon gone."""
        for verify in (["verify"], ["verify", "--log-only"]):
            with self.subTest(verify=verify):
                self.check_while_it_is_published(*verify)

    def check_while_it_is_published(self, *verify):
        growing = subprocess.Popen([LEDGER_GENERATOR, self.ledger.path, "6000", "8", "20"], stdout=subprocess.DEVNULL)
        self.addCleanup(growing.wait)
        self.addCleanup(growing.kill)
        read = 0
        while growing.poll() is None:
            done = self.ledger.run(*verify, "--json")
            report = json.loads(done.stdout)
            self.assertEqual((done.returncode, report["faults"]), (0, []), report["verdict"])
            read += 1
        self.assertEqual(growing.returncode, 0)
        self.assertGreater(read, 2)


if __name__ == "__main__":
    main()
