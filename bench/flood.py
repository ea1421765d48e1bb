#!/usr/bin/python3
"""A flood of output: `cat CORPUS` under each recorder, on a pty whose master is drained as fast as it gives.

MB/s counts the corpus' bytes; CPU is the recorder's tree less the bare run's (so `cat` itself is not in it); machine
is the non-idle CPU time of the whole machine (the kernel threads that move pty buffers are charged to nobody).
The last round is not measured: its screens, and what is recorded, are compared with the bare screen byte for byte.
"""
import filecmp

import benchlib as b
import decoders

ap = b.arguments(__doc__, 7, "bare,relay,relay-tee,stele,tlog,asciinema,ttyrec,script,script-f,sudo,sudo-flush")
ap.add_argument("--mb", type=int, default=200)
ap.add_argument("--seed", type=int, default=1)
a = ap.parse_args()
found = b.prepare(a)
path = b.corpus_file(a.mb, a.seed)


def one(_, recorder):
    return b.drive("run", [], recorder, ["cat", path])


results = b.interleaved(found, a.runs, one)
b.save(a, results)
base = b.base_of(results)


def exact(name, recorder):
    """Whether one more run shows the bytes that the bare one shows, and whether its recording holds them."""
    screen = b.WORK / f"screen-{name}"
    b.drive("run", ["--save", screen], recorder, ["cat", path])
    shown = filecmp.cmp(screen, b.WORK / f"screen-{base}", shallow=False)
    if name != base:
        screen.unlink()
    if name not in decoders.KNOWN:
        return shown, "–"
    output, _ = decoders.streams(name, recorder.ledger if "{ledger}" in recorder.template else b.OUT)
    return shown, "yes" if output == (b.WORK / f"screen-{base}").read_bytes() else "NO"


def cpu(r):
    return r["user"] + r["sys"]


def ms_per_mb(name):
    """In each round: the tree's CPU time less that of the same round's bare run."""
    return [(cpu(r) - cpu(bare)) / a.mb * 1000 for r, bare in zip(results[name], results[base])]


relay = b.med(ms_per_mb("relay")) if "relay" in results else None
same = {name: exact(name, found[name]) for name in sorted(found, key=lambda name: name != base)}
rows = []
for name, rs in results.items():
    ms = ms_per_mb(name)
    rows.append([
        name, b.spread([r["wall"] for r in rs]), f"{b.med([a.mb / r['wall'] for r in rs]):.0f}",
        b.spread(b.pairwise(results, name, base, "wall")), b.spread(b.pairwise(results, name, "relay", "wall")) if relay else "–",
        b.spread(ms, "{:.1f}"), f"{b.med(ms) / relay:.2f}" if relay else "–", f"{b.med(r['busy'] for r in rs):.1f}",
        f"{max(r['maxrss_kb'] for r in rs) / 1024:.1f}", f"{b.med(r['disk'] for r in rs) / 1e6:.1f}",
        f"{b.med(r['disk'] for r in rs) / (a.mb * 1e6):.3f}",
        "yes" if same[name][0] else "NO", same[name][1], "/".join(sorted({str(r["status"]) for r in rs}))])
b.table(["recorder", "wall s, median [min…max]", "MB/s", f"× {base}, wall (paired)", "× relay, wall (paired)", "recorder CPU ms/MB",
         "× relay, CPU", "machine CPU s", "peak RSS MiB", "on disk MB", "disk/corpus", "screen = bare", "recorded = bare", "exit"], rows)
