"""Does a sudo that speaks TLS itself, and its sudo_sendlog, send to an agent?

Debian's sudo has no TLS: this is built from its source package, with OpenSSL, and kept in build/interop/."""
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
PLACE = ROOT / "build/interop/sudo-tls"
PREFIX = pathlib.Path("/usr/local/sudo-tls")  # on the machine that it is installed on
APT = pathlib.Path("/etc/apt")


class NotHere(Exception):
    """Why the part is skipped."""


def do(*words, **options):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise NotHere(f"`{' '.join(map(str, words[:3]))} …` failed: {(done.stdout.strip().splitlines() or ['nothing said'])[-1]}")
    return done.stdout


def name_sources(folder):
    """Where this machine has its packages from, for their sources."""
    for path in (*APT.glob("sources.list"), *APT.glob("sources.list.d/*.list"), *APT.glob("sources.list.d/*.sources")):
        text = re.sub(r"^deb\b", "deb-src", path.read_text(), flags=re.M) if path.suffix == ".list" else re.sub(
            r"^Types:.*$", "Types: deb-src", path.read_text(), flags=re.M)
        (folder / path.name).write_text(text)


def fetch():
    """The source, unpacked; apt does it in a directory of its own."""
    lists, parts = PLACE / "apt/lists", PLACE / "apt/parts"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    parts.mkdir(exist_ok=True)
    name_sources(parts)
    options = ("-o", "Dir::Etc::sourcelist=-", "-o", f"Dir::Etc::sourceparts={parts}", "-o", f"Dir::State::lists={lists}",
               "-o", f"Dir::Cache={PLACE / 'apt'}", "-o", "APT::Sandbox::User=root")
    do("apt-get", "-qq", *options, "update")
    do("apt-get", "-qq", *options, "source", "--download-only", "sudo", cwd=PLACE)
    (archive,) = PLACE.glob("sudo_*.orig.tar.gz")
    do("tar", "-xf", archive, "-C", PLACE)


def build():
    """The folder with sudo's tree, built."""
    if (PLACE / "built").exists():
        return next(PLACE.glob("sudo-1.*"))
    PLACE.mkdir(parents=True, exist_ok=True)
    fetch()
    (tree,) = PLACE.glob("sudo-1.*")
    do("./configure", f"--prefix={PREFIX}", "--sysconfdir=/etc", "--enable-openssl", "--enable-static-sudoers", "--disable-nls", "--without-pam",
       "--disable-intercept", "--disable-noexec", cwd=tree)
    do("make", f"-j{os.cpu_count()}", cwd=tree)
    (PLACE / "built").touch()
    return tree


def load_tests(tree):
    """The tests, for a machine on which that sudo is installed."""
    import sudolog_tls_test as over_tls

    class SudoWithTls(over_tls.SudoTlsTest):
        @classmethod
        def setUpClass(cls):
            super().setUpClass()
            cls.web.do("make", "-C", tree, "install", timeout=120)

        def setUp(self):
            super().setUp()
            self.sudoers(*self.sends("web02"))

        def sends(self, name):
            return ["Defaults log_input, log_output",
                    f'Defaults log_servers = "{self.collector.address}:{over_tls.TLS_PORT}(tls)", log_server_cabundle = {self.folder / "authority.pem"}, '
                    f'log_server_peer_cert = {self.folder / name}.pem, log_server_peer_key = {self.folder / name}.key']

        def sudo(self, *command):
            return self.web.run(*self.as_jane(PREFIX / "bin/sudo", *command))

        def test_sudo_sends_by_itself(self):
            done = self.sudo("sh", "-c", "echo shown; exit 7")
            self.assertEqual((done.returncode, done.stdout), (7, b"shown\n"), done.stderr)
            session, events = self.new()
            self.assertEqual(self.ledger.export(session, "raw"), b"shown\n")
            self.assertIn(f"over TLS by web02.example at {self.web.address}", events[0]["title"])
            self.assertEqual(events[-1]["exit"], 7)

        def test_with_a_stranger_s_certificate_nothing_runs(self):
            self.sudoers(*self.sends("stranger"))
            done = self.sudo("echo", "inside")
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, b"")

        def test_sudo_sendlog_sends_by_itself(self):
            self.sudoers("Defaults log_output, iolog_dir = /run/iolog, iolog_file = one")
            self.assertEqual(self.sudo("echo", "earlier").returncode, 0)
            self.web.do(PREFIX / "sbin/sudo_sendlog", "-h", self.collector.address, "-p", over_tls.TLS_PORT, "-b", self.folder / "authority.pem",
                        "-c", self.folder / "web02.pem", "-k", self.folder / "web02.key", "/run/iolog/one")
            session, _ = self.new()
            self.assertIn(b"earlier", self.ledger.export(session, "raw"))

    return unittest.defaultTestLoader.loadTestsFromTestCase(SudoWithTls)


def main():
    began = time.monotonic()
    try:
        tree = build()
    except NotHere as why:
        print(f"a sudo with TLS: skipped: {why}")
        return 0
    print(f"  built in {time.monotonic() - began:.0f} s", flush=True)
    result = unittest.TextTestRunner(sys.stdout, verbosity=0).run(load_tests(tree))
    skipped = [reason for _, reason in result.skipped]
    word = "ok" if result.wasSuccessful() else "FAILED"
    print(f"a sudo with TLS: skipped: {skipped[0]}" if skipped else f"a sudo with TLS: {word}, {result.testsRun} tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
