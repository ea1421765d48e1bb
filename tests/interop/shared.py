#!/usr/bin/python3
"""A server whose vault is a real object store (Ceph's, with Object Lock) and whose head is in a real PostgreSQL, and a host that records to it, while
each of the three is killed, stopped, hidden or put back. From Debian's packages. What it prints is in tools/run_interop.py."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = ROOT / "build/dev/bin"
os.environ.setdefault("STELE", str(BIN / "stele"))
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
import object_store  # noqa: E402
import postgres  # noqa: E402
import s3_stand_in  # noqa: E402
from fleet import FleetServer, Host, can_have_machines, wait_until  # noqa: E402
from harness import remove  # noqa: E402

TARGETS = "load stele stele-server stele-agent stele-recorder stele-reader".split()
NAMESPACE = s3_stand_in.NAMESPACE
KILLS, PREFIX = 20, "stele/"


class Store:
    """The bucket, as somebody sees it who has the server's credentials."""

    def __init__(self, url, bucket):
        self.url, self.bucket = url, bucket

    def ask(self, method, key="", query=(), headers=()):
        path = f"/{self.bucket}/{urllib.parse.quote(key)}"
        return s3_stand_in.send(self.url, object_store.KEY, object_store.SECRET, method, path, query, headers)

    def versions(self, prefix):
        """[(key, version, is a delete marker)]"""
        found, more = [], {}
        while more is not None:
            tree = ElementTree.fromstring(self.ask("GET", query=[("versions", ""), ("prefix", PREFIX + prefix), *more.items()]))
            for each in tree:
                if each.tag in (NAMESPACE + "Version", NAMESPACE + "DeleteMarker"):
                    found.append((each.findtext(NAMESPACE + "Key"), each.findtext(NAMESPACE + "VersionId"), each.tag.endswith("Marker")))
            more = None
            if tree.findtext(NAMESPACE + "IsTruncated") == "true":
                more = {"key-marker": tree.findtext(NAMESPACE + "NextKeyMarker"), "version-id-marker": tree.findtext(NAMESPACE + "NextVersionIdMarker")}
        return found

    def retention(self, key, version):
        tree = ElementTree.fromstring(self.ask("GET", key, [("retention", ""), ("versionId", version)]))
        found = {each.tag.rpartition("}")[2]: each.text for each in tree}  # Ceph's has no namespace
        return found["Mode"], found["RetainUntilDate"]


class World:
    def __init__(self, folder, url, gateway):
        self.folder, self.gateway = folder, gateway
        self.store = Store(url, object_store.LOCKED)
        (folder / "database").mkdir()
        self.database = postgres.Cluster(folder / "database")
        credentials = folder / "s3.credentials"
        credentials.write_text(f"[default]\naws_access_key_id = {object_store.KEY}\naws_secret_access_key = {object_store.SECRET}\n")
        credentials.chmod(0o600)
        options = folder / "postgres.options"
        shutil.copyfile(self.database.options(), options)
        options.chmod(0o600)
        self.settings = {"vault.endpoint": url, "vault.bucket": object_store.LOCKED, "vault.prefix": PREFIX, "vault.credentials": str(credentials),
                         "vault.path_style": True, "vault.plain": True, "vault.retain": "2d", "vault.probe_every": "5s", "commits.postgres": str(options)}
        self.server = FleetServer(folder / "log", **self.settings)
        self.host = Host("web01", self.server, folder).start()
        self.reader = self.server.reader()
        self.auditor = self.server.ledger.path / "auditor.age"
        self.said = {}

    def ask(self, *command):
        done = self.server.ledger.run(*command, *self.reader)
        assert done.returncode == 0, done
        return done.stdout

    def sessions(self):
        return json.loads(self.ask("sessions", "--json"))

    def record(self, text):
        done = self.host.record("printf", "%s\\n", text)
        assert done.returncode == 0 and text.encode() in done.stdout, done
        self.said[text] = done.stdout

    def check_all(self):
        """All that was ever recorded is there, once, as it was shown; and the log is one."""
        ended = wait_until(lambda: (found := self.sessions()) and len(found) >= len(self.said) and all(s["state"] == "exit 0" for s in found) and found,
                           "all sessions have arrived")
        shown = [self.ask("export", session["id"], "--format", "raw", "--identity", self.auditor) for session in ended]
        assert sorted(shown) == sorted(self.said.values()), (len(shown), len(self.said))
        report = json.loads(self.ask("verify", "--json"))
        assert report["verdict"] == "intact", report
        return f"{len(shown)} sessions, {report['covered']} leaves"

    def ready(self):
        done = subprocess.run(["curl", "-sk", "-m", "10", "-w", "\n%{http_code}", self.server.url() + "/readyz"], capture_output=True, text=True)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def close(self):
        self.host.kill()
        self.server.kill()
        self.database.stop()


