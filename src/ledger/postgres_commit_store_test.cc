#include "ledger/postgres_commit_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "db/test_postgres.h"
#include "ledger/test_commits.h"

namespace stele::ledger {
namespace {

constexpr char kOrigin[] = "stele.example/log";

// The SQL of docs/formats/commit-store.md, block by block.
std::vector<std::string> page_blocks() {
  std::ifstream page(STELE_TESTDATA "/../docs/formats/commit-store.md");
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sql";
      if (inside) blocks.emplace_back();
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

TEST(PostgresCommitStorePage, HasTheSchema) {
  ASSERT_EQ(page_blocks().size(), 2U);
  EXPECT_EQ(page_blocks()[0], PostgresCommitStore::schema());
}

class PostgresCommitStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto options = db::test_database();
    if (!options) GTEST_SKIP() << db::kNoDatabase;
    options_ = *options;
    connection_ = db::Connection::open(options_, {}).value();
    sql("DROP SCHEMA IF EXISTS stele CASCADE");
    store_ = PostgresCommitStore::open(options_, kOrigin).value();
  }
  void sql(const std::string& script) {
    const Status done = connection_->run_script(script);
    EXPECT_TRUE(done) << done.error().message();
  }
  Code refusal(const std::string& script) {
    const Status done = connection_->run_script(script);
    return done ? Code::kInvalid : done.error().code;
  }
  Status commit(CommitStore& store, std::string_view what) {
    TRY(const auto turn, store.take_turn());
    Commit next = commit_behind(turn->head(), 3, what);
    next.tails[stream_of(1)] = tail_at(static_cast<uint32_t>(next.next.size()));
    return turn->commit(next);
  }
  Error not_opened(const std::string& origin) {
    const auto opened = PostgresCommitStore::open(options_, origin);
    EXPECT_FALSE(opened);
    return opened ? Error() : opened.error();
  }

