// zstd (RFC 8878) as a stream of pieces: all that went into one piece comes out of it, given the
// pieces before it.
#pragma once

#include <memory>

#include "base/bytes.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace stele::codec {

/// 512 KiB of history: a recorder's memory counts for more than the last per cent.
inline constexpr int kWindowLog = 19;
/// The largest history a reader provides for: 8 MiB (docs/formats/segment.md, "Limits").
inline constexpr int kWindowLogMax = 23;

/// Compresses pieces. The context is made with the first piece. Not thread-safe.
class Compressor {
 public:
  explicit Compressor(int level = 3, int window_log = kWindowLog)
      : level_(level), window_log_(window_log) {}

  /// zstd's levels, negative ones too. Another level or window than now costs the history: no frame
  /// has two, so the next piece ends the frame (3 bytes) and begins another. The old context's
  /// memory is given back.
  void set_level(int level, int window_log = kWindowLog);
  /// The next piece begins a frame, and needs nothing before it.
  void restart();
  /// Appends the compressed piece; an empty one gives nothing. kNoSpace: no memory; then the stream
  /// is broken, and every piece fails until restart().
  Status compress(ByteSpan piece, Bytes& out);
  /// What the context takes, bytes.
  size_t memory() const;

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  Status begin_frame();
  Status run(ByteSpan piece, int directive, Bytes& out);

  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  int level_, window_log_;
  bool is_in_frame_ = false, is_level_new_ = false, is_broken_ = false;
};

/// Decompresses pieces, across frames. Not thread-safe.
class Decompressor {
 public:
  /// The next piece begins a stream.
  void restart();
  /// Appends what the piece holds. kLimit: more than bytes_max, or a window beyond kWindowLogMax;
  /// kCorrupt: not zstd, or the piece ends inside a block; then `out` is as it was, and every piece
  /// fails until restart().
  Status decompress(ByteSpan piece, size_t bytes_max, Bytes& out);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  Status run(ByteSpan piece, size_t bytes_max, Bytes& out);

  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  bool is_broken_ = false;
};

}  // namespace stele::codec