def recorded(world):
    for i in range(5):
        world.record(f"hello {i}")
    return world.check_all()


def locked(world):
    """Each object is under compliance, explicitly; nothing of it can be deleted; only the checkpoint is not."""
    wait_until(lambda: world.store.versions("log/checkpoint"), "a checkpoint in the store")
    found = world.store.versions("batch/")
    assert found and not any(marker for *_, marker in found)
    assert len({key for key, *_ in found}) == len(found), "nothing was written twice"
    for key, version, _ in found:
        mode, until = world.store.retention(key, version)
        assert mode == "COMPLIANCE" and until > time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + 47 * 3600)), (key, mode, until)
        try:
            world.store.ask("DELETE", key, [("versionId", version)])
            raise AssertionError(f"{key} was deleted")
        except s3_stand_in.urllib.error.HTTPError as refused:
            assert refused.code == 403, refused
    assert len(world.store.versions("log/checkpoint")) == 1
    return f"{len(found)} objects"


def probed(world):
    """What was tried of the store stands in the ledger, at the start and on schedule."""
    def look():
        stream = (world.server.ledger.path / "state/server-stream").read_text().strip()
        events = [json.loads(line) for line in world.ask("export", stream, "--format", "json", "--identity", world.auditor).splitlines()]
        found = [event for event in events if event.get("type") == "probe"]
        return found if len(found) >= 2 else None
    found = wait_until(look, "two probes in the server's stream")
    assert all(event["failed"] == "" and event["mode"] == "COMPLIANCE" for event in found), found
    return f"{len(found)} probes"


def killed_servers(world):
    for i in range(KILLS):
        terminal = world.host.recording("--", "sh", "-c", f"printf 'kill %s\\n' {i}; sleep 0.{i % 10}; printf 'after\\n'")
        try:
            terminal.expect(f"kill {i}")
            world.server.kill()
            world.server.start()
            status = terminal.wait()
            assert status == 0, (status, world.host.journal()[-2000:])
        finally:
            terminal.close()
        world.said[f"kill {i}"] = f"kill {i}\r\nafter\r\n".encode()
    return f"{KILLS} kills, {world.check_all()}"


def database_down(world):
    """Recording goes on into the spool, readiness says why, and all of it arrives."""
    world.database.kill()
    world.record("without a database")
    status, text = wait_until(lambda: (said := world.ready())[0] == 503 and said, "it says that it is not ready")
    assert "PostgreSQL" in text, text
    assert world.server.process.poll() is None
    world.database.start()
    wait_until(lambda: world.ready()[0] == 200, "it is ready again")
    return world.check_all()


def store_down(world):
    os.kill(world.gateway, signal.SIGSTOP)
    try:
        world.record("without a store")
        time.sleep(2)
        assert world.server.process.poll() is None
    finally:
        os.kill(world.gateway, signal.SIGCONT)
    wait_until(lambda: world.ready()[0] == 200, "it is ready again", 120)
    return world.check_all()


def hidden(world):
    """Somebody with the server's credentials puts delete markers over all that there is."""
    keys = {key for key, *_ in world.store.versions("batch/") + world.store.versions("log/tile/")}
    for key in keys:
        world.store.ask("DELETE", key)
    assert sum(marker for *_, marker in world.store.versions("")) >= len(keys)
    world.server.stop()
    world.server.start()
    return f"{len(keys)} markers, {world.check_all()}"


