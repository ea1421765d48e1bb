"""Policy between a real agent and real recorders: who is recorded and how, what they are told, and what no flag changes."""
import contextlib
import json
import os
import signal
import subprocess

from fleet import FleetServer, Host, wait_until
from harness import LedgerTest, main


class PolicyTest(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.ledger = self.server.ledger
        self.addCleanup(self.server.stop)
        self.origin = (self.ledger.path / "log.vkey").read_text().split("+")[0]
        self.policy = self.folder / "policy"

    def host(self, **settings):
        host = Host("web01", self.server, self.folder, policy=str(self.policy), **settings)
        self.addCleanup(host.stop)
        return host

    def sign(self, version, rules, path=None):
        draft = self.folder / "draft"
        draft.write_text(f"# a test's\nstele-policy-v1\n{self.origin}\n{version}\n2026-11-24\n{rules}")
        self.ledger.stele("policy", "sign", draft, "-o", path or self.policy)

    def put(self, host, version, rules, says=None):
        """The agent has looked at it."""
        said = says or f"version {version} holds"
        before = host.journal().count(said)
        self.sign(version, rules)
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: host.journal().count(said) > before, said)

    def terms(self, session):
        (terms,) = [e for e in self.ledger.events(session["id"]) if e["type"] == "terms"]
        return terms

    def typed(self, session):
        return [e["type"] for e in self.ledger.events(session["id"]) if e["lane"] == "input"]

    def sit(self, host, *options):
        """Somebody types a word to `cat`; what they were shown."""
        terminal = host.recording(*options, "--", "sh", "-c", "echo ready; exec cat")
        try:
            terminal.expect("ready\r\n")
            terminal.type(b"word\n")
            terminal.expect("word\r\nword\r\n")
            terminal.type(b"\x04")
            self.assertEqual(terminal.wait(), 0)
            return terminal.shown
        finally:
            terminal.close()


class Terms(PolicyTest):
    def test_flags_tighten_and_the_banner_is_shown_and_a_fact(self):
        self.sign(3, "rule everybody\n  input redact\n  banner You are recorded.\n  banner Be kind.\n")
        host = self.host().start()
        shown = [self.sit(host, *options) for options in ((), ("--input", "all"), ("--input", "none"))]
        for each in shown:
            self.assertTrue(each.startswith(b"You are recorded.\r\nBe kind.\r\nready\r\n"), each)
        sessions = self.server.arrived(3)
        found = sorted((self.terms(s)["input"], "input" in self.typed(s)) for s in sessions)
        self.assertEqual(found, [("none", False), ("redact", True), ("redact", True)])
        terms = self.terms(sessions[0])
        self.assertEqual((terms["rule"], terms["rule_name"], terms["policy_version"]), (1, "everybody", 3))
        self.assertEqual(terms["banner"], "You are recorded.\nBe kind.")
        told = self.ledger.stele("show", sessions[0]["id"]).decode()
        self.assertIn("by rule 1 (everybody) of policy version 3: input ", told)
        self.assertIn("shown before: You are recorded.", told)
        check = json.loads(self.ledger.stele("policy", "check", "--json", self.policy))
        self.assertEqual((terms["policy_hash"], check["state"]), (check["hash"], "signed"))
        self.put(host, 4, "rule everybody\n  input all fixed\n")
        self.assertTrue(self.sit(host, "--input", "none").startswith(b"ready"), "no banner")
        self.assertEqual([self.terms(s)["input"] for s in self.server.arrived(4) if self.terms(s)["policy_version"] == 4], ["all"])

    def test_who_is_left_out_runs_and_leaves_no_record(self):
        self.sign(1, "rule out\n  group daemon\n  not recorded\n  banner Nothing is kept.\nrule everybody\n")
        host = self.host().start()
        left_out = host.machine.run("setpriv", "--groups", "daemon", *host.command("--", "sh", "-c", "echo hello; exit 3"))
        self.assertEqual((left_out.returncode, left_out.stdout, left_out.stderr), (3, b"hello\r\n", b"Nothing is kept.\n"))
        self.assertEqual(host.record("echo", "kept").stdout, b"kept\r\n")
        (session,) = self.server.arrived(1)
        self.assertEqual(session["command"], ["echo", "kept"])
        wait_until(lambda: "not recorded: rule 1 (out)" in host.journal(), "the agent says so")

    def test_what_is_not_newer_and_signed_does_not_hold(self):
        self.sign(2, "rule a\n  banner two\n")
        host = self.host().start()
        refused = [(1, "version 1 is older than version 2"), (2, "another version 2 is believed already")]
        for version, says in refused:
            self.put(host, version, "rule a\n  not recorded\n", says)
            self.assertEqual(host.record("true").stderr, b"two\n")
        forged = self.policy.read_text().replace("not recorded", "open")
        self.policy.write_text(forged)
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "signature" in host.journal(), "a forged one is told")
        host.restart()
        self.assertEqual(host.record("true").stderr, b"two\n", "after a restart too")
        self.policy.unlink()
        host.restart()
        self.assertEqual(host.record("true").stderr, b"two\n", "and when it is taken away")
        self.assertEqual({self.terms(s)["policy_version"] for s in self.server.arrived(4)}, {2})

    def test_explain_says_what_the_agent_does(self):
        self.sign(1, "role admins\n  group wheel\nrule a\n  role admins\n  host web*\n  input all\n")
        explain = ("policy", "explain", "--json", self.policy)
        fits = json.loads(self.ledger.stele(*explain, "--group", "wheel", "--host", "web01"))
        self.assertEqual((fits["rule"], fits["name"], fits["input"]), (1, "a", "all"))
        other = json.loads(self.ledger.stele(*explain, "--group", "wheel", "--host", "db01"))
        self.assertEqual((other["rule"], other["input"]), (0, "redact"))


    def test_a_session_whose_agent_stays_away_is_over(self):
        self.sign(1, "rule a\n  patience 1 seconds\n")
        host = self.host().start()
        terminal = host.recording("--", "sh", "-c", "echo $$; exec cat")
        self.addCleanup(terminal.close)
        terminal.expect("\r\n")
        child = int(terminal.shown.split()[0])
        host.kill()
        terminal.type(b"into the void\n")
        self.assertEqual(terminal.wait(), 70)
        self.assertFalse(os.path.exists(f"/proc/{child}"), "the command is not there without its record")
        self.assertIn(b"the agent cannot be reached", terminal.shown)


