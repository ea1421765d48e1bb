"""One test for each rule that a real fleet can be brought to break, or seem to: what stands in whose stream then."""
import datetime
import json
import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from findings_test import Findings
from fleet import Here, Host, wait_until
from forge import Key
from harness import ROOT, LedgerTest, main


class OtherMachine(Here):
    """This machine under another machine id."""

    def __init__(self, file):
        file.write_text("0123456789abcdef0123456789abcdef\n")
        self.prefix = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"', str(file))


class Rules(Findings):
    silent_after = "60s"

    def one(self, rule, kind="server"):
        """Something of this rule, once it stands there."""
        return wait_until(lambda: self.findings(rule, kind), f"a finding of {rule}")[0]

    def assert_intact(self):
        status, report = self.server.covered()
        self.assertEqual((status, report["verdict"]), (0, "intact"), report)

    def aside(self, host):
        return sorted(path.name for path in (host.directory / "spool/aside").glob("*"))


class Twins(Rules):
    def test_two_that_are_one_host_conflict_and_nothing_is_lost(self):
        host = self.host()
        shown = [host.record("echo", "before").stdout]
        self.server.arrived(1)
        host.kill()
        twin = host.clone("twin")
        self.addCleanup(twin.stop)
        host.start()
        host_streams = lambda: [s for s in self.ledger.verify()[1]["streams"] if s["kind"] == "host"]
        wait_until(lambda: len(host_streams()) == 2, "it closed its stream, and began another")
        twin.start()
        found = self.one("conflict")
        self.assertIn("web01 sent a segment that is refused: another segment stands in its place", found["what"])
        self.assertEqual(found["stream"], host_streams()[0]["stream"], "each of them closed it")
        said = self.one("set-aside", kind="host")
        self.assertEqual((said["stream"], said["segment"]), (found["stream"], found["segment"]))
        self.assertIn(f"{found['stream']}-{found['segment']:010}.spool", self.aside(twin))
        shown += [each.record("echo", text).stdout for each, text in ((host, "here"), (twin, "there"))]
        self.assertEqual(sorted(self.ledger.export(s["id"]) for s in self.server.arrived(3)), sorted(shown))
        self.assert_intact()

    @LedgerTest.needs_root("to mount another machine id")
    def test_a_copy_on_another_machine_does_not_start_and_is_told_of_when_it_enrols(self):
        host = self.host()
        host.record("echo", "before")
        host.stop()
        twin = host.clone("twin")
        twin.machine = OtherMachine(self.folder / "machine-id")
        with self.assertRaises(AssertionError) as refused:
            twin.start()
        self.assertIn("it was another machine that was enrolled (/etc/machine-id)", str(refused.exception))
        self.assertFalse(self.findings("other-machine"))
        (self.folder / "anew").mkdir()
        anew = Host("web01", self.server, self.folder / "anew", machine=twin.machine).start()
        self.addCleanup(anew.stop)
        self.assertEqual(self.one("other-machine")["what"], "web01 was enrolled again, from another machine")
        self.assertEqual(anew.record("echo", "after").returncode, 0)
        self.server.arrived(2)
        self.assert_intact()

    def test_a_spool_in_another_host_is_refused_and_still_the_first_one_s(self):
        host, other = self.host(), Host("web02", self.server, self.folder)
        self.addCleanup(other.stop)
        self.server.stop()
        shown = host.record("echo", "mine").stdout
        host.stop()
        shutil.copytree(host.directory / "spool", other.directory / "spool")
        self.server.start()
        other.start()
        self.assertIn("web02 sent a segment that is refused: ", self.one("foreign-stream")["what"])
        self.one("set-aside", kind="host")
        self.assertEqual(self.ledger.sessions(), [])
        host.start()
        (session,) = self.server.arrived(1)
        self.assertEqual(self.ledger.export(session["id"]), shown)
        self.assert_intact()


