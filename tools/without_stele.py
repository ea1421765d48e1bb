#!/usr/bin/python3
"""Verifies a stele vault, and decrypts a session, with no stele: without_stele.py LEDGER [SESSION IDENTITY > OUTPUT]
Exit 0: every leaf of the checkpoint is there, whole, chained and signed. docs/without-stele.md explains each step."""
import base64, functools, glob, hashlib, io, os, struct, subprocess, sys, cbor2, zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def key_of(vkey):  # name+id+base64(type, key) -> name, raw key, 8-byte id
    name, _, raw = vkey.strip().split("+", 2)
    return name, base64.b64decode(raw)[1:], sha(name.encode(), b"\n", base64.b64decode(raw))[:8]

def root(hashes):  # RFC 6962: perfect subtrees of shrinking size, folded from the right
    stack = []
    for i, h in enumerate(hashes):
        stack.append(h)
        while i & 1:
            right, left, i = stack.pop(), stack.pop(), i >> 1
            stack.append(sha(b"\1", left, right))
    return functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(stack)) if stack else sha()

def records(ledger):  # (leaf bytes, segment bytes) in order; a volume ends where the next one's name begins
    names = sorted(glob.glob(f"{ledger}/vault/volume/*.vol"), key=lambda n: [int(x) for x in os.path.basename(n).split(".")[:-1]])
    firsts = [int(os.path.basename(n).split(".")[0]) for n in names] + [1 << 63]
    for name, first, end in zip(names, firsts, firsts[1:]):
        data, at, index = open(name, "rb").read(), 0, first
        while index < end and at + 92 <= len(data):
            size = struct.unpack_from(">I", data, at + 24)[0]
            if data[at] != 1 or at + 92 + size > len(data):
                break
            yield data[at:at + 92], data[at + 92:at + 92 + size]
            at, index = at + 92 + size, index + 1

def xaes_open(key, sealed, aad):  # C2SP XAES-256-GCM
    nonce, aes = sealed[:24], Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    block = int.from_bytes(aes.update(bytes(16)), "big")
    k1 = (block << 1 & (1 << 128) - 1) ^ (0x87 if block >> 127 else 0)
    parts = [aes.update((int.from_bytes(bytes([0, i, 0x58, 0]) + nonce[:12], "big") ^ k1).to_bytes(16, "big")) for i in (1, 2)]
    return AESGCM(b"".join(parts)).decrypt(nonce[12:], sealed[24:], aad)

def main(ledger, session=None, identity=None):
    text, signatures = open(f"{ledger}/vault/log/checkpoint").read().rsplit("\n\n", 1)
    origin, size, want = (text + "\n").split("\n")[:3]
    name, log_key, log_id = key_of(open(f"{ledger}/log.vkey").read())
    mine = [base64.b64decode(s.split(" ")[2]) for s in signatures.splitlines() if s.split(" ")[1] == name]
    assert origin == name and mine and mine[0][:4] == log_id[:4], "checkpoint: not this log's"
    Ed25519PublicKey.from_public_bytes(log_key).verify(mine[0][4:], (text + "\n").encode())
    hosts = [key_of(line) for line in open(f"{ledger}/host.vkey")]
    leaves, tails, outputs = [], {}, []
    for leaf, segment in records(ledger):
        head, where = segment[:112], f"leaf {len(leaves)}"
        flags, stream, sequence, epoch, key_id, previous = head[6], head[8:24], *struct.unpack(">II8s32s", head[24:72])
        manifest_size, *sizes = struct.unpack(">4I", head[96:112])
        if len(leaves) < int(size):
            assert leaf[28:60] == sha(segment), f"{where}: altered segment"
            assert leaf[1:24] == head[5:28] and leaf[80:88] == key_id, f"{where}: leaf and segment contradict each other"
            assert tails.get(stream, (0, bytes(32))) == (sequence, previous), f"{where}: chain of {stream.hex()} broken"
            assert hosts[epoch - 1][2] == key_id, f"{where}: unknown host key"
            Ed25519PublicKey.from_public_bytes(hosts[epoch - 1][1]).verify(segment[-64:], b"stele-segment-v1" + sha(segment[:-64]))
        leaves.append(sha(b"\0", leaf))
        tails[stream] = (-1 if flags & 2 else sequence + 1, sha(segment))
        if session and stream == bytes.fromhex(session.replace("-", "")):
            for lane, _, file in cbor2.loads(segment[112:112 + manifest_size])[3] if manifest_size else ():
                if lane == 1:  # a new key begins a new zstd stream
                    outputs.append((subprocess.run(["age", "-d", "-i", identity], input=file, stdout=subprocess.PIPE, check=True).stdout, []))
            sealed = segment[112 + manifest_size + sizes[0]:][:sizes[1]]
            if sealed:
                outputs[-1][1].append(xaes_open(outputs[-1][0], sealed, head + b"\1"))
    assert len(leaves) >= int(size), f"{size} leaves are covered, {len(leaves)} are there"
    assert root(leaves[:int(size)]) == base64.b64decode(want), "the volumes do not give the checkpoint's root"
    print(f"{name}: {size} leaves verified", file=sys.stderr)
    for _, parts in outputs:
        events = io.BytesIO(zstandard.ZstdDecompressor().stream_reader(b"".join(parts), read_across_frames=True).read())
        while events.tell() < len(events.getbuffer()):
            sys.stdout.buffer.write(cbor2.load(events)[2])  # [2, microseconds since the event before, bytes]

main(*sys.argv[1:])
