"""What hosts say of themselves, held against the ledger: `stele hosts`, and the notes of `stele verify`."""
import json
import struct

from findings_test import Findings
from fleet import wait_until
from harness import flip, main

FRONT, KIND, STREAM, SESSION = 98, 5, slice(8, 24), 1  # docs/formats/spool.md, segment.md


def records(host):
    """Where each record lies in the spool: the file, the offset of its segment, the segment's size, kind and stream."""
    for path in sorted((host.directory / "spool").glob("*.spool")):
        data, at = path.read_bytes(), 0
        while data[at:at + 4] == b"stlq":
            header = data[at + FRONT:at + FRONT + 112]
            size = 112 + sum(struct.unpack(">4I", header[96:112])) + 64
            yield path, at + FRONT, size, header[KIND], header[STREAM].hex()
            at += FRONT + size


class Hosts(Findings):
    silent_after = "60s"

    def hosts(self, *args):
        return json.loads(self.ledger.stele("hosts", "--json", *args))

    def lose_a_session(self, host):
        """Somebody damages, in the spool, what the server does not have yet."""
        self.server.stop()
        before = {stream for *_, kind, stream in records(host) if kind == SESSION}
        self.assertEqual(host.record("echo", "lost").returncode, 0)
        host.kill()
        gone = {}
        for path, at, size, kind, stream in records(host):
            if kind == SESSION and stream not in before:
                gone.setdefault(stream, []).append((path, at + size - 1))
        ((session, places),) = gone.items()
        for path, last in places:
            flip(path, last)
        host.start()
        self.server.start()
        return f"{session[:8]}-{session[8:12]}-{session[12:16]}-{session[16:20]}-{session[20:]}"

    def test_a_session_of_which_nothing_came_is_missing_and_no_fault_of_the_log_s(self):
        host = self.host()
        host.record("echo", "there")
        self.server.arrived(1)
        self.assertEqual([h["missing"] for h in self.hosts()], [[]])
        self.assertEqual(self.ledger.verify()[1]["notes"], [])
        gone = self.lose_a_session(host)
        wait_until(lambda: self.hosts()[0]["missing"], "its number came, and nothing of it")
        self.assertEqual(self.hosts()[0]["missing"], [{"number": 2, "session": gone}])
        line = f"missing: session 2 ({gone}) was begun, and the ledger has nothing of it"
        self.assertIn(line, self.ledger.stele("hosts").decode())
        (found,) = wait_until(lambda: self.findings("lost", kind="host"), "the agent says what it lost")
        self.assertEqual(found["stream"], gone)

        host.stop()
        status, report = self.server.covered()
        self.assertEqual((status, report["verdict"]), (0, "intact"))
        self.assertEqual(report["notes"], ["host web01: " + line])
        self.assertIn(f"  note: host web01: {line}\n", self.ledger.stele("verify").decode())

        identity = self.ledger.path / "auditor.age"
        away = identity.rename(self.folder / "auditor.age")
        streams = sum(s["kind"] == "host" for s in report["streams"])
        self.assertEqual(streams, 2)
        (note,) = self.ledger.verify()[1]["notes"]
        self.assertTrue(note.startswith(f"{streams} streams of hosts are sealed"), note)
        self.assertEqual(self.ledger.verify("--identity", away)[1]["notes"], report["notes"])
        self.assertNotEqual(self.ledger.run("verify", "--identity", identity).returncode, 0, "one that is named has to be there")
        self.assertIn("host web01: " + line, self.ledger.verify(*self.server.reader(), "--identity", away)[1]["notes"])


if __name__ == "__main__":
    main()
