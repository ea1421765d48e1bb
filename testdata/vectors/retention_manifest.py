#!/usr/bin/python3
"""Manifests that say what retention is about, from docs/formats/ alone: one a line, in hex.

    retention_manifest.py > retention_manifest.txt

src/segment/segment_test.cc reads what this writes.
"""
import cbor2


def manifest(entries):
    lanes = [[0, [bytes(8)], b"an age file"]]
    print(cbor2.dumps({1: 1, 2: bytes(range(32)), 3: lanes, **entries}, canonical=True).hex())


def stream(n):
    return bytes([n] * 16)


manifest({9: [[stream(1), [stream(7)], [], []]]})
manifest({9: [[stream(2), [stream(7), stream(8)], [1000], []], [stream(3), [], [], [1767225600000000, 1767312000000000]]]})
manifest({7: [[stream(5), 3, bytes(32)]], 8: [stream(6)], 9: [[stream(4), [], [0], []]], 10: [stream(1), stream(2)]})
manifest({11: [[0, 2], [4, 1099511627776]]})
