#include "cli/source.h"

#include <algorithm>

#include "segment/header.h"
#include "vault/local_vault.h"
#include "wire/records.h"

namespace stele::cli {
namespace {

// Mostly enough for all that comes before the output: one read.
constexpr size_t kFrontBytes = 1024, kKeyedFrontBytes = 4096;

class Directory : public Source {
 public:
  explicit Directory(Context& context)
      : context_(context), vault_(context.files, context.layout.vault()), segments_(vault_) {}

  Status load() override {
    TRY(catalog_, ledger::Catalog::read(vault_));
    const auto hosts = ledger::HostKeys::load(context_.files, context_.layout.host_vkey());
    return hosts ? learn_cuts(*hosts) : Status();
  }

  Result<Bytes> segment(const ledger::SegmentRef& ref) override { return segments_.read(ref); }

  Result<Bytes> front(const ledger::SegmentRef& ref) override {
    if (ref.where != ledger::LeafWalk::Where::kVolume) return segments_.read(ref);
    if (!volume_ || volume_name_ != ref.volume) {
      TRY(volume_, vault_.read_volume(ref.volume));
      volume_name_ = ref.volume;
    }
    const bool has_keys = ref.leaf.has(segment::kOpen) || ref.leaf.has(segment::kRekey);
    const size_t all = ref.leaf.segment_bytes;
    Bytes front(std::min(all, has_keys ? kKeyedFrontBytes : kFrontBytes));
    TRY(const size_t got, volume_->read_at(ref.offset, front));
    TRY(const auto header, segment::parse_header(ByteSpan(front).first(got)));
    if (got != front.size() || !segment::agrees(ref.leaf, header, ref.leaf.segment_hash))
      return fail(Code::kCorrupt, "is not what its leaf says; run stele verify");
    const size_t wanted = wire::front_bytes(header);
    front.resize(wanted);
    if (wanted <= got) return front;
    TRY(const size_t rest, volume_->read_at(ref.offset + got, MutableByteSpan(front).subspan(got)));
    if (got + rest != wanted) return fail(Code::kCorrupt, "is cut short; run stele verify");
    return front;
  }

  bool may_go_on(const ledger::StreamRef& stream) override {
    if (stream.closed()) return false;
    if (is_live(context_, stream.id)) return true;
    const auto hosts = ledger::HostKeys::load(context_.files, context_.layout.host_vkey());
    return hosts && is_of_another_host(*hosts, stream) && !is_cut(stream);
  }

  Status look_again(const StreamId&) override { return load(); }

  os::FileSystem& files() override { return context_.files; }
  const ledger::Layout& layout() const override { return context_.layout; }

 private:
  Context& context_;
  const vault::LocalVault vault_;
  ledger::SegmentReader segments_;
  std::unique_ptr<os::File> volume_;  // the one whose facts were read last
  vault::VolumeName volume_name_;
};

}  // namespace

// What was learnt before holds: a ledger only grows.
Status Source::learn_cuts(const ledger::HostKeys& hosts) {
  std::map<uint64_t, const ledger::SegmentRef*> told;  // in the ledger's order
  for (const ledger::StreamRef& stream : catalog_.streams()) {
    if (stream.kind != segment::Kind::kServer || is_of_another_host(hosts, stream)) continue;
    for (const ledger::SegmentRef& ref : stream.segments) {
      const bool has_manifest = ref.leaf.has(segment::kOpen) || ref.leaf.has(segment::kRekey);
      if (has_manifest && ref.index >= cuts_through_) told[ref.index] = &ref;
    }
  }
  for (const auto& [index, ref] : told) {
    const auto manifest = manifest_of(*ref);
    if (manifest) {
      cuts_.take(*manifest);
    } else if (manifest.error().code == Code::kPermission) {
      cuts_through_ = UINT64_MAX;  // nor will the next ones be for this reader
      return {};
    } else if (manifest.error().code == Code::kCorrupt) {
      warn("the server's own stream, segment " + std::to_string(ref->leaf.sequence) + ": " +
           manifest.error().message());  // it must not hide the sessions
    } else {
      return fail(manifest.error());
    }
    cuts_through_ = index + 1;
  }
  return {};
}

std::optional<Source::Expired> Source::expired(const ledger::StreamRef& stream) {
  const auto gone =
      std::find_if(stream.segments.begin(), stream.segments.end(),
                   [](const auto& ref) { return ref.where == ledger::LeafWalk::Where::kGone; });
  if (gone == stream.segments.end()) return std::nullopt;
  const uint64_t first = gone->index;
  for (const ledger::StreamRef& said : catalog_.streams()) {
    if (said.kind != segment::Kind::kPrune) continue;
    const ledger::SegmentRef& record = said.segments.front();
    const auto manifest = manifest_of(record);
    if (!manifest) continue;
    for (const segment::LeafRange& range : manifest->expired) {
      if (range.first <= first && first < range.next && record.index > first)
        return Expired{record.index, record.leaf.received};
    }
  }
  return std::nullopt;
}

Status Source::check_is_there(const ledger::StreamRef& stream) {
  if (!stream.is_gone()) return {};
  const auto record = expired(stream);
  return fail(Code::kNotFound,
              "session " + to_string(stream.id) + " is gone: " +
                  (record ? "it expired, as leaf " + std::to_string(record->record) + " of " +
                                rfc3339(record->at) + " says"
                          : std::string("nothing says that it expired")) +
                  "; stele verify tells whether that was lawful");
}

Result<segment::Manifest> Source::manifest_of(const ledger::SegmentRef& ref) {
  TRY(const Bytes bytes, front(ref));
  TRY(const auto header, segment::parse_header(bytes));
  return segment::parse_manifest(
      ByteSpan(bytes).subspan(segment::kHeaderBytes, header.manifest_bytes));
}

bool Source::is_cut(const ledger::StreamRef& stream) const {
  const auto& last = stream.segments.back().leaf;
  return cuts_.is_cut({stream.id, last.sequence + 1, last.segment_hash});
}

Result<std::unique_ptr<Source>> open_source(Context& context, const std::string& purpose) {
  TRY(auto source, name_source(context, purpose));
  TRY_VOID(source->load());
  return source;
}

Result<std::unique_ptr<Source>> name_source(Context& context, const std::string& purpose) {
  if (context.remote.server.empty()) {
    TRY_VOID(require_ledger(context));
    return std::make_unique<Directory>(context);
  }
  if (!context.open_remote)
    return fail(Code::kUnsupported,
                "this program reads directories only, not " + context.remote.server);
  return context.open_remote(context, purpose);
}

// Only other hosts' keys rotate: one that is not enrolled was introduced by one of theirs.
bool is_of_another_host(const ledger::HostKeys& hosts, const ledger::StreamRef& stream) {
  const std::string& own = hosts.entries().front().name;
  return std::none_of(hosts.entries().begin(), hosts.entries().end(), [&](const auto& entry) {
    return entry.id == stream.segments.back().leaf.host_key && entry.name == own;
  });
}

}  // namespace stele::cli
