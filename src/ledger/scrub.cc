#include "ledger/scrub.h"

#include <algorithm>
#include <memory>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/record_scan.h"
#include "merkle/hash.h"
#include "merkle/tree.h"
#include "receipt/note.h"
#include "receipt/text.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kMagic = "stele-scrub-v1";
constexpr size_t kMemoryBytesMax = size_t{64} << 20, kCheckpointBytesMax = size_t{64} << 10;
constexpr int kCheckpointsMax = 5;  // that may be replaced while one volume is read
constexpr size_t kFaultsMax = 16;   // that are named of one volume

std::string memory_path(const Layout& layout) { return layout.state() + "/scrub"; }

std::string path_of(const vault::VolumeName& name) { return "vault/volume/" + to_string(name); }

Result<uint64_t> take_number(std::string_view& line, uint64_t max = UINT64_MAX) {
  const size_t end = std::min(line.find(' '), line.size());
  TRY(const uint64_t number, receipt::parse_decimal(line.substr(0, end), max));
  line.remove_prefix(std::min(end + 1, line.size()));
  return number;
}

Result<WallTime> take_time(std::string_view& line) {
  TRY(const uint64_t at, take_number(line, INT64_MAX));
  return WallTime(Micros(static_cast<int64_t>(at)));
}

std::string protection_word(const Scrubbed& scrubbed) {
  if (scrubbed.is_immutable) return scrubbed.has_verity ? "immutable+verity" : "immutable";
  return scrubbed.has_verity ? "verity" : "open";
}

std::string seal_of(std::string_view lines) {
  return to_base64(crypto::sha256(as_bytes(lines))) + "\n";
}

/// The tree of a checkpoint, tile by tile, each shown to be part of it.
class Tree {
 public:
  Tree(const vault::Vault& vault, const receipt::Checkpoint& checkpoint)
      : reader_(vault), checkpoint_(checkpoint) {}

  /// The hash of a leaf. kNotFound: its tile is gone, and newer ones are there; kUnauthentic,
  /// kCorrupt: the tiles are not the checkpoint's.
  Result<Hash> leaf(uint64_t index) {
    const uint64_t tile = index / merkle::kTileWidth;
    if (!tile_ || *tile_ != tile) TRY_VOID(load(tile));
    return hashes_[index % merkle::kTileWidth];
  }

 private:
  class Reader : public merkle::HashReader {
   public:
    explicit Reader(const vault::Vault& vault) : vault_(vault) {}
    Result<Bytes> read(const merkle::Tile& tile) override {
      return vault_.get(merkle::path(tile), merkle::kTileBytes);
    }

   private:
    const vault::Vault& vault_;
  };

  // The proof of one leaf is made of all other hashes of its tile.
  Status load(uint64_t tile) {
    const uint64_t first = tile * merkle::kTileWidth;
    const auto width =
        static_cast<uint16_t>(std::min<uint64_t>(merkle::kTileWidth, checkpoint_.size - first));
    TRY(hashes_, merkle::read_tile(reader_, {.level = 0, .index = tile, .width = width}));
    TRY(const auto proof, merkle::inclusion_proof(reader_, first, checkpoint_.size));
    TRY_VOID(merkle::verify_inclusion(first, checkpoint_.size, hashes_.front(), proof,
                                      checkpoint_.root));
    tile_ = tile;
    return {};
  }

  Reader reader_;
  const receipt::Checkpoint checkpoint_;
  std::optional<uint64_t> tile_;
  std::vector<Hash> hashes_;
};

}  // namespace

std::string encode(const ScrubMemory& memory) {
  const auto word = [](auto number) { return " " + std::to_string(number); };
  std::string text(kMagic);
  text += "\n" + std::to_string(memory.pass) + word(micros(memory.began)) + word(memory.volumes) +
          word(memory.leaves) + word(memory.bytes) + word(memory.faults) + "\n";
  for (const auto& [name, scrubbed] : memory.known) {
    text += to_string(name) + word(scrubbed.pass) + word(micros(scrubbed.at)) +
            word(scrubbed.next) + word(scrubbed.faults) + " " + protection_word(scrubbed) + "\n";
  }
  return text + seal_of(text);
}

