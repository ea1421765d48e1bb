"""`stele vault probe`: a store that keeps what it is told to is told from one that does not. The real store is in tools/interop."""
import json
import subprocess

from harness import STELE, Ledger, LedgerTest, main
from s3_stand_in import ObjectStore

WANTED = {"versioning", "object-lock", "version-id", "retention", "delete", "bypass", "shorten", "shorten-bypass", "weaken", "extend", "legal-hold",
          "overwrite", "hide", "content-md5", "payload-hash", "content", "clock"}
# Flaw -> what fails because of it, and must be among it.
FLAWS = {"no-versions": "versioning", "no-lock": "object-lock", "forgets": "retention", "deletes": "delete", "bypasses": "bypass", "lies": "delete",
         "shortens": "shorten", "weakens": "weaken", "never-extends": "extend", "no-holds": "legal-hold", "overwrites": "overwrite", "hides": "hide",
         "md5-blind": "content-md5", "hash-blind": "payload-hash", "clock": "clock"}


class Probe(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.credentials = self.folder / "credentials"
        self.write(ObjectStore.KEY, ObjectStore.SECRET)

    def write(self, key, secret):
        self.credentials.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        self.credentials.chmod(0o600)

    def store(self, *flaws):
        store = ObjectStore(flaws)
        self.addCleanup(store.close)
        return store

    def probe(self, store, *more, style=("--path-style",), host="127.0.0.1", bucket=ObjectStore.BUCKET, environment=None):
        return subprocess.run([STELE, "vault", "probe", "--endpoint", f"http://{host}:{store.port}", "--plain", "--bucket", bucket, *style,
                               *(() if "--credentials" in more else ("--credentials", self.credentials)), *more], capture_output=True, text=True, env=environment)

    def checks(self, store, *more, status, **how):
        done = self.probe(store, "--json", *more, **how)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        said = json.loads(done.stdout)
        self.assertEqual(said["holds"], status == 0)
        return {check["name"]: check for check in said["checks"]}

    def test_a_store_by_the_rules_holds(self):
        checks = self.checks(self.store(), status=0)
        self.assertEqual({name for name, check in checks.items() if check["wanted"]}, WANTED)
        self.assertEqual({name for name, check in checks.items() if not check["holds"]}, set())
        self.assertIn("AccessDenied (403): Access Denied because object protected", checks["delete"]["said"])

    def test_each_rule_that_is_broken_is_named(self):
        for flaw, name in FLAWS.items():
            with self.subTest(flaw):
                checks = self.checks(self.store(flaw), status=1)
                self.assertFalse(checks[name]["holds"])
                self.assertTrue(checks[name]["wanted"])

    def test_what_is_only_worth_knowing_is_said(self):
        checks = self.checks(self.store("checksum-blind", "first-blind"), status=0)
        self.assertEqual({name for name, check in checks.items() if not check["holds"]}, {"checksum", "first-write"})

    def test_in_governance_mode_who_is_permitted_to_removes_it_and_that_is_said(self):
        checks = self.checks(self.store(), "--mode", "governance", status=0)
        self.assertEqual({name for name, check in checks.items() if not check["holds"]}, {"bypass"})
        self.assertFalse(checks["bypass"]["wanted"])

    def test_the_bucket_may_stand_before_the_host_s_name(self):
        store = self.store()
        self.checks(store, style=(), host="localhost", status=0)
        self.assertFalse([path for _, path, _ in store.requests if path.startswith("/" + store.BUCKET)])

    def test_one_that_asks_to_be_spared_is_asked_again(self):
        self.checks(self.store("busy"), status=0)

    def test_the_canary_stays_and_nothing_else_is_touched(self):
        store = self.store()
        done = self.probe(store, "--prefix", "stele/", "--retention", "1h")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"^canary stele/canary/[0-9a-f]{32}, version v\d+, COMPLIANCE until \S+Z\n")
        self.assertIn("  holds delete         a locked version is not removed\n", done.stdout)
        self.assertTrue(done.stdout.endswith("This store keeps what it is told to keep.\n"))
        self.assertTrue(all(key.startswith("stele/canary/") for key in store.objects))

    def test_what_can_not_be_tried_proves_nothing_and_says_why(self):
        store = self.store()
        self.write(ObjectStore.KEY, "wrong-hunter2")
        done = self.probe(store)
        self.assertEqual((done.returncode, done.stdout), (70, ""))
        self.assertEqual(done.stderr, "stele: GET locked/: SignatureDoesNotMatch (403)\n")
        self.credentials.chmod(0o644)
        self.assertIn("it is secret, and to be root's alone", self.probe(store).stderr)
        for more, said in ((("--credentials", "relative"), "the absolute path of a file is wanted"), (("--credentials", "environment"), "AWS_ACCESS_KEY_ID"),
                           (("--prefix", "no-slash"), "--prefix: "), (("--retention", "10s"), "--retention: ")):
            done = self.probe(store, *more, environment={})
            self.assertEqual((done.returncode, done.stdout), (70, ""))
            self.assertIn(said, done.stderr)
        self.assertIn("bucket: 3 to 63", self.probe(store, bucket="Not/one").stderr)
        store.close()
        self.write(ObjectStore.KEY, ObjectStore.SECRET)
        self.assertEqual(self.probe(store).returncode, 70)

    def test_the_environment_s_key(self):
        environment = {"AWS_ACCESS_KEY_ID": ObjectStore.KEY, "AWS_SECRET_ACCESS_KEY": ObjectStore.SECRET}
        self.checks(self.store(), "--credentials", "environment", environment=environment, status=0)

    def test_nothing_goes_in_the_clear_unless_asked_for(self):
        store = self.store()
        done = subprocess.run([STELE, "vault", "probe", "--endpoint", f"http://127.0.0.1:{store.port}", "--bucket", store.BUCKET, "--credentials", self.credentials],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 70)
        self.assertEqual(store.requests, [])


