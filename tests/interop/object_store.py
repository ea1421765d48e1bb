#!/usr/bin/python3
"""Does `stele vault probe` say of a real object store what it does? Ceph's: monitor, store in memory and gateway, from Debian's packages.

They run in a network of their own, on its loopback. What it prints is in tools/run_interop.py.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = ROOT / "build/dev/bin"
os.environ.setdefault("STELE", str(BIN / "stele"))
sys.path.insert(0, str(HERE.parent / "e2e"))
from fleet import Machine, can_have_machines, wait_until  # noqa: E402
from harness import STELE, remove  # noqa: E402
from s3_stand_in import ObjectStore  # noqa: E402

TARGETS = "stele stele-server".split()
KEY, SECRET, PORT = ObjectStore.KEY, ObjectStore.SECRET, 17480
LOCKED, OPEN = "locked", "unlocked"
# The system's own version of a client that is not ours, in the store's network.
ASK = "import sys; sys.path.insert(0, sys.argv[1]); import s3_stand_in; s3_stand_in.send(*sys.argv[2:7], headers=dict(h.split('=') for h in sys.argv[7:]))"


class Skip(Exception):
    pass


CONFIG = """[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:13300/0,v1:127.0.0.1:16789/0]
mon initial members = a
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
mon allow pool size one = true
mon data avail crit = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 1073741824
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
crash dir = {folder}
mon data = {folder}/mon
osd data = {folder}/osd
keyring = {folder}/keyring
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw enable usage log = false
rgw thread pool size = 16
"""


class Ceph:
    def __init__(self, folder):
        self.folder, self.children = folder / "ceph", []
        for each in ("mon", "osd", "log", "rgw", "run"):
            (self.folder / each).mkdir(parents=True)
        self.machine = Machine("store", folder)
        self.config = self.folder / "ceph.conf"
        self.config.write_text(CONFIG.format(fsid=uuid.uuid4(), folder=self.folder, port=PORT))
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def do(self, program, *words):
        return self.machine.do("timeout", 120, program, "-c", self.config, *words, timeout=150)

    def serve(self, program, *words):
        self.children.append(self.machine.start(program, "-f", "-c", self.config, *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def start(self):
        keyring, monmap = self.folder / "keyring", self.folder / "monmap"
        fsid = self.config.read_text().split("fsid = ")[1].split()[0]
        self.machine.do("monmaptool", "--create", "--fsid", fsid, "--addv", "a", "[v2:127.0.0.1:13300,v1:127.0.0.1:16789]", monmap)
        for name, caps in (("mon.", ["mon", "allow *"]), ("client.admin", ["mon", "allow *", "osd", "allow *", "mgr", "allow *"]),
                           ("client.rgw", ["mon", "allow *", "osd", "allow *"]), ("osd.0", ["mon", "allow profile osd", "osd", "allow *"])):
            words = [word for at in range(0, len(caps), 2) for word in ("--cap", caps[at], caps[at + 1])]
            self.machine.do("ceph-authtool", *(() if keyring.exists() else ("--create-keyring",)), keyring, "--gen-key", "-n", name, *words)
        self.do("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        (self.folder / "mon/keyring").write_bytes(keyring.read_bytes())
        self.serve("ceph-mon", "-i", "a")
        self.do("ceph", "osd", "new", uuid.uuid4())
        made = json.loads(self.do("ceph", "osd", "dump", "-f", "json"))["osds"][0]["uuid"]
        self.do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", made)
        self.do("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h")
        self.serve("ceph-osd", "-i", "0")
        self.do("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid=t", "--display-name=t", f"--access-key={KEY}", f"--secret={SECRET}")
        self.serve("radosgw", "-n", "client.rgw")
        self.url = f"http://127.0.0.1:{PORT}"
        wait_until(lambda: self.machine.run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{PORT}").returncode == 0, "the gateway listens")
        self.ask("PUT", "/" + LOCKED, "x-amz-bucket-object-lock-enabled=true")
        self.ask("PUT", "/" + OPEN)

    def gateway(self):
        """Its process."""
        return self.children[-1].pid

    def ask(self, method, path, *headers):
        self.machine.do("/usr/bin/python3", "-c", ASK, HERE.parent / "e2e", self.url, KEY, SECRET, method, path, *headers)

    def probe(self, bucket, *more):
        done = self.machine.run(STELE, "vault", "probe", "--json", "--endpoint", self.url, "--plain", "--path-style", "--bucket", bucket, "--credentials",
                                "environment", *more, env={**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
        assert done.returncode in (0, 1), done
        return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}

    def close(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()
        self.machine.close()


def failed(checks):
    return {name for name, check in checks.items() if not check["holds"]}


def locked(ceph):
    """What this gateway was seen to pass over, and nothing else, does not hold; and none of it is wanted."""
    status, checks = ceph.probe(LOCKED)
    assert (status, failed(checks)) == (0, {"first-write", "checksum"}), (status, checks)
    assert "forbidden by object lock" in checks["delete"]["said"], checks["delete"]


def governance(ceph):
    status, checks = ceph.probe(LOCKED, "--mode", "governance")
    assert (status, failed(checks)) == (0, {"first-write", "checksum", "bypass"}), (status, checks)


def unlocked(ceph):
    """A bucket that locks nothing keeps nothing: told at the first write."""
    done = ceph.machine.run(STELE, "vault", "probe", "--endpoint", ceph.url, "--plain", "--path-style", "--bucket", OPEN, "--credentials", "environment",
                            env={**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET})
    assert done.returncode != 0 and b"keeps what it is told" not in done.stdout, done


CHECKS = {"a bucket that locks objects": locked, "in governance mode": governance, "a bucket that does not": unlocked}


def look(ceph):
    try:
        for what, check in CHECKS.items():
            try:
                check(ceph)
                print(f"{what}: ok", flush=True)
            except AssertionError:
                print(" " + traceback.format_exc().replace("\n", "\n "))
                print(f"{what}: FAILED", flush=True)
    finally:
        ceph.close()


def install():
    done = subprocess.run([ROOT / "tools/setup", "store"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Skip((done.stderr.strip().splitlines() or ["tools/setup store says nothing"])[-1])


def main():
    if reason := can_have_machines():
        print(f"object store: skipped: {reason}")
        return
    try:
        install()
        for words in (["cmake", "--preset", "dev", "--log-level=WARNING"], ["cmake", "--build", "build/dev", "--", "--quiet", *TARGETS]):
            subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-store-"))
        try:
            look(Ceph(folder))
        finally:
            remove(folder)
    except Skip as why:
        print(f"object store: skipped: {why}")


if __name__ == "__main__":
    main()
