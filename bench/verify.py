#!/usr/bin/python3
"""Verification: `stele verify` and `stele scrub` beside `openssl speed -evp sha256`, interleaved, on one core and on all; and opening.

A ledger of about --mb is made by recording text that hardly compresses. What is verified counts as the ledger's volume
bytes, each of which is hashed. `of openssl` compares, round by round, with openssl's rate on 65,536-byte blocks on as
many cores. MB per CPU second counts the process' own user and system time: what neighbours take from it does not show.

--million ['PROGRAM {ledger} {leaves}'] makes a ledger of --leaves leaves; then it is opened --runs times beside a small
one, with --open (default: what recording a session has to do before the first byte).
"""
import os
import pathlib
import re
import resource
import shlex
import subprocess
import time

import benchlib as b

ap = b.arguments(__doc__, 5, "")
ap.add_argument("--mb", type=int, default=400)
ap.add_argument("--ledger", metavar="DIR", help="verify this ledger, make none")
ap.add_argument("--verify", default="{stele} verify --dir {ledger} --all --threads {threads}")
ap.add_argument("--scrub", default="{stele} scrub --dir {ledger}")
ap.add_argument("--million", metavar="COMMAND", nargs="?", const=f"{b.STELE.parent}/ledger_generator {{ledger}} {{leaves}}", help="the generator of a large ledger")
ap.add_argument("--leaves", type=int, default=1_000_000)
ap.add_argument("--open", default="{stele} record --dir {ledger} -- true")
a = ap.parse_args()
b.prepare(a)
CORES = os.cpu_count()


def words(template, ledger, **more):
    more |= {"stele": b.STELE, "ledger": ledger}
    return [re.sub(r"\{(\w+)\}", lambda m: str(more[m[1]]), w) for w in shlex.split(template)]


def make_ledger(mb):
    """A ledger of about that size, by recording a file that hardly compresses."""
    path, recorder = b.WORK / "noise", b.RECORDERS["stele"]
    with open(path, "wb") as f:  # base64: 4 bytes for 3
        subprocess.run(["sh", "-c", f"head -c {mb * 1_000_000} /dev/urandom | base64 -w 100"], stdout=f, check=True)
    recorder.make_ledger()
    b.drive("run", [], recorder, ["cat", path])
    path.unlink()
    return recorder.ledger


def volume_bytes(ledger):
    return b.size_of(p for p in b.files_under(ledger) if p.endswith(".vol"))


def timed(command):
    """Wall and CPU seconds of a command that must succeed."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    b.quietly(command)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def openssl(cores):
    done = subprocess.run(["openssl", "speed", "-mr", "-elapsed", "-seconds", "1", "-bytes", "65536", *(["-multi", str(cores)] if cores > 1 else []), "-evp", "sha256"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return {"mbs": float(re.findall(r"^\+F:.*:([\d.]+)$", done, re.M)[-1]) / 1e6}


def verify(ledger, size, cores):
    pin = ["taskset", "-c", "0"] if cores == 1 else []
    r = timed([*pin, *words(a.verify, ledger, threads=cores)])
    return {**r, "mbs": size / 1e6 / r["wall"], "per_cpu": size / 1e6 / max(r["cpu"], 1e-6)}


def scrub(ledger, size):
    """Past the page cache, as it is meant: the device's own rate is beside it."""
    r = timed(["taskset", "-c", "0", *words(a.scrub, ledger)])
    return {**r, "mbs": size / 1e6 / r["wall"], "per_cpu": size / 1e6 / max(r["cpu"], 1e-6)}


def read_device(ledger):
    """All volumes, from the device, and nothing done with them."""
    buffer, size, begun = bytearray(1 << 18), 0, time.monotonic()
    for path in (p for p in b.files_under(ledger) if p.endswith(".vol")):
        with open(path, "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while got := file.readinto(buffer):
                size += got
    return {"mbs": size / 1e6 / (time.monotonic() - begun)}


def measure_verification():
    ledger = pathlib.Path(a.ledger) if a.ledger else make_ledger(a.mb)
    size = volume_bytes(ledger)
    print(f"ledger: {size / 1e6:.0f} MB in volumes, {CORES} cores\n")
    what = {}
    for cores in dict.fromkeys((1, CORES)):
        what[f"openssl, {cores}"] = lambda n=cores: openssl(n)
        what[f"stele verify, {cores}"] = lambda n=cores: verify(ledger, size, n)
    what["read from the device, 1"] = lambda: read_device(ledger)
    what["stele scrub, 1"] = lambda: scrub(ledger, size)
    results = b.interleaved(what, a.runs, lambda _, one: one())
    rows = []
    for name, rs in results.items():
        beside = results["openssl, " + name.rsplit(" ", 1)[1]]
        rows.append([name, b.spread([r["mbs"] for r in rs], "{:.0f}"), b.spread([r["mbs"] / o["mbs"] for r, o in zip(rs, beside)], "{:.2f}"),
                     b.spread([r["per_cpu"] for r in rs if "per_cpu" in r], "{:.0f}")])
    b.table(["program, cores", "MB/s, median [min…max]", "of openssl (paired)", "MB per CPU second"], rows)
    return results


def measure_opening():
    small, large = b.WORK / "rec" / "ledger-small", b.WORK / "rec" / "ledger-large"
    for ledger in (small, large):
        b.remove(ledger)
    b.quietly(words(b.RECORDERS["stele"].once, small))
    b.quietly(words(a.million, large, leaves=a.leaves))
    results = b.interleaved({"an empty ledger": small, f"{a.leaves} leaves": large}, a.runs, lambda _, ledger: timed(words(a.open, ledger)))
    print()
    b.table([f"opening: `{a.open}`", "ms, median [min…max]", "CPU ms"],
            [[name, b.spread([r["wall"] * 1e3 for r in rs], "{:.0f}"), f"{b.med(r['cpu'] for r in rs) * 1e3:.0f}"] for name, rs in results.items()])
    return results


results = {"verify": measure_verification()}
if a.million:
    results["open"] = measure_opening()
b.save(a, results)
