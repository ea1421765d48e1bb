#include "logsrv/ingest_keys.h"

namespace stele::logsrv {
namespace {

using ledger::KeyEpochs;
using segment::Header;

KeyEpochs::TailOf tails_of(const ledger::Ledger& ledger) {
  return [&ledger](const StreamId& stream) -> std::optional<segment::Tail> {
    const auto tail = ledger.tail(stream);
    return tail ? *tail : std::nullopt;
  };
}

}  // namespace

Status IngestKeys::read(const ledger::HostKeys& enrolled, const ledger::Ledger& ledger) {
  const std::lock_guard lock(mutex_);
  TRY(epochs_, ledger.key_epochs(enrolled));
  return {};
}

tl::expected<KeyEpochs::Key, IngestKeys::Doubt> IngestKeys::signer(const ledger::HostKeys& enrolled,
                                                                   const std::string& host,
                                                                   const segment::View& view) {
  const Header& header = view.header;
  const std::lock_guard lock(mutex_);
  if (auto key = epochs_.find(enrolled, {header.host_key, header.key_epoch})) return *key;
  const auto manifest = header.kind == segment::Kind::kHost && !view.manifest.empty()
                            ? segment::parse_manifest(view.manifest)
                            : Result<segment::Manifest>(segment::Manifest());
  if (manifest && manifest->rotation) {
    const segment::Rotation& r = *manifest->rotation;
    if (const auto fault = epochs_.check_rotation(enrolled, header, view.manifest, *manifest)) {
      const bool is_early = r.epoch > 2 && !epochs_.find(enrolled, {r.old_key, r.epoch - 1});
      return tl::unexpected<Doubt>({!is_early, false, fault->why});
    }
    announced_[host] = header.host_key;
    return KeyEpochs::Key{{header.host_key, header.key_epoch, host, {r.new_key}}, r.not_before};
  }
  if (header.key_epoch == 1)
    return tl::unexpected<Doubt>({true, false, "signed by a key nobody knows"});
  const bool is_forgotten =
      uint64_t{header.key_epoch} + KeyEpochs::kEndedKept < epochs_.newest_epoch(host);
  return tl::unexpected<Doubt>({false, is_forgotten, "its key is still to be introduced"});
}

std::optional<IngestKeys::Doubt> IngestKeys::check(const KeyEpochs::Key& key, const Header& header,
                                                   const Hash& hash) const {
  const std::lock_guard lock(mutex_);
  if (auto fault = epochs_.check(key, header, hash, std::nullopt))
    return Doubt{true, true, fault->what + ": " + fault->why};
  return std::nullopt;
}

void IngestKeys::took(const ledger::HostKeys& enrolled, const ledger::Incoming& segment,
                      const ledger::Ledger& ledger) {
  const std::lock_guard lock(mutex_);
  if (segment.header.kind == segment::Kind::kHost) {
    if (const auto view = segment::parse_segment(segment.bytes))
      epochs_.take_host_segment(enrolled, view->header, view->manifest, tails_of(ledger));
  }
  epochs_.took(segment.header.stream, segment.header.sequence, segment.header.has(segment::kClose));
}

std::optional<crypto::PublicKey> IngestKeys::newest(const ledger::HostKeys& enrolled,
                                                    const std::string& host,
                                                    const KeyEpochs::Named& key) const {
  uint32_t newest = 0;
  for (const auto& entry : enrolled.entries())
    if (entry.name == host) newest = entry.epoch;
  const std::lock_guard lock(mutex_);
  newest = std::max(newest, epochs_.newest_epoch(host));
  const auto found = epochs_.find(enrolled, key);
  if (!found || found->entry.name != host || key.second != newest || epochs_.is_ended(key))
    return std::nullopt;
  return found->entry.key;
}

std::string IngestKeys::host_of(const segment::HostKeyId& key) const {
  const std::lock_guard lock(mutex_);
  if (std::string host = epochs_.host_of(key); !host.empty()) return host;
  for (const auto& [host, announced] : announced_)
    if (announced == key) return host;
  return {};
}

}  // namespace stele::logsrv
