// PostgreSQL, by libpq: one connection, and a few of them for many threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace stele::db {

/// How to reach a database, in the words of libpq ("host", "port", "sslmode", "passfile" …).
class PostgresOptions {
 public:
  /// Lines of `keyword = value`; empty ones and those that begin with # count for nothing. Errors
  /// name file, line and keyword, and never a value: it may be a password.
  static Result<PostgresOptions> parse(std::string_view text, const std::string& file_name);
  /// kPermission: others may read or change it.
  static Result<PostgresOptions> load(const std::string& path);

  /// libpq's own words override what is set for it here: times after which a silent peer is given
  /// up.
  std::map<std::string, std::string> keywords;
};

/// What PostgreSQL is told for each session.
struct SessionLimits {
  std::chrono::milliseconds statement{15'000};
  std::chrono::milliseconds lock{10'000};
  std::chrono::milliseconds idle_in_transaction{60'000};
  /// After which an answer is not waited for any more, whatever PostgreSQL does about it.
  std::chrono::milliseconds answer{20'000};
};

/// A value that goes beside a statement, for $1, $2, …
struct Value {
  static Value of(int64_t number);
  static Value of(bool yes);
  static Value text(std::string_view text);
  static Value bytes(ByteSpan bytes);
  static Value uuid(const std::array<uint8_t, 16>& id);
  /// All of one type, which an empty one has none of: that of `like`.
  static Value array(const Value& like, std::span<const Value> elements);

  uint32_t type;  // as pg_type names it
  Bytes binary;
};

struct Statement {
  std::string sql;
  std::vector<Value> values = {};
};

/// A row's columns from left to right, as ByteReader reads bytes: after a NULL, or another type,
/// ok() is false for good.
class RowReader {
 public:
  RowReader(const pg_result* rows, int row) : rows_(rows), row_(row) {}

  int64_t integer();  // bigint, integer
  bool boolean();
  std::string text();
  ByteSpan bytes();  // bytea, uuid; as long as the Rows
  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out{};
    const ByteSpan found = bytes();
    if (found.size() != N) return ok_ = false, out;
    std::memcpy(out.data(), found.data(), N);
    return out;
  }
  std::vector<std::string> texts();  // text[]
  std::vector<Bytes> byte_runs();    // bytea[]

  bool done() const;
  bool ok() const { return ok_; }

 private:
  ByteSpan column(std::initializer_list<uint32_t> types);
  std::vector<ByteSpan> elements(uint32_t array_type);

  const pg_result* rows_;
  int row_;
  int column_ = 0;
  bool ok_ = true;
};

/// What a statement gave.
class Rows {
 public:
  explicit Rows(pg_result* rows);

  size_t count() const;
  const pg_result* get() const { return rows_.get(); }
  RowReader row(size_t index) const { return {rows_.get(), static_cast<int>(index)}; }

 private:
  struct Clear {
    void operator()(pg_result* rows) const;
  };
  std::unique_ptr<pg_result, Clear> rows_;
};

/// One thread. Errors: kBusy (nobody answers, or what is needed is locked: nothing of what was
/// asked now will come to be), kConflict (PostgreSQL had ended the session), kCorrupt (against a
/// constraint), kIo (PostgreSQL refuses for another reason). They say where and why.
class Connection {
 public:
  /// kIo: it does not keep what is committed; what would have to be changed.
  static Result<std::unique_ptr<Connection>> open(const PostgresOptions& options,
                                                  const SessionLimits& limits);
  ~Connection();

  Result<Rows> run(const Statement& statement);
  /// All of them at once, in one round trip; after one that fails none is done.
  Result<std::vector<Rows>> run(std::span<const Statement> statements);
  /// Several statements without values, separated by semicolons.
  Status run_script(const std::string& sql);
  /// What run() has done since BEGIN is there, and stays. kOutcomeUnknown: it may be.
  Status commit();
  /// The end of a transaction that is open, if there is one.
  void roll_back();

  /// Nothing will come of it any more.
  bool is_lost() const { return lost_ || ended_; }

 private:
  Connection(pg_conn* connection, const SessionLimits& limits);

  Status set_up();
  Status check_settings(std::string& synchronous_commit);
  Status check_alive() const;
  Status send(std::span<const Statement> statements);
  /// Waits for it; none: nothing more comes of this statement.
  Result<std::optional<Rows>> next_result();
  Error lose(std::string_view why);
  Error error_of(const pg_result* result) const;
  Error refused(const pg_result* result);

  pg_conn* const connection_;
  const SessionLimits limits_;
  std::string where_;
  std::chrono::steady_clock::time_point deadline_;
  bool lost_ = false;
  std::string warning_;         // the last one
  std::optional<Error> ended_;  // PostgreSQL said so while nothing was asked
};

/// Connections to one database, made when they are needed. Any thread; must outlive its leases.
class Postgres {
 public:
  Postgres(PostgresOptions options, SessionLimits limits, size_t connections_max);
  ~Postgres();

  /// A connection for one thread, until it is destroyed.
  class Lease {
   public:
    Lease(Postgres& from, std::unique_ptr<Connection> connection, bool is_new)
        : from_(&from), connection_(std::move(connection)), is_new_(is_new) {}
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection* operator->() const { return connection_.get(); }
    Connection& operator*() const { return *connection_; }
    bool is_new() const { return is_new_; }

   private:
    Postgres* from_;
    std::unique_ptr<Connection> connection_;
    bool is_new_;
  };
  /// kBusy: nobody answers, or all were in use for as long as an answer is waited for.
  Result<Lease> take();

  /// `work` on a Connection&, or a Lease& that it may keep. Once more, on a new one, where an old
  /// one turns out to be lost and the outcome is known: nothing was done.
  template <typename Work>
  auto with_connection(Work&& work) {
    constexpr bool kTakesLease = std::is_invocable_v<Work, Lease&>;
    using Given = std::conditional_t<kTakesLease, Lease, Connection>;
    using Done = std::invoke_result_t<Work, Given&>;
    for (bool again = false;; again = true) {
      auto lease = take();
      if (!lease) return Done(fail(std::move(lease).error()));
      Done done = [&] {
        if constexpr (kTakesLease)
          return work(*lease);
        else
          return work(**lease);
      }();
      if (done || !(*lease)->is_lost()) return done;
      drop_idle();
      const Code code = done.error().code;
      if (code == Code::kConflict) done.error().code = Code::kBusy;  // the session's end, no more
      if (again || lease->is_new() || code == Code::kOutcomeUnknown) return done;
    }
  }
  /// Those that nobody uses now are as old as the one that was lost.
  void drop_idle();

 private:
  void give_back(std::unique_ptr<Connection> connection);

  const PostgresOptions options_;
  const SessionLimits limits_;
  const size_t connections_max_;
  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Connection>> idle_;
  size_t connections_ = 0;
};

}  // namespace stele::db
