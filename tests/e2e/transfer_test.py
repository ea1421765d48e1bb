"""Files that are copied through stele-shell, by real clients: they arrive, and the record has their names and digests."""
import base64
import hashlib
import os
import subprocess

from fleet import wait_until
from harness import main
from ssh_test import SshTest


class TransferTest(SshTest):
    @classmethod
    def host_settings(cls):
        ledger = cls.server.ledger
        origin = (ledger.path / "log.vkey").read_text().split("+")[0]
        draft, policy = cls.folder / "draft", cls.folder / "policy"
        draft.write_text(f"stele-policy-v1\n{origin}\n1\n2026-11-24\nrule whole\n  user whole\n  transfers whole\nrule others\n  input all\n")
        ledger.stele("policy", "sign", draft, "-o", policy)
        return {"policy": str(policy)}

    def setUp(self):
        super().setUp()
        self.content = os.urandom(5_000_000)
        self.file = self.folder / "file"
        self.file.write_bytes(self.content)
        self.back = self.folder / "back"
        self.back.unlink(missing_ok=True)

    def sftp(self, *lines, user="jane"):
        batch = self.folder / "batch"
        batch.write_text("".join(line + "\n" for line in lines))
        return self.web.run("sftp", *self.options, "-b", batch, f"{user}@127.0.0.1")

    def one(self):
        (session,) = self.new()
        self.before.add(session["id"])
        return session["id"]

    def transfers(self, session, *keys):
        found = [e for e in self.ledger.events(session) if e["type"] == "transfer"]
        return [tuple(e.get(k) for k in keys) for e in found] if keys else found

    def copied(self, session):
        """What the session's end counts; None: nothing."""
        (listed,) = [s for s in self.ledger.sessions() if s["id"] == session]
        return listed["end"].get("copied")

    def assert_counts_its_copies(self, session):
        copies = self.transfers(session, "what", "bytes")
        ways = [[size or 0 for what, size in copies if what == way] for way in ("to-host", "from-host")]
        self.assertEqual(self.copied(session), {"to_host": len(ways[0]), "from_host": len(ways[1]), "bytes": sum(ways[0] + ways[1])})

    def pipes(self, session):
        """What passed in each pipe, in order: bytes that were kept, and (how many, behind how many of the file, digest) of others."""
        ways = {"piped-input": [], "piped-output": [], "piped-error": []}
        for e in self.ledger.events(session):
            if e["type"] in ways:
                ways[e["type"]].append(base64.b64decode(e["base64"]))
            if e["type"] == "elided":
                ways[e["pipe"]].append((e["bytes"], e["before"], e["sha256"]))
        return ways

    def assert_covers(self, session, content, way):
        """The digests of this pipe are those of the content, piece by piece; none of it is kept."""
        at = 0
        for piece in self.pipes(session)[way]:
            if isinstance(piece, tuple):
                size, before, digest = piece
                self.assertEqual(before, at)
                at += size
                self.assertEqual(hashlib.sha256(content[:at]).hexdigest(), digest)
            else:
                self.assertNotIn(content[at:at + 64] or b"never", piece)
        self.assertEqual(at, len(content))