class Keys(Rules):
    def test_a_host_restored_past_a_rotation_is_told_to_enrol_and_keeps_what_it_recorded(self):
        host = self.host()
        host.config.write_text(host.config.read_text() + 'rotate_keys = "1s"\n')
        host.record("echo", "before")
        self.server.arrived(1)
        host.stop()
        before = host.clone("before")
        self.addCleanup(before.stop)
        host.start()
        epoch = lambda: int((host.directory / "host.state").read_text().splitlines()[2])
        now = epoch()
        wait_until(lambda: epoch() > now, "another key")
        host.stop()
        wait_until(lambda: json.loads(self.ledger.stele("hosts", "--json"))[0]["epoch"] > now, "the server knows it")

        before.start()
        self.assertEqual(before.record("echo", "in vain").returncode, 0, "what is recorded is kept here")
        self.assertIn("web01 sent a segment that is refused: ended key", self.one("bad-signature")["what"])
        wait_until(lambda: "enrol this host anew" in before.journal(), "the journal says what to do")
        wait_until(lambda: len([name for name in self.aside(before) if name.endswith(".spool")]) >= 2, "session and host stream")
        self.assertEqual(before.journal().count("enrol this host anew"), 1)
        self.assertLess(len([name for name in self.aside(before) if name.endswith(".spool")]), 30, "it is asked again ever more slowly")
        self.assertIn("bad signature", before.journal())
        before.stop()
        (self.folder / "anew").mkdir()
        anew = Host("web01", self.server, self.folder / "anew").start()
        self.addCleanup(anew.stop)
        shown = anew.record("echo", "after").stdout
        self.assertEqual(self.ledger.export(self.server.arrived(2)[-1]["id"]), shown)
        self.assert_intact()

    def test_a_certificate_that_ran_out_is_told_of_at_both_ends(self):
        host = self.host()
        host.stop()
        self.server.stop()
        pem = host.directory / "tls.pem"
        known = x509.load_pem_x509_certificate(pem.read_bytes())
        # The authority is not much older, and good from five minutes before it was made.
        end = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(seconds=30)
        builder = x509.CertificateBuilder(issuer_name=known.issuer, subject_name=known.subject, public_key=known.public_key(),
                                          serial_number=known.serial_number, not_valid_before=end - datetime.timedelta(hours=24),
                                          not_valid_after=end, extensions=list(known.extensions))
        authority = load_pem_private_key((self.ledger.path / "keys/tls-authority.key").read_bytes(), None)
        pem.write_bytes(builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))
        host.start()
        wait_until(lambda: "certificate: " in host.journal(), "there is nobody to renew it")
        host.stop()
        self.server.start()
        host.start()
        self.assertIn("web01 renewed a certificate that had run out on ", self.one("expired-certificate")["what"])
        self.one("certificate", kind="host")
        self.assertGreater(x509.load_pem_x509_certificate(pem.read_bytes()).not_valid_after, known.not_valid_before)

    def test_a_list_that_the_server_does_not_have_is_waited_with(self):
        host = self.host()
        host.stop()
        key = Key.load(self.ledger.path / "keys/policy.key")
        first, origin, serial, *entries = (self.ledger.path / "recipients").read_text().split("\n\n")[0].split("\n")
        newer = key.sign_note("\n".join([first, origin, str(int(serial) + 1), *entries]) + "\n")
        (host.directory / "recipients").write_bytes(newer)
        host.start()
        shown = host.record("echo", "waits").stdout
        wait_until(lambda: "the server does not take" in host.journal(), "the journal says so")
        wait_until(lambda: "the server's list is not taken" in host.journal(), "and that the server's is older")
        self.assertEqual((self.ledger.sessions(), self.aside(host)), ([], []))
        fresh = self.ledger.path / "recipients.new"
        fresh.write_bytes(newer)
        fresh.rename(self.ledger.path / "recipients")
        (session,) = self.server.arrived(1)
        self.assertEqual(self.ledger.export(session["id"]), shown)
        self.one("not-taken", kind="host")
        self.one("recipients-list", kind="host")
        self.assert_intact()


class Spool(Rules):
    def test_a_torn_end_is_told(self):
        host = self.host()
        host.record("echo", "before")
        self.server.arrived(1)
        self.server.stop()
        host.record("echo", "after")
        host.kill()
        newest = max((host.directory / "spool").glob("*.spool"))
        with newest.open("ab") as file:
            file.write(b"stlq, and no more")
        self.server.start()
        host.start()
        self.assertIn(newest.name, self.one("spool", kind="host")["what"])
        self.server.arrived(2)
        self.assert_intact()

    def test_little_room_is_told_before_there_is_none(self):
        host = self.host(**{"quota.spool": "8MiB", "quota.low_water": "1MiB"})
        self.server.stop()
        self.assertEqual(host.record("sh", "-c", "head -c 5000000 /dev/urandom | base64").returncode, 0)
        wait_until(lambda: "bytes are left; when it is full, sessions stop" in host.journal(), "the journal says so")
        self.server.start()
        self.assertIn("bytes are left", self.one("low-water", kind="host")["what"])
        self.server.arrived(1)


class Pages(LedgerTest):
    def test_every_rule_stands_in_the_table_of_what_to_alarm_on(self):
        operations = (ROOT / "docs/operations.md").read_text().split("## What to alarm on")[1].split("\n## ")[0]
        for page in ("host-stream", "server-stream"):
            rules = (ROOT / f"docs/formats/{page}.md").read_text().split("## Findings")[1].split("\n## ")[0]
            names = [name for line in rules.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")[1::2]]
            self.assertGreater(len(names), 9)
            for name in names:
                self.assertIn(f"`{name}`", operations, page)


if __name__ == "__main__":
    main()