Result<ScrubMemory> parse_scrub_memory(std::string_view text) {
  std::string_view rest = text;
  TRY(const std::string_view magic, receipt::take_line(rest));
  if (magic != kMagic) return fail(Code::kCorrupt, "state/scrub: another format");
  TRY(std::string_view pass, receipt::take_line(rest));
  ScrubMemory memory;
  TRY(memory.pass, take_number(pass));
  TRY(memory.began, take_time(pass));
  TRY(memory.volumes, take_number(pass));
  TRY(memory.leaves, take_number(pass));
  TRY(memory.bytes, take_number(pass));
  TRY(memory.faults, take_number(pass));
  while (std::count(rest.begin(), rest.end(), '\n') > 1) {
    TRY(std::string_view line, receipt::take_line(rest));
    const size_t end = std::min(line.find(' '), line.size());
    const auto name = vault::parse_volume_name(line.substr(0, end));
    if (!name) return fail(Code::kCorrupt, "state/scrub: no volume's name");
    line.remove_prefix(std::min(end + 1, line.size()));
    Scrubbed scrubbed;
    TRY(scrubbed.pass, take_number(line));
    TRY(scrubbed.at, take_time(line));
    TRY(scrubbed.next, take_number(line));
    TRY(scrubbed.faults, take_number(line));
    scrubbed.is_immutable = line.starts_with("immutable");
    scrubbed.has_verity = line.ends_with("verity");
    memory.known.insert_or_assign(*name, scrubbed);
  }
  // Written again it is the same: each name once, in order, and nothing else.
  if (encode(memory) != text) return fail(Code::kCorrupt, "state/scrub: torn or altered");
  return memory;
}

Scrub::Scrub(os::FileSystem& files, const Layout& layout, receipt::VerifierKey log, Clock& clock)
    : files_(files),
      layout_(layout),
      log_(std::move(log)),
      clock_(clock),
      vault_(files, layout.vault()) {}

Status Scrub::open() {
  const auto text = files_.read(memory_path(layout_), kMemoryBytesMax);
  if (!text && text.error().code != Code::kNotFound) return fail(text.error());
  auto memory = text ? parse_scrub_memory(as_text(*text))
                     : Result<ScrubMemory>(fail(Code::kNotFound, "none"));
  memory_ = memory ? *std::move(memory) : ScrubMemory();
  return {};
}

// Whoever had it meanwhile has remembered more.
Result<std::unique_ptr<os::Lock>> Scrub::lock(os::Wait wait) {
  TRY(auto lock, files_.lock(layout_.state() + "/scrub.lock", wait));
  TRY_VOID(open());
  return lock;
}

Result<receipt::Checkpoint> Scrub::checkpoint() const {
  TRY(const Bytes note, vault_.get("checkpoint", kCheckpointBytesMax));
  return receipt::open_checkpoint(note, log_);
}

namespace {

/// Which pass read it last; 0: none did. By numbers, for clocks are set back.
uint64_t pass_of(const ScrubMemory& memory, const vault::VolumeName& name) {
  const auto known = memory.known.find(name);
  return known == memory.known.end() ? 0 : known->second.pass;
}

bool is_due(const ScrubMemory& memory, const vault::VolumeName& name) {
  return pass_of(memory, name) != memory.pass || memory.pass == 0;
}

}  // namespace

Result<std::vector<vault::VolumeName>> Scrub::due() const {
  TRY(auto all, vault_.volumes());
  std::erase_if(all, [this](const auto& name) { return !is_due(memory_, name); });
  return all;
}

Result<size_t> Scrub::left() const {
  TRY(const auto volumes, due());
  return volumes.size();
}