class Limits(PolicyTest):
    def test_above_a_quota_the_terminal_is_slow_and_nothing_is_lost(self):
        self.sign(1, "rule a\n  quota session 64 KiB per second\n")
        host = self.host().start()
        done = host.record("sh", "-c", "head -c 150000 /dev/zero | tr '\\0' x")
        self.assertEqual((done.returncode, done.stdout), (0, b"x" * 150000), done.stderr)
        self.assertEqual(host.journal().count("slowed, being above the session's 64 KiB per second, of rule 1 (a)"), 1)
        (session,) = self.server.arrived(1)
        self.assertEqual(self.ledger.export(session["id"]), done.stdout)

    def test_the_glass_is_broken_when_the_spool_is_full_and_that_is_recorded(self):
        self.sign(1, "rule mend\n  group daemon\n  break-glass allowed\nrule everybody\n  patience 1 seconds\n")
        host = self.host(**{"quota.spool": "1MiB", "quota.per_user": "1MiB", "quota.low_water": "1MiB"}).start()
        self.server.kill()
        statuses = [host.record("sh", "-c", f"head -c {size} /dev/urandom | base64").returncode for size in (2000000, 150000, 40000)]
        while statuses[-1] == 0:
            statuses.append(host.record("sh", "-c", "head -c 9000 /dev/urandom | base64").returncode)
        glass = ("--break-glass", "the spool is full", "--", "echo", "mended")
        self.assertEqual(statuses[-1], 70, "nobody gets a session any more")
        stranger = host.machine.run(*host.command(*glass))
        self.assertEqual(stranger.returncode, 70)
        self.assertIn(b"break-glass is not for this session", stranger.stderr)
        mender = host.machine.run("setpriv", "--groups", "daemon", *host.command(*glass))
        self.assertEqual((mender.returncode, mender.stdout), (0, b"mended\r\n"), mender.stderr)
        self.assertIn("break-glass by rule 1 (mend): the spool is full", host.journal())
        self.server.start()
        sessions = self.server.arrived(1, closed=False)
        wait_until(lambda: [s for s in self.ledger.sessions() if s["command"] == ["echo", "mended"]], "its record")
        (session,) = [s for s in self.ledger.sessions() if s["command"] == ["echo", "mended"]]
        self.assertEqual(self.terms(session)["break_glass"], "the spool is full")

    @LedgerTest.needs_root("mounts a small file system")
    def test_the_glass_is_broken_on_a_full_disk_and_that_is_recorded(self):
        self.sign(1, "rule mend\n  break-glass allowed\n  patience 1 seconds\n")
        disk = self.folder / "web01" / "agent"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        filler = disk / "filler"
        host = self.host(**{"quota.spool": "1MiB", "quota.reserve": "1MiB"})
        for name, room in (("with what the spool keeps in reserve", 6 << 20), ("with one page left", 1 << 16)):
            with self.subTest(name):
                self.fill(filler, room)
                host.start()
                self.fill(filler, 0 if room > 1 << 20 else 4096)
                title = f"mended {name}"
                done = host.machine.run(*host.command("--title", title, "--break-glass", name, "--", "echo", "mended"))
                self.assertEqual((done.returncode, done.stdout), (0, b"mended\r\n"), done.stderr)
                filler.unlink()
                self.assertNotIn("not recorded: ", host.journal())
                (session,) = wait_until(lambda: [s for s in self.ledger.sessions() if s["title"] == title], "its record")
                self.assertEqual(self.terms(session)["break_glass"], name)
                host.stop()

    @staticmethod
    def fill(filler, room):
        """Takes what the disk has, but for so many bytes."""
        with filler.open("ab") as f, contextlib.suppress(OSError):
            while True:
                os.write(f.fileno(), bytes(4096))
        os.truncate(filler, filler.stat().st_size - room)


if __name__ == "__main__":
    main()
