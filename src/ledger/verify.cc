#include "ledger/verify.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "crypto/ed25519.h"
#include "ledger/expiry.h"
#include "ledger/head.h"
#include "ledger/policy_history.h"
#include "ledger/predecessor.h"
#include "ledger/stream_check.h"
#include "ledger/surroundings.h"
#include "ledger/tree_check.h"
#include "merkle/frontier.h"
#include "vault/local_vault.h"

namespace stele::ledger {
namespace {

constexpr size_t kCheckpointBytesMax = size_t{64} << 10;
constexpr int kVanishedMax = 3;  // times that volumes may be pruned while they are read

std::string path_in_ledger(const vault::VolumeName& volume, bool is_kept = false) {
  return (is_kept ? "vault/kept/" : "vault/volume/") + vault::to_string(volume);
}

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
        keys_(trust.hosts),
        streams_(keys_, options.every_signature) {}

  Result<Report> run();
  /// A volume was pruned while it was about to be read: then the report is of nothing.
  bool has_vanished() const { return vanished_; }

 private:
  bool is_pruned(const vault::VolumeName& name) const {
    const auto kept = vault_.kept();
    return kept && std::binary_search(kept->begin(), kept->end(), name);
  }
  void blame(Verdict weight, std::string what, std::string where) {
    report_.faults.push_back({weight, std::move(what), std::move(where)});
  }
  std::optional<receipt::Checkpoint> read_checkpoint();
  void add(std::vector<Fault> faults) {
    std::move(faults.begin(), faults.end(), std::back_inserter(report_.faults));
  }
  void check_surroundings();
  void check_head();
  void scan(const std::vector<vault::VolumeName>& volumes);
  Status scan_one(const vault::VolumeName& volume, bool is_kept, uint64_t end_index);
  void pass_absent(uint64_t next);
  void pass_gone(uint64_t next);
  void learn(uint64_t index, const ScannedRecord& record);
  void judge_gone();
  void pass_unreadable(const std::string& name, const Error& error, uint64_t end_index);
  void take_tail(const std::string& name, uint64_t offset, uint64_t bytes, uint64_t end_index);
  void settle_foreign();
  void take(const std::string& name, const ScannedRecord& record, uint64_t end_index);
  void check_retention(const std::string& where, const ScannedRecord& record);
  void take_covered(const std::string& where, const ScannedRecord& record, uint64_t at);
  void take_unknown(const std::string& where, const ScannedRecord& record);
  void take_uncovered(const std::string& where, const ScannedRecord& record);
  void blame_leaf(uint64_t index, Fault fault);
  void name_missing();
  void read_on(const std::function<void(const vault::RecordCursor&)>& take) const;
  std::set<StreamId> written_meanwhile() const;
  uint64_t leaves_by_now() const;
  void judge();

  bool established() const { return tree_ && tree_->established(); }
  /// Leaves that a root which this run could rebuild commits to.
  uint64_t covered() const { return established() ? report_.checkpoint->size : 0; }
  std::optional<uint64_t> index_of(const Hash& leaf_hash) const;

  os::FileSystem& files_;
  const Layout layout_;
  const Trust& trust_;
  const VerifyOptions& options_;
  const vault::LocalVault vault_;
  PolicyHistory policies_;
  HostKeys keys_;  // and those that may say that something expired
  StreamCheck streams_;
  std::vector<vault::VolumeName> kept_;   // of what is not there any more
  std::optional<Expiry> expiry_;          // none: nothing was ever removed
  std::vector<segment::LeafRange> gone_;  // leaves whose volumes are not there
  Report report_;
  std::optional<TreeCheck> tree_;
  std::optional<Head> head_;

