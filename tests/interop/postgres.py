#!/usr/bin/python3
"""Do servers that take turns at a real PostgreSQL agree, whoever is stopped or killed meanwhile? From Debian's packages.

The database is this run's own, in a folder of its own, with a socket there and TLS on loopback. What it prints is in tools/run_interop.py.
"""
import contextlib
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("STELE_BIN", ROOT / "build/dev/bin"))
TARGETS = "committer db_test ledger_test".split()
PATIENCE, TURN_LOST_MAX = 60, 3.0  # seconds
SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class Skip(Exception):
    pass


def wait_until(condition, what, patience=PATIENCE):
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A database cluster, run by somebody who is not root."""

    def __init__(self, folder):
        self.programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
        self.folder, self.data, self.port, self.process = folder, folder / "data", free_port(), None
        self.prefix = []
        if os.geteuid() == 0:
            self.prefix = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]
            shutil.chown(folder, "postgres")
        (folder / "password").write_text("secret-of-ada\n")
        shutil.chown(folder / "password", "postgres" if self.prefix else None, None if self.prefix else os.getgid())
        self.do(self.programs / "initdb", "-D", self.data, "-U", "ada", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-N")
        self.do("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost", "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
        with contextlib.suppress(FileNotFoundError):
            (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.start()

    def do(self, *words, timeout=PATIENCE):
        done = subprocess.run([*self.prefix, *map(str, words)], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done
        return done.stdout

    def start(self, data=None, **settings):
        data = data or self.data
        words = {**SAFE, "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder, "ssl": "on",
                 "ssl_cert_file": self.folder / "tls.crt", "ssl_key_file": self.folder / "tls.key", **settings}
        log = open(self.folder / "log", "ab")
        with log:
            self.process = subprocess.Popen([*self.prefix, self.programs / "postgres", "-D", data, *(f"--{k}={v}" for k, v in words.items())],
                                            cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        ready = [self.programs / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)]
        try:
            wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL answers")
        except AssertionError:
            print(" " + (self.folder / "log").read_text(errors="replace")[-2000:].replace("\n", "\n "))
            raise

    def children(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def kill(self):
        """All of it at once, by its process ids."""
        os.kill(self.process.pid, signal.SIGSTOP)  # so that it makes no more
        children = self.children()
        for pid in [self.process.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in children), "its processes are gone")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast, and clean
            self.process.wait(PATIENCE)

    def sql(self, text):
        return self.do(self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", self.port, "-U", "ada", "-d",
                       "postgres", "-c", text).strip()

    def options(self, name="options", **more):
        keywords = {"host": self.folder, "port": self.port, "user": "ada", "dbname": "postgres", **more}
        path, whole = self.folder / f"{name}.new", self.folder / name
        path.write_text("".join(f"{k} = {v}\n" for k, v in keywords.items()))
        path.chmod(0o600)
        return path.rename(whole)  # others read it

    def fresh(self):
        self.sql("DROP SCHEMA IF EXISTS stele CASCADE")


class Committers:
    """Programs that commit, and what they say was committed."""

    def __init__(self, cluster):
        self.cluster, self.running = cluster, {}

    def start(self, name, what):
        said = self.cluster.folder / f"said-{name}"
        with open(said, "wb") as out, open(self.cluster.folder / f"wrong-{name}", "wb") as wrong:
            self.running[name] = subprocess.Popen([BIN / "committer", self.cluster.options(), name, str(what)], stdin=subprocess.PIPE, stdout=out,
                                                  stderr=wrong)
        return self.running[name]

    def lines(self, name):
        """Whole ones."""
        return (self.cluster.folder / f"said-{name}").read_text().split("\n")[:-1]

    def wrong(self, name):
        return (self.cluster.folder / f"wrong-{name}").read_text()

    def wait_for_more(self, counts):
        """Each has committed more often than that."""
        def missing():
            return [name for name, count in counts.items() if len(self.lines(name)) <= count]

        try:
            wait_until(lambda: not missing(), "all commit")
        except AssertionError:
            raise AssertionError({name: (self.running[name].poll(), len(self.lines(name)), self.wrong(name)) for name in missing()}) from None

    def end(self, name):
        process = self.running[name]
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.communicate()


def run_committer(options, name, what):
    return subprocess.run([BIN / "committer", options, name, str(what)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)


def check_ledger(cluster, said):
    """Contiguous from 0 to the head; all that was said to be committed is in it, and nothing is twice. How many volumes."""
    done = run_committer(cluster.options(), "reader", "list")
    assert done.returncode == 0, done
    *lines, head = done.stdout.splitlines()
    at = 0
    for line in lines:
        first, leaves, _ = line.split()
        assert int(first) == at, (line, at)
        at += int(leaves)
    assert head == f"head {at}", (head, at)
    hashes = [line.split()[2] for line in lines]
    assert len(set(hashes)) == len(hashes), "something was committed twice"
    assert len(set(said)) == len(said)
    assert set(said) <= set(lines), f"said to be committed, and not there: {set(said) - set(lines)}"
    return len(lines)


def contract(cluster):
    environment = {**os.environ, "STELE_TEST_POSTGRES": str(cluster.options())}
    for words in ([BIN / "db_test"], [BIN / "ledger_test", "--gtest_filter=*CommitStore*"]):
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and "SKIPPED" not in done.stdout, done.stdout[-3000:]


def over_tls(cluster):
    """With the password of a file; whoever can not show the certificate is told nothing of it."""
    cluster.fresh()
    there = {"host": "localhost", "sslmode": "verify-full", "sslrootcert": cluster.folder / "tls.crt", "password": "secret-of-ada"}
    done = run_committer(cluster.options("tls", **there), "far", 3)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3, done
    other = cluster.folder / "other.crt"
    cluster.do("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", "/dev/null", "-out", other)
    for wrong in ({"sslrootcert": other}, {"password": "another-secret"}, {"sslmode": "disable"}):
        done = run_committer(cluster.options("tls", **{**there, **wrong}), "far", 3)
        assert done.returncode == 1 and "busy: PostgreSQL: connection to server at" in done.stderr, done
        assert "secret" not in done.stderr, done


def stopped_holder(cluster):
    cluster.fresh()
    with Committers(cluster) as committers:
        holder = committers.start("holder", "hold")
        wait_until(lambda: committers.lines("holder") == ["turn"], "it has the turn")
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        committers.start("next", 1)
        assert committers.end("next") == 0, committers.wrong("next")
        took = time.monotonic() - began
        assert took < TURN_LOST_MAX, took
        holder.send_signal(signal.SIGCONT)
        holder.stdin.write(b"now\n")
        assert committers.end("holder") == 1 and committers.wrong("holder").startswith("conflict: "), committers.wrong("holder")
        assert committers.lines("holder") == ["turn"]
        assert check_ledger(cluster, committers.lines("next")) == 1
        return f"after {took:.2f} s"


def killed_holder(cluster):
    cluster.fresh()
    with Committers(cluster) as committers:
        holder = committers.start("holder", "hold")
        wait_until(lambda: committers.lines("holder") == ["turn"], "it has the turn")
        holder.kill()
        began = time.monotonic()
        committers.start("next", 1)
        assert committers.end("next") == 0, committers.wrong("next")
        took = time.monotonic() - began
        assert took < TURN_LOST_MAX, took
        assert check_ledger(cluster, committers.lines("next")) == 1
        return f"after {took:.2f} s"


def killed_committers(cluster):
    """Two at a time are killed in the middle of it, over and over."""
    cluster.fresh()
    said = []
    for round_ in range(20):
        with Committers(cluster) as committers:
            names = [f"killed-{round_}-{n}" for n in range(2)]
            for name in names:
                committers.start(name, 0)
            committers.wait_for_more(dict.fromkeys(names, round_))
            for name in names:
                committers.running[name].kill()
                committers.running[name].wait()
            for name in names:
                said += committers.lines(name)
    volumes = check_ledger(cluster, said)
    return f"40 kills, {volumes} volumes"


def killed_database(cluster):
    """The servers go on by themselves. (The machine lives: what a power cut takes with it is PostgreSQL's affair, and its settings are looked at.)"""
    cluster.fresh()
    rounds = 5
    with Committers(cluster) as committers:
        names = ["one", "other"]
        for name in names:
            committers.start(name, 0)
        for _ in range(rounds):
            before = {name: len(committers.lines(name)) for name in names}
            committers.wait_for_more({name: count + 20 for name, count in before.items()})
            cluster.kill()
            cluster.start()
        before = {name: len(committers.lines(name)) for name in names}
        committers.wait_for_more(before)
        for name in names:
            assert committers.running[name].poll() is None, committers.wrong(name)
            committers.running[name].kill()
            committers.running[name].wait()
        said = [line for name in names for line in committers.lines(name)]
        volumes = check_ledger(cluster, said)
    return f"{rounds} kills, {volumes} volumes"


def syncs_per_second(cluster):
    done = cluster.do(cluster.programs / "pg_test_fsync", "-s", "1", "-f", cluster.folder / "sync-test")
    return float(re.search(r"fdatasync\s+([\d.]+) ops/sec", done)[1])


def hammered(cluster):
    cluster.fresh()
    each, rates = 1000, []
    for servers in (1, 2):
        with Committers(cluster) as committers:
            names = [f"hammer-{servers}-{n}" for n in range(servers)]
            began = time.monotonic()
            for name in names:
                committers.start(name, each)
            for name in names:
                assert committers.end(name) == 0, committers.wrong(name)
            rates.append(servers * each / (time.monotonic() - began))
            said = [line for name in names for line in committers.lines(name)]
            assert len(said) == servers * each
            check_ledger(cluster, said)
            owners = [name for _, name in sorted((int(line.split()[0]), name) for name in names for line in committers.lines(name))]
    behind = max(len(list(run)) for _, run in itertools.groupby(owners[: each]))
    assert behind <= 50, f"one of them had {behind} turns in a row"
    syncs = syncs_per_second(cluster)
    return f"{rates[0]:.0f} commits/s by one server, {rates[1]:.0f} by two; this disk does {syncs:.0f} fdatasync/s"


def unsafe_settings(cluster):
    def refused(*words):
        done = run_committer(cluster.options(), "careless", 1)
        assert done.returncode == 1 and done.stderr.startswith("io: ") and all(word in done.stderr for word in words), done

    cluster.sql("ALTER ROLE ada SET synchronous_commit = off")
    refused("synchronous_commit is off for role ada", "ALTER ROLE ada SET synchronous_commit = on")
    cluster.sql("ALTER ROLE ada RESET synchronous_commit")
    for setting, value in (("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "local")):
        cluster.stop()
        cluster.start(**{setting: value})
        refused(f"{setting} is {value}")
    cluster.stop()
    copy = cluster.folder / "standby"
    cluster.do("cp", "-a", cluster.data, copy)
    cluster.do("touch", copy / "standby.signal")
    cluster.start(data=copy)
    refused("it is a standby")
    cluster.stop()
    cluster.start()
    done = run_committer(cluster.options(), "careful", 1)
    assert done.returncode == 0, done


CHECKS = {"the contract": contract, "over TLS": over_tls, "a holder of the turn that is stopped": stopped_holder, "one that is killed": killed_holder,
          "servers that are killed": killed_committers, "a database that is killed": killed_database, "as fast as they can": hammered,
          "settings that lose what is committed": unsafe_settings}


def look(cluster, wanted):
    for what, check in CHECKS.items():
        if wanted and what not in wanted:
            continue
        try:
            said = check(cluster)
            print(f"{what}: ok{', ' * bool(said)}{said or ''}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError):
            print(" " + traceback.format_exc().replace("\n", "\n "))
            print(f"{what}: FAILED", flush=True)


def install():
    done = subprocess.run([ROOT / "tools/setup", "postgres"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Skip((done.stderr.strip().splitlines() or ["tools/setup postgres says nothing"])[-1])


def main(wanted):
    try:
        install()
        if "STELE_BIN" not in os.environ:
            for words in (["cmake", "--preset", "dev", "--log-level=WARNING"], ["cmake", "--build", "build/dev", "--", "--quiet", *TARGETS]):
                subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="stele-postgres-"))
        folder.chmod(0o711)
        cluster = None
        try:
            cluster = Cluster(folder)
            look(cluster, wanted)
        finally:
            if cluster:
                cluster.stop()
            shutil.rmtree(folder)
    except Skip as why:
        print(f"PostgreSQL: skipped: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
