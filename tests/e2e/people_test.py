"""People at a server: each role tries each route, reads from afar, and stands in the server's own stream."""
import contextlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time

import cbor2

from fleet import FleetServer, Host, wait_until
from forge import Key, Record, sha, split
from harness import PATIENCE, ROOT, STELE, LedgerTest, flip, main
from setup_test import identity

# What each role may, by docs/formats/people.md.
PAGE = (ROOT / "docs/formats/people.md").read_text()
ACTIONS = {
    "/v1/sessions": "list sessions",
    "/v1/facts?leaf=0": "read the sealed facts of any session",
    "/v1/sessions/{stream}/facts": "read the sealed facts of any session",
    "/v1/sessions/{stream}/segments": "read playback material (whole segments)",
    "/v1/segments?leaf=0": "read playback material (whole segments)",
    "/v1/tails/{stream}": "read keys, proofs and tails",
    "/v1/proof?leaf=0": "read keys, proofs and tails",
    "/v1/keys": "read keys, proofs and tails",
    "/v1/predecessor": "read keys, proofs and tails",
    "/v1/policies": "read keys, proofs and tails",
    "/v1/absent": "read keys, proofs and tails",
    "/v1/holds": "see holds",
    "/v1/hosts": "list hosts",
}
# What is asked for by POST.
CHANGES = {
    "/v1/holds": "ask for a hold, or for its release",
    "/v1/holds/{hold}/approval": "approve what others ask for",
    "/v1/holds/{hold}/release": "ask for a hold, or for its release",
}


def table():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
    head = next(row for row in rows if row[0] == "action")
    return {row[0]: dict(zip(head[1:], row[1:])) for row in rows if len(row) == len(head) and row is not head}


class People(LedgerTest):
    def setUp(self):
        super().setUp()
        self.folder = self.make_folder()
        self.server = FleetServer(self.folder)
        self.addCleanup(self.server.stop)
        self.ledger = self.server.ledger
        self.identity = self.ledger.path / "auditor.age"

    def host(self, name="web01"):
        host = Host(name, self.server, self.folder).start()
        self.addCleanup(host.stop)
        return host

    def user(self, name, roles):
        """A token of somebody new, in a file."""
        self.ledger.stele("user", "add", "--config", self.server.config, name, "--roles", roles, "--who", f"{name} of the test")
        path = self.folder / f"{name}.token"
        path.write_bytes(self.ledger.stele("user", "token", "--config", self.server.config, name, "--ttl", "1h"))
        return path

    def connect(self, host=None):
        context = ssl.create_default_context(cafile=self.ledger.path / "tls-authority.pem")
        if host:
            context.load_cert_chain(host.directory / "tls.pem", host.directory / "tls.key")
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, timeout=PATIENCE)

    def get(self, path, token=None, method="GET"):
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, headers={"Authorization": f"Bearer {token.read_text().strip()}"} if token else {})
            response = connection.getresponse()
            return response.status, response.read()

    def known(self, token, path="/v1/keys"):
        """Once the server has seen that there is such a person."""
        wait_until(lambda: self.get(path, token)[0] != 401, "a person the server knows")

    def remote(self, token, home="reader"):
        """`stele` on another machine: with another home, and no ledger."""
        environment = {**self.ledger.environment, "HOME": str(self.folder / home), "STELE_DIR": "/nonexistent"}
        (self.folder / home).mkdir(exist_ok=True)

        def run(command, *args, **kwargs):
            return subprocess.run([STELE, command, *map(str, args), "--server", self.server.url(), "--token-file", str(token),
                                   "--ca-pin", self.server.pin], stdin=subprocess.DEVNULL, capture_output=True,
                                  env=environment, timeout=PATIENCE, **kwargs)
        return run

    def own_stream(self):
        """What the server's own streams say, once it has stopped."""
        self.server.stop()
        return self.told()

    def told(self):
        streams = [s["stream"] for s in self.ledger.verify()[1]["streams"] if s["kind"] == "server"]
        events = []
        for stream in streams:
            events += [json.loads(line) for line in self.ledger.stele("export", stream, "--format", "json").splitlines()]
        return events

    def recorded(self, host, *command):
        before = len(self.ledger.sessions())
        self.assertEqual(host.record(*command).returncode, 0)
        return self.server.arrived(before + 1)[-1]["id"]


