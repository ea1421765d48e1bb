#include "ledger/postgres_commit_store.h"

#include <algorithm>

namespace stele::ledger {
namespace {

using db::Connection;
using db::RowReader;
using db::Rows;
using db::Statement;
using db::Value;

constexpr size_t kConnectionsMax = 8;
constexpr int64_t kVersion = 1;

// As docs/formats/commit-store.md has it, byte for byte.
constexpr std::string_view kSchema = R"(CREATE SCHEMA stele;
CREATE TABLE stele.turn ();
CREATE TABLE stele.volume (
  first_index bigint PRIMARY KEY CHECK (first_index >= 0),
  count integer NOT NULL CHECK (count > 0),
  next_index bigint GENERATED ALWAYS AS (first_index + count) STORED UNIQUE CHECK (next_index <= 1099511627776),
  before bigint GENERATED ALWAYS AS (nullif(first_index, 0)) STORED REFERENCES stele.volume (next_index),
  bytes bigint NOT NULL CHECK (bytes > 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 1024),
  version text NOT NULL CHECK (octet_length(version) <= 1024)
);
CREATE TABLE stele.head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema_version integer NOT NULL CHECK (schema_version = 1),
  origin text NOT NULL CHECK (octet_length(origin) BETWEEN 1 AND 255),
  size bigint NOT NULL CHECK (size >= 0),
  ends bigint GENERATED ALWAYS AS (nullif(size, 0)) STORED REFERENCES stele.volume (next_index),
  frontier bytea NOT NULL CHECK (
    substring(frontier FROM 1 FOR 8) = int8send(size)
    AND octet_length(frontier) = 8 + 32 * length(replace(size::bit(64)::text, '0', '')))
) WITH (fillfactor = 50);
CREATE TABLE stele.tail (
  stream uuid PRIMARY KEY,
  owner bytea NOT NULL CHECK (octet_length(owner) = 8),
  next_sequence bigint NOT NULL CHECK (next_sequence BETWEEN 1 AND 4294967295),
  closed boolean NOT NULL,
  last_hash bytea NOT NULL CHECK (octet_length(last_hash) = 32)
) WITH (fillfactor = 80);
CREATE TABLE stele.publication (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  size bigint NOT NULL CHECK (size BETWEEN 0 AND 1099511627776),
  checkpoint bytea NOT NULL CHECK (octet_length(checkpoint) <= 65536),
  partial_paths text[] NOT NULL,
  partial_tiles bytea[] NOT NULL,
  keys_size bigint NOT NULL CHECK (keys_size BETWEEN 0 AND 1099511627776),
  keys bytea NOT NULL CHECK (octet_length(keys) <= 268435456),
  CHECK (cardinality(partial_paths) = cardinality(partial_tiles) AND cardinality(partial_paths) <= 64)
) WITH (fillfactor = 50);
INSERT INTO stele.publication VALUES (true, 0, '', '{}', '{}', 0, '');
)";

Error corrupt(std::string_view table) {
  return {Code::kCorrupt,
          "PostgreSQL: stele." + std::string(table) + ": holds what was never written", 0};
}

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

Result<merkle::Frontier> frontier_of(const Rows& rows) {
  if (rows.count() != 1) return fail(corrupt("head"));
  RowReader row = rows.row(0);
  const ByteSpan bytes = row.bytes();
  if (!row.done()) return fail(corrupt("head"));
  return merkle::Frontier::parse(bytes);
}

constexpr std::string_view kTailColumns = "stream, owner, next_sequence, closed, last_hash";
Result<std::pair<StreamId, segment::Tail>> tail_of(RowReader row) {
  std::pair<StreamId, segment::Tail> found;
  auto& [stream, tail] = found;
  stream = row.array<16>();
  tail.owner = row.array<8>();
  const int64_t next = row.integer();
  tail.next_sequence = static_cast<uint32_t>(next);
  tail.closed = row.boolean();
  tail.last_hash = row.array<32>();
  if (!row.done() || tail.next_sequence != next) return fail(corrupt("tail"));
  return found;
}

constexpr std::string_view kVolumeColumns = "first_index, count, bytes, hash, key, version";
Result<CommittedVolume> volume_of(RowReader row) {
  CommittedVolume volume;
  volume.first_index = static_cast<uint64_t>(row.integer());
  volume.count = static_cast<uint32_t>(row.integer());
  volume.bytes = static_cast<uint64_t>(row.integer());
  volume.hash = row.array<32>();
  volume.key = row.text();
  volume.version = row.text();
  if (!row.done()) return fail(corrupt("volume"));
  return volume;
}

