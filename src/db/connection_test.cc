// What a real PostgreSQL answers, and what it comes to.
#include <gtest/gtest.h>

#include <thread>

#include "db/test_postgres.h"

namespace stele::db {
namespace {

using std::chrono::milliseconds;

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto options = test_database();
    if (!options) GTEST_SKIP() << kNoDatabase;
    options_ = *options;
    connection_ = open({});
  }
  std::unique_ptr<Connection> open(const SessionLimits& limits) {
    auto made = Connection::open(options_, limits);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(made).value();
  }
  Result<Rows> run(const std::string& sql) { return connection_->run(Statement{sql}); }
  Code code_of(const std::string& sql) {
    const auto done = run(sql);
    return done ? Code::kInvalid : done.error().code;
  }
  // Begins a transaction, in which PostgreSQL then ends the session: by itself, or by this.
  void lose_in_transaction(const char* how = "SELECT $1::integer") {
    const int64_t own = run("SELECT pg_backend_pid()")->row(0).integer();
    ASSERT_TRUE(run("BEGIN"));
    const auto other = open({});
    const std::vector<Value> pid = {Value::of(own)};
    ASSERT_TRUE(other->run(Statement{how, pid}));
    const Statement look{"SELECT FROM pg_stat_activity WHERE pid = $1::integer", pid};
    while (other->run(look)->count() > 0) std::this_thread::yield();
  }
  static constexpr char kTerminate[] = "SELECT pg_terminate_backend($1::integer)";

  PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, ValuesComeBackAsTheyWere) {
  const std::vector numbers = {Value::of(int64_t{-1}), Value::of(INT64_MAX)};
  const std::vector texts = {Value::text("a"), Value::text(""), Value::text("\xe2\x80\x94\"{},")};
  const std::vector runs = {Value::bytes({}), Value::bytes(Bytes{0, 1, 255})};
  const auto rows = connection_->run(
      Statement{"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, cardinality($11)",
                {Value::of(INT64_MIN), Value::of(true), Value::of(false), Value::text("é\n"),
                 Value::bytes(Bytes{0, 39, 92, 255}), Value::bytes({}), Value::uuid({1, 2, 3}),
                 Value::array(Value::text({}), texts), Value::array(Value::bytes({}), runs),
                 Value::array(Value::text({}), {}), Value::array(Value::of(int64_t{0}), numbers)}});
  ASSERT_TRUE(rows) << rows.error().message();
  RowReader row = rows->row(0);
  EXPECT_EQ(row.integer(), INT64_MIN);
  EXPECT_TRUE(row.boolean());
  EXPECT_FALSE(row.boolean());
  EXPECT_EQ(row.text(), "é\n");
  EXPECT_TRUE(equal(row.bytes(), Bytes{0, 39, 92, 255}));
  EXPECT_TRUE(row.bytes().empty());
  EXPECT_EQ(row.array<16>(), (std::array<uint8_t, 16>{1, 2, 3}));
  EXPECT_EQ(row.texts(), (std::vector<std::string>{"a", "", "\xe2\x80\x94\"{},"}));
  EXPECT_EQ(row.byte_runs(), (std::vector<Bytes>{{}, {0, 1, 255}}));
  EXPECT_TRUE(row.texts().empty());
  EXPECT_EQ(row.integer(), 2);
  EXPECT_TRUE(row.done());
}

TEST_F(ConnectionTest, ARowThatIsNotWhatWasWantedIsTold) {
  const auto rows = run("SELECT 1::bigint, NULL::bytea, 'text'::text");
  RowReader row = rows->row(0);
  EXPECT_EQ(row.integer(), 1);
  EXPECT_FALSE(row.done());  // there is more
  EXPECT_TRUE(row.ok());
  row.bytes();
  EXPECT_FALSE(row.ok());
  RowReader other = rows->row(0);
  other.text();
  EXPECT_FALSE(other.ok());
  RowReader beyond = rows->row(0);
  for (int i = 0; i < 4; ++i) beyond.integer();
  EXPECT_FALSE(beyond.ok());
}

TEST_F(ConnectionTest, WhatIsRefusedHasACode) {
  ASSERT_TRUE(run("CREATE TEMPORARY TABLE small (n integer CHECK (n < 10))"));
  EXPECT_EQ(code_of("INSERT INTO pg_temp.small VALUES (11)"), Code::kCorrupt);
  EXPECT_EQ(code_of("SELECT FROM nowhere.nothing"), Code::kIo);
  EXPECT_FALSE(connection_->is_lost());
  connection_ = open({.statement = milliseconds(20)});
  EXPECT_EQ(code_of("SELECT pg_sleep(5)"), Code::kBusy);
  EXPECT_FALSE(connection_->is_lost());
}

