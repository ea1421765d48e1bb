"""Retention from end to end: a class by policy and by tag, a hold that takes two people, and what is pruned when its time is
over; what then proves that it was lawful, and what does not pass for it."""
import datetime
import json
import shutil
import subprocess

from fleet import FleetServer, Host, wait_until
from harness import PATIENCE, STELE, LedgerTest, main

# The wall clock of a program as it was some days ago; all else is as it is.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, now);
  const char* days = getenv("DAYS_AGO");
  if (clock == CLOCK_REALTIME && days) now->tv_sec -= 86400L * atol(days);
  return result;
}
"""
DAYS = 6
VOLUME_BYTES = 64 << 20


def change_flags(path, flags):
    subprocess.run(["chattr", "-R", flags, str(path)], capture_output=True)


class Retention(LedgerTest):
    def setUp(self):
        super().setUp()
        self.folder = self.make_folder()
        source, shim = self.folder / "clock.c", self.folder / "clock.so"
        source.write_text(CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
        self.past = (f"LD_PRELOAD={shim}", f"DAYS_AGO={DAYS}", "ASAN_OPTIONS=verify_asan_link_order=0")
        self.server = FleetServer(self.folder, variables=self.past)
        self.addCleanup(self.server.stop)
        self.ledger = self.server.ledger
        self.prune_key, self.policy = self.folder / "prune.key", self.folder / "policy"
        line = self.ledger.stele("prune", "key", self.prune_key).decode()
        self.assertRegex(line, r"^prune stele/.*/prune\+[0-9a-f]{8}\+\S+\n$")
        self.sign(1, line + "retention brief class 1 1 days\nretention long class 2 4000 days\n"
                            "tag case retention long\nrule everybody\n  retention brief\n")
        self.server.ledger.path.joinpath("policy").write_bytes(self.policy.read_bytes())
        wait_until(lambda: list(self.ledger.path.glob("policy.d/*")), "the server's policy")
        self.host = Host("web01", self.server, self.folder, policy=str(self.policy))
        self.host.variables = self.past
        self.host.start()
        self.addCleanup(self.host.stop)

    def sign(self, version, rules):
        origin = self.ledger.path.joinpath("policy.vkey").read_text().split("+")[0].removesuffix("/policy")
        day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=DAYS)
        draft = self.folder / "draft"
        draft.write_text(f"stele-policy-v1\n{origin}\n{version}\n{day}\n{rules}")
        self.ledger.stele("policy", "sign", draft, "-o", self.policy)

    def recorded(self, *command, title=""):
        before = {s["id"] for s in self.ledger.sessions()}
        done = self.host.machine.run(*self.host.command("--title", title, "--", *command))
        self.assertEqual(done.returncode, 0, done.stderr)

        def look():
            return [s["id"] for s in self.ledger.sessions() if s["id"] not in before and s["state"] == "exit 0"]
        return wait_until(look, "the session at the server")[0]

    def to_the_present(self):
        """The same server and host, with the clock as it is."""
        self.host.stop()
        self.server.stop()
        self.server.variables, self.host.variables = (), ()
        self.server.start()
        self.host.start()
        self.recorded("true")

    def person(self, name, roles):
        self.ledger.stele("user", "add", "--config", self.server.config, name, "--roles", roles, "--who", name)
        token = self.folder / f"{name}.token"
        token.write_bytes(self.ledger.stele("user", "token", "--config", self.server.config, name, "--ttl", "1h"))

        def run(*args):
            return subprocess.run([STELE, *map(str, args), "--server", self.server.url(), "--token-file", str(token),
                                   "--ca-pin", self.server.pin], stdin=subprocess.DEVNULL, capture_output=True,
                                  env=self.ledger.environment, timeout=PATIENCE)
        wait_until(lambda: run("hold", "list").returncode == 0, "somebody whom the server knows")
        return run

    def hold(self, run, *args):
        done = run("--json", "hold", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)[0]

    def prune(self, *args):
        return json.loads(self.ledger.stele("prune", "--json", *args))["volumes"]

    def verdicts(self, *args):
        status, report = self.ledger.verify(*args)
        return status, {s["stream"]: s["verdict"] for s in report["streams"]}, report

    def a_full_volume(self):
        """Sessions that fill the first volume, and what came behind it."""
        sessions = {"a": self.recorded("echo", "the first"), "held": self.recorded("echo", "case 7")}
        sessions["big"] = self.recorded("head", "-c", str(VOLUME_BYTES + (8 << 20)), "/dev/urandom")
        sessions["behind"] = self.recorded("echo", "in the next volume")
        sessions["kept"] = self.recorded("echo", "kept longer", title="disk swap, #case 7")
        self.assertEqual(len(list(self.ledger.path.glob("vault/volume/*.vol"))), 2)
        return sessions

    def copy(self, name):
        """The ledger as somebody copied it, and a reader who never saw it."""
        path = self.folder / name
        shutil.copytree(self.ledger.path, path, ignore=shutil.ignore_patterns("*.lock", "live"))
        return path

    def test_two_people_hold_and_release_and_what_is_over_goes(self):
        sessions = self.a_full_volume()
        self.to_the_present()
        jane, bob = self.person("jane", "auditor,investigator,approver"), self.person("bob", "approver")
        asked = self.hold(jane, "ask", "--session", sessions["held"], "--reason", "case 7")
        self.assertEqual(asked["state"], "asked")
        refused = jane("hold", "approve", asked["hold"])
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(b"somebody else", refused.stderr)
        self.assertIn(b"your roles do not open this", bob("hold", "ask", "--since", "2026-01-01", "--until", "2026-01-02",
                                                         "--reason", "x").stderr)
        self.assertEqual(self.hold(bob, "approve", asked["hold"])["state"], "placed")
        (first, _) = self.prune("--remove", "--key", self.prune_key)
        self.assertIn(f"on hold {asked['hold']}", first["stays"])
        self.assertEqual(self.verdicts()[1][sessions["a"]], "intact")

        self.hold(jane, "release", asked["hold"], "--reason", "case closed")
        (first, _) = self.prune("--remove", "--key", self.prune_key)
        self.assertFalse(first["goes"], "held until somebody else agrees")
        self.assertEqual(self.hold(bob, "approve", asked["hold"])["state"], "released")
        (first, last) = self.prune()
        self.assertTrue(first["goes"], first)
        self.assertTrue(last["stays"])
        self.assertEqual(self.verdicts()[1][sessions["a"]], "intact", "nothing goes without --remove")
        before = self.copy("before")
        self.prune("--remove", "--key", self.prune_key)
        self.assertEqual(len(list(self.ledger.path.glob("vault/volume/*.vol"))), 1)
        self.what_is_gone_can_be_shown(sessions, jane)
        self.nothing_passes_for_it(before, sessions)

    def what_is_gone_can_be_shown(self, sessions, jane):
        gone = [sessions[name] for name in ("a", "held", "big")]
        status, verdicts, report = self.verdicts()
        self.assertEqual(status, 0, report)
        self.assertEqual([verdicts[s] for s in gone], ["expired"] * 3)
        self.assertEqual([verdicts[sessions[s]] for s in ("behind", "kept")], ["intact"] * 2)
        told = {s["id"]: s for s in self.ledger.sessions()}
        self.assertEqual([told[s]["state"] for s in gone], ["expired"] * 3)
        shown = self.ledger.run("show", gone[0])
        self.assertNotEqual(shown.returncode, 0)
        self.assertRegex(shown.stderr, rb"is gone: it expired, as leaf \d+ of 20\d\d-")
        # The server goes on, and whoever reads from it sees the same.
        later = self.recorded("echo", "later")
        self.server.covered()
        self.assertEqual(self.verdicts()[1][later], "intact")
        wait_until(lambda: jane("sessions", "--identity", self.ledger.path / "auditor.age").returncode == 0, "an index made anew")
        self.server.covered()
        done = jane("verify", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        remote = {s["stream"]: s["verdict"] for s in json.loads(done.stdout)["streams"]}
        self.assertEqual([remote[s] for s in gone], ["expired"] * 3)
        self.server.stop()
        self.server.start()
        wait_until(lambda: jane("sessions", "--identity", self.ledger.path / "auditor.age").returncode == 0, "a server that starts")
        self.assertEqual(jane("verify", "--json").returncode, 0)
        said = [e["what"] for s in self.verdicts()[2]["streams"] if s["kind"] == "server"
                for e in self.ledger.events(s["stream"]) if e["type"] == "change" and e["what"].startswith("hold ")]
        self.assertEqual([what.split()[2] for what in said], ["asked", "placed", "release-asked", "released"])
        self.assertIn("by jane, on session " + sessions["held"] + ": case 7", said[0])

    def nothing_passes_for_it(self, before, sessions):
        """What is not lawful is missing, whatever lies in its place."""
        def judged(path, *names):
            status, report = self.ledger.verify(path, "--forget")
            verdicts = {s["stream"]: s["verdict"] for s in report["streams"]}
            return status, [verdicts[sessions[name]] for name in names]

        first = "vault/volume/000000000000.vol"
        before.joinpath(first).unlink()
        self.assertEqual(judged(before, "a", "held"), (1, ["missing"] * 2), "no record")
        before.joinpath("vault/kept").mkdir(exist_ok=True)
        before.joinpath("vault/kept/000000000000.vol").write_bytes(
            self.ledger.path.joinpath("vault/kept/000000000000.vol").read_bytes())
        self.assertEqual(judged(before, "a", "held"), (1, ["missing"] * 2), "still no record")

        copy = self.copy("without-the-policy")
        copy.joinpath("policy").unlink()
        shutil.rmtree(copy / "policy.d")
        self.assertEqual(judged(copy, "a"), (2, ["unknown"]))

        copy = self.copy("one-more-is-gone")
        newest = sorted(copy.glob("vault/volume/*.vol"))[0]
        copy.joinpath("vault/kept", newest.name).write_bytes(b"")
        newest.unlink()
        status, verdicts = judged(copy, "behind", "kept")
        self.assertEqual((status, verdicts), (1, ["missing"] * 2))

        copy = self.copy("what-has-to-stay-is-gone")
        copy.joinpath("vault/kept/000000000000.vol").write_bytes(b"")
        self.assertEqual(self.ledger.verify(copy, "--forget")[0], 1, "the streams of host and server")

    def test_a_policy_that_keeps_shorter_is_taken_by_nobody(self):
        kept = self.recorded("true", title="#case")
        self.sign(2, "retention brief class 1 1 days\nretention long class 2 3999 days\nrule everybody\n  retention brief\n")
        self.ledger.path.joinpath("policy").write_bytes(self.policy.read_bytes())
        wait_until(lambda: "can only be extended" in self.host.journal(), "a host that says so")
        self.recorded("true")
        self.server.stop()
        findings = [e for s in self.verdicts()[2]["streams"] if s["kind"] == "server"
                    for e in self.ledger.events(s["stream"]) if e["type"] == "finding" and e["rule"] == "policy"]
        self.assertEqual(len(findings), 1)
        self.assertIn("can only be extended", findings[0]["what"])
        self.assertEqual(self.verdicts()[1][kept], "intact")


if __name__ == "__main__":
    main()