Result<std::map<StreamId, segment::Tail>> find_tails(Connection& connection,
                                                     std::span<const StreamId> streams) {
  std::map<StreamId, segment::Tail> found;
  if (streams.empty()) return found;
  std::vector<Value> ids;
  for (const StreamId& stream : streams) ids.push_back(Value::uuid(stream));
  TRY(const Rows rows, connection.run(Statement{"SELECT " + std::string(kTailColumns) +
                                                    " FROM stele.tail WHERE stream = ANY ($1)",
                                                {Value::array(Value::uuid({}), ids)}}));
  for (size_t i = 0; i < rows.count(); ++i) {
    TRY(auto each, tail_of(rows.row(i)));
    found.insert(std::move(each));
  }
  return found;
}

// The one row of a commit's answer: how many tails moved, and heads.
Statement commit_statement(const Commit& commit) {
  const CommittedVolume& volume = commit.volume;
  std::vector<Value> streams, owners, nexts, closed, hashes;
  for (const auto& [stream, tail] : commit.tails) {
    streams.push_back(Value::uuid(stream));
    owners.push_back(Value::bytes(tail.owner));
    nexts.push_back(Value::of(int64_t{tail.next_sequence}));
    closed.push_back(Value::of(tail.closed));
    hashes.push_back(Value::bytes(tail.last_hash));
  }
  const Value bytes = Value::bytes({}), number_ = Value::of(int64_t{0});
  return {
      "WITH added AS (INSERT INTO stele.volume (first_index, count, bytes, hash, key, version) "
      "VALUES ($1, $2::integer, $3, $4, $5, $6)), "
      "moved AS (INSERT INTO stele.tail AS tail (stream, owner, next_sequence, closed, last_hash) "
      "SELECT * FROM unnest($7, $8, $9, $10, $11) ON CONFLICT (stream) DO UPDATE "
      "SET owner = excluded.owner, next_sequence = excluded.next_sequence, "
      "closed = excluded.closed, last_hash = excluded.last_hash "
      "WHERE tail.next_sequence < excluded.next_sequence RETURNING 1), "
      "advanced AS (UPDATE stele.head SET size = $12, frontier = $13 WHERE size = $1 RETURNING 1) "
      "SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM advanced)",
      {Value::of(number(volume.first_index)), Value::of(int64_t{volume.count}),
       Value::of(number(volume.bytes)), Value::bytes(volume.hash), Value::text(volume.key),
       Value::text(volume.version), Value::array(Value::uuid({}), streams),
       Value::array(bytes, owners), Value::array(number_, nexts),
       Value::array(Value::of(false), closed), Value::array(bytes, hashes),
       Value::of(number(commit.next.size())), Value::bytes(commit.next.encode())}};
}

// Whether the schema is there, this log's, and kept by a crash.
Status check_schema(Connection& connection, const std::string& origin) {
  TRY(const Rows rows, connection.run(Statement{"SELECT schema_version, origin FROM stele.head"}));
  if (rows.count() != 1) return fail(corrupt("head"));
  RowReader row = rows.row(0);
  const int64_t version = row.integer();
  const std::string theirs = row.text();
  if (!row.done()) return fail(corrupt("head"));
  if (version != kVersion) {
    return fail(Code::kUnsupported, "PostgreSQL: schema stele is of version " +
                                        std::to_string(version) + "; this program knows version " +
                                        std::to_string(kVersion));
  }
  if (theirs != origin) {
    return fail(Code::kConflict, "PostgreSQL: schema stele is that of the log " + theirs +
                                     ", not of " + origin +
                                     ". Each log needs a database of its own");
  }
  TRY(const Rows kept,
      connection.run(Statement{
          "SELECT count(*) FROM pg_class WHERE relnamespace = 'stele'::regnamespace AND relkind = "
          "'r' "
          "AND relpersistence = 'p' AND relname IN ('head', 'volume', 'tail', 'publication')"}));
  if (kept.row(0).integer() != 4) {
    return fail(
        Code::kIo,
        "PostgreSQL: tables of schema stele are missing, or UNLOGGED: a crash would empty them. "
        "ALTER TABLE … SET LOGGED");
  }
  return {};
}

Result<bool> has_schema(Connection& connection) {
  TRY(const Rows rows,
      connection.run(
          Statement{"SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'head' AND relnamespace = "
                    "(SELECT oid FROM pg_namespace WHERE nspname = 'stele'))"}));
  return rows.row(0).boolean();
}

