#include "ledger/verify.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "ledger/head.h"
#include "ledger/recipients_list.h"
#include "ledger/stream_check.h"
#include "ledger/tree_check.h"
#include "merkle/frontier.h"

namespace stele::ledger {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;

// One run of verify(): holds the volumes against the tree, record by record, in the ledger's order.
class Verifier {
 public:
  Verifier(os::FileSystem& files, const Layout& layout, const Trust& trust,
           const VerifyOptions& options)
      : files_(files),
        layout_(layout),
        trust_(trust),
        options_(options),
        vault_(files, layout.vault()),
        streams_(trust.hosts, options.every_signature) {}

  Result<Report> run();

 private:
  void blame(Verdict weight, std::string what, std::string where) {
    report_.faults.push_back({weight, std::move(what), std::move(where)});
  }
  void read_checkpoint();
  void check_memory();
  void check_recipients();
  void check_head();
  Status scan(const std::vector<vault::VolumeName>& volumes);
  void take(const vault::VolumeName& volume, const ScannedRecord& record, uint64_t end_index);
  void take_covered(const std::string& where, const ScannedRecord& record, uint64_t at);
  void take_unknown(const std::string& where, const ScannedRecord& record);
  void take_uncovered(const std::string& where, const ScannedRecord& record);
  void blame_leaf(uint64_t index, Fault fault);
  void name_missing();
  void judge();

  bool established() const { return tree_ && tree_->established(); }
  /// Leaves that a root which this run could rebuild commits to.
  uint64_t covered() const { return established() ? report_.checkpoint->size : 0; }
  std::optional<uint64_t> index_of(const Hash& leaf_hash) const;

  os::FileSystem& files_;
  const Layout layout_;
  const Trust& trust_;
  const VerifyOptions& options_;
  const vault::Vault vault_;
  StreamCheck streams_;
  Report report_;
  std::optional<TreeCheck> tree_;
  std::optional<Head> head_;
  bool head_broken_ = false;

