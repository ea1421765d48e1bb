#!/usr/bin/python3
"""Are people of a directory known by name, with their groups and roles? A real slapd, sssd in front of it, and sessions of accounts that stand in no file.

Machine, directory and all accounts are this run's own: /etc, /run, /usr and /var are overlays. slapd and sssd are installed there alone, for sssd changes how a machine asks
for passwords. Their packages are downloaded once, to build/interop/sssd. What it prints is in tools/run_interop.py.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = ROOT / "build/dev/bin"
KEPT = ROOT / "build/interop/sssd"
os.environ.setdefault("STELE", str(BIN / "stele"))
sys.path.insert(0, str(HERE.parent / "e2e"))
from fleet import RECORDER, FleetServer, Host, Machine, can_have_machines, wait_until  # noqa: E402
from harness import remove  # noqa: E402

PACKAGES = "slapd ldap-utils sssd-ldap".split()
TARGETS = "stele stele-agent stele-recorder stele-server".split()
BASE = "dc=example,dc=org"
GROUPS = 120  # of one person: more than NSS is asked for at once
SLAPD = f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "{BASE}"
rootdn "cn=admin,{BASE}"
rootpw secret
directory /run/directory
access to * by * read
"""
SSSD = f"""[sssd]
domains = example
services = nss
[nss]
filter_users = root
[domain/example]
id_provider = ldap
auth_provider = none
ldap_uri = ldap://127.0.0.1:3389
ldap_search_base = {BASE}
ldap_schema = rfc2307
ldap_id_use_start_tls = false
enumerate = false
entry_cache_timeout = 60
"""
ROLES = """version = 1

[roles.operators]
groups = ["ops"]

[roles.of-many]
groups = ["team119"]
"""


def account(name, uid):
    return (f"dn: uid={name},{BASE}\nobjectClass: account\nobjectClass: posixAccount\nuid: {name}\ncn: {name}\nuidNumber: {uid}\ngidNumber: 7000\n"
            f"homeDirectory: /\nloginShell: /bin/sh\n\n")


def group(name, gid, *members):
    return f"dn: cn={name},{BASE}\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {gid}\n" + "".join(f"memberUid: {each}\n" for each in members) + "\n"


def directory():
    text = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n\n"
    text += account("ada", 7001) + account("grace", 7002) + group("staff-of-all", 7000) + group("ops", 7100, "ada")
    return text + "".join(group(f"team{n}", 8000 + n, "grace") for n in range(GROUPS))


class Skip(Exception):
    pass