  db::PostgresOptions options_;
  std::unique_ptr<db::Connection> connection_;
  std::unique_ptr<PostgresCommitStore> store_;
};

TEST_F(PostgresCommitStoreTest, IsOfOneLogAndOfOneVersion) {
  ASSERT_TRUE(commit(*store_, "first"));
  EXPECT_EQ(PostgresCommitStore::open(options_, kOrigin).value()->head()->size(), 3U);
  EXPECT_EQ(not_opened("stele.example/another").code, Code::kConflict);
  sql("ALTER TABLE stele.publication SET UNLOGGED");
  EXPECT_EQ(not_opened(kOrigin).code, Code::kIo);
  sql("ALTER TABLE stele.publication SET LOGGED");
  sql("ALTER TABLE stele.head DROP CONSTRAINT head_schema_version_check;"
      "UPDATE stele.head SET schema_version = 2");
  EXPECT_EQ(not_opened(kOrigin).code, Code::kUnsupported);
}

TEST_F(PostgresCommitStoreTest, ManyMakeTheSchemaAtOnce) {
  sql("DROP SCHEMA stele CASCADE");
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      const auto opened = PostgresCommitStore::open(options_, kOrigin);
      EXPECT_TRUE(opened) << opened.error().message();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PostgresCommitStoreTest, AServerNeedsNoMoreRightsThanThePageGives) {
  sql("DO $$ BEGIN CREATE ROLE stele_server; EXCEPTION WHEN duplicate_object THEN END $$");
  sql(page_blocks()[1]);
  options_.keywords["options"] = "-c role=stele_server";
  auto server = PostgresCommitStore::open(options_, kOrigin).value();
  ASSERT_TRUE(commit(*server, "first"));
  ASSERT_TRUE(commit(*server, "second"));
  ASSERT_TRUE(server->publish(0, {6, "a note", {{"tile/0/000.p/6", Bytes(192)}}, std::nullopt}));
  EXPECT_EQ(server->publication()->size, 6U);
  EXPECT_EQ(server->volume_with(4).value()->first_index, 3U);
  EXPECT_EQ(server->tail(stream_of(1)).value(), tail_at(6));

  connection_ = db::Connection::open(options_, {}).value();
  for (const char* forbidden :
       {"DELETE FROM stele.volume", "DELETE FROM stele.tail", "DELETE FROM stele.head",
        "DELETE FROM stele.publication", "TRUNCATE stele.volume CASCADE",
        "UPDATE stele.volume SET key = 'another'", "UPDATE stele.head SET origin = 'another'",
        "DROP SCHEMA stele CASCADE"})
    EXPECT_EQ(refusal(forbidden), Code::kIo) << forbidden;
}

TEST_F(PostgresCommitStoreTest, WithoutTheRightToMakeItThatIsSaid) {
  sql("DROP SCHEMA stele CASCADE");
  sql("DO $$ BEGIN CREATE ROLE stele_server; EXCEPTION WHEN duplicate_object THEN END $$");
  options_.keywords["options"] = "-c role=stele_server";
  const Error error = not_opened(kOrigin);
  EXPECT_EQ(error.code, Code::kIo);
  EXPECT_NE(error.context.find("no schema stele"), std::string::npos) << error.context;
  EXPECT_NE(error.context.find("permission denied"), std::string::npos) << error.context;
}

TEST_F(PostgresCommitStoreTest, TheDatabaseItselfHoldsTheVolumesTogether) {
  ASSERT_TRUE(commit(*store_, "first"));
  const std::string insert =
      "INSERT INTO stele.volume (first_index, count, bytes, hash, key, version) VALUES ";
  const std::string rest = ", 1, sha256(''), 'key', '')";
  EXPECT_EQ(refusal(insert + "(4, 1" + rest), Code::kCorrupt);  // a hole
  EXPECT_EQ(refusal(insert + "(2, 1" + rest), Code::kCorrupt);  // within another
  EXPECT_EQ(refusal(insert + "(0, 1" + rest), Code::kCorrupt);  // a second first one
  EXPECT_EQ(
      refusal("UPDATE stele.head SET size = 4, frontier = '\\x0000000000000004' || sha256('')"),
      Code::kCorrupt);  // where no volume ends
  EXPECT_EQ(refusal("UPDATE stele.head SET frontier = '\\x0000000000000003' || sha256('')"),
            Code::kCorrupt);  // a tree of three leaves has two peaks
  EXPECT_EQ(refusal("DELETE FROM stele.volume"), Code::kCorrupt);
  EXPECT_EQ(refusal("INSERT INTO stele.head (schema_version, origin, size, frontier) "
                    "VALUES (1, 'another', 0, '\\x0000000000000000')"),
            Code::kCorrupt);  // a second head
  sql(insert + "(3, 1" + rest);
}

TEST_F(PostgresCommitStoreTest, AHeadThatWasSetBackCommitsNothingTwice) {
  ASSERT_TRUE(commit(*store_, "first"));
  const auto old = store_->head().value();
  ASSERT_TRUE(commit(*store_, "second"));
  ASSERT_TRUE(connection_->run(db::Statement{"UPDATE stele.head SET size = 3, frontier = $1",
                                             {db::Value::bytes(old.encode())}}));
  EXPECT_EQ(commit(*store_, "third").error().code, Code::kCorrupt);
}

TEST_F(PostgresCommitStoreTest, WhoIsIdleForTooLongHasNoTurnAnyMore) {
  const auto slept = store_->take_turn().value();
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(commit(*store_, "another's"));
  const auto waited = std::chrono::steady_clock::now() - before;
  EXPECT_GE(waited, CommitStore::kTurnIdleMax / 2);
  EXPECT_EQ(slept->commit(commit_behind(slept->head(), 1, "late")).error().code, Code::kConflict);
  EXPECT_EQ(store_->head()->size(), 3U);
}

TEST_F(PostgresCommitStoreTest, ALostDatabaseIsAskedAgain) {
  const auto turn = store_->take_turn().value();
  const auto end_all = [&] {
    ASSERT_TRUE(connection_->run(
        db::Statement{"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> "
                      "pg_backend_pid() AND backend_type = 'client backend'"}));
  };
  end_all();
  EXPECT_EQ(turn->tails(std::vector{stream_of(1)}).error().code, Code::kConflict);
  EXPECT_EQ(turn->commit(commit_behind(turn->head(), 1, "late")).error().code, Code::kConflict);
  end_all();
  EXPECT_EQ(store_->head()->size(), 0U);
  end_all();
  EXPECT_TRUE(commit(*store_, "first"));
  end_all();
  EXPECT_TRUE(store_->publish(0, {3, "a note", {}, std::nullopt}));
}

TEST_F(PostgresCommitStoreTest, WhatWasNeverWrittenIsTold) {
  ASSERT_TRUE(commit(*store_, "first"));
  sql("ALTER TABLE stele.head DROP CONSTRAINT head_check;"
      "UPDATE stele.head SET frontier = '\\x01'");
  EXPECT_EQ(store_->head().error().code, Code::kCorrupt);
  EXPECT_EQ(store_->take_turn().error().code, Code::kCorrupt);
  sql("DELETE FROM stele.publication");
  EXPECT_EQ(store_->publication().error().code, Code::kCorrupt);
  sql("ALTER TABLE stele.tail DROP CONSTRAINT tail_last_hash_check;"
      "UPDATE stele.tail SET last_hash = '\\x01'");
  EXPECT_EQ(store_->tail(stream_of(1)).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace stele::ledger
