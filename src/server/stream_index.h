// StreamIndex: which streams the ledger has, and where each of its segments lies. Derived: made by
// reading leaves from the first one on, and kept up by reading on. 24 bytes a leaf.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "ledger/cut_marks.h"
#include "ledger/leaf_walk.h"
#include "os/file_system.h"
#include "vault/vault.h"
#include "wire/records.h"

namespace stele::server {

struct StreamFacts {
  StreamId id{};
  segment::Kind kind = segment::Kind::kSession;
  segment::HostKeyId owner{};  // the enrolled key whose host it is, however often that rotated
  WallTime first, last;        // of its first and its last event
  uint64_t opened_at = 0;      // leaf index
  uint64_t segments = 0, bytes = 0;
  bool closed = false;
  Hash last_hash{};
  bool cut = false;  // its host is silent, as the server's own stream says

  segment::Standing standing() const { return {id, static_cast<uint32_t>(segments), last_hash}; }
};

enum class Part { kWhole, kFront };

/// Any thread. What it gives out is in the ledger's volumes; the newest may not be covered yet.
class StreamIndex {
 public:
  /// A small ledger's is made when it returns; else the thread "index" makes it. `leaves`: how many
  /// there are.
  StreamIndex(const vault::Vault& vault, uint64_t leaves);
  ~StreamIndex();

  /// Reads what came since. kBusy, with how far it is: it is still being made; ask again.
  Status catch_up();

  /// Sessions in the order they opened, from leaf `from` on, at most `count`.
  std::vector<StreamFacts> sessions(uint64_t from, size_t count) const;
  std::optional<StreamFacts> find(const StreamId& id) const;
  /// Hosts' streams without an end.
  std::vector<StreamFacts> open_streams() const;
  uint64_t leaves() const;
  /// Leaves whose records are not there any more.
  std::vector<segment::LeafRange> absent() const;

  /// What was removed is left out. kBusy: something was, since this was made; ask again.
  /// The stream's records from segment `from` on, encoded, as many as an answer holds; `next`: the
  /// number behind the last. kNotFound: no such stream. kCorrupt: what is there is not what the
  /// leaf says.
  struct Records {
    Bytes body;
    uint64_t first = 0, next = 0;
  };
  Result<Records> of_stream(const StreamId& id, uint64_t from, Part part);
  /// The same in the ledger's order.
  Result<Records> of_ledger(uint64_t from, Part part);

 private:
  Status read_on(size_t leaves_max);
  void keep_up();
  void forget();
  struct Place {
    uint64_t offset = 0;         // of the leaf in its volume
    uint32_t volume = kNowhere;  // in volumes_
    uint32_t bytes = 0;          // of the segment
  };
  static constexpr uint32_t kNowhere = UINT32_MAX;  // it is not there any more
  struct Volume {
    vault::VolumeName name;
    bool is_kept = false;  // it is what is kept of that volume
    bool operator==(const Volume&) const = default;
  };
  /// A record: its number in what was asked for, and its leaf.
  struct Chosen {
    uint64_t number = 0, index = 0;
    Place place;
  };
  struct Stream {
    StreamFacts facts;
    std::vector<uint64_t> leaves;
  };
  Status learn(const ledger::LeafWalk::Found& found);
  void add(const ledger::LeafWalk::Found& found);
  void learn_rotation(const segment::HostKeyId& before, const segment::HostKeyId& after);
  segment::HostKeyId owner_of(const segment::HostKeyId& key) const;
  StreamFacts facts_of(const Stream& stream) const;
  Result<Records> collect(const std::vector<Chosen>& chosen, uint64_t from, Part part);
  Result<std::unique_ptr<os::File>> open(const Volume& volume);
  std::vector<Chosen> choose(const std::vector<uint64_t>* leaves, uint64_t from, Part part) const;

  const vault::Vault& vault_;
  const uint64_t expected_;
  // Known without the mutex, which whoever reads from the disk holds.
  std::atomic<bool> is_made_ = false;
  std::atomic<uint64_t> read_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  bool stopping_ = false;
  std::condition_variable stop_;
  std::optional<ledger::LeafWalk> walk_;
  std::vector<Volume> volumes_;
  std::vector<Place> places_;  // by leaf index
  std::vector<Stream> streams_;
  std::map<StreamId, size_t> by_id_;
  std::set<size_t> open_;  // of streams_: hosts' without an end
  ledger::CutMarks cuts_;
  // The enrolled key behind a rotated one, and of each the newest few that may still sign.
  std::map<segment::HostKeyId, segment::HostKeyId> owners_;
  std::map<segment::HostKeyId, std::deque<segment::HostKeyId>> rotated_;

  std::thread thread_;
};

}  // namespace stele::server
