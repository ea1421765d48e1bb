#!/usr/bin/python3
"""A flood of output: `cat CORPUS` under each recorder, on a pty whose master is drained as fast as it gives.

MB/s counts the corpus' bytes; CPU is the recorder's tree less the bare run's (so `cat` itself is not in it); machine
is the non-idle CPU time of the whole machine (the kernel threads that move pty buffers are charged to nobody).
"""
import benchlib as b

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


def cpu(r):
    return r["user"] + r["sys"]


def ms_per_mb(name):
    """In each round: the tree's CPU time less that of the same round's bare run."""
    return [(cpu(r) - cpu(bare)) / a.mb * 1000 for r, bare in zip(results[name], results[base])]


relay = b.med(ms_per_mb("relay")) if "relay" in results else None
want = {r["bytes"] for r in results[base]}
rows = []
for name, rs in results.items():
    ms = ms_per_mb(name)
    rows.append([
        name, b.spread([r["wall"] for r in rs]), f"{b.med([a.mb / r['wall'] for r in rs]):.0f}",
        b.spread(b.pairwise(results, name, base, "wall")), b.spread(b.pairwise(results, name, "relay", "wall")) if relay else "–",
        b.spread(ms, "{:.1f}"), f"{b.med(ms) / relay:.2f}" if relay else "–", f"{b.med(r['busy'] for r in rs):.1f}",
        f"{max(r['maxrss_kb'] for r in rs) / 1024:.1f}", f"{b.med(r['disk'] for r in rs) / 1e6:.1f}",
        f"{b.med(r['disk'] for r in rs) / (a.mb * 1e6):.3f}",
        "yes" if {r["bytes"] for r in rs} == want else f"NO {[r['bytes'] for r in rs][:3]}", "/".join(sorted({str(r["status"]) for r in rs}))])
b.table(["recorder", "wall s, median [min…max]", "MB/s", f"× {base}, wall (paired)", "× relay, wall (paired)", "recorder CPU ms/MB",
         "× relay, CPU", "machine CPU s", "peak RSS MiB", "on disk MB", "disk/corpus", "screen bytes = bare", "exit"], rows)
