// For tests only: what must hold after a crash, whatever the crash was.
#pragma once

#include <algorithm>
#include <set>

#include "ledger/catalog.h"
#include "ledger/test_report.h"
#include "ledger/test_world.h"
#include "vault/local_vault.h"

namespace stele::ledger {

/// What the workload was promised, as far as it got, and all that it ever wrote.
struct Promises {
  std::vector<std::pair<StreamId, Hash>> acknowledged;
  uint64_t covered = 0;
  std::set<Hash> written;

  segment::Sealed next(TestStream& stream, size_t bytes, bool close) {
    auto sealed = stream.next(bytes, close);
    written.insert(sealed.hash);
    return sealed;
  }
};

inline bool has(const Catalog& catalog, const std::pair<StreamId, Hash>& promised) {
  const StreamRef* found = catalog.find(promised.first);
  return found != nullptr &&
         std::any_of(found->segments.begin(), found->segments.end(), [&](const SegmentRef& ref) {
           return ref.leaf.segment_hash == promised.second;
         });
}

/// Nothing is verified that was not written.
inline void expect_only_what_was_written(const Catalog& catalog, const Promises& promises,
                                         const std::string& when) {
  for (const StreamRef& stream : catalog.streams()) {
    for (const SegmentRef& ref : stream.segments) {
      ASSERT_TRUE(promises.written.contains(ref.leaf.segment_hash))
          << when << ": leaf " << ref.index << " is of a segment that nobody wrote";
    }
  }
}

inline void expect_promises_kept(World& world, Promises& promises, const std::string& when) {
  sim::SimFileSystem files(world.disk);
  const Report report = World::verify_now(files);
  ASSERT_EQ(report.verdict, Verdict::kIntact) << when << " before recovery: " << describe(report);
  ASSERT_GE(report.checkpoint->size, promises.covered) << when;

  auto ledger = world.open(files);
  ASSERT_TRUE(ledger.has_value()) << when << ": " << ledger.error().message();
  TestStream later(files, world.clock, world.random);
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE((*ledger)->append(promises.next(later, 60, i == 1).bytes).has_value()) << when;
  ASSERT_TRUE((*ledger)->sync().has_value()) << when;
  ASSERT_TRUE((*ledger)->publish_through((*ledger)->size()).has_value()) << when;
  const Report after = World::verify_now(files);
  ASSERT_EQ(after.verdict, Verdict::kIntact) << when << " after recovery: " << describe(after);
  ASSERT_EQ(after.leaves, (*ledger)->size()) << when;

  const vault::LocalVault vault(files, kLayout.vault());
  const Catalog catalog = Catalog::read(vault).value();
  for (const auto& [stream, hash] : promises.acknowledged) {
    ASSERT_TRUE(has(catalog, {stream, hash}))
        << when << ": an acknowledged segment of " << to_string(stream) << " is gone";
  }
  expect_only_what_was_written(catalog, promises, when);
}

}  // namespace stele::ledger