class Digests(TransferTest):
    def test_each_way_to_copy_a_file_tells_its_name_size_and_digest(self):
        digest = hashlib.sha256(self.content).hexdigest()
        ways = ((["scp"], "sftp"), (["scp", "-O"], "scp"))
        for flags, protocol in ways:
            for direction, pipe in (("to-host", "piped-input"), ("from-host", "piped-output")):
                with self.subTest(flags=flags, direction=direction):
                    there = "jane@127.0.0.1:there"
                    self.web.do(*flags, *self.options, *((self.file, there) if direction == "to-host" else (there, self.back)))
                    session = self.one()
                    self.assertEqual(self.transfers(session, "what", "protocol", "bytes", "sha256"),
                                     [(direction, protocol, len(self.content), digest)])
                    name = "file" if (protocol, direction) == ("scp", "to-host") else "there"  # what to call it, only its own client knows
                    self.assertEqual(self.transfers(session)[0]["name"].split("/")[-1], name)
                    self.assert_covers(session, self.content, pipe)
                    ways = (1, 0) if direction == "to-host" else (0, 1)
                    self.assertEqual(self.copied(session), {"to_host": ways[0], "from_host": ways[1], "bytes": len(self.content)})
                    shown = self.ledger.stele("show", session).decode()
                    self.assertIn("%d to the host, %d from it" % ways, shown)
                    self.assertIn(f"{protocol} {direction}", shown)
                    self.assertIn(digest, shown)
                    self.assertEqual(self.ledger.events(session)[0]["argv"][0], "scp" if protocol == "scp" else "/usr/lib/openssh/sftp-server")
            self.assertEqual(self.back.read_bytes(), self.content)
            self.back.unlink()
        self.ledger.stele("verify", "--all")

    def test_what_sftp_does_by_name_is_told(self):
        done = self.sftp(f"put {self.file} one", "rename one two", "chmod 600 two", "mkdir folder", "ln -s two link", f"get two {self.back}",
                         "-get /etc/shadow", "rm two", "rm link", "rmdir folder")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.back.read_bytes(), self.content)
        session = self.one()
        told = self.transfers(session, "what", "name", "to", "error")
        home = "/run/home-jane/"
        self.assertEqual(told[:5], [("to-host", home + "one", None, None), ("rename", home + "one", home + "two", None),
                                    ("set-attributes", home + "two", None, None), ("make-directory", home + "folder", None, None),
                                    ("symlink", home + "link", "two", None)])
        self.assertIn(("from-host", home + "two", None, None), told)
        self.assertEqual([t for t in told if t[0].startswith("remove")],
                         [("remove", home + "two", None, None), ("remove", home + "link", None, None), ("remove-directory", home + "folder", None, None)])
        self.assert_counts_its_copies(session)
        digests = {t["sha256"] for t in self.transfers(session) if "sha256" in t}
        self.assertEqual(digests, {hashlib.sha256(self.content).hexdigest()})

    def test_a_tree_is_told_file_by_file(self):
        tree = self.folder / "tree"
        names = ["a", "b c", "deep/er/d"]
        for name in names:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(os.urandom(100_000) if name != "a" else b"")
        for flags in ([], ["-O"]):
            with self.subTest(flags):
                self.web.do("scp", "-r", "-p", *flags, *self.options, tree, "jane@127.0.0.1:.")
                session = self.one()
                self.assert_counts_its_copies(session)
                told = {t["name"]: t["sha256"] for t in self.transfers(session) if t["what"] == "to-host"}
                for name in names:
                    (digest,) = [d for n, d in told.items() if n.endswith(f"tree/{name}")]
                    self.assertEqual(digest, hashlib.sha256((tree / name).read_bytes()).hexdigest())
                self.web.do("sh", "-c", f"diff -r {tree} /run/home-jane/tree && rm -r /run/home-jane/tree")

    def test_an_agent_that_is_killed_meanwhile_loses_nothing(self):
        self.content *= 2
        self.file.write_bytes(self.content)
        client = self.web.start("scp", "-l", "16000", *self.options, self.file, "jane@127.0.0.1:slow", stderr=subprocess.PIPE)
        wait_until(lambda: [e for s in self.ledger.sessions() if s["id"] not in self.before for e in self.ledger.events(s["id"])
                            if e["type"] == "elided"], "some of it is sealed")
        self.host.restart()
        _, said = client.communicate(timeout=60)
        self.assertEqual(client.returncode, 0, said)
        self.assertEqual(self.web.do("cat", "/run/home-jane/slow"), self.content)
        session = self.one()
        self.assertEqual([(t["what"], t.get("sha256")) for t in self.transfers(session)], [("lost", None)])
        self.assertIsNone(self.copied(session), "the agent that saw its end does not know")
        pieces = self.pipes(session)["piped-input"]
        elided = sum(p[0] for p in pieces if isinstance(p, tuple))
        kept = b"".join(p for p in pieces if not isinstance(p, tuple))
        self.assertGreater(elided, 0)
        self.assertLess(elided, len(self.content))
        self.assertIn(self.content[-4_000:], kept)
        self.assertGreater(elided + len(kept), len(self.content))


