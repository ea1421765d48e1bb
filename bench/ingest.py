#!/usr/bin/python3
"""Central ingest, on one machine over loopback: the senders share its cores.

load      stele's server, fed by bench's load program from 4 enrolled hosts over TLS 1.3; interleaved with sudo_logsrvd (fed by
          sudo_sendlog; Debian's are built without TLS) and rsyslogd (fed with tlog's messages; "tls" buffers, "fsync" syncs each
          message, RELP acknowledges what is in the file). Segments are sealed beforehand but for the rows that say "sealed along".
          What is compared is terminal bytes a second: what people's screens showed. Stele's are durable and acknowledged; a run of
          rsyslogd ends when all is in its file, a run of sudo_logsrvd when all is received.
          Beside them, in the same run, what the disk, TLS and SHA-256 do by themselves on this machine.
ledger    the ledger alone: leaves of 1 KiB segments by 64 writers, beside the same bytes appended and synced without a ledger
idle      the server's memory with 10,000 open sessions
restart   the time until a server of --leaves leaves says that it is ready: again at once, and from a cold page cache
"""
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import benchlib as b
import decoders

ap = b.arguments(__doc__, 5, "")
ap.add_argument("--parts", default="load,ledger,idle,restart")
ap.add_argument("--mb", type=int, default=100, help="terminal bytes of a bulk run")
ap.add_argument("--segments", type=int, default=20000, help="of a run of small segments")
ap.add_argument("--messages", type=int, default=20000)
ap.add_argument("--leaves", type=int, default=10_000_000)
ap.add_argument("--cases", default="", help="of the load: those whose names contain this")
a = ap.parse_args()
b.isolate()
b.build()
SERVER, HOSTS = b.WORK / "server", 4
LOAD = b.STELE.parent / "load"
KEY, CERT = b.WORK / "key.pem", b.WORK / "cert.pem"
if not CERT.exists():
    b.quietly(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
               "-keyout", KEY, "-out", CERT])


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# ---- stele

class Stele:
    """A fresh server with its hosts enrolled; `ledger`: one that exists."""

    def __init__(self, ledger=None):
        b.remove(SERVER)
        SERVER.mkdir()
        self.ledger = ledger or SERVER / "ledger"
        if not ledger:
            b.quietly([b.STELE, "init", "--no-recovery", "--dir", self.ledger])
        config = SERVER / "server.toml"
        config.write_text(f'dir = "{self.ledger}"\nlisten = "127.0.0.1:0"\nnames = ["127.0.0.1"]\n')
        began = time.monotonic()
        self.process = subprocess.Popen([b.STELE, "server", "--config", config], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # also where the bench fails
        said = self.process.stdout.readline() + self.process.stdout.readline()
        self.began = began
        port, pin = re.search(r"port (\d+)\nauthority pin (\w+)", said).groups()
        self.url = f"https://127.0.0.1:{port}"
        self.hosts = []
        for i in range(0 if ledger else HOSTS):
            made = subprocess.run([b.STELE, "token", "create", "--config", config, "--host", f"host{i}"], capture_output=True, text=True, check=True)
            self.hosts.append(SERVER / f"host{i}")
            b.quietly([b.STELE, "enroll", "--server", self.url, "--token", made.stdout.strip(), "--ca-pin", pin, "--dir", self.hosts[-1],
                       "--config", SERVER / f"host{i}.toml"])

    def load(self, source, **numbers):
        words = [LOAD, self.url, source, *(f"{k}={v}" for k, v in numbers.items()), *self.hosts]
        return json.loads(subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, check=True).stdout)

    def get(self, path):
        context = ssl.create_default_context(cafile=self.ledger / "tls-authority.pem")
        with urllib.request.urlopen(self.url + path, context=context) as answer:
            return answer.read().decode()

    def wait_until_ready(self):
        if self.get("/readyz") != "ready":
            raise SystemExit("the server is not ready")
        self.started_in = time.monotonic() - self.began

    def syncs(self):
        return int(re.search(r"^stele_syncs_total (\d+)", self.get("/metrics"), re.M)[1])

    def close(self):
        stop(self.process)
        b.remove(SERVER)