TEST_F(ConnectionTest, OneOfSeveralFailsAndNoneIsDone) {
  ASSERT_TRUE(run("CREATE TEMPORARY TABLE small (n integer CHECK (n < 10))"));
  const std::vector<Statement> statements = {{"INSERT INTO pg_temp.small VALUES (1)"},
                                             {"INSERT INTO pg_temp.small VALUES (11)"},
                                             {"INSERT INTO pg_temp.small VALUES (2)"}};
  EXPECT_EQ(connection_->run(statements).error().code, Code::kCorrupt);
  EXPECT_EQ(run("SELECT count(*) FROM pg_temp.small")->row(0).integer(), 0);
  EXPECT_EQ(connection_->run(std::span(statements).first(1)).value().size(), 1U);
}

TEST_F(ConnectionTest, WhoIsIdleInATransactionForTooLongHasNone) {
  connection_ = open({.idle_in_transaction = milliseconds(1)});
  lose_in_transaction();
  EXPECT_EQ(code_of("SELECT 1"), Code::kConflict);
  EXPECT_TRUE(connection_->is_lost());
  EXPECT_FALSE(run("SELECT 1"));

  connection_ = open({.idle_in_transaction = milliseconds(1)});
  lose_in_transaction();
  EXPECT_EQ(connection_->commit().error().code, Code::kConflict);
}

TEST_F(ConnectionTest, ACommitIsKnownToBeDoneOnlyWhereItIsSaidPlainly) {
  ASSERT_TRUE(run("BEGIN"));
  EXPECT_TRUE(connection_->commit());
  EXPECT_EQ(connection_->commit().error().code, Code::kOutcomeUnknown);  // there is no transaction
  ASSERT_TRUE(run("BEGIN"));
  EXPECT_FALSE(run("SELECT 1 / 0"));
  EXPECT_EQ(connection_->commit().error().code, Code::kIo);  // rolled back, and said to be
  lose_in_transaction(kTerminate);
  EXPECT_EQ(connection_->commit().error().code, Code::kOutcomeUnknown);
}

TEST_F(ConnectionTest, WhoseSessionIsEndedHearsIt) {
  lose_in_transaction(kTerminate);
  EXPECT_EQ(code_of("SELECT 1"), Code::kConflict);
  EXPECT_TRUE(connection_->is_lost());
  EXPECT_EQ(connection_->commit().error().code, Code::kBusy);  // it was never sent
}

TEST_F(ConnectionTest, AnAnswerIsNotWaitedForForever) {
  connection_ = open({.answer = milliseconds(30)});
  EXPECT_EQ(code_of("SELECT pg_sleep(5)"), Code::kBusy);
  EXPECT_TRUE(connection_->is_lost());
  EXPECT_EQ(connection_->commit().error().code, Code::kBusy);
}

TEST_F(ConnectionTest, APoolHasSoManyAndReplacesWhatIsLost) {
  Postgres pool(options_, {.answer = milliseconds(50)}, 2);
  const auto pid = [](Connection& connection) {
    return connection.run(Statement{"SELECT pg_backend_pid()"})->row(0).integer();
  };
  int64_t first = 0;
  {
    auto one = pool.take().value();
    auto other = pool.take().value();
    EXPECT_EQ(pool.take().error().code, Code::kBusy);
    first = pid(*one);
    ASSERT_TRUE(other->run(Statement{"BEGIN"}));  // given back with a transaction open
  }
  for (int i = 0; i < 2; ++i) {
    auto lease = pool.take().value();
    EXPECT_FALSE(lease.is_new());
    EXPECT_EQ(lease->commit().error().code, Code::kOutcomeUnknown);  // none is open
  }
  ASSERT_TRUE(connection_->run(
      Statement{"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
                "pg_backend_pid() AND backend_type = 'client backend'"}));
  int tries = 0;
  const auto found = pool.with_connection([&](Connection& connection) -> Result<int64_t> {
    ++tries;
    TRY(const Rows rows, connection.run(Statement{"SELECT pg_backend_pid()"}));
    return rows.row(0).integer();
  });
  EXPECT_EQ(tries, 2);
  EXPECT_NE(found.value(), first);
  // What may have been done is not done again.
  tries = 0;
  const auto status = pool.with_connection([&](Connection& connection) -> Status {
    ++tries;
    TRY_VOID(connection.run(Statement{"BEGIN"}));
    TRY_VOID(connection_->run(
        Statement{"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
                  "pg_backend_pid() AND backend_type = 'client backend'"}));
    return connection.commit();
  });
  EXPECT_EQ(status.error().code, Code::kOutcomeUnknown);
  EXPECT_EQ(tries, 1);
}

}  // namespace
}  // namespace stele::db