Result<uint64_t> Scrub::bytes_left() const {
  TRY(const auto volumes, due());
  uint64_t bytes = 0;
  for (const vault::VolumeName& name : volumes) {
    const auto file = vault_.read_volume(name);
    const auto size = file ? (*file)->size() : Result<uint64_t>(fail(file.error()));
    if (size) bytes += *size;
  }
  return bytes;
}

Status Scrub::begin(os::Wait wait) {
  TRY(const auto alone, lock(wait));
  ++memory_.pass;
  memory_.began = clock_.wall();
  memory_.volumes = memory_.leaves = memory_.bytes = memory_.faults = 0;
  return files_.replace(memory_path(layout_), as_bytes(encode(memory_)));
}

Result<ScrubStep> Scrub::step(os::Wait wait, const std::function<void(uint64_t bytes)>& progress) {
  TRY(const auto alone, lock(wait));
  ScrubStep step;
  std::vector<vault::VolumeName> all;
  for (int tries = 1;; ++tries) {
    // Before the volumes are looked for: what it covers is there by then.
    TRY(const receipt::Checkpoint newest, checkpoint());
    TRY(all, vault_.volumes());
    if (all.empty()) return without_volumes();
    const auto next = std::min_element(all.begin(), all.end(), [&](const auto& a, const auto& b) {
      return pass_of(memory_, a) < pass_of(memory_, b);
    });
    auto done = read(all, static_cast<size_t>(next - all.begin()), newest, tries >= kCheckpointsMax,
                     progress);
    if (done) {
      step = *std::move(done);
      break;
    }
    // Partial tiles go once two newer checkpoints are there.
    if (done.error().code != Code::kNotFound) return fail(std::move(done).error());
  }
  Scrubbed now{.pass = memory_.pass,
               .at = clock_.wall(),
               .next = step.next,
               .faults = 0,
               .is_immutable = false,
               .has_verity = false};
  look_at_protection(step.volume != all.back(), step, now);
  note_missing(all, step);
  now.faults = step.faults.size();
  std::erase_if(memory_.known, [&](const auto& known) {
    return !std::binary_search(all.begin(), all.end(), known.first);
  });
  memory_.known[step.volume] = now;
  ++memory_.volumes;
  memory_.leaves += step.next - step.first;
  memory_.bytes += step.bytes;
  memory_.faults += step.faults.size();
  const Status kept = files_.replace(memory_path(layout_), as_bytes(encode(memory_)));
  if (!kept && step.faults.empty()) return fail(kept.error());
  if (!kept) step.faults.push_back({Verdict::kUnknown, "not remembered", kept.error().message()});
  return step;
}

// A ledger has one from its beginning on.
ScrubStep Scrub::without_volumes() const {
  ScrubStep step;
  note_missing({}, step);
  if (step.faults.empty())
    step.faults.push_back({Verdict::kMissing, "missing volume", "vault/volume: there is none"});
  return step;
}

