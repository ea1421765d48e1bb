"""A forger with Python and some of the keys: takes a ledger's records apart, changes them, and makes a tree that fits.

Nothing here comes from stele: docs/formats/ and the C2SP specifications are all that a forger needs.
"""
import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import unprotect

LEAF, STREAM, SEQUENCE = 92, slice(8, 24), slice(24, 28)  # the last two: in a segment
EPOCH, HOST_ID, PREVIOUS = slice(28, 32), slice(32, 40), slice(40, 72)
OPEN, CLOSE = 1, 2


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text(raw):
    return base64.b64encode(raw).decode()


class Key:
    """A named Ed25519 key, as the ledger keeps them, or a fresh one."""

    def __init__(self, name, seed=None):
        self.name = name
        self.private = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = sha(name.encode(), b"\n\x01", self.public)[:8]

    @classmethod
    def load(cls, path):
        _, name, seed = path.read_text().split()
        return cls(name, base64.b64decode(seed))

    @property
    def vkey(self):
        return f"{self.name}+{self.id[:4].hex()}+{text(bytes([1]) + self.public)}"

    def sign_note(self, body):
        return f"{body}\n— {self.name} {text(self.id[:4] + self.private.sign(body.encode()))}\n".encode()


class Record:
    """A leaf and its segment, which is changed by key words and slices."""

    def __init__(self, data):
        self.leaf, self.segment = bytearray(data[:LEAF]), bytearray(data[LEAF:])

    @property
    def bytes(self):
        return bytes(self.leaf + self.segment)

    @property
    def stream(self):
        return bytes(self.segment[STREAM])

    @property
    def hash(self):
        return sha(self.segment)

    def copy(self):
        return Record(self.bytes)

    def put(self, where, value):
        self.segment[where] = value
        return self

    def sign(self, key, epoch=1):
        """As that host, in that epoch."""
        self.put(EPOCH, epoch.to_bytes(4, "big")).put(HOST_ID, key.id)
        self.segment[-64:] = key.private.sign(b"stele-segment-v1" + sha(self.segment[:-64]))
        return self.fit()

    def fit(self):
        """Makes the leaf say what the segment is."""
        s = self.segment
        self.leaf[1:24], self.leaf[24:28], self.leaf[28:60] = s[5:28], len(s).to_bytes(4, "big"), sha(s)
        self.leaf[60:72], self.leaf[80:88] = s[72:80] + s[88:92], s[32:40]
        return self


def split(data):
    """The bytes of each record of a volume (docs/formats/volume.md)."""
    at, found = 0, []
    while at < len(data):
        size = LEAF + int.from_bytes(data[at + 24:at + 28], "big")
        found.append(data[at:at + size])
        at += size
    return found


def root_of(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else sha()
    half = 1 << (len(hashes) - 1).bit_length() >> 1
    return sha(b"\x01", root_of(hashes[:half]), root_of(hashes[half:]))


def rewrite(ledger, records, log_key):
    """The whole ledger anew, of these records in one volume: tiles, checkpoint and head that all agree."""
    assert len(records) < 256, "one tile"
    data = b"".join(r.bytes for r in records)
    hashes = [sha(b"\x00", r.leaf) for r in records]
    root, vault = text(root_of(hashes)), ledger / "vault"
    for path in [*(vault / "log/tile").rglob("*"), *(vault / "volume").iterdir()]:
        unprotect(path)
        if path.is_file():
            path.unlink()
    (vault / "volume/000000000000.vol").write_bytes(data)
    for name, tile in {"0": b"".join(hashes), "entries": b"".join(b"\x00\x5c" + r.leaf for r in records)}.items():
        path = vault / "log/tile" / name / "000.p" / str(len(records))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tile)
    (vault / "log/checkpoint").write_bytes(log_key.sign_note(f"{log_key.name}\n{len(records)}\n{root}\n"))
    head = f"stele-head-v1\n{len(records)}\n{root}\n000000000000.vol {len(data)}\n0 {text(bytes(32))}\n"
    (ledger / "state/head").write_text(head + text(sha(head.encode())) + "\n")
