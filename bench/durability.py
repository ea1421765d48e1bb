#!/usr/bin/python3
"""What a recorder loses, hides or leaks. Each fact is a table of its own:

sync    system calls that make the recording durable, in one short session; is output written to the screen or to the
        recording first? (strace)
kill    SIGKILL of every recorder process: lines the user had seen and the recording has not
hangup  the user's terminal goes away (a closed window, a lost ssh): the same; and a SIGTERM to the recorder
power   a power cut, imitated: the ext4 image under the recording is copied while the session runs, then mounted
full    the recording's file system (tmpfs, 1 MB) fills up: does the session go on, unrecorded? is the user told?
bytes   are output and input recorded byte for byte, when they are not UTF-8?
secret  is a password typed with echo off in the recording?
modes   who owns the recording; exit statuses that reach the caller

--decode NAME='command for the output of {out}' and --decode-in NAME=…: how to read a --recorder's recording back.
Recorders record to {out}: a shared {ledger} does not fit on the file systems that are made to fail here.
"""
import dataclasses
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import benchlib as b
import decoders
import sessions

SECRET = "S3cret-hunter2"
TICKER = b.WORK / "ticker"
home = b.WORK / "home"


def start(recorder, cmd, wrap=()):
    recorder.make_ready()
    return sessions.Hands([*wrap, *recorder.argv(cmd)], home)


def recorded(recorder, base=b.OUT):
    return decoders.streams(recorder.name, base, commands)


def send(pids, how):
    for p in pids:
        try:
            os.kill(p, how)
        except ProcessLookupError:
            pass


def processes_of(pid):
    """The session's processes but the recorded command's, and the recorded command's own."""
    mine, theirs = [], []

    def walk(p):
        try:
            name = pathlib.Path(f"/proc/{p}/comm").read_text().strip()
            children = pathlib.Path(f"/proc/{p}/task/{p}/children").read_text().split()
        except OSError:
            return
        if name == TICKER.name:
            theirs.append(p)
            return
        mine.append(p)
        for child in children:
            walk(int(child))

    walk(pid)
    return mine, theirs