Result<ScrubStep> Scrub::read(const std::vector<vault::VolumeName>& all, size_t which,
                              const receipt::Checkpoint& checkpoint, bool is_last_try,
                              const std::function<void(uint64_t bytes)>& progress) const {
  const vault::VolumeName& name = all[which];
  TRY(const auto removed, vault_.kept());
  uint64_t end = which + 1 < all.size() ? all[which + 1].first_index : UINT64_MAX;
  for (const vault::VolumeName& gone : removed)
    if (gone > name) end = std::min(end, gone.first_index);
  const uint64_t covered = std::min(end, checkpoint.size);  // leaves from here on are not judged
  ScrubStep step{.volume = name,
                 .first = name.first_index,
                 .next = name.first_index,
                 .bytes = 0,
                 .faults = {}};
  const auto blame = [&](Verdict weight, const char* what, const std::string& where) {
    step.faults.push_back({weight, what, path_of(name) + ": " + where});
  };
  const bool begins_later =
      which == 0 && name.first_index != 0 && (removed.empty() || removed.front().first_index != 0);
  if (begins_later) blame(Verdict::kMissing, "missing", "the volumes before it are not there");

  std::vector<std::unique_ptr<os::File>> handles(1);
  auto opened = vault_.read_volume(name);
  if (!opened) {
    step.faults.push_back(unread(opened.error(), "volume", path_of(name)));
    return step;
  }
  handles.front() = *std::move(opened);
  handles.front()->drop_cache();  // what is asked for is what the device holds
  Tree tree(vault_, checkpoint);
  std::optional<Error> unproven;
  ScanSink sink;
  sink.record = [&](const ScannedRecord& record) {
    if (step.next >= covered || unproven) return;
    if (step.faults.size() >= kFaultsMax) return void(++step.next);
    const std::string where =
        "offset " + std::to_string(record.offset) + ", leaf " + std::to_string(step.next);
    const auto leaf = tree.leaf(step.next++);
    if (!leaf) {
      unproven = leaf.error();
    } else if (*leaf != record.leaf_hash) {
      blame(Verdict::kTampered, "altered", where + ": not what the checkpoint commits to");
    } else if (!record.whole) {
      blame(Verdict::kTampered, "altered", where + ": " + record.problem);
    }
  };
  sink.tail = [](uint64_t, uint64_t) {};  // of leaves that are missing, if it is of any
  sink.progress = [&](uint64_t bytes) {
    step.bytes += bytes;
    if (progress) progress(bytes);
  };
  if (const Status done = scan_volume(handles, sink); !done) {
    step.faults.push_back(unread(done.error(), "volume", path_of(name)));
    return step;
  }
  if (unproven && unproven->code == Code::kNotFound && !is_last_try) return fail(*unproven);
  if (unproven) {
    step.faults.push_back(
        unread(*unproven, "tile", path_of(name) + ": leaf " + std::to_string(step.next - 1)));
  } else if (step.next < covered) {
    blame(Verdict::kMissing, "missing",
          "leaves " + std::to_string(step.next) + " to " + std::to_string(covered - 1));
  }
  return step;
}

// A volume that was read once, and is not there any more. One of which something is kept was
// pruned: whether lawfully, verification tells.
void Scrub::note_missing(const std::vector<vault::VolumeName>& all, ScrubStep& step) const {
  const auto kept = vault_.kept();
  for (const auto& [name, known] : memory_.known) {
    if (std::binary_search(all.begin(), all.end(), name)) continue;
    if (kept && std::binary_search(kept->begin(), kept->end(), name)) continue;
    step.faults.push_back({Verdict::kMissing, "missing volume",
                           path_of(name) + ": was read at " + rfc3339(known.at)});
  }
}

// Where protection can not be had there is none to lose. A copy has none either: nobody is accused.
void Scrub::look_at_protection(bool is_closed, ScrubStep& step, Scrubbed& now) const {
  const std::string path = vault_.path(step.volume);
  const auto flag = files_.protection(path);
  now.is_immutable = flag && *flag == os::Protection::kImmutable;
  const auto verity = files_.verity(path);
  now.has_verity = verity && verity->has_value();
  const auto known = memory_.known.find(step.volume);
  if (!is_closed || known == memory_.known.end()) return;
  const Scrubbed& before = known->second;
  const std::string at = " at " + rfc3339(before.at) + ", ";
  if (before.has_verity && !now.has_verity) {
    step.faults.push_back({Verdict::kUnknown, "replaced",
                           path_of(step.volume) + ": had fs-verity" + at +
                               "which nobody can take off, and has not any more: copied, or "
                               "another file"});
  } else if (before.is_immutable && !now.is_immutable) {
    step.faults.push_back({Verdict::kUnknown, "unlocked",
                           path_of(step.volume) + ": was immutable" + at +
                               "and is not any more: copied, or unlocked"});
  }
}

}  // namespace stele::ledger
