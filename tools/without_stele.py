#!/usr/bin/python3
"""without_stele.py LEDGER [SESSION IDENTITY]: verifies a vault, writes a session's output. See docs/without-stele.md."""
import base64, contextlib, hashlib, pathlib, struct, subprocess, sys, cbor2, zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def check(good, where, what):
    good or sys.exit(f"TAMPERED: {where}: {what}")
def is_signed(key, signature, message):
    with contextlib.suppress(Exception):
        return Ed25519PublicKey.from_public_bytes(key).verify(signature, message) is None

def parse_key(line):  # name+id+base64(type, key) -> name, key, 8-byte id
    name, _, raw = line.strip().split("+", 2)
    return name, base64.b64decode(raw)[1:], sha(name.encode(), b"\n", base64.b64decode(raw))[:8]

def read_checkpoint(ledger):  # C2SP signed-note, tlog-checkpoint
    name, key, key_id = parse_key((ledger / "log.vkey").read_text())
    text, _, signatures = (ledger / "vault/log/checkpoint").read_text().rpartition("\n\n")
    ours = base64.b64decode(dict(line.split(" ")[1:] for line in signatures.splitlines()).get(name, ""))
    check(text.startswith(name + "\n") and ours[:4] == key_id[:4], "checkpoint", "not one of the log in log.vkey")
    check(is_signed(key, ours[4:], text.encode() + b"\n"), "checkpoint", "bad signature")
    return int(text.split("\n")[1]), base64.b64decode(text.split("\n")[2])

def records(ledger):  # a volume ends where its successor's name says; torn bytes may stand behind that
    volumes = sorted(ledger.glob("vault/volume/*.vol"), key=lambda v: [int(n) for n in v.name.split(".")[:-1]])
    firsts = [int(v.name.split(".")[0]) for v in volumes] + [1 << 63]
    for volume, index, end in zip(volumes, firsts, firsts[1:]):
        data, at = volume.read_bytes(), 0
        while index < end and at < len(data):
            size = int.from_bytes(data[at + 24:at + 28], "big")
            yield f"leaf {index} ({volume.name}, byte {at})", data[at:at + 92], data[at + 92:at + 92 + size]
            at, index = at + 92 + size, index + 1

def root_of(hashes):  # RFC 6962, 2.1: on the left the largest power of two below the size
    half = 1 << (len(hashes) - 1).bit_length() >> 1
    return sha(b"\1", root_of(hashes[:half]), root_of(hashes[half:])) if hashes[1:] else b"".join(hashes) or sha()

def verified(ledger):  # stream and segment of each covered leaf; only whoever takes them all knows that they are right
    (size, root), leaves, tails, keys = read_checkpoint(ledger), [], {}, [*map(parse_key, open(ledger / "host.vkey"))]
    hosts = {([k[0] for k in keys[:n]].count(name), key_id): key for n, (name, key, key_id) in enumerate(keys, 1)}  # epoch: which line of that name
    for _, (where, leaf, segment) in zip(range(size), records(ledger)):
        check(leaf[28:60] == sha(segment), where, "altered segment")
        flags, stream, number, epoch, host, previous = struct.unpack(">6xBx16sII8s32s", segment[:72])
        repeated = segment[5:28], segment[72:80] + segment[88:92], segment[32:40]
        check((leaf[1:24], leaf[60:72], leaf[80:88]) == repeated, where, "its leaf says otherwise")
        check(tails.get(stream, (0, bytes(32))) == (number, previous), where, "broken chain")
        signed, key = b"stele-segment-v1" + sha(segment[:-64]), hosts.get((epoch, host), b"")
        check(is_signed(key, segment[-64:], signed), where, "not signed by a known host key")
        tails[stream] = (None if flags & 2 else number + 1, leaf[28:60])  # nothing follows a close
        leaves.append(sha(b"\0", leaf))
        yield stream, segment
    check(root_of(leaves) == root, f"{len(leaves)} of {size} leaves", "their root is not the checkpoint's")

def xaes_open(key, sealed, associated):  # C2SP XAES-256-GCM: half of the nonce makes a key for the other half
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    block = int.from_bytes(aes.update(bytes(16)), "big")
    mask = (block << 1 ^ (0x87 if block >> 127 else 0)) % (1 << 128)
    both = int.from_bytes(b"\0\1X\0" + sealed[:12] + b"\0\2X\0" + sealed[:12], "big") ^ (mask << 128 | mask)
    return aead.AESGCM(aes.update(both.to_bytes(32, "big"))).decrypt(sealed[12:24], sealed[24:], associated)

ledger, session, identity = (sys.argv[1:] + ["", ""])[:3]
segments = [segment for stream, segment in verified(pathlib.Path(ledger)) if stream.hex() == session.replace("-", "")]
print(f"{ledger}: all covered leaves verified", file=sys.stderr)
periods = []  # of one key and one zstd stream each; a manifest begins the next
for segment in segments:
    manifest, facts, output = struct.unpack(">3I", segment[96:108])
    if manifest:
        files = {lane: age_file for lane, _, age_file in cbor2.loads(segment[112:112 + manifest])[3]}  # lane 1: output
        periods.append((subprocess.check_output(["age", "-d", "-i", identity], input=files[1]), []))
    if output:
        periods[-1][1].append(xaes_open(periods[-1][0], segment[112 + manifest + facts:][:output], segment[:112] + b"\1"))
for frames, events in ((b"".join(parts), b"") for _, parts in periods):
    while frames:  # a new level of compression begins a new frame
        unzip = zstandard.ZstdDecompressor().decompressobj()
        events, frames = events + unzip.decompress(frames), unzip.unused_data
    sys.stdout.buffer.writelines(event[2] for event in cbor2.loads(b"\x9f" + events + b"\xff"))  # one array of them
