#!/usr/bin/python3
"""Seals the segments of segment.json from docs/formats/ alone: shares no code, and no library but zstd, with stele.

    segment.py > segment.json       always the same bytes, with the same release of zstd

All keys and randomness are SHA-256 of a name: for tests only. src/segment/vector_test.cc reads what this writes.
"""
import base64
import hashlib
import hmac
import json
import struct

import cbor2
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

OPEN, CLOSE, REKEY, GAP = 1, 2, 4, 8
FACTS, OUTPUT, INPUT = 0, 1, 2
SESSION, GRANTS = 1, 2
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def drawn(name, size):
    """Stands for randomness."""
    return b"".join(sha256(f"{name} {block}".encode()) for block in range(-(-size // 32)))[:size]


# age v1 (C2SP age.md) and its Bech32 keys (BIP 173)

def bech32(prefix, data):
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    checked = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values + [0] * 6
    checksum = 1
    for value in checked:
        top = checksum >> 25
        checksum = (checksum & 0x1ffffff) << 5 ^ value
        for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            checksum ^= generator if top >> i & 1 else 0
    checksum ^= 1
    values += [checksum >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(alphabet[v] for v in values)


class Identity:
    def __init__(self, name):
        secret = drawn(name, 32)
        self.public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(*RAW)
        self.text = bech32("age-secret-key-", secret).upper()
        self.recipient = bech32("age", self.public)
        self.key_id = sha256(self.recipient.encode())[:8]


def hkdf(secret, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def unpadded(data):
    return base64.b64encode(data).rstrip(b"=")


def age_file(plaintext, identities, random):
    """`random` is drawn from in this order: file key, an ephemeral secret for each recipient, payload nonce."""
    file_key, header = random[:16], b"age-encryption.org/v1\n"
    for i, identity in enumerate(identities):
        ephemeral = X25519PrivateKey.from_private_bytes(random[16 + 32 * i:48 + 32 * i])
        share = ephemeral.public_key().public_bytes(*RAW)
        secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(identity.public))
        wrapping = hkdf(secret, share + identity.public, b"age-encryption.org/v1/X25519")
        wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
        header += b"-> X25519 " + unpadded(share) + b"\n" + unpadded(wrapped) + b"\n"
    header += b"---"
    mac = hmac.digest(hkdf(file_key, b"", b"header"), header, "sha256")
    nonce = random[16 + 32 * len(identities):]
    payload = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\1", plaintext, None)
    return header + b" " + unpadded(mac) + b"\n" + nonce + payload


# XAES-256-GCM (C2SP)

def xaes_seal(key, nonce, plaintext, associated):
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    block = int.from_bytes(aes.update(bytes(16)), "big")
    mask = (block << 1 ^ (0x87 if block >> 127 else 0)) % (1 << 128)
    inputs = (int.from_bytes(bytes([0, i, 0x58, 0]) + nonce[:12], "big") ^ mask for i in (1, 2))
    derived = b"".join(aes.update(i.to_bytes(16, "big")) for i in inputs)
    return AESGCM(derived).encrypt(nonce[12:], plaintext, associated)


# docs/formats/segment.md

class Lane:
    """One lane's key and compression, from an `open` or `rekey` on."""

    def __init__(self, key):
        self.key = key
        self.compressor = zstandard.ZstdCompressor(level=3).compressobj()

    def compress(self, plain, new_frame=False):
        ended = b""
        if new_frame:
            ended = self.compressor.flush()
            self.compressor = zstandard.ZstdCompressor(level=9).compressobj()
        return ended + self.compressor.compress(plain) + self.compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


class Stream:
    def __init__(self, name, stream, kind, host, recipients):
        self.name, self.id, self.kind, self.host, self.recipients = name, stream, kind, host, recipients
        self.sequence, self.previous, self.lanes = 0, bytes(32), {}

    def manifest(self, made):
        entries = []
        for lane, identities in enumerate(self.recipients):
            if not identities:
                continue
            what = f"{self.name} {self.sequence} lane {lane}"
            key, random = drawn(what + " key", 32), drawn(what + " age", 16 + 32 * len(identities) + 16)
            file = age_file(key, identities, random)
            self.lanes[lane] = Lane(key)
            entries.append([lane, [i.key_id for i in identities], file])
            made.append({"lane": lane, "key": key.hex(), "recipients": [i.recipient for i in identities],
                         "age_random": random.hex(), "age_file": file.hex()})
        return cbor2.dumps({1: 1, 2: sha256(b"recipients list"), 3: entries}, canonical=True)

    def seal(self, events, flags=0, wall=0, boot=0, duration=0, retention=0, new_frame=False):
        """The next segment, from its events by lane; as a vector."""
        if self.sequence == 0:
            flags |= OPEN
        keys, parts, details = [], [], []
        manifest = self.manifest(keys) if flags & (OPEN | REKEY) else b""
        for lane in (FACTS, OUTPUT, INPUT):
            plain = b"".join(cbor2.dumps(e, canonical=True) for e in events.get(lane, []))
            compressed = self.lanes[lane].compress(plain, new_frame) if plain else b""
            details.append({"lane": lane, "plain": plain.hex(), "compressed": compressed.hex()})
        sizes = [24 + len(d["compressed"]) // 2 + 16 if d["compressed"] else 0 for d in details]
        header = struct.pack(">4sBBBB16sII8s32sQQII4I", b"stls", 1, self.kind, flags, retention, self.id, self.sequence,
                             self.host.epoch, self.host.key_id, self.previous, wall, boot, duration,
                             sum(map(len, events.values())), len(manifest), *sizes)
        for d in details:
            nonce = drawn(f"{self.name} {self.sequence} lane {d['lane']} nonce", 24)
            sealed = bytes.fromhex(d["compressed"])
            if sealed:
                sealed = nonce + xaes_seal(self.lanes[d["lane"]].key, nonce, sealed, header + bytes([d["lane"]]))
            d["part"] = sealed.hex()
            parts.append(sealed)
        unsigned = header + manifest + b"".join(parts)
        message = b"stele-segment-v1" + sha256(unsigned)
        segment = unsigned + self.host.sign(message)
        received, until = wall + 1500, 20000 if retention else 0
        leaf = struct.pack(">BBBB16sII32sQIQ8sI", 1, self.kind, flags, retention, self.id, self.sequence, len(segment),
                           sha256(segment), wall, duration, received, self.host.key_id, until)
        vector = {"stream": self.name, "sequence": self.sequence, "flags": flags, "header": header.hex(), "keys": keys,
                  "manifest": manifest.hex(), "lanes": details, "message": message.hex(),
                  "signature": segment[-64:].hex(), "segment": segment.hex(), "hash": sha256(segment).hex(),
                  "received": received, "retain_until_day": until, "leaf": leaf.hex(),
                  "leaf_hash": sha256(b"\0", leaf).hex()}
        self.sequence, self.previous = self.sequence + 1, sha256(segment)
        return vector


class Host:
    def __init__(self, name, epoch):
        self.name, self.epoch = name, epoch
        self.renew(drawn(name, 32))

    def renew(self, seed):
        name, self.key = self.name, Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes(*RAW)
        self.key_id = sha256(name.encode(), b"\n\1", self.public)[:8]
        identifier = sha256(name.encode(), b"\n\1", self.public)[:4].hex()  # C2SP signed-note
        self.vkey = f"{name}+{identifier}+{base64.b64encode(bytes([1]) + self.public).decode()}"

    def sign(self, message):
        return self.key.sign(message)


def segments(host, auditor, clerk):
    all_lanes = [[auditor, clerk], [auditor], [auditor]]
    a = Stream("A", bytes.fromhex("0197a3b20000700080000000000000aa"), SESSION, host, all_lanes)
    start = {"uid": 1000, "gid": 1000, "euid": 1000, "user": b"ada", "argv": [b"sh"], "policy": "redact"}
    wall, boot = 1_767_225_600_000_000, 5_000_000
    yield a.seal({FACTS: [[1, 0, start]]}, wall=wall, boot=boot)
    yield a.seal({OUTPUT: [[2, 310, b"$ "], [2, 90_000, b"caf\xc3\xa9 \xff\x00\r\n"]],
                  INPUT: [[3, 0, b"l"], [5, 900, 0, 16]]},
                 wall=wall + 1_000_000, boot=boot + 1_000_000, duration=90_310)
    yield a.seal({OUTPUT: [[2, 0, b"the same words again, the same words again"]]}, new_frame=True,
                 wall=wall + 2_000_000, boot=boot + 2_000_000)
    yield a.seal({FACTS: [[6, 0, "no space left on device", 70_000, 12, 2_000_000]],
                  OUTPUT: [[2, 0, b"the same words again"]], INPUT: [[3, -1_500_000, b"\r"]]},
                 flags=REKEY | GAP, wall=wall + 3_000_000, boot=boot + 3_000_000)
    yield a.seal({FACTS: [[7, 0, {"out": 12, "exit": 0}]]}, flags=CLOSE, duration=0xffffffff,
                 wall=wall + 9_000_000_000, boot=boot + 9_000_000_000)
    b = Stream("B", bytes.fromhex("0197a3b2000170008000000000000bb0"), GRANTS, host, [[clerk]] * 3)
    grant = [9, 0, a.id, 0]
    yield b.seal({lane: [grant + [drawn(f"A 0 lane {lane} key", 32)]] for lane in (FACTS, OUTPUT, INPUT)}, flags=CLOSE,
                 wall=wall + 9_100_000_000, boot=boot, retention=3)


def refused(good):
    """Segments that no reader may take, each one change away from a good one: the opening one, or the second."""
    first, second = (bytes.fromhex(v["segment"]) for v in good[:2])

    def changed(segment, offset, new):
        return segment[:offset] + new + segment[offset + len(new):]

    yield "cut short by a byte", "corrupt", first[:-1]
    yield "a byte too many", "corrupt", first + b"\0"
    yield "shorter than a header", "corrupt", first[:111]
    yield "another magic", "corrupt", changed(first, 0, b"STLS")
    yield "a version of tomorrow", "unsupported", changed(first, 4, b"\2")
    yield "an unknown kind", "unsupported", changed(first, 5, b"\x7f")
    yield "kind 0", "unsupported", changed(first, 5, b"\0")
    yield "an unknown flag", "unsupported", changed(first, 6, bytes([OPEN | 16]))
    yield "sequence number 0 without open", "corrupt", changed(first, 6, bytes([REKEY]))
    yield "open at sequence number 1", "corrupt", changed(first, 24, bytes([0, 0, 0, 1]))
    yield "an opening segment that names one before", "corrupt", changed(first, 71, b"\1")
    yield "key epoch 0", "corrupt", changed(first, 28, bytes(4))
    yield "rekey without a manifest", "corrupt", changed(second, 6, bytes([REKEY]))
    yield "a manifest without open or rekey", "corrupt", changed(changed(first, 6, b"\0"), 24, bytes([0, 0, 0, 1]))
    yield "a part too small for nonce and tag", "corrupt", changed(second, 100, struct.pack(">I", 40))
    yield "a part over 8 MiB", "corrupt", changed(second, 104, struct.pack(">I", (8 << 20) + 1))


def main():
    host, auditor, clerk = Host("stele.example/host/1", 1), Identity("auditor"), Identity("clerk")
    good = list(segments(host, auditor, clerk))
    keys = {"host_vkey": host.vkey, "host_key_id": host.key_id.hex(), "auditor": auditor.text, "clerk": clerk.text}
    bad = [{"name": name, "error": error, "segment": data.hex()} for name, error, data in refused(good)]
    volume = "".join(v["leaf"] + v["segment"] for v in good)
    lines = [json.dumps({"format": "stele segment and leaf, version 1", **keys, "volume_sha256":
                         sha256(bytes.fromhex(volume)).hex()})[:-1] + ', "segments": [']
    lines.append(",\n".join(map(json.dumps, good)) + "],")
    lines.append('"refused": [\n' + ",\n".join(map(json.dumps, bad)) + "]}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