Status create_if_absent(Connection& connection, const std::string& origin) {
  TRY(const bool before, has_schema(connection));
  if (before) return {};
  const std::vector<Statement> begin = {{"BEGIN"}, {"SELECT pg_advisory_xact_lock(495874042981)"}};
  TRY_VOID(connection.run(begin));
  TRY(const bool meanwhile, has_schema(connection));
  if (meanwhile) return connection.commit();
  const Status made = connection.run_script(std::string(kSchema));
  if (!made) {
    return fail(
        Error(made.error())
            .within(
                "there is no schema stele, and it can not be made (docs/formats/commit-store.md)"));
  }
  TRY_VOID(connection.run(Statement{
      "INSERT INTO stele.head (schema_version, origin, size, frontier) VALUES ($1::integer, $2, 0, "
      "$3)",
      {Value::of(kVersion), Value::text(origin), Value::bytes(merkle::Frontier().encode())}}));
  return connection.commit();
}

}  // namespace

class PostgresCommitStore::PostgresTurn final : public Turn {
 public:
  PostgresTurn(db::Postgres::Lease connection, merkle::Frontier head)
      : connection_(std::move(connection)), head_(std::move(head)) {}

  const merkle::Frontier& head() const override { return head_; }

  Result<std::map<StreamId, segment::Tail>> tails(std::span<const StreamId> streams) override {
    if (!connection_) return fail(over().error());
    auto found = find_tails(**connection_, streams);
    if (!found) connection_.reset();
    return found;
  }

  Status commit(const Commit& commit) override {
    if (!connection_) return over();
    const Status done = try_commit(commit);
    connection_.reset();
    return done;
  }

 private:
  static Status over() { return fail(Code::kConflict, "PostgreSQL: the turn was over"); }

  Status try_commit(const Commit& commit) {
    TRY_VOID(check(head_, commit));
    TRY_VOID(check_moves({}, commit.tails));
    TRY(const Rows rows, (*connection_)->run(commit_statement(commit)));
    RowReader row = rows.row(0);
    const int64_t moved = row.integer(), advanced = row.integer();
    if (!row.done() || advanced != 1) return fail(corrupt("head"));
    if (moved != number(commit.tails.size()))
      return fail(Code::kInvalid, "commit: a stream would not move on");
    return (*connection_)->commit();
  }

  std::optional<db::Postgres::Lease> connection_;  // nullopt: over
  const merkle::Frontier head_;
};

std::string_view PostgresCommitStore::schema() { return kSchema; }

PostgresCommitStore::PostgresCommitStore(db::PostgresOptions options)
    : postgres_(std::move(options), {.idle_in_transaction = kTurnIdleMax}, kConnectionsMax) {}

Result<std::unique_ptr<PostgresCommitStore>> PostgresCommitStore::open(db::PostgresOptions options,
                                                                       const std::string& origin) {
  std::unique_ptr<PostgresCommitStore> store(new PostgresCommitStore(std::move(options)));
  const Status ready = store->postgres_.with_connection([&](Connection& connection) -> Status {
    TRY_VOID(create_if_absent(connection, origin));
    return check_schema(connection, origin);
  });
  if (!ready) return fail(ready.error());
  return store;
}

Result<std::unique_ptr<CommitStore::Turn>> PostgresCommitStore::take_turn() {
  const std::vector<Statement> begin = {{"BEGIN"},
                                        {"LOCK TABLE stele.turn IN EXCLUSIVE MODE"},
                                        {"SELECT frontier FROM stele.head FOR UPDATE"}};
  using Taken = std::unique_ptr<Turn>;
  return postgres_.with_connection([&](db::Postgres::Lease& connection) -> Result<Taken> {
    TRY(const std::vector<Rows> rows, connection->run(begin));
    TRY(merkle::Frontier head, frontier_of(rows[2]));
    return std::make_unique<PostgresTurn>(std::move(connection), std::move(head));
  });
}

Result<merkle::Frontier> PostgresCommitStore::head() {
  return postgres_.with_connection([&](Connection& connection) -> Result<merkle::Frontier> {
    TRY(const Rows rows, connection.run(Statement{"SELECT frontier FROM stele.head"}));
    return frontier_of(rows);
  });
}

Result<std::optional<segment::Tail>> PostgresCommitStore::tail(const StreamId& stream) {
  using Found = std::optional<segment::Tail>;
  return postgres_.with_connection([&](Connection& connection) -> Result<Found> {
    TRY(const auto found, find_tails(connection, std::span(&stream, 1)));
    return found.empty() ? Found() : Found(found.begin()->second);
  });
}