def last_line(data):
    found = re.findall(rb"line (\d+)\r?\n", data)
    return int(found[-1]) if found else 0


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def pump_for(hands, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hands.pump(0.05)


def sync(recorder):
    trace, mark = b.WORK / "trace", "UNIQUEMARK"
    calls = "fsync,fdatasync,sync,syncfs,sync_file_range,msync,open,openat,creat,write,writev,pwrite64"
    hands = start(recorder, ["sh", "-c", f"for i in 1 2 3; do echo hello $i; sleep 0.1; done; echo {mark}; sleep 0.5"],
                  wrap=("strace", "-f", "-y", "-s", "9999", "-o", str(trace), "-e", f"trace={calls}"))
    hands.finish()
    lines = trace.read_text(errors="replace").splitlines()
    opens = [x for x in lines if re.search(r"\bopen|\bcreat", x) and f'"{b.OUT.parent}' in x and re.search("O_WRONLY|O_RDWR", x)]
    flags = sorted({f for x in opens for f in re.findall(r"O_\w+", x)} - {"O_LARGEFILE"})
    count = sum(bool(re.search(r"\b(?:f(?:data)?sync|sync|syncfs|sync_file_range|msync)\(", x)) for x in lines)
    # The command's own write carries "MARK\n", what a recorder passes on "MARK\r\n", with one more \ in JSON.
    to = [m[1] for x in lines if re.search(mark + r"\\{1,2}r", x) and (m := re.search(r"\bp?write\w*\(\d+<([^>]*)>", x))]
    screen = next((i for i, t in enumerate(to) if t.startswith(("/dev/pts", "/dev/tty"))), None)
    record = next((i for i, t in enumerate(to) if t.startswith(str(b.OUT))), None)
    if record is None:
        order = "not seen as text in the recording"
    else:
        order = "recording, then screen" if screen is None or record < screen else "screen, then recording"
    return [count, order, " ".join(flags)]


def cut(recorder, interval, lines, seconds, how):
    """(lines shown, of them lost, did the recorded command live on) after the recorder met its end."""
    hands = start(recorder, [str(TICKER), interval, lines])
    pump_for(hands, seconds)
    mine, theirs = processes_of(hands.pid)
    if how == "hangup":
        os.close(hands.fd)
        hands.fd = os.open("/dev/null", os.O_RDWR)
    else:
        send(mine if how == signal.SIGKILL else mine[:1], how)
    settled = time.monotonic() + (0.5 if how == signal.SIGKILL else 5)  # an orderly end may take its time
    while time.monotonic() < settled and any(is_alive(p) for p in mine + theirs):
        if how == "hangup" or not hands.pump(0.05):
            time.sleep(0.05)
    survived = any(is_alive(p) for p in theirs)
    shown = last_line(hands.seen)
    send(theirs + mine, signal.SIGKILL)
    hands.finish(1)
    return shown, shown - last_line(recorded(recorder)[0]), survived


def cuts(recorder, *case):
    results = [cut(recorder, *case) for _ in range(a.runs)]
    lost = b.spread([max(0, r[1]) for r in results], "{:.0f}")
    return f"{lost} of {b.med(r[0] for r in results):.0f}", "/".join(sorted({str(r[2]) for r in results}))


def kill(recorder):
    cases = (("999999", 3), ("20", 5), ("20", 12))
    busy, idle5, idle12 = (cuts(recorder, "0.01", lines, seconds, signal.SIGKILL) for lines, seconds in cases)
    return [busy[0], idle5[0], idle12[0], busy[1]]


def hangup(recorder):
    gone, term = (cuts(recorder, "0.01", "999999", 3, how) for how in ("hangup", signal.SIGTERM))
    return [*gone, *term]


def power(recorder):
    image, snap, crash = b.WORK / "image", b.WORK / "snap", b.WORK / "crash"
    crash.mkdir(exist_ok=True)
    subprocess.run(f"rm -f {image} && truncate -s 96M {image} && mkfs.ext4 -q -F {image} && mount -o loop {image} {b.OUT.parent}",
                   shell=True, check=True)
    try:
        hands = start(recorder, [str(TICKER), "0.02"])
        begun = time.monotonic()
        pump_for(hands, a.power_seconds)
        subprocess.run(["cp", "--sparse=always", image, snap], check=True)
        shown, took = last_line(hands.seen), time.monotonic() - begun
        mine, theirs = processes_of(hands.pid)
        send(mine + theirs, signal.SIGKILL)
        hands.finish(2)
        b.clear()
    finally:
        subprocess.run(["umount", "-l", b.OUT.parent], check=True)
    if subprocess.run(["mount", "-o", "loop", snap, crash]).returncode:
        return ["the crashed file system does not mount"]
    try:
        kept = last_line(recorded(recorder, crash / b.OUT.name)[0])
        files = b.files_under(crash)
        listing = f"{len(files)} files, {b.size_of(files) / 1e3:.0f} KB"
    finally:
        subprocess.run(["umount", crash], check=True)
    return [f"{took:.0f} s, {shown} lines", kept, f"{max(0, shown - kept) / max(1, shown) * took:.1f} s", listing]


def full(recorder):
    marker, flood = home / "marker", home / "flood"
    marker.unlink(missing_ok=True)
    rng = random.Random(5)  # text that hardly compresses, so that every recorder fills its disk
    flood.write_text("".join(f"{rng.getrandbits(300):075x}\n" for _ in range(60000)))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", b.OUT.parent], check=True)
    try:
        hands = start(recorder, ["env", "PS1=" + sessions.PS1, *sessions.SHELL])
        try:
            hands.wait(sessions.PROMPT)
            hands.type(f"cat {flood}\r")
            hands.wait(4)
            hands.type(f"touch {marker}; echo still-$((1+1))-here\r")
            hands.wait(2)
            hands.type("exit 5\r")
        except (OSError, TimeoutError):
            pass
        status = hands.finish(8)
        out = recorded(recorder)[0]
        size = b.size_of(b.recording_files())
    finally:
        subprocess.run(["umount", "-l", b.OUT.parent], check=True)
    seen = bytes(hands.seen)
    told = sorted({line.strip().decode(errors="replace")[:110] for line in re.split(rb"[\r\n]+", seen)
                   if re.search(rb"(?i)no space|unable|fail|traceback|error|cannot|full|disk", line)
                   and not re.fullmatch(rb"[0-9a-f]+", line.strip())})
    return ["yes" if marker.exists() else "no", "yes" if b"still-2-here" in out else "no", f"{size / 1e6:.2f} MB", f"{len(seen) / 1e6:.2f} MB",
            " · ".join(told)[:330] or "nothing", "hung, had to be killed" if status == -9 else status]


def compare(got, want):
    if got == want:
        return "exact"
    at = next((i for i, (x, y) in enumerate(zip(got, want)) if x != y), min(len(got), len(want)))
    return f"NO: {len(got)} for {len(want)} bytes, differs at {at}, {got.count('�'.encode())} × U+FFFD"


def bytes_exact(recorder):
    rng = random.Random(3)
    data = bytes(range(256)) * 4 + rng.randbytes(60000) + "端末".encode()[:4] + b"\xc0\xaf\xed\xa0\x80\xf5\xff" + "ok✅".encode()
    (home / "blob").write_bytes(data)
    hands = start(recorder, ["sh", "-c", f"stty raw -echo; printf BEGIN; cat {home / 'blob'}; printf END; head -c 300 >/dev/null"])
    end = time.monotonic() + 15
    while b"END" not in hands.seen[-400:] and time.monotonic() < end:
        hands.pump(0.2)
    typed = bytes(range(256)) + "naïve".encode()[:3] + b"\xff" * 41
    try:
        for i in range(0, 300, 20):
            os.write(hands.fd, typed[i:i + 20])
            hands.pump(0.02)
    except OSError:
        pass
    hands.finish(5)
    screen = bytes(hands.seen)
    screen = screen[screen.find(b"BEGIN") + 5:screen.rfind(b"END")]
    out, inp = recorded(recorder)
    shown = out[out.find(b"BEGIN") + 5:out.rfind(b"END")]
    return [compare(screen, data), compare(shown, data), compare(inp[:300], typed) if inp else "no input recorded"]


OUTPUT_ONLY = {"tlog": "tlog-rec --writer=file --file-path={out} -- {cmd}", "asciinema": "asciinema rec -q --overwrite -c {cmdstr} {out}",
               "script": "script -q -e {out} -T {out}.tm -c {cmdstr}", "script-f": "script -q -e -f {out} -T {out}.tm -c {cmdstr}",
               "sudo": "sudo -n -u games -- {cmd}", "sudo-flush": "sudo -n -u games -- {cmd}"}
FILTERED = {"sudo": "sudo -n -u man -- {cmd}"}  # log_passwords off: what is typed at a prompt like passprompt_regex is starred


def leaks(recorder, template, prompt):
    if template is None:
        return "–"
    hands = start(dataclasses.replace(recorder, template=template), ["bash", "-c", f"read -rsp '{prompt}' p; echo; echo got ${{#p}}"])
    hands.wait(1)
    hands.type(SECRET + "\r")
    hands.finish()
    everything = b"".join(map(decoders.read, b.recording_files())) + b"".join(recorded(recorder))
    letters = b"".join(re.findall(rb'"i", "(.)"', everything))  # asciicast has one event a key
    return "LEAKED" if SECRET.encode() in everything or SECRET.encode() in letters else "no"


def secret(recorder):
    cases = ((recorder.template, "Password: "), (OUTPUT_ONLY.get(recorder.name), "Password: "),
             (FILTERED.get(recorder.name), "Password: "), (FILTERED.get(recorder.name), "Enter PIN: "))
    return [leaks(recorder, template, prompt) for template, prompt in cases]


def modes(recorder):
    seven = start(recorder, ["sh", "-c", "exit 7"]).finish()
    files = sorted({f"{os.stat(p).st_mode & 0o7777:04o} uid {os.stat(p).st_uid}" for p in b.recording_files()})
    return [seven, start(recorder, ["sh", "-c", "kill -9 $$"]).finish(), "; ".join(files)]


FACTS = {
    "sync": (sync, ["sync calls in a session", "written first to", "open flags of the recording"]),
    "kill": (kill, ["lines lost, killed while busy (100 lines/s)", "after 5 s idle", "after 12 s idle", "recorded command outlived the recorder"]),
    "hangup": (hangup, ["lines lost, terminal gone", "command lives on", "lines lost, SIGTERM to the recorder", "command lives on after it"]),
    "power": (power, ["session", "lines in the recording after the cut", "lost", "files"]),
    "full": (full, ["session goes on", "later output recorded", "recording", "screen", "user was told", "exit (5 was asked)"]),
    "bytes": (bytes_exact, ["screen", "recorded output", "recorded input"]),
    "secret": (secret, ["with input recorded", "output only", "peer's own filter, prompt 'Password:'", "the same, prompt 'Enter PIN:'"]),
    "modes": (modes, ["exit 7 gives", "kill -9 $$ gives", "modes of the files"]),
}

ap = b.arguments(__doc__, 3, "relay-tee,stele-fresh,tlog,asciinema,ttyrec,script,script-f,sudo,sudo-flush")
ap.add_argument("--decode", action="append", default=[])
ap.add_argument("--decode-in", action="append", default=[])
ap.add_argument("--facts", default=",".join(FACTS))
ap.add_argument("--power-seconds", type=int, default=50)
a = ap.parse_args()
found = b.prepare(a)
commands = {name: [command, "true"] for name, command in b.pairs(a.decode).items()}
for name, command in b.pairs(a.decode_in).items():
    commands.setdefault(name, ["true", "true"])[1] = command
TICKER.write_text("#!/bin/sh\ni=0\nwhile [ $i -lt ${2:-999999} ]; do i=$((i+1)); echo line $i; sleep $1; done\nsleep 600\n")
TICKER.chmod(0o755)
home.mkdir(exist_ok=True)
home.chmod(0o777)
for fact in a.facts.split(","):
    measure, head = FACTS[fact]
    rows = []
    for name, recorder in found.items():
        try:
            rows.append([name, *measure(recorder)])
        except Exception as e:  # a fact that cannot be had for one recorder must not hide the others'
            rows.append([name, f"failed: {type(e).__name__}: {e}"[:200]])
    print(f"\n### {fact}\n")
    b.table(["recorder", *head], rows)
