"""Gets the recorded streams back out of each recorder's format, byte for byte, from damaged recordings too.

streams(name, base) -> (output, input), each bytes; `base` is what {out} was.
"""
import base64
import glob
import json
import os
import re
import struct
import subprocess
import zlib

import benchlib


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def json_lines(data):
    for line in data.split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:
            pass  # a header torn by a crash, or zeros


def raw(base):
    return read(base), b""


def tlog(base):
    got = {">": bytearray(), "<": bytearray()}
    for m in json_lines(read(base)):
        text = {">": m.get("out_txt", ""), "<": m.get("in_txt", "")}
        binary = {">": m.get("out_bin", []), "<": m.get("in_bin", [])}
        at, bin_at = {">": 0, "<": 0}, {">": 0, "<": 0}
        for kind, n, k in re.findall(r"([<>\[\]])(\d+)(?:/(\d+))?", m.get("timing", "")):
            side = {"[": "<", "]": ">"}.get(kind, kind)
            if kind in "<>":
                got[side] += text[side][at[side]:at[side] + int(n)].encode()
            else:
                got[side] += bytes(binary[side][bin_at[side]:bin_at[side] + int(k)])
                bin_at[side] += int(k)
            at[side] += int(n)
    return bytes(got[">"]), bytes(got["<"])


def asciinema(base):
    got = {"o": [], "i": []}
    for m in json_lines(read(base)):
        if isinstance(m, list) and len(m) == 3 and m[1] in got:
            got[m[1]].append(m[2])
    return "".join(got["o"]).encode("utf-8", "surrogatepass"), "".join(got["i"]).encode("utf-8", "surrogatepass")


def ttyrec(base):
    data, at, out = read(base), 0, bytearray()
    while at + 12 <= len(data):
        n = struct.unpack_from("<III", data, at)[2]
        out += data[at + 12:at + 12 + n]
        at += 12 + n
    return bytes(out), b""


def script(base):
    """By the timing file; what the log has beyond the timing file's last line counts too, as output."""
    data = read(base)
    data = data[data.find(b"\n") + 1:]  # the "Script started" line
    got, at = {"O": bytearray(), "I": bytearray()}, 0
    for line in read(base + ".tm").split(b"\n"):
        f = line.split(b" ")
        if len(f) == 3 and f[0] in (b"O", b"I") and f[2].isdigit():
            n = int(f[2])
            got[f[0].decode()] += data[at:at + n]
            at += n
    rest = re.sub(rb"\nScript done on [^\n]*\n$", b"", data[at:])
    return bytes(got["O"] + rest), bytes(got["I"])


def inflate(data):
    """What can be had of gzip data that may end early; data that is not gzip as it is."""
    if data[:2] != b"\x1f\x8b":
        return data
    d, out = zlib.decompressobj(31), bytearray()
    try:
        for i in range(0, len(data), 64):
            out += d.decompress(data[i:i + 64])
        out += d.flush()
    except zlib.error:
        pass
    return bytes(out)


def sudo(base):
    top = base if os.path.basename(base).endswith(".sudo") or base.endswith("/server") else base + ".sudo"
    return tuple(b"".join(inflate(read(p)) for p in sorted(glob.glob(f"{top}/**/{stream}", recursive=True))) for stream in ("ttyout", "ttyin"))


def stele_says(*words):
    return subprocess.run([str(benchlib.STELE), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def stele(base):
    """The newest session (their ids are ordered by time) of the ledger at `base`."""
    try:
        newest = max(session["id"] for session in json.loads(stele_says("sessions", "--dir", base, "--json")))
    except ValueError:
        return b"", b""  # no ledger, or no session in it
    return stele_says("export", "--dir", base, newest, "--format", "raw"), stele_input(base, newest)


def stele_input(base, session):
    events = json_lines(stele_says("export", "--dir", base, session, "--format", "json"))
    return b"".join(base64.b64decode(e["base64"]) for e in events if isinstance(e, dict) and e.get("type") == "input")


KNOWN = {"relay-tee": raw, "stele": stele, "stele-fresh": stele, "tlog": tlog, "asciinema": asciinema, "ttyrec": ttyrec,
         "script": script, "script-f": script, "sudo": sudo, "sudo-flush": sudo}


def streams(name, base, commands=None):
    """`commands[name]` may be a (shell) command that prints the recorded output, and one for the input, of {out}."""
    if commands and name in commands:
        return tuple(subprocess.run(c.replace("{out}", str(base)), shell=True, stdout=subprocess.PIPE).stdout for c in commands[name])
    return KNOWN[name](str(base))