Result<std::optional<CommittedVolume>> PostgresCommitStore::volume_with(uint64_t index) {
  using Found = std::optional<CommittedVolume>;
  if (index >= kCommittedLeavesMax) return Found();
  return postgres_.with_connection([&](Connection& connection) -> Result<Found> {
    TRY(const Rows rows, connection.run(Statement{"SELECT " + std::string(kVolumeColumns) +
                                                      " FROM stele.volume WHERE first_index <= $1 "
                                                      "ORDER BY first_index DESC LIMIT 1",
                                                  {Value::of(number(index))}}));
    if (rows.count() == 0) return Found();
    TRY(CommittedVolume volume, volume_of(rows.row(0)));
    return index - volume.first_index < volume.count ? Found(std::move(volume)) : Found();
  });
}

Result<std::vector<CommittedVolume>> PostgresCommitStore::volumes_from(uint64_t index,
                                                                       size_t count_max) {
  using Found = std::vector<CommittedVolume>;
  if (index >= kCommittedLeavesMax) return Found();
  return postgres_.with_connection([&](Connection& connection) -> Result<Found> {
    TRY(const Rows rows,
        connection.run(Statement{
            "SELECT " + std::string(kVolumeColumns) +
                " FROM stele.volume WHERE first_index >= $1 ORDER BY first_index LIMIT $2",
            {Value::of(number(index)),
             Value::of(number(std::min(count_max, size_t{INT64_MAX})))}}));
    Found found;
    for (size_t i = 0; i < rows.count(); ++i) {
      TRY(CommittedVolume volume, volume_of(rows.row(i)));
      found.push_back(std::move(volume));
    }
    return found;
  });
}

Result<Publication> PostgresCommitStore::publication() {
  return postgres_.with_connection([&](Connection& connection) -> Result<Publication> {
    TRY(const Rows rows,
        connection.run(Statement{"SELECT size, checkpoint, partial_paths, partial_tiles "
                                 "FROM stele.publication"}));
    if (rows.count() != 1) return fail(corrupt("publication"));
    RowReader row = rows.row(0);
    Publication found;
    found.size = static_cast<uint64_t>(row.integer());
    found.checkpoint = as_text(row.bytes());
    const std::vector<std::string> paths = row.texts();
    std::vector<Bytes> tiles = row.byte_runs();
    if (!row.done() || paths.size() != tiles.size()) return fail(corrupt("publication"));
    for (size_t i = 0; i < paths.size(); ++i) found.partial.emplace(paths[i], std::move(tiles[i]));
    return found;
  });
}

Result<KeptKeys> PostgresCommitStore::kept_keys() {
  return postgres_.with_connection([&](Connection& connection) -> Result<KeptKeys> {
    TRY(const Rows rows,
        connection.run(Statement{"SELECT keys_size, keys FROM stele.publication"}));
    if (rows.count() != 1) return fail(corrupt("publication"));
    RowReader row = rows.row(0);
    KeptKeys found;
    found.size = static_cast<uint64_t>(row.integer());
    const ByteSpan keys = row.bytes();
    found.bytes.assign(keys.begin(), keys.end());
    if (!row.done()) return fail(corrupt("publication"));
    return found;
  });
}

Status PostgresCommitStore::publish(uint64_t before, const Publication& next) {
  TRY_VOID(check(next));
  std::vector<Value> paths, tiles;
  for (const auto& [path, tile] : next.partial) {
    paths.push_back(Value::text(path));
    tiles.push_back(Value::bytes(tile));
  }
  if (before > next.size)
    return fail(Code::kConflict, "publish: would go back from " + std::to_string(before) +
                                     " leaves to " + std::to_string(next.size));
  Statement update{
      "UPDATE stele.publication SET size = $2, checkpoint = $3, partial_paths = $4, "
      "partial_tiles = $5",
      {Value::of(number(before)), Value::of(number(next.size)),
       Value::bytes(as_bytes(next.checkpoint)), Value::array(Value::text({}), paths),
       Value::array(Value::bytes({}), tiles)}};
  if (next.keys) {
    update.sql += ", keys_size = $6, keys = $7";
    update.values.push_back(Value::of(number(next.keys->size)));
    update.values.push_back(Value::bytes(next.keys->bytes));
  }
  update.sql += " WHERE size = $1 AND $2 <= (SELECT size FROM stele.head) RETURNING size";
  const std::vector<Statement> statements = {{"BEGIN"}, std::move(update)};
  return postgres_.with_connection([&](Connection& connection) -> Status {
    TRY(const std::vector<Rows> rows, connection.run(statements));
    if (rows[1].count() != 1) {
      return fail(Code::kConflict, "publish: there is none of " + std::to_string(before) +
                                       " leaves any more, or the head is not at " +
                                       std::to_string(next.size) + " yet");
    }
    return connection.commit();
  });
}

}  // namespace stele::ledger
