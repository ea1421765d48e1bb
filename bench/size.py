#!/usr/bin/python3
"""Bytes on disk of 20 scripted interactive sessions, for each recorder.

raw is what the user's terminal showed and the keys typed, counted by our hands during that same recording: sessions
differ by some bytes from run to run (top, ps), so ratios are taken against the same run's own raw. `zstd -19 after the
fact` is each session's raw output by itself, compressed when it is over: what a recorder that cannot wait gives up.
"""
import subprocess

import benchlib as b
import sessions

ap = b.arguments(__doc__, 1, "relay-tee,stele,stele-fresh,tlog,asciinema,ttyrec,script,sudo,sudo-flush")
ap.add_argument("--only", help="sessions, comma-separated")
ap.add_argument("--keep", metavar="DIR", help="keep the recordings here")
ap.add_argument("--each-session", action="store_true", help="a table of every session's size too")
a = ap.parse_args()
found = b.prepare(a)
wanted = {k: v for k, v in sessions.SESSIONS.items() if not a.only or k in a.only.split(",")}
home = b.WORK / "home"


def after_the_fact(data):
    return len(subprocess.run(["zstd", "-19", "-qc"], input=bytes(data), stdout=subprocess.PIPE, check=True).stdout)


def play(recorder, session, steps, seed):
    """One session recorded: its own raw sizes, what it left on disk, and what was odd."""
    sessions.make_home(home)
    subprocess.run(["chmod", "-R", "a+rwX", home], check=True)
    recorder.make_ready()
    before = recorder.ledger_bytes()
    hands = sessions.Hands(recorder.argv(["env", "PS1=" + sessions.PS1, *sessions.SHELL]), home, seed=seed)
    odd = ""
    try:
        status = hands.play(steps)
    except TimeoutError as e:
        odd, status = f"{session}: {e}", hands.finish(1)
    if status and not odd:
        odd = f"{session}: exit {status}"
    files = b.recording_files()
    if a.keep and files:
        subprocess.run(["sh", "-c", 'mkdir -p "$1" && cp -r "$2"* "$1"', "sh", f"{a.keep}/{recorder.name}/{session}", str(b.OUT)], check=True)
    return {"out": len(hands.seen), "in": hands.typed, "disk": b.size_of(files) + recorder.ledger_bytes() - before,
            "after": after_the_fact(hands.seen), "files": len(files), "odd": odd}


def one(_, recorder):
    return {session: play(recorder, session, steps, seed) for seed, (session, steps) in enumerate(wanted.items())}


results = b.interleaved(found, a.runs, one, warm=False)
b.save(a, results)


def total(run, key):
    return sum(session[key] for session in run.values())


def ratio(run, key):
    return total(run, key) / (total(run, "out") + total(run, "in"))


rows = []
for name, rs in results.items():
    rows.append([name, *(f"{b.med(total(r, key) for r in rs) / 1e3:.1f}" for key in ("out", "in", "disk")),
                 b.spread([ratio(r, "disk") for r in rs], "{:.3f}"), f"{b.med(ratio(r, 'after') for r in rs):.3f}",
                 f"{b.med(ratio(r, 'disk') / ratio(r, 'after') for r in rs):.2f}", f"{b.med(total(r, 'files') for r in rs):.0f}",
                 "; ".join(s["odd"] for r in rs for s in r.values() if s["odd"])[:200]])
b.table(["recorder", "raw out KB", "raw in KB", "on disk KB", "disk/raw", "zstd -19 after the fact/raw", "× zstd -19", "files at {out}", "oddities"], rows)
if a.each_session:
    print()
    b.table(["session", "raw KB", *(f"{name}: disk/raw" for name in results)],
            [[s, f"{b.med(r[s]['out'] + r[s]['in'] for r in next(iter(results.values()))) / 1e3:.1f}",
              *(f"{b.med(r[s]['disk'] / (r[s]['out'] + r[s]['in']) for r in rs):.3f}" for rs in results.values())] for s in wanted])
