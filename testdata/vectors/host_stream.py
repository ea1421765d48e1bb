#!/usr/bin/python3
"""Seals the host stream of host_stream.json from docs/formats/ alone: shares no code with stele.

    host_stream.py > host_stream.json       always the same bytes, with the same release of zstd

src/segment/rotation_test.cc reads what this writes.
"""
import json

import cbor2

from segment import FACTS, REKEY, CLOSE, Host, Identity, Stream, drawn, sha256

HOST, SERVER = 3, 4
WALL = 1_767_225_600_000_000


class HostStream(Stream):
    def __init__(self, *args):
        super().__init__(*args)
        self.more, self.old = {}, None

    def manifest(self, made):
        entries = cbor2.loads(super().manifest(made))
        encoded = cbor2.dumps({**entries, **self.more}, canonical=True)
        if self.old:
            place = self.id + self.sequence.to_bytes(4, "big") + self.previous
            encoded = encoded[:-64] + self.old.sign(b"stele-rotation-v1" + sha256(place, encoded[:-64]))
        self.more, self.old = {}, None
        return encoded


def standing(name, following):
    return [drawn(name, 16), following, sha256(name.encode())]


def rotation(old, new, parts=0):
    return [old.key_id, new.epoch, new.public, WALL + 600_000_000, parts, bytes(64)]


def host_stream(old, new, auditor):
    stream = HostStream("host", bytes.fromhex("0197a3b20000700080000000000000cc"), HOST, old, [[auditor], [], []])
    first, second = sorted((standing("first", 7), standing("second", 300)))
    stream.more = {4: standing("the host stream before", 5)}
    yield stream.seal({FACTS: [[20, 0, {"host": b"web01", "boot": "5f0c2a91"}]]}, wall=WALL, boot=5)
    stream.more = {5: [first]}
    yield stream.seal({}, flags=REKEY, wall=WALL + 600_000_000, boot=600_000_005)
    stream.more, stream.old, stream.host = {5: [second], 6: rotation(old, new, parts=1)}, old, new
    yield stream.seal({}, flags=REKEY, wall=WALL + 600_000_000, boot=600_000_005)
    yield stream.seal({FACTS: [[21, 0, "asked to"]]}, flags=CLOSE, wall=WALL + 700_000_000, boot=700_000_005)


def server_stream(host, auditor):
    stream = HostStream("server", bytes.fromhex("0197a3b20000700080000000000000dd"), SERVER, host, [[auditor], [], []])
    first, second = sorted((standing("first", 7), standing("second", 300)))
    stream.more = {7: [first, second]}
    yield stream.seal({FACTS: [[30, 0, {"host": "log01", "program": "stele-server 0.1.0"}]]}, wall=WALL, boot=5)
    stream.more = {7: [second], 8: [first[0], second[0]]}
    yield stream.seal({FACTS: [[31, 0, "asked to"]]}, flags=REKEY | CLOSE, wall=WALL + 600_000_000, boot=600_000_005)


def refused(old, new):
    """Manifests that no reader may take."""
    lane = [0, [bytes(8)], b"age"]
    entries = {1: 1, 2: bytes(32), 3: [lane]}
    one, two = sorted((standing("first", 7), standing("second", 300)))
    good = rotation(old, new)

    def with_entry(key, value):
        return cbor2.dumps({**entries, key: value}, canonical=True)

    def without(at, value):
        return good[:at] + [value] + good[at + 1:]

    yield "a list of none", with_entry(5, [])
    yield "streams out of order", with_entry(5, [two, one])
    yield "a stream twice", with_entry(5, [one, one])
    yield "more streams than 512", with_entry(5, [[n.to_bytes(16, "big"), 1, bytes(32)] for n in range(513)])
    yield "a stream that has no segment", with_entry(5, [[one[0], 0, one[2]]])
    yield "a short stream id", with_entry(4, [one[0][1:], 1, one[2]])
    yield "a standing with more", with_entry(4, one + [0])
    yield "epoch 1 has nobody before it", with_entry(6, without(1, 1))
    yield "an epoch over 32 bits", with_entry(6, without(1, 1 << 32))
    yield "a short key", with_entry(6, without(2, bytes(31)))
    yield "too many parts", with_entry(6, without(4, 129))
    yield "a long signature", with_entry(6, without(5, bytes(65)))
    yield "nothing is cut", with_entry(7, [])
    yield "cut streams out of order", with_entry(7, [two, one])
    yield "more streams cut than 512", with_entry(7, [[n.to_bytes(16, "big"), 1, bytes(32)] for n in range(513)])
    yield "a cut stream that has no segment", with_entry(7, [[one[0], 0, one[2]]])
    yield "nothing is heard", with_entry(8, [])
    yield "a stream heard twice", with_entry(8, [one[0], one[0]])
    yield "a short id heard", with_entry(8, [one[0][1:]])
    yield "more streams heard than 512", with_entry(8, [n.to_bytes(16, "big") for n in range(513)])
    yield "an unknown entry", with_entry(9, 0)
    yield "entries out of order", b"\xa5" + cbor2.dumps(entries, canonical=True)[1:] + (
        b"\6" + cbor2.dumps(good) + b"\5" + cbor2.dumps([one]))


def main():
    old, new, auditor = Host("stele.example/host/web01", 1), Host("stele.example/host/web01", 2), Identity("auditor")
    new.renew(drawn("the next key", 32))
    good = list(host_stream(old, new, auditor))
    bad = [{"name": name, "manifest": data.hex()} for name, data in refused(old, new)]
    keys = {"old_public": old.public.hex(), "new_public": new.public.hex(), "old_key_id": old.key_id.hex(),
            "new_key_id": new.key_id.hex(), "auditor": auditor.text}
    lines = [json.dumps({"format": "stele host stream, version 1", **keys})[:-1] + ', "segments": [']
    lines.append(",\n".join(map(json.dumps, good)) + "],")
    lines.append('"server_segments": [')
    lines.append(",\n".join(map(json.dumps, server_stream(Host("stele.example/host", 1), auditor))) + "],")
    lines.append('"refused": [\n' + ",\n".join(map(json.dumps, bad)) + "]}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