  uint64_t index_ = 0;           // the leaf expected next
  bool end_denied_ = false;      // this volume's end by its successor's name was found wrong
  std::vector<bool> seen_;       // covered leaves whose record was found, right or wrong
  std::vector<Hash> uncovered_;  // leaf hashes beyond the checkpoint, in order
  std::optional<std::pair<uint64_t, Fault>>
      foreign_;  // a record that is no leaf, and whose place it may have taken
  uint64_t bytes_done_ = 0, bytes_all_ = 0;
};

void Verifier::read_checkpoint() {
  const auto note = vault_.get("checkpoint", kCheckpointBytesMax);
  if (!note) {
    return blame(note.error().code == Code::kNotFound ? Verdict::kMissing : Verdict::kUnknown,
                 "no checkpoint", "vault/log/checkpoint: " + note.error().message());
  }
  auto checkpoint = receipt::open_checkpoint(*note, trust_.log);
  if (!checkpoint) {
    return blame(Verdict::kTampered, "bad checkpoint",
                 "vault/log/checkpoint: " + checkpoint.error().context);
  }
  report_.checkpoint = *checkpoint;
}

void Verifier::check_memory() {
  if (!options_.memory) return;
  const Remembered& old = *options_.memory;
  if (old.log_vkey != trust_.log.to_string()) {
    blame(Verdict::kTampered, "other log key",
          "log.vkey: this reader knows the log " + trust_.log.name + " by another key");
  }
  for (size_t i = 0; i < old.host_vkeys.size(); ++i) {
    const auto& now = trust_.hosts.entries();
    const auto was = receipt::VerifierKey::parse(old.host_vkeys[i]);
    if (was && i < now.size() && now[i].name == was->name && now[i].key == was->key) continue;
    blame(Verdict::kTampered, "other host key",
          "host.vkey: the key of epoch " + std::to_string(i + 1) +
              " is not the one this reader saw before");
  }
  if (!report_.checkpoint) return;
  if (report_.checkpoint->size < old.size) {
    return blame(Verdict::kTampered, "rolled back",
                 "vault/log/checkpoint: " + std::to_string(report_.checkpoint->size) +
                     " leaves; this reader saw " + std::to_string(old.size) + " before");
  }
  if (established() && tree_->root_at(old.size) != old.root) {
    blame(Verdict::kTampered, "forked",
          "the first " + std::to_string(old.size) +
              " leaves are not those this reader saw before (other root)");
  }
}

void Verifier::check_recipients() {
  const auto note = files_.read(layout_.recipients(), kCheckpointBytesMax);
  const auto policy = load_verifier_key(files_, layout_.policy_vkey());
  if (!note && note.error().code == Code::kNotFound)
    return report_.notes.push_back("no recipients list beside the vault: not checked");
  if (!note || !policy) {
    const Error& error = note ? policy.error() : note.error();
    return blame(Verdict::kTampered, "bad recipients list", error.message());
  }
  if (const auto list = open_recipients_list(*note, *policy); !list) {
    blame(Verdict::kTampered, "bad recipients list", "recipients: " + list.error().context);
  }
}

// Read after the checkpoint: on a live ledger the head is never behind it.
void Verifier::check_head() {
  if (!files_.exists(layout_.state())) {
    return report_.notes.push_back("no state directory beside the vault: the head was not checked");
  }
  auto head = HeadStore(files_, layout_.head()).load();
  if (!head) {
    head_broken_ = true;
    return blame(head.error().code == Code::kNotFound ? Verdict::kMissing : Verdict::kTampered,
                 "bad head", "state/head: " + head.error().message());
  }
  head_ = *head;
  if (report_.checkpoint && head_->size < report_.checkpoint->size) {
    blame(Verdict::kTampered, "head rolled back",
          "state/head: " + std::to_string(head_->size) + " leaves, behind the checkpoint's " +
              std::to_string(report_.checkpoint->size));
  }
}

void Verifier::blame_leaf(uint64_t index, Fault fault) {
  if (const auto leaf = tree_->leaf(index)) {
    fault.where += " (session " + to_string(leaf->stream) + ", segment " +
                   std::to_string(leaf->sequence) + ")";
    streams_.blame(*leaf, std::move(fault));
  } else {
    report_.faults.push_back(std::move(fault));
  }
}

// On an untouched ledger each record is the leaf expected next: no map of all hashes is made.
std::optional<uint64_t> Verifier::index_of(const Hash& leaf_hash) const {
  if (!established()) return std::nullopt;
  if (index_ < covered() && tree_->leaves()[index_] == leaf_hash) return index_;
  return tree_->index_of(leaf_hash);
}

void Verifier::take_covered(const std::string& where, const ScannedRecord& record, uint64_t at) {
  if (foreign_) {
    // The record before was no leaf. If its place turns out taken by this one, it was pushed in
    // between.
    auto [place, fault] = std::move(*foreign_);
    foreign_.reset();
    if (at == place) {
      fault.what = "inserted";
      report_.faults.push_back(std::move(fault));
      index_ = at;
    } else {
      if (place < seen_.size()) seen_[place] = true;
      blame_leaf(place, std::move(fault));
    }
  }
  if (seen_[at]) {
    return streams_.blame(record.leaf.stream, {Verdict::kTampered, "duplicate",
                                               where + ": leaf " + std::to_string(at) + " again"});
  }
  seen_[at] = true;
  if (at < index_) {
    return streams_.blame(record.leaf.stream,
                          {Verdict::kTampered, "reordered",
                           where + ": leaf " + std::to_string(at) + " stands behind leaf " +
                               std::to_string(index_ - 1)});
  }
  index_ = at + 1;
  if (!record.whole) {
    return blame_leaf(at, {Verdict::kTampered, "altered",
                           where + ": leaf " + std::to_string(at) + ", " + record.problem});
  }
  streams_.take(record, true, where);
}

void Verifier::take_unknown(const std::string& where, const ScannedRecord& record) {
  if (foreign_) {
    auto [place, fault] = std::move(*foreign_);
    foreign_.reset();
    if (place < seen_.size()) seen_[place] = true;
    blame_leaf(place, std::move(fault));
  }
  const std::string why =
      record.problem.empty() ? "not what the checkpoint commits to" : record.problem;
  foreign_.emplace(index_, Fault{Verdict::kTampered, "altered",
                                 where + ": leaf " + std::to_string(index_) + ", " + why});
  ++index_;
}

void Verifier::take_uncovered(const std::string& where, const ScannedRecord& record) {
  const bool promised = head_ && index_ < head_->size;
  if (!record.whole && !promised) {
    report_.notes.push_back(where + ": torn record beyond the head; nothing was promised for it");
    return;
  }
  uncovered_.push_back(record.leaf_hash);
  ++index_;
  if (record.whole) return streams_.take(record, false, where);
  blame(Verdict::kTampered, "altered", where + ": " + record.problem);
}

void Verifier::take(const vault::VolumeName& volume, const ScannedRecord& record,
                    uint64_t end_index) {
  const std::string where =
      "vault/volume/" + vault::to_string(volume) + ", offset " + std::to_string(record.offset);
  const auto at = index_of(record.leaf_hash);
  if (index_ >= end_index) {
    // Bytes behind the volume's end: the next volume's name proves that no leaf was here. Unless
    // one was: then it is the name that lies.
    if (!at) return;
    if (!std::exchange(end_denied_, true))
      blame(Verdict::kTampered, "stray volume",
            where + ": leaf " + std::to_string(*at) +
                " stands here, and the next volume's name says that it ends before");
  }
  if (at) return take_covered(where, record, *at);
  if (index_ < covered()) return take_unknown(where, record);
  take_uncovered(where, record);
}

Status Verifier::scan(const std::vector<vault::VolumeName>& volumes) {
  for (size_t v = 0; v < volumes.size(); ++v) {
    TRY(const auto file, vault_.read_volume(volumes[v]));
    const uint64_t end_index = v + 1 < volumes.size() ? volumes[v + 1].first_index : UINT64_MAX;
    const std::string name = "vault/volume/" + vault::to_string(volumes[v]);
    if (index_ > volumes[v].first_index || volumes[v].first_index <= covered()) {
      index_ = volumes[v].first_index;
    } else if (index_ < volumes[v].first_index) {
      blame(Verdict::kTampered, "stray volume",
            name + ": begins at leaf " + std::to_string(volumes[v].first_index) +
                ", the ones before end at " + std::to_string(index_));
      continue;
    }
    end_denied_ = false;
    ScanSink sink;
    sink.record = [&](const ScannedRecord& r) { take(volumes[v], r, end_index); };
    sink.tail = [&](uint64_t offset, uint64_t bytes) {
      const bool last = v + 1 == volumes.size();
      if (index_ >= covered() || index_ >= end_index) {
        const std::string why =
            last ? "beyond the checkpoint"
                 : "behind its last record; the next volume's name proves that no leaf was there";
        report_.notes.push_back(name + ": " + std::to_string(bytes) + " bytes at offset " +
                                std::to_string(offset) + " are no whole record, " + why);
      } else {
        blame(Verdict::kTampered, "cut short",
              name + ": from offset " + std::to_string(offset) + " on, " + std::to_string(bytes) +
                  " bytes are no record");
      }
    };
    sink.progress = [&](uint64_t bytes) {
      report_.bytes += bytes;
      if (options_.progress) options_.progress(bytes_done_ += bytes, bytes_all_);
    };
    TRY_VOID(scan_volume(*file, options_.threads, sink));
  }
  if (foreign_) {
    auto [place, fault] = std::move(*foreign_);
    foreign_.reset();
    if (place < seen_.size()) seen_[place] = true;
    blame_leaf(place, std::move(fault));
  }
  return {};
}

void Verifier::name_missing() {
  for (uint64_t i = 0; i < seen_.size(); ++i) {
    if (!seen_[i])
      blame_leaf(
          i, {Verdict::kMissing, "missing", "leaf " + std::to_string(i) + ": no volume holds it"});
  }
  if (!head_ || head_->size < covered() || !established()) return;
  if (head_->size > covered() + uncovered_.size()) {
    return blame(Verdict::kMissing, "rolled back",
                 "state/head: " + std::to_string(head_->size) + " leaves; the volumes hold " +
                     std::to_string(covered() + uncovered_.size()));
  }
  merkle::Frontier frontier;
  for (const Hash& h : tree_->leaves()) frontier.append(h);
  for (uint64_t i = covered(); i < head_->size; ++i) frontier.append(uncovered_[i - covered()]);
  if (frontier.root() != head_->root) {
    blame(
        Verdict::kTampered, "forked",
        "state/head: another root than the volumes' at " + std::to_string(head_->size) + " leaves");
  }
}

void Verifier::judge() {
  report_.streams = streams_.finish(options_.is_live);
  if (!established()) {
    // Whole and chained, as far as faults do not say otherwise; but nothing that can be believed
    // says that this is all.
    for (StreamReport& s : report_.streams) s.verdict = std::max(s.verdict, Verdict::kUnknown);
  }
  report_.leaves = covered() + uncovered_.size();
  for (const Fault& f : report_.faults) report_.verdict = std::max(report_.verdict, f.weight);
  for (const StreamReport& s : report_.streams) {
    if (s.verdict >= Verdict::kUnknown) report_.verdict = std::max(report_.verdict, s.verdict);
  }
}

Result<Report> Verifier::run() {
  report_.origin = trust_.log.name;
  read_checkpoint();
  std::vector<std::string> strangers;
  if (report_.checkpoint) {
    tree_.emplace(vault_, *report_.checkpoint);
    if (!tree_->establish()) {
      blame(Verdict::kTampered, "forked",
            "vault/log/checkpoint: neither tiles nor volumes give its root of " +
                std::to_string(report_.checkpoint->size) + " leaves");
    }
  }
  check_memory();
  check_recipients();
  check_head();
  // Listed after the checkpoint was read, so that every covered leaf's volume is in it.
  TRY(const auto volumes, vault_.volumes(&strangers));
  for (const std::string& name : strangers)
    blame(Verdict::kTampered, "stray file", "vault/" + name);
  for (const auto& v : volumes) {
    TRY(const auto file, vault_.read_volume(v));
    TRY(const uint64_t size, file->size());
    bytes_all_ += size;
  }
  seen_.resize(covered());
  TRY_VOID(scan(volumes));
  if (established()) {
    const auto faults = tree_->check_files();
    report_.faults.insert(report_.faults.end(), faults.begin(), faults.end());
  }
  name_missing();
  judge();
  return std::move(report_);
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIntact:
      return "intact";
    case Verdict::kOpen:
      return "open";
    case Verdict::kCut:
      return "cut";
    case Verdict::kUnsealed:
      return "unsealed";
    case Verdict::kExpired:
      return "expired";
    case Verdict::kUnknown:
      return "unknown";
    case Verdict::kMissing:
      return "missing";
    case Verdict::kTampered:
      return "tampered";
  }
  return "unknown";
}

Result<Report> verify(os::FileSystem& files, const Layout& layout, const Trust& trust,
                      const VerifyOptions& options) {
  return Verifier(files, layout, trust, options).run();
}

}  // namespace stele::ledger