  uint64_t index_ = 0;  // the leaf expected next
  bool vanished_ = false;
  bool is_in_kept_ = false;      // what is kept of a volume is read
  bool is_whole_ = true;         // every volume could be read
  vault::Position end_;          // where reading the newest volume ended
  bool end_denied_ = false;      // this volume's end by its successor's name was found wrong
  std::vector<bool> seen_;       // covered leaves whose record was found, right or wrong
  std::vector<Hash> uncovered_;  // leaf hashes beyond the checkpoint, in order
  std::optional<std::pair<uint64_t, Fault>>
      foreign_;  // a record that is no leaf, and whose place it may have taken
  uint64_t bytes_done_ = 0, bytes_all_ = 0;
};

std::optional<receipt::Checkpoint> Verifier::read_checkpoint() {
  const auto note = vault_.get("checkpoint", kCheckpointBytesMax);
  if (!note) {
    report_.faults.push_back(unread(note.error(), "checkpoint", "vault/log/checkpoint"));
    return std::nullopt;
  }
  auto checkpoint = receipt::open_checkpoint(*note, trust_.log);
  if (checkpoint) return *checkpoint;
  blame(Verdict::kTampered, "bad checkpoint",
        "vault/log/checkpoint: " + checkpoint.error().context);
  return std::nullopt;
}

void Verifier::check_surroundings() {
  if (options_.memory) {
    add(check_memory(*options_.memory, trust_, report_.checkpoint,
                     established() ? &*tree_ : nullptr));
  }
  add(check_recipients(files_, layout_, options_.memory, report_.notes));
  const auto predecessor = load_predecessor(files_, layout_);
  if (!predecessor) {
    report_.faults.push_back(unread(predecessor.error(), "predecessor", "predecessor"));
  } else if (*predecessor) {
    add(check_predecessor(**predecessor, options_.memory_before, trust_, report_.checkpoint,
                          established() ? &*tree_ : nullptr, report_.notes));
  }
}

// Read after the checkpoint: on a live ledger the head is never behind it.
void Verifier::check_head() {
  if (!files_.exists(layout_.state())) {
    return report_.notes.push_back("no state directory beside the vault: the head was not checked");
  }
  auto head = HeadStore(files_, layout_.head()).load();
  if (!head) {
    return report_.faults.push_back(unread(head.error(), "head", "state/head"));
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

// A leaf may keep longer than its class ever asked for, never shorter.
void Verifier::check_retention(const std::string& where, const ScannedRecord& record) {
  const segment::Leaf& leaf = record.leaf;
  const auto days =
      leaf.retain_until_day == 0 ? std::nullopt : policies_.days_min(leaf.retention_class);
  if (!days || leaf.retain_until_day >= day_of(leaf.received) + *days) return;
  streams_.accuse(leaf.stream, {Verdict::kTampered, "retention shortened",
                                where + ": kept until " + day_text(leaf.retain_until_day) +
                                    ", and class " + std::to_string(leaf.retention_class) +
                                    " keeps until " + day_text(day_of(leaf.received) + *days)});
}

void Verifier::take_covered(const std::string& where, const ScannedRecord& record, uint64_t at) {
  if (foreign_ && at == foreign_->first) {
    // The record before was no leaf, and its place is taken by this one: it was pushed in between.
    foreign_->second.what = "inserted";
    report_.faults.push_back(std::move(foreign_->second));
    foreign_.reset();
    index_ = at;
  }
  settle_foreign();
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
  if (expiry_) learn(at, record);
  if (!record.whole) {
    return blame_leaf(at, {Verdict::kTampered, "altered",
                           where + ": leaf " + std::to_string(at) + ", " + record.problem});
  }
  streams_.take(record, true, where);
  check_retention(where, record);
}

// Nothing showed that it was pushed in: it stands where a leaf was.
void Verifier::settle_foreign() {
  if (!foreign_) return;
  auto [place, fault] = std::move(*foreign_);
  foreign_.reset();
  if (place < seen_.size()) seen_[place] = true;
  blame_leaf(place, std::move(fault));
}

void Verifier::take_unknown(const std::string& where, const ScannedRecord& record) {
  settle_foreign();
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
  if (expiry_) learn(index_, record);
  ++index_;
  if (record.whole) return streams_.take(record, false, where);
  blame(Verdict::kTampered, "altered", where + ": " + record.problem);
}

void Verifier::take(const std::string& name, const ScannedRecord& record, uint64_t end_index) {
  const std::string where = name + ", offset " + std::to_string(record.offset);
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
  // Between what is kept of a volume nothing was but what is gone.
  if (at && is_in_kept_ && *at > index_) pass_gone(*at);
  if (at) return take_covered(where, record, *at);
  if (index_ < covered()) return take_unknown(where, record);
  take_uncovered(where, record);
}

// Leaves that may stand in what cannot be read are neither there nor missing.
void Verifier::pass_unreadable(const std::string& name, const Error& error, uint64_t end_index) {
  is_whole_ = false;
  const Fault fault = unread(error, "volume", name);
  report_.faults.push_back(fault);
  std::set<StreamId> told;
  for (; index_ < std::min(end_index, covered()); ++index_) {
    if (seen_[index_]) continue;
    seen_[index_] = true;
    const auto leaf = tree_->leaf(index_);
    if (leaf && told.insert(leaf->stream).second) blame_leaf(index_, fault);
  }
  if (end_index != UINT64_MAX) index_ = std::max(index_, end_index);
}

void Verifier::take_tail(const std::string& name, uint64_t offset, uint64_t bytes,
                         uint64_t end_index) {
  end_.offset = offset;
  if (index_ >= covered() || index_ >= end_index) {
    const std::string why =
        end_index == UINT64_MAX
            ? "beyond the checkpoint"
            : "behind its last record; the next volume's name proves that no leaf was there";
    report_.notes.push_back(name + ": " + std::to_string(bytes) + " bytes at offset " +
                            std::to_string(offset) + " are no whole record, " + why);
  } else {
    blame(Verdict::kTampered, "cut short",
          name + ": from offset " + std::to_string(offset) + " on, " + std::to_string(bytes) +
              " bytes are no record");
  }
}

Status Verifier::scan_one(const vault::VolumeName& volume, bool is_kept, uint64_t end_index) {
  const std::string name = path_in_ledger(volume, is_kept);
  // One to find the records with, and, with more than one thread, one for each to read with.
  std::vector<std::unique_ptr<os::File>> handles(options_.threads > 1 ? options_.threads + 1 : 1);
  for (auto& handle : handles) {
    TRY(handle, is_kept ? vault_.read_kept(volume) : vault_.read_volume(volume));
  }
  ScanSink sink;
  sink.record = [&](const ScannedRecord& r) {
    end_.offset = r.offset + r.bytes;
    take(name, r, end_index);
  };
  sink.tail = [&](uint64_t offset, uint64_t bytes) { take_tail(name, offset, bytes, end_index); };
  sink.progress = [&](uint64_t bytes) {
    report_.bytes += bytes;
    if (options_.progress) options_.progress(bytes_done_ += bytes, bytes_all_);
  };
  return scan_volume(handles, sink);
}

// Leaves of volumes that are not there, up to before `next`: what is kept of them, and the others.
void Verifier::pass_absent(uint64_t next) {
  if (!expiry_ || index_ >= std::min(next, covered())) return;
  settle_foreign();
  for (const vault::VolumeName& name : kept_) {
    if (name.first_index < index_ || name.first_index >= next) continue;
    pass_gone(name.first_index);
    is_in_kept_ = true;
    if (const Status done = scan_one(name, true, next); !done)
      report_.faults.push_back(unread(done.error(), "volume", path_in_ledger(name, true)));
    is_in_kept_ = false;
  }
  settle_foreign();
  pass_gone(std::min(next, covered()));
}

void Verifier::pass_gone(uint64_t next) {
  if (next <= index_) return;
  gone_.push_back({index_, next});
  tree_->each_leaf(index_, next, [&](uint64_t i, const std::optional<segment::Leaf>& leaf) {
    if (!leaf) return;
    expiry_->take(i, *leaf);
    streams_.pass_gone(*leaf);
  });
  index_ = next;
}

// What decides on what is gone: days, holds, and who says that it expired.
void Verifier::learn(uint64_t index, const ScannedRecord& record) {
  expiry_->take(index, record.leaf);
  const segment::Header& header = record.header;
  if (!record.whole || record.manifest.empty()) return;
  const HostKeys::Entry* const signer = keys_.find(header.host_key, header.key_epoch);
  const auto manifest = segment::parse_manifest(record.manifest);
  // Without a policy it is not known whose word counts: then what it is on can not be judged.
  if (manifest && header.kind == segment::Kind::kPrune && policies_.empty())
    return expiry_->take_expired(*manifest);
  if (!manifest || signer == nullptr ||
      !crypto::verify(signer->key, record.hashes.message, record.signature))
    return;
  const bool is_own = signer->name == keys_.entries().front().name;
  if (header.kind == segment::Kind::kServer && is_own) expiry_->take_holds(*manifest);
  if (header.kind == segment::Kind::kPrune && index < covered()) expiry_->take_expired(*manifest);
}

void Verifier::judge_gone() {
  const auto judge_one = [&](uint64_t i, const std::optional<segment::Leaf>& leaf) {
    if (!leaf || seen_[i]) return;
    const Expiry::Judged judged = expiry_->judge(i, leaf->stream);
    seen_[i] = true;
    if (judged.weight == Verdict::kExpired)
      return streams_.expire(leaf->stream, judged.record, judged.at);
    blame_leaf(i, {judged.weight, judged.weight == Verdict::kMissing ? "missing" : "gone",
                   "leaf " + std::to_string(i) + ": no volume holds it; " + judged.why});
  };
  for (const segment::LeafRange& range : gone_)
    tree_->each_leaf(range.first, range.next, judge_one);
}

void Verifier::scan(const std::vector<vault::VolumeName>& volumes) {
  for (size_t v = 0; v < volumes.size(); ++v) {
    const uint64_t first = volumes[v].first_index;
    const uint64_t end_index = v + 1 < volumes.size() ? volumes[v + 1].first_index : UINT64_MAX;
    if (index_ < first && first > covered()) {
      blame(Verdict::kTampered, "stray volume",
            path_in_ledger(volumes[v]) + ": begins at leaf " + std::to_string(first) +
                ", the ones before end at " + std::to_string(index_));
      continue;
    }
    pass_absent(first);
    index_ = first;
    end_denied_ = false;
    end_ = {volumes[v], 0, first};
    const Status done = scan_one(volumes[v], false, end_index);
    if (!done && done.error().code == Code::kNotFound && is_pruned(volumes[v])) vanished_ = true;
    if (!done) pass_unreadable(path_in_ledger(volumes[v]), done.error(), end_index);
    end_.index = index_;
  }
  settle_foreign();
}

void Verifier::name_missing() {
  for (uint64_t i = 0; i < seen_.size(); ++i) {
    if (!seen_[i])
      blame_leaf(
          i, {Verdict::kMissing, "missing", "leaf " + std::to_string(i) + ": no volume holds it"});
  }
  if (!head_ || head_->size < covered() || !established() || !is_whole_) return;
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

// What was written behind what was read.
void Verifier::read_on(const std::function<void(const vault::RecordCursor&)>& take) const {
  vault::RecordCursor cursor(vault_, end_);
  for (auto found = cursor.look(); found && *found == vault::Found::kRecord;
       found = cursor.look()) {
    take(cursor);
    cursor.advance();
  }
}

// At least as many as any tile that was published before this was called can stand for: a record is
// durable, and the head beyond it, before there is a tile of it.
uint64_t Verifier::leaves_by_now() const {
  if (!is_whole_) return UINT64_MAX;
  uint64_t leaves = std::max(covered(), index_);
  read_on([&](const vault::RecordCursor& cursor) {
    leaves = std::max(leaves, cursor.position().index + 1);
  });
  const auto head = HeadStore(files_, layout_.head()).load();
  return head ? std::max(leaves, head->size) : leaves;
}

// Streams that went on behind what was read. One that ended since then is not live any more, and
// its close was not seen: it was open when we looked, not cut.
std::set<StreamId> Verifier::written_meanwhile() const {
  std::set<StreamId> streams;
  read_on([&](const vault::RecordCursor& cursor) { streams.insert(cursor.leaf().stream); });
  return streams;
}

void Verifier::judge() {
  for (std::string& note : streams_.missing_tails()) report_.notes.push_back(std::move(note));
  report_.streams = streams_.finish(options_.is_live);
  const std::set<StreamId> later = written_meanwhile();
  for (StreamReport& s : report_.streams) {
    if (s.verdict != Verdict::kCut) continue;
    if (later.contains(s.stream)) s.verdict = Verdict::kOpen;
    if (!is_whole_) s.verdict = Verdict::kUnknown;  // its end may stand where we could not read
  }
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
  TRY(policies_, PolicyHistory::load(files_, layout_));
  for (const HostKeys::Entry& key : policies_.prune_keys()) keys_.add(key);
  if (auto tree = read_tree(vault_, [this] { return read_checkpoint(); })) {
    tree_.emplace(std::move(*tree));
    report_.checkpoint = tree_->checkpoint();
    if (!tree_->establish()) {
      const std::string where =
          "vault/log/checkpoint: neither tiles nor volumes give its root of " +
          std::to_string(report_.checkpoint->size) + " leaves";
      if (const auto error = tree_->unreadable()) {
        blame(Verdict::kUnknown, "unreadable tree", where + ", for " + error->message());
      } else {
        blame(Verdict::kTampered, "forked", where);
      }
    }
  }
  check_surroundings();
  check_head();
  // Listed after the checkpoint was read, so that every covered leaf's volume is in it.
  std::vector<std::string> strangers;
  TRY(const auto volumes, vault_.volumes(&strangers));
  for (const std::string& name : strangers)
    blame(Verdict::kTampered, "stray file", "vault/" + name);
  for (const auto& v : volumes) {
    const auto file = vault_.read_volume(v);
    bytes_all_ += file ? (*file)->size().value_or(0) : 0;
  }
  seen_.resize(covered());
  TRY(kept_, vault_.kept());
  if (!kept_.empty() && established()) expiry_.emplace(policies_, options_.now);
  scan(volumes);
  if (established()) {
    add(tree_->check_files());
    add(tree_->check_beyond(leaves_by_now()));
  }
  if (expiry_) judge_gone();
  name_missing();
  judge();
  return std::move(report_);
}

}  // namespace

Result<Report> verify(os::FileSystem& files, const Layout& layout, const Trust& trust,
                      const VerifyOptions& options) {
  for (int tries = 1;; ++tries) {
    Verifier verifier(files, layout, trust, options);
    auto report = verifier.run();
    if (!verifier.has_vanished() || tries == kVanishedMax) return report;
  }
}

}  // namespace stele::ledger