def put_back(world):
    """A database of yesterday is noticed, and nothing is begun on it."""
    world.database.stop()
    world.database.do("cp", "-a", world.database.data, world.database.folder / "copy")
    world.database.start()
    wait_until(lambda: world.ready()[0] == 200, "it is ready again")
    world.record("today")
    world.check_all()
    before = world.store.versions("log/checkpoint")
    world.record("later today")
    wait_until(lambda: world.store.versions("log/checkpoint") != before, "the store has today's checkpoint", 60)
    world.server.stop()
    world.database.stop()
    world.database.start(data=world.database.folder / "copy")
    try:
        world.server.start()
        raise AssertionError("it was begun on yesterday's database")
    except AssertionError as said:
        assert "head rolled back" in str(said), said
    world.database.stop()
    world.database.start()
    world.server.start()
    return world.check_all()


def as_fast_as_it_can(world):
    """No time is held against anything: what was seen. One server, and a machine that the store and the database are on too."""
    corpus = world.folder / "corpus"
    corpus.write_bytes(b"".join(path.read_bytes() for path in sorted((ROOT / "docs").glob("**/*.md")) * 4))
    hosts = []
    for i in range(4):
        hosts.append(world.folder / f"load{i}")
        subprocess.run([os.environ["STELE"], "enroll", "--server", world.server.url(), "--token", world.server.token(f"load{i}"), "--ca-pin", world.server.pin,
                        "--dir", hosts[-1], "--config", world.folder / f"load{i}.toml"], check=True, capture_output=True)
    told = []
    for what, numbers in (("500 segments/s", {"rate": 500, "segments": 1000}), ("as fast as they are taken", {"segments": 2000})):
        before = int(world.database.sql("SELECT count(*) FROM stele.volume"))
        done = subprocess.run([BIN / "load", world.server.url(), corpus, *(f"{k}={v}" for k, v in numbers.items()), *hosts], capture_output=True, check=True)
        seen = json.loads(done.stdout)
        batches = int(world.database.sql("SELECT count(*) FROM stele.volume")) - before
        told.append(f"{what}: {seen['segments'] / seen['seconds']:.0f} segments/s, acknowledged after {seen['p50_ms']:.0f} ms (99 %: {seen['p99_ms']:.0f}), "
                    f"{batches / seen['seconds']:.1f} PUT/s")
    return "; ".join(told)


def refused_stores(world):
    try:
        FleetServer(world.folder / "other", **{**world.settings, "vault.bucket": object_store.OPEN})
        raise AssertionError("it was begun on a bucket that locks nothing")
    except AssertionError as said:
        assert "begun" not in str(said) and re.search("does not keep what it is told to keep|lock", str(said)), said


CHECKS = {"sessions are recorded and read": recorded, "objects are locked": locked, "the store is tried again": probed, "servers are killed": killed_servers,
          "the database is killed": database_down, "the store hangs": store_down, "everything is hidden": hidden,
          "the database is put back": put_back, "a store that locks nothing is refused": refused_stores, "load": as_fast_as_it_can}


def inside(folder, url, gateway):
    world = World(folder, url, gateway)
    try:
        for what, check in CHECKS.items():
            try:
                said = check(world)
                print(f"{what}: ok" + (f", {said}" if said else ""), flush=True)
            except Exception:
                print(" " + traceback.format_exc().replace("\n", "\n "))
                print(f"{what}: FAILED", flush=True)
    finally:
        world.close()


def main():
    if sys.argv[1:2] == ["--inside"]:
        return inside(pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    if reason := can_have_machines():
        print(f"shared: skipped: {reason}")
        return
    try:
        object_store.install()
        postgres.install()
        for words in (["cmake", "--preset", "dev", "--log-level=WARNING"], ["cmake", "--build", "build/dev", "--", "--quiet", *TARGETS]):
            subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-shared-"))
        folder.chmod(0o755)
        try:
            ceph = object_store.Ceph(folder)
            try:
                subprocess.run([*ceph.machine.prefix, sys.executable, __file__, "--inside", folder, ceph.url, str(ceph.gateway())], check=True)
            finally:
                ceph.close()
        finally:
            remove(folder)
    except (object_store.Skip, postgres.Skip) as why:
        print(f"shared: skipped: {why}")


if __name__ == "__main__":
    main()