class Whole(TransferTest):
    def test_where_policy_says_so(self):
        for flags in ([], ["-O"]):
            with self.subTest(flags):
                self.web.do("scp", *flags, *self.options, self.file, "whole@127.0.0.1:there")
                session = self.one()
                self.assertEqual(self.transfers(session), [])
                self.assertIn(self.content[:20_000], self.ledger.export(session, "raw-input"))
                (terms,) = [e for e in self.ledger.events(session) if e["type"] == "terms"]
                self.assertEqual(terms["transfers"], "whole")

    def assert_is_whole(self, session):
        self.assertEqual([e["type"] for e in self.ledger.events(session) if e["type"] in ("transfer", "elided")], [])

    def test_what_only_looks_like_a_copy(self):
        secret = b"echo found-$((6*7))\n"
        fake = "/run/home-jane/sftp-server"
        self.web.do("sh", "-c", f"printf '#!/bin/sh\\nexec sh\\n' >{fake}; cp {fake} /run/home-jane/scp; chmod 755 {fake} /run/home-jane/scp")
        for command in ("scp -t x; sh", fake, "./sftp-server", "PATH=/run/home-jane:$PATH scp -t x", "env scp -t x; sh",
                        "/usr/lib/openssh/sftp-server >/dev/null; sh"):
            with self.subTest(command):
                self.ssh(command, stdin=secret)
                session = self.one()
                self.assert_is_whole(session)
                self.assertEqual(self.ledger.export(session, "raw-input"), secret)

    def test_a_name_that_a_shell_has_to_read(self):
        self.web.do("scp", "-O", *self.options, "jane@127.0.0.1:/etc/host[n]ame", self.back)
        self.assertEqual(self.back.read_bytes(), self.web.do("cat", "/etc/hostname"))
        self.assert_is_whole(self.one())

    def test_what_is_said_to_a_real_server_and_is_not_its_protocol(self):
        self.ssh("/usr/lib/openssh/sftp-server", stdin=b"echo this is no packet\n")
        session = self.one()
        self.assertEqual([t["what"] for t in self.transfers(session)], ["lost"])
        self.assertEqual(self.ledger.export(session, "raw-input"), b"echo this is no packet\n")

    def test_a_fifo_is_no_file(self):
        fifo = "/run/home-jane/fifo"
        self.web.do("mkfifo", "-m", "666", fifo)
        self.addCleanup(self.web.do, "rm", fifo)
        reader = self.web.start("cat", fifo, stdout=subprocess.PIPE)
        self.addCleanup(reader.communicate)
        self.addCleanup(reader.kill)
        done = self.sftp(f"put {self.file} fifo")
        self.assertNotEqual(done.returncode, 0)
        session = self.one()
        self.assertEqual(self.transfers(session, "what", "name", "why"), [("to-host", fifo, "a write failed")])

    def test_the_server_gets_nothing_that_loads_code(self):
        client = subprocess.Popen([*self.web.prefix, "sftp", *map(str, self.options), "jane@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            server = wait_until(lambda: self.web.run("pgrep", "-u", "jane", "-x", "sftp-server").stdout.split(), "its server")
            variables = self.web.do("cat", f"/proc/{server[0].decode()}/environ").decode().split("\0")
            self.assertIn("HOME=/run/home-jane", variables)
            self.assertEqual({v.split("=")[0] for v in variables if v} - {"HOME", "LANG", "LOGNAME", "MAIL", "PATH", "SHELL", "SSH_CLIENT",
                             "SSH_CONNECTION", "STELE_SESSION", "TZ", "USER"}, set())
        finally:
            client.communicate(b"bye\n")
        self.one()


if __name__ == "__main__":
    main()
