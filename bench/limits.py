#!/usr/bin/python3
"""What this machine can do at best: durable appends, hashes, ciphers, signatures, compressors, all interleaved."""
import json
import re
import subprocess

import benchlib as b

ap = b.arguments(__doc__, 7, "")
ap.add_argument("--seconds", type=float, default=1.5)
ap.add_argument("--mb", type=int, default=50, help="corpus for the compressors")
a = ap.parse_args()
b.prepare(a)
path = b.corpus_file(a.mb)
disk = b.WORK / "disk"
disk.mkdir(exist_ok=True)
SYNC = {"append 4 KiB + fdatasync": "append 4096", "overwrite 4 KiB + fdatasync": "overwrite 4096",
        "append 64 KiB + fdatasync": "append 65536", "append 1 MiB + fdatasync": "append 1048576",
        **{f"{n} files, each 4 KiB + fdatasync": f"files {n} 4096" for n in (4, 16, 64)},
        **{f"group commit of {n} writers, 4 KiB": f"group {n} 4096" for n in (1, 4, 16, 64, 256)}}
CRYPTO = {"sha256": [], "sha512": [], "aes-256-gcm": ["-aead"], "chacha20-poly1305": ["-aead"]}
SIGN = ("ed25519", "ecdsap256")
PACK = {f"zstd {level}": level for level in (-1, 1, 3, 9, 19)}


def output(words):
    return subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout


def openssl_speed(*words):
    return output(["openssl", "speed", "-mr", "-elapsed", "-seconds", max(1, int(a.seconds)), *words])


def one_sync(name):
    return json.loads(output([b.BIN / "sync_limits", disk, *SYNC[name].split(), a.seconds]))


def one_crypto(name):
    cipher, size = name.split()
    done = openssl_speed("-bytes", size, "-evp", cipher, *CRYPTO[cipher])
    return {"gbs": float(re.search(r"^\+F:.*:([\d.]+)$", done, re.M)[1]) / 1e9}


def one_sign(name):
    fields = re.search(r"^\+F\d:.*", openssl_speed(name), re.M)[0].split(":")
    return {"sign": float(fields[-2]), "verify": float(fields[-1])}


def one_pack(name):  # the library's own benchmark in memory: no process start, no pipe
    level = PACK[name]
    done = subprocess.run(["zstd", f"-b{level}" if level > 0 else f"--fast={-level}", *(["-b"] if level < 0 else []), "-i1", "--single-thread", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    fields = re.findall(r"x([\d.]+)\)?, *([\d.]+) MB/s,? *([\d.]+) MB/s", done)[-1]
    return {"ratio": float(fields[0]), "mbs": float(fields[1]), "back": float(fields[2])}


kinds = {**dict.fromkeys(SYNC, one_sync), **{f"{c} {n}": one_crypto for c in CRYPTO for n in (4096, 65536)},
         **dict.fromkeys(SIGN, one_sign), **dict.fromkeys(PACK, one_pack)}
results = b.interleaved(kinds, a.runs, lambda name, one: one(name), warm=False)
b.save(a, results)


def of(kind):
    return [(n, results[n]) for n, k in kinds.items() if k == kind]


b.table(["durable appends", "records/s, median [min…max]", "syncs/s", "MB/s", "p50 µs", "p99 µs"],
        [[n, b.spread([r["ops"] for r in rs], "{:.0f}"),
          *(f"{b.med(r[k] for r in rs):.{d}f}" for k, d in (("syncs", 0), ("mbs", 1), ("p50", 0), ("p99", 0)))] for n, rs in of(one_sync)])
print()
b.table(["one core, bytes a call", "GB/s, median [min…max]"], [[n, b.spread([r["gbs"] for r in rs], "{:.3f}")] for n, rs in of(one_crypto)])
print()
b.table(["one core", "signatures/s", "verifications/s"],
        [[n, b.spread([r["sign"] for r in rs], "{:.0f}"), b.spread([r["verify"] for r in rs], "{:.0f}")] for n, rs in of(one_sign)])
print()
b.table(["one core, terminal corpus", "MB/s in, median [min…max]", "ratio", "MB/s back"],
        [[n, b.spread([r["mbs"] for r in rs], "{:.0f}"), f"{rs[0]['ratio']:.2f}", f"{b.med(r['back'] for r in rs):.0f}"] for n, rs in of(one_pack)])