class OnAStore(LedgerTest):
    """What a server that is told of a store does before it has seen its database. With one: tools/interop shared."""

    def setUp(self):
        self.folder = self.make_folder()
        self.ledger = Ledger(self.folder)
        self.credentials = self.folder / "credentials"
        self.credentials.write_text(f"[default]\naws_access_key_id = {ObjectStore.KEY}\naws_secret_access_key = {ObjectStore.SECRET}\n")
        self.credentials.chmod(0o600)
        self.commits = self.folder / "commits"
        self.commits.write_text(f"host = {self.folder}\nuser = nobody\npassword = secret-of-nobody\n")
        self.commits.chmod(0o600)

    def serve(self, store, commits=True, **settings):
        """What it says as it ends; `store` None: no word of one."""
        vault = {} if store is None else {"vault.endpoint": f"http://127.0.0.1:{store.port}", "vault.bucket": ObjectStore.BUCKET, "vault.path_style": True,
                                          "vault.plain": True, "vault.credentials": str(self.credentials), "vault.retain": "2d"}
        settings = {"dir": str(self.ledger.path), "listen": "127.0.0.1:0", "names": ["127.0.0.1"], **vault, **settings}
        if commits and store is not None:
            settings["commits.postgres"] = str(self.commits)
        config = self.folder / "server.toml"
        config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        done = subprocess.run([STELE, "server", "--config", config], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (70, ""), done.stderr)
        self.assertNotIn("secret", done.stderr)
        return done.stderr

    def store(self, *flaws):
        store = ObjectStore(flaws)
        self.addCleanup(store.close)
        return store

    def test_a_store_that_keeps_nothing_is_not_begun_on(self):
        store = self.store("deletes", "shortens")
        said = self.serve(store)
        self.assertIn("does not keep what it is told to keep (delete", said)
        self.assertIn("shorten", said)
        self.assertTrue(all("canary/" in key for key in store.objects), store.objects)

    def test_but_is_where_that_is_wanted_and_then_the_database_is_asked(self):
        for settings, flaws in (({"vault.probe": "told"}, ["deletes"]), ({}, [])):
            self.ledger = Ledger(self.make_folder())
            said = self.serve(self.store(*flaws), **settings)
            self.assertIn("PostgreSQL: connection to server", said)

    def test_a_directory_that_has_leaves_stays_what_it_is(self):
        self.ledger.record("true")
        said = self.serve(self.store())
        self.assertRegex(said, r"has a ledger of \d+ leaves of its own")
        self.assertEqual(len(self.ledger.sessions()), 1)

    def test_a_directory_remembers_its_store(self):
        store = self.store()
        self.serve(store)
        self.assertIn("is on another store than the configuration says", self.serve(store, **{"vault.prefix": "other/"}))
        for said in (self.serve(None), self.ledger.run("verify").stderr.decode(), self.ledger.run("sessions").stderr.decode(),
                     self.ledger.run("record", "--", "true").stderr.decode()):
            self.assertIn("the vault of this ledger is in an object store", said)

    def test_what_is_wrong_with_the_configuration_is_said_with_its_place(self):
        store = self.store()
        for settings, wrong in (({"vault.retain": "1h"}, "vault.retain"), ({"vault.mode": "loose"}, "vault.mode"), ({"vault.prefix": "/x"}, "vault.prefix"),
                                ({"vault.probe": "never"}, "vault.probe"), ({"vault.regin": "eu"}, "vault.regin")):
            with self.subTest(settings):
                self.assertIn(wrong, self.serve(store, **settings))
        self.assertIn("commits.postgres", self.serve(store, commits=False))


if __name__ == "__main__":
    main()
