"""What the measuring programs share: the recorders and their templates, the native tools, interleaved runs, tables.

A recorder is a command template, split as a shell splits words:
  {cmd}     the recorded command, as separate words     {out}     the path to record to: a file, or a folder's name
  {cmdstr}  the same as one word that a shell can run   {ledger}  a folder that all of this recorder's sessions share
  {bin}     where the native tools are built            {stele}   our program: $BENCH_STELE, or build/release/bin/stele
On disk counts everything that exists at {out}* after a session, and what {ledger} grew by during it.

Programs take --peers a,b,c (of RECORDERS below), and others on the command line:
  flood.py --peers bare,relay,stele --recorder 'x=x record --to {out} -- {cmd}' --each 'x=x init {out}'
"""
import argparse
import dataclasses
import glob
import json
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ.get("BENCH_WORK", "/tmp/stele-bench"))
BIN = WORK / "bin"
OUT = WORK / "rec" / "s"
SUDO_OUT = f"{OUT}.sudo"
STELE = pathlib.Path(os.environ.get("BENCH_STELE", HERE.parent / "build" / "release" / "bin" / "stele"))
PYTHON = "/usr/bin/python3"
# The system's own programs, ahead of any version manager's shims: asciinema's own start is what is to be measured.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass(frozen=True)
class Recorder:
    name: str
    template: str
    once: str = ""  # run before the first session: makes {ledger}
    each: str = ""  # run, unmeasured, before each session: makes {out}

    @property
    def ledger(self):
        return WORK / "rec" / f"ledger-{self.name}"

    def argv(self, cmd, out=OUT):
        return self._words(self.template, cmd, out)

    def _words(self, template, cmd=(), out=OUT):
        words = []
        for word in shlex.split(template):
            if word == "{cmd}":
                words += map(str, cmd)
                continue
            for key, value in (("cmdstr", shlex.join(map(str, cmd))), ("out", out), ("ledger", self.ledger), ("bin", BIN), ("stele", STELE)):
                word = word.replace("{" + key + "}", str(value))
            words.append(word)
        return words

    def make_ready(self, out=OUT):
        """Before a session: nothing of the last one is left at `out`, and `each` has run."""
        clear(out)
        if self.each:
            quietly(self._words(self.each, out=out))

    def make_ledger(self):
        remove(self.ledger)
        if self.once:
            quietly(self._words(self.once))

    def ledger_bytes(self):
        return size_of(files_under(self.ledger))


RECORDERS = {r.name: r for r in (
    Recorder("bare", "{cmd}"),
    Recorder("relay", "{bin}/relay -- {cmd}"),
    Recorder("relay-splice", "{bin}/relay --splice -- {cmd}"),
    Recorder("relay-tee", "{bin}/relay --tee {out} -- {cmd}"),
    # As it is used: many sessions into one ledger. And with a ledger for each session, where all of it is that session's.
    Recorder("stele", "{stele} record --dir {ledger} -- {cmd}", once="{stele} init --dir {ledger} --no-recovery"),
    Recorder("stele-fresh", "{stele} record --dir {out} -- {cmd}", each="{stele} init --dir {out} --no-recovery"),
    Recorder("tlog", "tlog-rec --writer=file --file-path={out} --log-input=on -- {cmd}"),
    Recorder("asciinema", "asciinema rec -q --overwrite --stdin -c {cmdstr} {out}"),
    Recorder("ttyrec", "ttyrec -e {cmdstr} {out}"),
    Recorder("script", "script -q -e -B {out} -T {out}.tm -c {cmdstr}"),
    Recorder("script-f", "script -q -e -f -B {out} -T {out}.tm -c {cmdstr}"),
    Recorder("sudo", "sudo -n -- {cmd}"),
    Recorder("sudo-flush", "sudo -n -u daemon -- {cmd}"),  # see SUDOERS
)}
# Seen only inside the mount namespace that isolate() makes: the machine's own /etc/sudoers is not touched.
SUDOERS = f"""Defaults env_reset, use_pty, log_output, log_input, !lecture, !authenticate, !fqdn
Defaults iolog_dir={SUDO_OUT}, iolog_file=%{{seq}}
Defaults secure_path="{PATH}"
Defaults>daemon iolog_flush, !compress_io
Defaults>games !log_input
Defaults>man !log_passwords
root ALL=(ALL:ALL) ALL
"""


def isolate():
    """Restarts the calling program in a private mount namespace, with our sudoers over the machine's. Needs root."""
    if os.environ.get("BENCH_ISOLATED"):
        return
    if os.geteuid() != 0:
        raise SystemExit("the measurements need root: a mount namespace of their own, sudo's log, loop devices")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    sudoers = WORK / "sudoers"
    sudoers.unlink(missing_ok=True)
    sudoers.write_text(SUDOERS)
    sudoers.chmod(0o440)
    utmp = pathlib.Path("/run/utmp")
    if not utmp.exists():  # tlog-rec refuses to start without it; every booted Debian 12 has it
        utmp.touch(0o664)
    os.environ.update(BENCH_ISOLATED="1", PATH=PATH, LC_ALL="C.UTF-8", TERM="xterm-256color")
    os.environ.pop("STELE_DIR", None)
    os.environ["XDG_STATE_HOME"] = str(WORK / "state")  # what a verifier remembers is none of the user's
    script = 'mount --bind "$1" /etc/sudoers && shift && exec "$@"'
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", str(sudoers), PYTHON, *sys.argv])


