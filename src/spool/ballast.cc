#include "spool/ballast.h"

#include <algorithm>

#include "crypto/sha256.h"

namespace stele::spool {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

// Bytes that no file system makes smaller by compressing them or by storing them once.
Bytes piece(uint64_t at, size_t size) {
  Bytes out;
  out.reserve(size + sizeof(Hash));
  ByteWriter w(out);
  while (out.size() < size) {
    Bytes counter;
    ByteWriter(counter).u64(at + out.size());
    w.bytes(crypto::sha256(counter));
  }
  out.resize(size);
  return out;
}

}  // namespace

Status Ballast::fill() {
  if (bytes_ == 0) return {};
  auto file = files_.exists(path_) ? files_.open_append(path_) : files_.create_append(path_);
  if (!file) return fail(std::move(file).error());
  TRY(uint64_t size, (*file)->size());
  if (size >= bytes_) return {};
  while (size < bytes_) {
    const Bytes bytes = piece(size, std::min(kPieceBytes, bytes_ - size));
    TRY_VOID((*file)->append({bytes}));
    size += bytes.size();
  }
  return (*file)->sync();
}

bool Ballast::release() { return files_.exists(path_) && files_.remove(path_).has_value(); }

}  // namespace stele::spool
