"""What is noticed of a fleet: read back from the streams in which it stands, and from what `stele` says of it."""
import json
import signal

from fleet import FleetServer, Here, Host, wait_until
from harness import STELE, LedgerTest, main


class Findings(LedgerTest):
    silent_after = "8s"  # a host under a sanitizer on a busy machine says nothing for seconds

    def setUp(self):
        super().setUp()
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder, silent_after=self.silent_after)
        self.addCleanup(self.server.stop)
        self.ledger = self.server.ledger

    def host(self, name="web01", **settings):
        host = Host(name, self.server, self.folder, **settings).start()
        self.addCleanup(host.stop)
        return host

    def said(self, kind):
        """What the streams of this kind say, as far as the ledger has them."""
        events = []
        for stream in self.ledger.verify()[1]["streams"]:
            if stream["kind"] == kind:
                lines = self.ledger.stele("export", stream["stream"], "--format", "json").splitlines()
                events += [json.loads(line) for line in lines]
        return events

    def findings(self, rule, kind="server"):
        return [e for e in self.said(kind) if e["type"] == "finding" and e["rule"] == rule]

    def verdicts(self):
        return {s["stream"]: s["verdict"] for s in self.ledger.verify()[1]["streams"]}

    def state(self, session):
        return next(s["state"] for s in self.ledger.sessions() if s["id"] == session)


class Silence(Findings):
    def test_a_dead_host_s_session_is_cut_until_it_goes_on(self):
        host = self.host()
        terminal = host.recording("--", "cat")
        self.addCleanup(terminal.close)
        terminal.type(b"hello\n")
        terminal.expect("hello")
        (session,) = [s["id"] for s in self.server.arrived(1, closed=False)]
        self.assertEqual((self.verdicts()[session], self.state(session)), ("open", "open"))
        host.stop(signal.SIGKILL)
        wait_until(lambda: self.verdicts()[session] == "cut", "the server took it for cut")
        self.assertEqual(self.state(session), "cut")
        shown = json.loads(self.ledger.stele("show", session, "--json"))
        self.assertEqual((shown["state"], shown["verdict"]), ("cut", "cut"))
        # The last one: on a machine under load the host may have been silent for a moment before.
        silence = [f for f in self.findings("silence") if "says nothing since" in f["what"]][-1]
        self.assertIn("web01", silence["what"])
        cut = [f for f in self.findings("cut") if f["stream"] == session][-1]
        self.assertEqual(cut["segment"], shown["segments"] - 1)
        self.assertEqual(len({f["stream"] for f in self.findings("cut")}), 2, "the host's own stream is another")
        # The server before took it for cut; the one that is there now hears of it first.
        self.server.stop()
        self.server.start()
        self.assertEqual(self.verdicts()[session], "cut")
        host.start()
        wait_until(lambda: self.verdicts()[session] == "open", "its host is heard again")
        self.assertEqual(self.state(session), "open", "though nothing came of the session itself")
        terminal.type(b"there\n")
        terminal.expect("there")
        terminal.type(b"\x04")
        self.server.arrived(1)
        self.server.covered()
        self.assertEqual(self.verdicts()[session], "intact")

    def test_who_follows_a_session_from_afar_is_let_go_when_it_is_cut(self):
        host = self.host()
        terminal = host.recording("--", "cat")
        self.addCleanup(terminal.close)
        terminal.type(b"hello\n")
        terminal.expect("hello")
        (session,) = [s["id"] for s in self.server.arrived(1, closed=False)]
        self.server.covered()
        follower = self.terminal(STELE, "play", "--follow", session, *self.server.reader(), "--identity", self.ledger.path / "auditor.age")
        follower.expect("hello")
        terminal.type(b"again\n")
        follower.expect("again")
        self.assertEqual(self.verdicts()[session], "open")
        host.kill()
        self.assertEqual(follower.wait(), 0)
        self.assertIn(b"the session is cut", follower.shown)
        self.assertEqual(self.verdicts()[session], "cut")

    def test_a_host_that_was_let_in_and_never_started_is_missed(self):
        Host("web02", self.server, self.folder)
        wait_until(lambda: [f for f in self.findings("silence") if "web02" in f["what"]], "it is missed")
        self.assertFalse(self.findings("cut"))


class AtTheServer(Findings):
    silent_after = "60s"

    def test_a_token_that_is_shown_again_is_told_to_the_server_alone(self):
        here, token = Here(), self.server.token("web01")

        def enrol(token, name):
            return here.run(STELE, "enroll", "--server", self.server.url(), "--token", token, "--ca-pin", self.server.pin,
                            "--dir", self.folder / name, "--config", self.folder / f"{name}.toml")
        self.assertEqual(enrol(token, "first").returncode, 0)
        never = token[:-1] + ("1" if token[-1] == "0" else "0")
        again, unknown = enrol(token, "again"), enrol(never, "never")
        self.assertNotEqual(again.returncode, 0)
        self.assertEqual(again.stderr, unknown.stderr, "no word on why")
        (found,) = wait_until(lambda: self.findings("token-reuse"), "the server says so in its own stream")
        self.assertIn("let web01 in was shown again from 127.0.0.1", found["what"])


class OnTheHost(Findings):
    silent_after = "60s"

    def test_what_an_agent_notices_stands_in_its_host_s_stream(self):
        policy = self.folder / "policy"
        self.host(policy=str(policy))
        policy.write_text("no policy\n")
        (found,) = wait_until(lambda: self.findings("policy", kind="host"), "the agent says what it noticed")
        self.assertIn(str(policy), found["what"])


if __name__ == "__main__":
    main()