class Roles(People):
    def test_each_gets_what_the_page_says_and_the_stream_says_who(self):
        session = self.recorded(self.host(), "echo", "hello from afar")
        roles = ("viewer", "auditor", "investigator", "approver", "verifier", "admin")
        tokens = {role: self.user(f"an-{role}", role) for role in roles}
        self.known(tokens["admin"])
        self.server.covered()
        rights = table()
        self.assertEqual(len(rights), 12)
        for route, action in ACTIONS.items():
            for role in roles:
                status, body = self.get(route.replace("{stream}", session), tokens[role])
                allowed = rights[action][role] == "yes"
                self.assertEqual(status, 200 if allowed else 403, f"{role} {route}: {body[:200]}")
                if not allowed:
                    self.assertEqual(body, b"your roles do not open this", route)
        for method in ("DELETE", "PUT", "PATCH", "POST"):
            for route in ACTIONS:
                self.assertIn(self.get(route.replace("{stream}", session), tokens["admin"], method)[0], (403, 404, 411, 413, 400))
        events = self.own_stream()
        for route, action in ACTIONS.items():
            for role in roles:
                kind = "access" if rights[action][role] == "yes" else "refusal"
                self.assertTrue([e for e in events if e["type"] == kind and e.get("person") == f"an-{role}"], (role, route))
        logins = [e["person"] for e in events if e["type"] == "login"]
        self.assertEqual(sorted(logins), sorted(f"an-{role}" for role in roles if any(rights[a][role] == "yes" for a in ACTIONS.values())))
        changes = [e["what"] for e in events if e["type"] == "change"]
        for role in roles:
            self.assertTrue([c for c in changes if c.startswith(f"+ person an-{role} roles={role} ")], changes)
        self.assertTrue([c for c in changes if c.startswith("+ host web01 ")])
        self.assertEqual(self.ledger.verify()[0], 0, "verifiable like any session")

    def test_nobody_is_told_what_is_there(self):
        session = self.recorded(self.host(), "true")
        admin = self.user("amy", "admin")
        self.known(admin)
        nowhere = "00000000-0000-7000-8000-000000000000"
        answers = {self.get(f"/v1/sessions/{each}/segments", admin) for each in (session, nowhere)}
        self.assertEqual(len(answers), 1)
        strangers = {self.get(f"/v1/sessions/{each}/segments") for each in (session, nowhere)}
        self.assertEqual(len(strangers), 1)
        self.assertEqual(strangers.pop()[0], 401)

    def test_admin_and_investigator_are_two_people(self):
        done = self.ledger.run("user", "add", "--config", self.server.config, "x", "--roles", "admin,investigator")
        self.assertEqual(done.returncode, 70)
        self.assertIn(b"nobody is admin and investigator", done.stderr)

    def test_a_change_by_hand_while_the_server_was_away_is_told(self):
        self.user("jane", "viewer")
        posture = self.ledger.path / "state/posture"
        wait_until(lambda: posture.exists() and "roles=viewer" in posture.read_text(), "the first change is told")
        self.server.stop()
        path = self.ledger.path / "people" / "jane"
        path.write_text(path.read_text().replace("\nviewer\n", "\ninvestigator\n"))
        self.server.start()
        wait_until(lambda: "roles=investigator" in posture.read_text(), "the change is told")
        changes = [e["what"] for e in self.own_stream() if e["type"] == "change"]
        self.assertTrue([c for c in changes if c.startswith("- person jane roles=viewer")])
        self.assertTrue([c for c in changes if c.startswith("+ person jane roles=investigator")])

    def test_a_token_is_over_when_it_is_revoked(self):
        token = self.user("jane", "verifier")
        self.known(token)
        listed = self.ledger.stele("user", "list", "--config", self.server.config).decode()
        (ident,) = re.findall(r"token ([0-9a-f]{8})  good", listed)
        self.ledger.stele("user", "revoke", "--config", self.server.config, "jane", ident)
        wait_until(lambda: self.get("/v1/keys", token)[0] == 401, "the token is good no more")
        secret = token.read_text().strip().split(".")[1].encode()
        for path in self.ledger.path.rglob("*"):
            self.assertFalse(path.is_file() and secret in path.read_bytes(), path)

    def test_a_flood_of_refusals_is_a_few_events(self):
        statuses = [self.get("/v1/hosts")[0] for _ in range(120)]
        self.assertEqual(statuses[:20], [401] * 20)
        self.assertEqual(set(statuses[20:]) - {401}, {429})
        refusals = [e for e in self.own_stream() if e["type"] == "refusal"]
        self.assertLess(len(refusals), 8)
        self.assertEqual(sum(e["count"] for e in refusals), 120)