def arguments(doc, runs, peers):
    """A parser with the arguments that every program has."""
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--recorder", action="append", default=[], metavar="NAME=TEMPLATE")
    ap.add_argument("--once", action="append", default=[], metavar="NAME=COMMAND", help="makes that recorder's {ledger}")
    ap.add_argument("--each", action="append", default=[], metavar="NAME=COMMAND", help="run before each of its sessions")
    ap.add_argument("--peers", default=peers, help=f"of: {', '.join(RECORDERS)} (default %(default)s)")
    ap.add_argument("--runs", type=int, default=runs, help="interleaved runs of each (default %(default)s)")
    ap.add_argument("--json", metavar="FILE", help="keep every run's figures here")
    return ap


def pairs(options):
    """{NAME: VALUE} of repeated NAME=VALUE options."""
    found = {}
    for option in options:
        name, sep, value = option.partition("=")
        if not sep or not name.replace("-", "").replace("_", "").isalnum():
            raise SystemExit(f"wanted NAME=VALUE, not {option!r}")
        found[name] = value
    return found


def prepare(a):
    """The recorders asked for, by name, their shared ledgers made; restarted in isolation, native tools built."""
    isolate()
    build()
    unknown = [p for p in a.peers.split(",") if p and p not in RECORDERS]
    if unknown:
        raise SystemExit(f"no recorder {unknown[0]!r}; there are {', '.join(RECORDERS)}")
    found = {p: RECORDERS[p] for p in a.peers.split(",") if p}
    once, each = pairs(a.once), pairs(a.each)
    for name, template in pairs(a.recorder).items():
        found[name] = Recorder(name, template, once.get(name, ""), each.get(name, ""))
    for recorder in found.values():
        recorder.make_ledger()
    return found


def quietly(words):
    done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, words))} failed ({done.returncode}): {done.stdout}")


def build():
    BIN.mkdir(parents=True, exist_ok=True)
    OUT.parent.mkdir(exist_ok=True)
    for source in (HERE / "native").glob("*.cc"):
        program = BIN / source.stem
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-o", program, source, "-lpthread", "-lutil"], check=True)


def remove(path):
    """Also what its recorder has made append-only or immutable."""
    if os.path.isdir(path):
        subprocess.run(["chattr", "-R", "-f", "-ia", path], stderr=subprocess.DEVNULL)
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.unlink(path)


def clear(out=OUT):
    for top in glob.glob(f"{out}*"):
        remove(top)


def files_under(top):
    if os.path.isfile(top):
        return [str(top)]
    return sorted(p for p in glob.glob(f"{top}/**", recursive=True, include_hidden=True) if os.path.isfile(p))


def recording_files(out=OUT):
    return [p for top in sorted(glob.glob(f"{out}*")) for p in files_under(top)]


def size_of(paths):
    return sum(os.path.getsize(p) for p in paths)


def drive(mode, options, recorder, cmd):
    """One measured session on a fresh pty: what pty_drive says, and the recording's size."""
    recorder.make_ready()
    before = recorder.ledger_bytes()
    words = [str(BIN / "pty_drive"), mode, *map(str, options), "--", *recorder.argv(cmd)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return {**json.loads(done.stdout), "disk": size_of(recording_files()) + recorder.ledger_bytes() - before}


def corpus_file(mb, seed=1):
    import corpus
    path = WORK / f"corpus-{mb}-{seed}.bin"
    if not path.exists():
        corpus.generate(path, mb, seed)
    return path


def busy_share(seconds):
    """The share of the machine's CPU time that was not idle in the next `seconds`."""
    def sample():
        v = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(v), v[3] + v[4]
    (t0, i0), _, (t1, i1) = sample(), time.sleep(seconds), sample()
    return 1 - (i1 - i0) / max(1, t1 - t0)


def wait_for_quiet():
    """Returns once others have left the machine alone for 0.2 s, or after BENCH_QUIET_WAIT seconds (default 8)."""
    end = time.monotonic() + float(os.environ.get("BENCH_QUIET_WAIT", "8"))
    while time.monotonic() < end and busy_share(0.2) > 0.12:
        pass


def interleaved(found, runs, one, warm=True):
    """{name: [result of each run]}: A B C A B C …, so a change of the machine's speed meets all alike."""
    results = {name: [] for name in found}
    for i in range(-1 if warm else 0, runs):
        for name, what in found.items():
            wait_for_quiet()
            result = one(name, what)
            if i >= 0:
                results[name].append(result)
        sys.stderr.write(f"run {i + 1}/{runs}  load {os.getloadavg()[0]:.2f}\n")
    return results


def med(values):
    return statistics.median(values)


def spread(values, fmt="{:.2f}"):
    """median [min … max]"""
    v = list(values)
    return f"{fmt.format(med(v))} [{fmt.format(min(v))}…{fmt.format(max(v))}]" if v else "–"


def base_of(results):
    return "bare" if "bare" in results else next(iter(results))


def pairwise(results, name, base, key):
    """The ratio of each run to the same round's run of `base`."""
    return [r[key] / b[key] for r, b in zip(results[name], results[base]) if b[key]]


def percentile(sorted_values, p):
    return sorted_values[min(len(sorted_values) - 1, int(p / 100 * len(sorted_values)))]


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for r in rows:
        print("| " + " | ".join(map(str, r)) + " |")
    sys.stdout.flush()


def save(a, results):
    if a.json:
        record = {"time": time.strftime("%FT%TZ", time.gmtime()), "argv": sys.argv, "load": os.getloadavg(), "results": results}
        pathlib.Path(a.json).write_text(json.dumps(record))
