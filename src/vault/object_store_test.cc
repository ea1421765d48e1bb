#include "vault/object_store.h"

#include <gtest/gtest.h>

#include "vault/memory_store.h"

namespace stele::vault {
namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

TEST(ObjectStore, OnceIsOnce) {
  MemoryStore store;
  ASSERT_TRUE(put_once(store, "tile/0", bytes_of("a")));
  ASSERT_TRUE(put_once(store, "tile/0", bytes_of("a")));
  EXPECT_EQ(versions_of(store, "tile/0")->size(), 1U);
  EXPECT_EQ(put_once(store, "tile/0", bytes_of("b")).error().code, Code::kExists);
}

TEST(ObjectStore, WhatWasWrittenFirstCounts) {
  MemoryStore store;
  EXPECT_EQ(get_first(store, "k").error().code, Code::kNotFound);
  ASSERT_TRUE(store.put("k", bytes_of("ours"), Keep::locked()));
  ASSERT_TRUE(store.put("k", bytes_of("theirs"), Keep::loosely()));
  store.hide("k");
  EXPECT_EQ(*get_first(store, "k"), bytes_of("ours"));
  EXPECT_EQ(versions_of(store, "k")->size(), 3U);
  ASSERT_TRUE(put_once(store, "k", bytes_of("ours"))) << "a marker over it does not make it new";
}

TEST(ObjectStore, AKeyIsNotTheOnesThatBeginLikeIt) {
  MemoryStore store;
  for (const char* key : {"k", "k/1", "k/2", "ka", "kb"})
    ASSERT_TRUE(store.put(key, bytes_of(key), Keep::locked()));
  EXPECT_EQ(versions_of(store, "k")->size(), 1U);
  EXPECT_EQ(*get_first(store, "k"), bytes_of("k"));
  ObjectListing listed;
  size_t found = 0;
  do {
    listed = *store.versions("k", listed);
    found += listed.found.size();
  } while (!listed.next_key.empty());
  EXPECT_EQ(found, 5U);
}

TEST(ObjectStore, AnErrorIsNotAnAbsence) {
  MemoryStore store;
  store.set_faults([] { return MemoryStore::Fault::kNobodyAnswers; });
  EXPECT_EQ(put_once(store, "k", bytes_of("a")).error().code, Code::kIo);
  EXPECT_EQ(get_first(store, "k").error().code, Code::kIo);
}

TEST(ObjectStore, OnlyWhatIsLooseIsRemoved) {
  MemoryStore store;
  const std::string locked = *store.put("k", bytes_of("a"), Keep::locked());
  const std::string loose = *store.put("k", bytes_of("b"), Keep::loosely());
  EXPECT_EQ(store.remove("k", locked).error().code, Code::kPermission);
  ASSERT_TRUE(store.remove("k", loose));
  EXPECT_EQ(*store.get("k", ""), bytes_of("a"));
}

}  // namespace
}  // namespace stele::vault