def stele(how):
    server = Stele()
    before, syncs = cpu(server.process.pid), server.syncs()
    r = server.load(b.corpus_file(20), **how)
    r |= {"cpu": cpu(server.process.pid) - before, "peak": peak(server.process.pid), "syncs": (server.syncs() - syncs) / r["seconds"]}
    server.close()
    return r


# ---- the peers

def start(words, port):
    b.remove(SERVER)
    SERVER.mkdir()
    with open(b.WORK / "server.err", "ab") as errors:
        process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    atexit.register(process.kill)
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise SystemExit(f"{words[0]} does not listen; see {b.WORK}/server.err")


def logsrvd(how):
    config, source = b.WORK / "logsrvd.conf", b.WORK / "sudo-source"
    config.write_text(f"[server]\nlisten_address = 127.0.0.1:30344\npid_file = {b.WORK}/logsrvd.pid\n[iolog]\niolog_dir = {SERVER}\niolog_file = %{{seq}}\n"
                      f"iolog_compress = {how['compress']}\niolog_flush = {how['flush']}\n[eventlog]\nlog_type = none\n")
    if not source.exists():
        b.drive("run", [], b.RECORDERS["sudo"], ["cat", str(b.corpus_file(5))])
        shutil.copytree(next(pathlib.Path(b.SUDO_OUT).rglob("timing")).parent, source)
    size = len(decoders.inflate((source / "ttyout").read_bytes()))
    process = start(["sudo_logsrvd", "-n", "-f", config], 30344)
    before, began = cpu(process.pid), time.monotonic()
    # Its exit status and its words are not to be believed: it says "exited prematurely" of sessions that are there whole.
    subprocess.run(["sudo_sendlog", "-h", "127.0.0.1", "-p", "30344", "-t", "8", source], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    whole = sum(len(decoders.inflate(decoders.read(str(log)))) == size for log in SERVER.rglob("ttyout"))
    if whole != 8:
        raise SystemExit(f"sudo_logsrvd has {whole} of 8 sessions whole")
    r = {"terminal_mb_s": 8 * size / seconds / 1e6, "cpu": cpu(process.pid) - before, "peak": peak(process.pid)}
    stop(process)
    return r


def messages():
    """Real messages of tlog as syslog frames, and the terminal bytes that each carries."""
    path = b.corpus_file(20)
    b.drive("run", [], b.RECORDERS["tlog"], ["cat", str(path)])
    lines = decoders.read(str(b.OUT)).splitlines()
    return [b"<86>1 2026-01-02T03:04:05.678901Z web01 tlog-rec 4711 - - " + line for line in lines], path.stat().st_size / len(lines)


def rsyslogd(kind, options, queue):
    listen = {"tls": f'global(DefaultNetstreamDriverCAFile="{CERT}" DefaultNetstreamDriverCertFile="{CERT}" DefaultNetstreamDriverKeyFile="{KEY}")\n'
                     'module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")\ninput(type="imtcp" port="20514" ruleset="r")',
              "relp": 'module(load="imrelp")\ninput(type="imrelp" port="20514" ruleset="r" maxDataSize="64k")'}[kind]
    config = b.WORK / "rsyslog.conf"
    config.write_text(f'global(workDirectory="{b.WORK}" maxMessageSize="64k")\ntemplate(name="t" type="string" string="%rawmsg%\\n")\n'
                      f'ruleset(name="r" {queue}) {{ action(type="omfile" file="{SERVER}/log" template="t" {options}) }}\n{listen}\n')
    return start(["rsyslogd", "-n", "-f", config, "-i", b.WORK / "rsyslog.pid"], 20514)


def send_tls(frames, count):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", 20514)) as plain, context.wrap_socket(plain) as s:
        for at in range(0, count, 32):
            s.sendall(b"".join(b"%d %s" % (len(f), f) for f in (frames[(at + k) % len(frames)] for k in range(min(32, count - at)))))
        s.unwrap()


def send_relp(frames, count):
    with socket.create_connection(("127.0.0.1", 20514)) as s:
        offer = b"relp_version=0\nrelp_software=bench\ncommands=syslog"
        s.sendall(b"1 open %d %s\n" % (len(offer), offer))
        s.recv(65536)
        sent = acked = 0
        pending = b""
        while acked < count:
            batch = b""
            while sent < count and sent - acked < 256:
                frame = frames[sent % len(frames)]
                batch += b"%d syslog %d %s\n" % (sent + 2, len(frame), frame)
                sent += 1
            s.sendall(batch)
            done, _, pending = (pending + s.recv(65536)).rpartition(b"\n")
            acked += len(re.findall(rb"^\d+ rsp \d+ 200", done, re.M))


def syslog(how):
    frames, carried = how["messages"]
    each = a.messages // 8
    wanted = 8 * sum(len(frames[i % len(frames)]) + 1 for i in range(each))
    process = rsyslogd(how["kind"], how["options"], how["queue"])
    before, began = cpu(process.pid), time.monotonic()
    threads = [threading.Thread(target={"tls": send_tls, "relp": send_relp}[how["kind"]], args=(frames, each)) for _ in range(8)]
    for thread in threads:
        thread.start()
    log = SERVER / "log"
    while not log.exists() or log.stat().st_size < wanted:
        time.sleep(0.005)
        if time.monotonic() - began > 120:
            raise SystemExit(f"rsyslogd has only {log.stat().st_size} of {wanted} bytes after two minutes")
    seconds = time.monotonic() - began
    r = {"terminal_mb_s": 8 * each * carried / seconds / 1e6, "cpu": cpu(process.pid) - before, "peak": peak(process.pid)}
    for thread in threads:
        thread.join()
    stop(process)
    return r


# ---- what the machine can do

def google_bench(program, name):
    """One benchmark of ours, whose name begins like that."""
    environment = {**os.environ, "TMPDIR": str(b.WORK / "disk")}
    done = subprocess.run([b.STELE.parent / program, f"--benchmark_filter=^{name}", "--benchmark_format=json"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=environment, check=True)
    (found,) = json.loads(done.stdout)["benchmarks"]
    return found


def sha256():
    done = subprocess.run(["openssl", "speed", "-mr", "-elapsed", "-seconds", "1", "-bytes", "65536", "-evp", "sha256"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True)
    return float(re.search(r"^\+F:.*:([\d.]+)$", done.stdout, re.M)[1]) / 1e6


# ---- the tables

def load_part():
    bulk = {"bytes": 200_000, "batch": 8, "segments": max(1, a.mb * 5 // HOSTS)}
    small = {"bytes": 1024, "batch": 64, "segments": a.segments // HOSTS}
    frames = messages()
    buffered, direct = 'queue.type="LinkedList" queue.size="50000" queue.dequeueBatchSize="1024"', 'queue.type="Direct"'
    cases = {
        "stele, segments of 1 KiB": (stele, small),
        "stele, the same at 2,500 a second": (stele, small | {"rate": 2500, "segments": a.segments // 2 // HOSTS}),
        "stele, segments of 200 kB": (stele, bulk),
        "stele, segments of 200 kB, sealed along": (stele, bulk | {"seal": "along"}),
        "sudo_logsrvd, gzip, never synced": (logsrvd, {"compress": "true", "flush": "false"}),
        "sudo_logsrvd, plain, never synced": (logsrvd, {"compress": "false", "flush": "true"}),
        "rsyslogd, TLS, buffered": (syslog, {"kind": "tls", "options": 'sync="off"', "queue": buffered, "messages": frames}),
        "rsyslogd, TLS, each message synced": (syslog, {"kind": "tls", "options": 'sync="on"', "queue": buffered, "messages": frames}),
        "rsyslogd, RELP, each message synced": (syslog, {"kind": "relp", "options": 'sync="on"', "queue": direct, "messages": frames}),
    }
    disk_limits = {"append 1 MiB + fdatasync": "append 1048576", "group commit of 64 writers, 4 KiB": "group 64 4096"}
    # Both ends of TLS are on this machine, as they are for the load.
    rates = {"TLS 1.3, bodies of 1 MiB on 4 connections": lambda: google_bench("http_bench", "bodies_up/real_time/threads:4")["bytes_per_second"] / 1e6,
             "AES-256-GCM, sealed and opened, one core": lambda: google_bench("http_bench", "aes_256_gcm_both_ways")["bytes_per_second"] / 1e6,
             "SHA-256, one core": sha256}
    limits = disk_limits | rates
    disk = b.WORK / "disk"
    disk.mkdir(exist_ok=True)

    def one(_, case):
        if callable(case):
            return {"mbs": case()}
        if isinstance(case, str):
            return json.loads(subprocess.run([b.BIN / "sync_limits", disk, *case.split(), "1.5"], stdout=subprocess.PIPE, check=True).stdout)
        return case[0](case[1])

    cases = {name: case for name, case in cases.items() if a.cases in name}
    results = b.interleaved(cases | limits, a.runs, one, warm=False)
    ours = lambda rs, key, form: b.spread([r[key] for r in rs], form) if key in rs[0] else ""
    b.table(["server", "terminal MB/s, median [min…max]", "segments/s", "acknowledged in ms, p50", "p99", "server CPU s", "peak MiB", "syncs/s"],
            [[n, b.spread([r["terminal_mb_s"] for r in rs], "{:.1f}"), ours(rs, "segments_s", "{:.0f}"), ours(rs, "p50_ms", "{:.1f}"), ours(rs, "p99_ms", "{:.1f}"),
              f"{b.med(r['cpu'] for r in rs):.2f}", f"{max(r['peak'] for r in rs):.0f}", ours(rs, "syncs", "{:.0f}")]
             for n, rs in results.items() if n in cases])
    print()
    b.table(["this disk, in the same run", "records/s", "syncs/s", "MB/s"],
            [[n, *(b.spread([r[k] for r in results[n]], "{:.0f}") for k in ("ops", "syncs", "mbs"))] for n in disk_limits])
    print()
    b.table(["this machine, in the same run", "MB/s"], [[n, b.spread([r["mbs"] for r in results[n]], "{:.0f}")] for n in rates])
    return results


def ledger_part():
    (b.WORK / "disk").mkdir(exist_ok=True)
    cases = {"64 writers, segments of 1 KiB": "leaves_by_64_writers", "the same bytes, appended and synced": "appends_and_syncs"}
    results = b.interleaved(cases, a.runs, lambda _, name: {"records": google_bench("logsrv_bench", name)["items_per_second"]}, warm=False)
    b.table(["the ledger alone", "records/s, median [min…max]"], [[n, b.spread([r["records"] for r in rs], "{:.0f}")] for n, rs in results.items()])
    return results


def idle_part():
    def one(_, count):
        server = Stele()
        before = peak(server.process.pid)
        server.load(b.corpus_file(20), sessions=max(1, count // HOSTS), segments=max(1, count // HOSTS), batch=256)
        r = {"before": before, "peak": peak(server.process.pid)}
        server.close()
        return r
    results = b.interleaved({"100": 100, "10000": 10_000}, min(a.runs, 3), one, warm=False)
    b.table(["open sessions", "server, MiB at start", "peak MiB"],
            [[n, b.spread([r["before"] for r in rs], "{:.1f}"), b.spread([r["peak"] for r in rs], "{:.1f}")] for n, rs in results.items()])
    return results


def restart_part():
    ledger = b.WORK / "large-ledger"
    b.remove(ledger)
    b.quietly([b.STELE.parent / "ledger_generator", "--copies", ledger, a.leaves, 64, 50_000])

    def one(_, is_cold):
        if is_cold:
            os.sync()
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        server = Stele(ledger)
        server.wait_until_ready()
        r = {"seconds": server.started_in, "peak": peak(server.process.pid)}
        stop(server.process)
        return r
    results = b.interleaved({f"{a.leaves:,} leaves": False, f"{a.leaves:,} leaves, nothing cached": True}, a.runs, one)
    b.table(["ledger", "a server of it is ready after s", "peak MiB"],
            [[n, b.spread([r["seconds"] for r in rs]), f"{max(r['peak'] for r in rs):.0f}"] for n, rs in results.items()])
    b.remove(ledger)
    return results


b.save(a, {part: {"load": load_part, "ledger": ledger_part, "idle": idle_part, "restart": restart_part}[part]() for part in a.parts.split(",")})