class Recipients(People):
    """The list changes while a server and an agent run."""

    def lists(self):
        """The list that each key period is sealed for, by kind and stream, in order."""
        found = {}
        for volume in sorted((self.ledger.path / "vault/volume").iterdir()):
            for data in split(volume.read_bytes()):
                segment = Record(data).segment
                if size := int.from_bytes(segment[96:100], "big"):
                    manifest = cbor2.loads(bytes(segment[112:112 + size]))
                    found.setdefault((segment[5], Record(data).stream), []).append(manifest[2])
        return found

    def in_force(self):
        return sha((self.ledger.path / "recipients").read_bytes())

    def put(self, name, data):
        fresh = self.ledger.path / f"{name}.new"
        fresh.write_bytes(data)
        fresh.rename(self.ledger.path / name)

    def test_a_newcomer_opens_what_is_recorded_from_then_on_and_nothing_is_restarted(self):
        host = self.host()
        terminal = host.recording("--", "sh", "-c", "echo before; read x; echo after; read x")
        self.addCleanup(terminal.close)
        terminal.expect("before\r\n")
        (running,) = self.server.arrived(1, closed=False)
        file, recipient = identity(self.folder, "newcomer.age")
        before = self.in_force()
        self.assertIn(b"once more", self.ledger.stele("key", "grant", recipient))
        after = self.in_force()
        self.assertNotEqual(before, after)
        wait_until(lambda: "serial 2 is sealed for" in host.journal(), "the agent has the new list")
        self.assertEqual((host.directory / "recipients").read_bytes(), (self.ledger.path / "recipients").read_bytes())
        terminal.type("\n")
        terminal.expect("after\r\n")
        terminal.type("\n")
        self.assertEqual(terminal.wait(), 0, terminal.shown[-300:])
        self.server.arrived(1)
        session = self.recorded(host, "echo", "for both")
        for identity_file in (file, self.identity):
            self.assertEqual(self.ledger.stele("export", session, "--format", "raw", "--identity", identity_file), b"for both\r\n")
        self.assertEqual(self.ledger.export(running["id"]), terminal.shown)
        lists = self.lists()
        self.assertEqual(lists[1, bytes.fromhex(running["id"].replace("-", ""))], [before, after], "it goes on, with fresh keys")
        self.assertEqual(lists[1, bytes.fromhex(session.replace("-", ""))], [after])
        self.assertEqual(host.stop(), 0)
        events = self.own_stream()
        lists = self.lists()
        for kind in (3, 4):
            (own,) = [found for (k, _), found in lists.items() if k == kind]
            self.assertEqual((own[0], own[-1]), (before, after), "a host's and a server's own stream too")
        self.assertTrue([e for e in events if e["type"] == "access" and (e.get("person"), e["what"]) == ("host:web01", "recipients")])
        self.assertEqual(self.ledger.verify()[0], 0)

    def test_a_list_of_another_policy_key_is_refused_and_told(self):
        host = self.host()
        good = {name: (self.ledger.path / name).read_bytes() for name in ("recipients", "policy.vkey")}
        known = Key.load(self.ledger.path / "keys/policy.key")
        self.assertEqual(known.vkey.encode() + b"\n", good["policy.vkey"])
        origin, serial, *entries = good["recipients"].decode().split("\n\n")[0].split("\n")[1:]
        body = "\n".join(["stele-recipients-v1", origin, str(int(serial) + 1), *entries]) + "\n"
        stranger = Key(known.name)
        self.put("recipients", stranger.sign_note(body))
        wait_until(lambda: [e for e in self.told() if e["type"] == "finding" and e["rule"] == "recipients-list"], "the server says so")
        self.recorded(host, "echo", "as before")

        self.server.stop()  # an operator who changes both
        self.put("policy.vkey", stranger.vkey.encode() + b"\n")
        self.server.start()
        wait_until(lambda: "the server's list is not taken, serial 1 is sealed for" in host.journal(), "the agent says so")
        self.assertEqual((host.directory / "recipients").read_bytes(), good["recipients"])
        self.assertEqual(host.record("echo", "in the spool").returncode, 0)
        wait_until(lambda: "it waits in the spool: unknown recipients list" in host.journal(), "somebody is told")

        self.server.stop()
        for name, data in good.items():
            self.put(name, data)
        self.server.start()
        shown = {self.ledger.export(s["id"]) for s in self.server.arrived(2)}
        self.assertEqual(shown, {b"as before\r\n", b"in the spool\r\n"})
        self.assertEqual(self.server.covered()[1]["verdict"], "intact")
        of_the_host = {each for (kind, _), found in self.lists().items() if kind != 4 for each in found}
        self.assertEqual(of_the_host, {sha(good["recipients"])}, "nothing was sealed for the operator")


