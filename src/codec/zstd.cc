#include "codec/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

#include "base/check.h"

namespace stele::codec {
namespace {

constexpr size_t kStepBytes = size_t{64} << 10;
// From level 4 on zstd's own tables are made for windows of megabytes: a context takes 4 MiB (level
// 6), 13 (9), 82 (19). With these it is 2 to 3, and faster, and the output 1 to 3 per cent larger
// (in a flood at level 19: 7).
constexpr int kOwnTablesFromLevel = 4, kTableLog = 17;
// Whoever waits for a block's header waits for 3 bytes (RFC 8878 §3.1.1.2).
constexpr size_t kBlockHeaderBytes = 3;

Error decompress_error(size_t result) {
  const bool too_large = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge;
  return {too_large ? Code::kLimit : Code::kCorrupt,
          std::string("zstd: ") + ZSTD_getErrorName(result), 0};
}

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)));
}

}  // namespace

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

size_t Compressor::memory() const { return ZSTD_sizeof_CCtx(context_.get()); }

void Compressor::set_level(int level, int window_log) {
  is_level_new_ = is_level_new_ || level != level_ || window_log != window_log_;
  level_ = level;
  window_log_ = window_log;
}

void Compressor::restart() {
  if (context_) ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only);
  is_in_frame_ = is_broken_ = false;
}

// Neither size nor checksum: nobody knows the size of a stream, and the part it is sealed in proves
// every bit.
Status Compressor::begin_frame() {
  if (is_level_new_) context_.reset();
  if (!context_) {
    context_.reset(ZSTD_createCCtx());
    if (!context_) return fail(Code::kNoSpace, "zstd: no memory");
    set(context_.get(), ZSTD_c_compressionLevel, level_);
    set(context_.get(), ZSTD_c_windowLog, window_log_);
    if (level_ >= kOwnTablesFromLevel) {
      set(context_.get(), ZSTD_c_hashLog, kTableLog);
      set(context_.get(), ZSTD_c_chainLog, kTableLog);
    }
    set(context_.get(), ZSTD_c_contentSizeFlag, 0);
    set(context_.get(), ZSTD_c_checksumFlag, 0);
  }
  is_level_new_ = false;
  is_in_frame_ = true;
  return {};
}

Status Compressor::run(ByteSpan piece, int directive, Bytes& out) {
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  size_t room = ZSTD_compressBound(piece.size());
  for (;;) {
    const size_t before = out.size();
    out.resize(before + room);
    ZSTD_outBuffer to{out.data() + before, room, 0};
    const size_t left =
        ZSTD_compressStream2(context_.get(), &to, &in, static_cast<ZSTD_EndDirective>(directive));
    out.resize(before + to.pos);
    if (ZSTD_isError(left))
      return fail(Code::kNoSpace, std::string("zstd: ") + ZSTD_getErrorName(left));
    if (left == 0) return {};
    room = std::max(left, kStepBytes);
  }
}

Status Compressor::compress(ByteSpan piece, Bytes& out) {
  if (piece.empty()) return {};
  if (is_broken_) return fail(Code::kNoSpace, "zstd: the stream broke off before");
  is_broken_ = true;  // until all went well
  if (is_in_frame_ && is_level_new_) {
    TRY_VOID(run({}, ZSTD_e_end, out));
    is_in_frame_ = false;
  }
  if (!is_in_frame_) TRY_VOID(begin_frame());
  TRY_VOID(run(piece, ZSTD_e_flush, out));
  is_broken_ = false;
  return {};
}

void Decompressor::restart() {
  if (context_) ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only);
  is_broken_ = false;
}

Status Decompressor::decompress(ByteSpan piece, size_t bytes_max, Bytes& out) {
  if (is_broken_) return fail(Code::kCorrupt, "zstd: the stream was broken before");
  const size_t before = out.size();
  Status status = run(piece, bytes_max, out);
  if (!status) {
    is_broken_ = true;
    out.resize(before);
  }
  return status;
}

Status Decompressor::run(ByteSpan piece, size_t bytes_max, Bytes& out) {
  if (piece.empty()) return {};
  if (!context_) {
    context_.reset(ZSTD_createDCtx());
    CHECK(context_);
    CHECK(
        !ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax)));
  }
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  size_t produced = 0;
  for (;;) {
    // One byte more than is allowed, so that what is too much shows.
    const size_t room = std::min(kStepBytes, bytes_max - produced + 1);
    const size_t before = out.size();
    out.resize(before + room);
    ZSTD_outBuffer to{out.data() + before, room, 0};
    const size_t wanted = ZSTD_decompressStream(context_.get(), &to, &in);
    out.resize(before + to.pos);
    if (ZSTD_isError(wanted)) return fail(decompress_error(wanted));
    produced += to.pos;
    if (produced > bytes_max) {
      return fail(Code::kLimit, "zstd: holds more than " + std::to_string(bytes_max) + " bytes");
    }
    if (in.pos < in.size) continue;
    if (wanted == 0) return {};  // the end of a frame, and all of it given
    if (to.pos == room) continue;
    if (wanted == kBlockHeaderBytes) return {};
    return fail(Code::kCorrupt, "zstd: the piece ends inside a block");
  }
}

}  // namespace stele::codec
