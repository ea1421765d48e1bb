#!/usr/bin/python3
"""The frontier of zstd's levels: CPU against size, for the two loads that a recorder has.

flood:    the corpus as one stream, flushed every --segment-kb, as a session in a flood is sealed
calm:     short stretches of another corpus, each a stream of its own, flushed every --flush-bytes (about what an
          ordinary second shows), as calm sessions are sealed
whole:    the same without a flush, for what flushing costs

By zstd's library through Debian's python3-zstandard; CPU time of the compressing thread only, levels interleaved.
"""
import time

import zstandard

import benchlib as b
import corpus

ap = b.arguments(__doc__, 5, "")
ap.add_argument("--mb", type=int, default=20, help="of the corpus, for the flood")
ap.add_argument("--levels", default="-5,-1,1,2,3,4,5,6,9,12")
ap.add_argument("--segment-kb", type=int, default=256)
ap.add_argument("--flush-bytes", type=int, default=1500)
a = ap.parse_args()
b.prepare(a)
flood = [b.corpus_file(a.mb).read_bytes()]
CALM_KB = 40
blocks = b"".join(corpus.Corpus(3).blocks(30 * CALM_KB * 1000))
calm = [blocks[i:i + CALM_KB * 1000] for i in range(0, len(blocks), CALM_KB * 1000)]


def compress(streams, level, piece):
    """(ms/MB, compressed/raw) of streams compressed in pieces, each ending in a flush; piece 0: in one."""
    size, begun = 0, time.thread_time()
    for stream in streams:
        packer = zstandard.ZstdCompressor(level=level).compressobj()
        view = memoryview(stream)
        for at in range(0, len(stream), piece or len(stream)):
            size += len(packer.compress(view[at:at + (piece or len(stream))]))
            if piece:
                size += len(packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        size += len(packer.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
    raw = sum(map(len, streams))
    return {"ms": (time.thread_time() - begun) * 1e3 / (raw / 1e6), "ratio": size / raw}


def one(level, _):
    return {"flood": compress(flood, level, a.segment_kb << 10), "flood whole": compress(flood, level, 0),
            "calm": compress(calm, level, a.flush_bytes), "calm whole": compress(calm, level, 0)}


results = b.interleaved(dict.fromkeys(map(int, a.levels.split(","))), a.runs, one)
b.save(a, results)
print(f"flood: {a.mb} MB in pieces of {a.segment_kb} KiB; calm: {len(calm)} streams of {CALM_KB} KB in pieces of {a.flush_bytes} bytes\n")
kinds = ("flood", "flood whole", "calm", "calm whole")
b.table(["zstd level", *(f"{k}: {what}" for k in kinds for what in ("CPU ms/MB", "ratio"))],
        [[level, *(cell for k in kinds for cell in (b.spread([r[k]["ms"] for r in rs], "{:.1f}"), f"{rs[0][k]['ratio']:.3f}"))]
         for level, rs in results.items()])