class FromAfar(People):
    def setUp(self):
        super().setUp()
        self.web = self.host()
        self.session = self.recorded(self.web, "echo", "hello from afar")
        self.server.covered()

    def test_an_investigator_reads_as_from_the_directory(self):
        token = self.user("ian", "investigator")
        self.known(token)
        run = self.remote(token)
        listed = run("sessions", "--json", "--identity", self.identity)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        here = self.ledger.sessions()
        self.assertEqual(json.loads(listed.stdout), here)
        shown = run("show", self.session, "--identity", self.identity)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(b"echo hello from afar", shown.stdout)
        exported = run("export", self.session, "--format", "raw", "--identity", self.identity)
        self.assertEqual((exported.returncode, exported.stdout), (0, b"hello from afar\r\n"), exported.stderr)
        played = run("play", self.session, "--identity", self.identity)
        self.assertEqual(played.returncode, 0, played.stderr)
        self.assertIn(b"hello from afar", played.stdout)
        verified = run("verify", "--json")
        report = json.loads(verified.stdout)
        self.assertEqual(report["verdict"], "intact", report)
        self.assertIn({"stream": self.session, "verdict": "intact"},
                      [{"stream": s["stream"], "verdict": s["verdict"]} for s in report["streams"]])
        purposes = {e["purpose"] for e in self.own_stream() if e["type"] == "access"}
        self.assertLessEqual({"list", "show", "export", "play", "verify"}, purposes)

    def test_without_an_identity_nothing_is_opened(self):
        token = self.user("ian", "investigator")
        self.known(token)
        done = self.remote(token)("export", self.session, "--format", "raw")
        self.assertEqual((done.returncode, done.stdout), (70, b""))
        self.assertIn(b"no identity here opens", done.stderr)

    def test_an_auditor_lists_and_shows_and_gets_no_playback(self):
        other = subprocess.run(["age-keygen"], capture_output=True, text=True).stdout if shutil.which("age-keygen") else ""
        if other:  # keys that were granted later are a stream of their own, which an auditor gets the fronts of
            recipient = re.search(r"age1[0-9a-z]+", other)[0]
            self.server.stop()
            self.ledger.stele("key", "grant", recipient)
            self.server.start()
            self.server.covered()
        token = self.user("ada", "auditor")
        self.known(token)
        run = self.remote(token)
        listed = run("sessions", "--identity", self.identity)
        self.assertIn(b"echo hello from afar", listed.stdout, listed.stderr)
        shown = run("show", self.session, "--identity", self.identity)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(b"facts alone are shown", shown.stderr)
        for command in ("play", "export"):
            done = run(command, self.session, "--identity", self.identity)
            self.assertEqual(done.returncode, 70)
            self.assertNotIn(b"hello from afar\r", done.stdout)

    def test_a_verifier_checks_the_log_and_remembers_it(self):
        token = self.user("vic", "verifier")
        self.known(token)
        run = self.remote(token)
        done = run("verify", "--log-only", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout)["verdict"], "intact")
        self.assertTrue(list((self.folder / "reader").rglob("*")), "the checkpoint is remembered")
        self.assertEqual(run("verify").returncode, 2, "segments are not for a verifier: unknown")
        memory = next(p for p in (self.folder / "reader/.local/state/stele").iterdir() if p.is_file())
        lines = memory.read_text().splitlines()
        lines[3] = "A" * 43 + "="
        memory.write_text("\n".join(lines) + "\n")
        forked = run("verify", "--log-only")
        self.assertEqual(forked.returncode, 1, forked.stdout)
        self.assertIn(b"forked", forked.stdout)

    def test_a_server_that_changes_a_segment_is_found_out(self):
        token = self.user("ian", "investigator")
        self.known(token)
        run = self.remote(token)
        self.assertEqual(run("verify").returncode, 0)
        self.server.stop()
        volume = next((self.ledger.path / "vault/volume").iterdir())
        stream = bytes.fromhex(self.session.replace("-", ""))
        at = volume.read_bytes().index(stream)
        flip(volume, at + 300)
        self.server.start()
        done = run("verify")
        self.assertIn(done.returncode, (1, 2), done.stdout)
        self.assertNotEqual(run("export", self.session, "--format", "raw", "--identity", self.identity).returncode, 0)

    def test_who_is_not_the_pinned_server_gets_no_token(self):
        token = self.user("ian", "investigator")
        environment = {**self.ledger.environment, "STELE_DIR": "/nonexistent"}
        done = subprocess.run([STELE, "sessions", "--server", self.server.url(), "--token-file", str(token), "--ca-pin", "0" * 64],
                              stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=PATIENCE)
        self.assertEqual(done.returncode, 70)
        self.assertFalse([e for e in self.own_stream() if e["type"] in ("login", "refusal")])

    def test_a_running_session_is_followed_within_two_seconds(self):
        token = self.user("ian", "investigator")
        self.known(token)
        before = {s["id"] for s in self.ledger.sessions()}
        terminal = self.web.recording("--", "sh", "-c", "echo begun; while read line; do echo \"got $line\"; done")
        self.addCleanup(terminal.close)
        terminal.expect("begun")
        session = wait_until(lambda: next((s["id"] for s in self.ledger.sessions() if s["id"] not in before), None),
                             "the running session")
        self.server.covered()
        (self.folder / "reader").mkdir(exist_ok=True)
        environment = {**self.ledger.environment, "HOME": str(self.folder / "reader"), "STELE_DIR": "/nonexistent"}
        follower = subprocess.Popen([STELE, "play", "--follow", session, "--server", self.server.url(), "--token-file", str(token),
                                     "--ca-pin", self.server.pin, "--identity", self.identity],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self.addCleanup(follower.communicate)
        self.addCleanup(follower.kill)
        os.set_blocking(follower.stdout.fileno(), False)
        seen = b""

        def sees(text):
            nonlocal seen
            seen += follower.stdout.read() or b""
            return text in seen

        def follows():
            terminal.type(b"hello\n")
            time.sleep(0.2)
            return sees(b"got hello")
        wait_until(follows, "it follows")
        for i in range(3):
            time.sleep(i * 1.1)  # what comes after a silence is as quick
            terminal.type(f"word-{i}\n".encode())
            typed = time.monotonic()
            wait_until(lambda: sees(f"got word-{i}".encode()), f"line {i}")
            self.assertLess(time.monotonic() - typed, 2.0)
        terminal.type(b"\x04")
        follower.wait(PATIENCE)
        self.assertEqual(follower.returncode, 0)


if __name__ == "__main__":
    main()