def download():
    """Of the packages, and what they want, those that this machine has not, each in a file."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "partial").mkdir(exist_ok=True)
    words = ["apt-get", "-qq", "install", "--no-install-recommends", "--download-only", "-y", "-o", f"Dir::Cache::archives={KEPT}", "-o", "APT::Sandbox::User=root",
             *PACKAGES]
    for prepare in ([], ["apt-get", "-qq", "update"]):  # where what apt knows is too old
        if prepare:
            subprocess.run(prepare, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            return sorted(KEPT.glob("*.deb"))
    raise Skip(f"apt can not get {', '.join(PACKAGES)}: {(done.stdout.strip().splitlines() or ['nothing said'])[-1]}")


class OwnMachine(Machine):
    """Programs that are installed on it are on no other."""
    runs = """
        mkdir -p /run/usr/upper /run/usr/work
        mount -t overlay none -o lowerdir=/usr,upperdir=/run/usr/upper,workdir=/run/usr/work /usr
        printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        echo ready
        exec sleep infinity"""


class Fleet:
    """A server, and a host whose accounts come from the directory."""

    def __init__(self, folder, packages):
        self.folder = folder
        try:
            self.machine = OwnMachine("web01", folder)
        except AssertionError as why:
            raise Skip(f"no machine with a /usr of its own: {str(why).strip()}") from None
        self.children = []
        self.install(packages)
        self.serve_directory()
        self.start_sssd()
        self.server = FleetServer(folder, self.machine)
        self.ledger = self.server.ledger
        roles = folder / "roles.toml"
        roles.write_text(ROLES)
        roles.chmod(0o644)
        self.host = Host("web01", self.server, folder, self.machine, roles=str(roles)).start()
        self.host.folder.chmod(0o711)
        self.machine.do("install", "-m", "755", RECORDER, "/run/stele-recorder")

    def install(self, packages):
        if not packages:
            return
        done = self.machine.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", *packages, timeout=300)
        if done.returncode:
            self.machine.close()
            raise Skip(f"dpkg can not install {', '.join(PACKAGES)}: {(done.stderr.decode().strip().splitlines() or ['nothing said'])[-1]}")

    def put(self, path, text, mode="644"):
        self.machine.do("sh", "-c", f"umask 077; cat > {path}; chmod {mode} {path}", stdin=None, input=text.encode())

    def serve(self, *words):
        self.children.append(self.machine.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def serve_directory(self):
        self.machine.do("mkdir", "/run/directory")
        self.put("/run/slapd.conf", SLAPD)
        self.machine.do("slapadd", "-f", "/run/slapd.conf", stdin=None, input=directory().encode())
        self.serve("slapd", "-f", "/run/slapd.conf", "-h", "ldap://127.0.0.1:3389", "-d", "0")
        wait_until(lambda: self.machine.run("ldapsearch", "-x", "-H", "ldap://127.0.0.1:3389", "-b", BASE, "uid=ada").returncode == 0, "slapd answers")

    def start_sssd(self):
        self.machine.do("sh", "-c", "rm -rf /var/lib/sss/db/* /var/lib/sss/mc/*; mkdir -p /etc/sssd /var/log/sssd")
        self.put("/etc/sssd/sssd.conf", SSSD, "600")
        self.put("/etc/nsswitch.conf", "passwd: files sss\ngroup: files sss\nhosts: files dns\n")
        self.serve("sssd", "-i")
        wait_until(lambda: self.machine.run("getent", "passwd", "ada").returncode == 0, "sssd knows the directory")

    def end_directory(self):
        for child in reversed(self.children):
            child.kill()
            child.wait()
        self.machine.run("pkill", "-9", "-f", "/usr/libexec/sssd|/usr/lib/sssd|sssd_")

    def record(self, uid, gid, *groups):
        how = ("--groups", ",".join(map(str, groups))) if groups else ("--init-groups",)
        before = {s["id"] for s in self.ledger.sessions()}
        done = self.machine.run("setpriv", "--reuid", uid, "--regid", gid, *how, "/run/stele-recorder", "--socket", f"{self.host.run_directory}/agent.sock",
                                "--", "id", "-G", cwd="/")
        assert done.returncode == 0, done
        (session,) = wait_until(lambda: [s for s in self.ledger.sessions() if s["id"] not in before and s["state"].startswith("exit")], "its session")
        return session, {int(each) for each in done.stdout.split()}

    def close(self):
        self.host.stop()
        self.server.stop()
        self.end_directory()
        self.machine.close()


def person(fleet):
    session, _ = fleet.record(7001, 7000)
    assert (session["user"], session["person"], session["roles"]) == ("ada", "ada", ["operators"]), session
    assert set(session["group_names"]) == {"staff-of-all", "ops"}, session
    assert (session["known"]["user"], session["known"]["names"]) == ("database", "database"), session


def many_groups(fleet):
    session, groups = fleet.record(7002, 7000)
    assert groups == {7000, *range(8000, 8000 + GROUPS)}, groups
    assert session["roles"] == ["of-many"], session
    assert {f"team{n}" for n in range(GROUPS)} <= set(session["group_names"]), session


def nobody_answers(fleet):
    """Who it is cannot be asked; that somebody is there is recorded all the same, by number."""
    fleet.end_directory()
    fleet.machine.do("sh", "-c", "rm -rf /var/lib/sss/mc/*")
    session, _ = fleet.record(7001, 7000, 7000)
    assert (session["uid"], session["user"], session["person"], session["roles"]) == (7001, "", "7001", []), session


CHECKS = {"a person of the directory has their name, groups and role": person, f"{GROUPS} groups of one person": many_groups,
          "without sssd a session is recorded, by number": nobody_answers}


def look(fleet):
    try:
        for what, check in CHECKS.items():
            try:
                check(fleet)
                print(f"{what}: ok", flush=True)
            except AssertionError:
                print(" " + traceback.format_exc().replace("\n", "\n "))
                print(f"{what}: FAILED", flush=True)
    finally:
        fleet.close()


def main():
    if reason := can_have_machines():
        print(f"sssd: skipped: {reason}")
        return
    try:
        packages = download()
        for words in (["cmake", "--preset", "dev", "--log-level=WARNING"], ["cmake", "--build", "build/dev", "--", "--quiet", *TARGETS]):
            subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-sssd-"))
        try:
            folder.chmod(0o711)
            look(Fleet(folder, packages))
        finally:
            remove(folder)
    except Skip as why:
        print(f"sssd: skipped: {why}")


if __name__ == "__main__":
    main()
