#include "agent/log_memory.h"

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::agent {
namespace {

constexpr size_t kNoteBytesMax = size_t{64} << 10;
constexpr size_t kEvidenceMax = 64;  // files

}  // namespace

Result<receipt::Checkpoint> LogMemory::load() const {
  const std::string path = directory_ + "/checkpoint";
  const auto note = files_.read(path, kNoteBytesMax);
  if (!note && note.error().code == Code::kNotFound) return nothing_yet(log_key_);
  if (!note) return fail(note.error());
  auto checkpoint = receipt::open_checkpoint(*note, log_key_);
  if (!checkpoint && predecessor_) {
    const auto before = receipt::open_checkpoint(*note, predecessor_->before);
    if (before && before->size <= predecessor_->kept)
      return receipt::Checkpoint{log_key_.name, before->size, before->root};
  }
  if (!checkpoint) return fail(std::move(checkpoint).error().within(path));
  return checkpoint;
}

Status LogMemory::keep(const LogWatch& watch) {
  if (const auto& contradiction = watch.contradiction()) {
    TRY_VOID(keep_evidence(*contradiction));
    if (!watch.note().empty()) TRY_VOID(keep_evidence(watch.note()));
  }
  if (watch.note().empty() || watch.last().size <= kept_size_) return {};
  TRY_VOID(files_.replace(directory_ + "/checkpoint", watch.note()));
  kept_size_ = watch.last().size;
  return {};
}

Status LogMemory::keep_evidence(ByteSpan note) {
  const std::string folder = directory_ + "/evidence";
  TRY_VOID(files_.make_directories(folder));
  TRY(const auto kept, files_.list(folder));
  if (kept.size() >= kEvidenceMax) return {};
  return files_.put_once(folder + "/" + to_hex(crypto::sha256(note)), note);
}

}  // namespace stele::agent
