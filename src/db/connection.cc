#include <libpq-fe.h>

#include <algorithm>

#include "db/postgres.h"
#include "os/pty.h"

namespace stele::db {
namespace {

constexpr int kVersionMin = 130'000;

// A peer that says nothing is given up within seconds: a server of ours waits for it.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"connect_timeout", "5"},     {"keepalives_idle", "5"},      {"keepalives_interval", "2"},
    {"keepalives_count", "3"},    {"tcp_user_timeout", "10000"}, {"client_encoding", "UTF8"},
    {"application_name", "stele"}};

std::string on_one_line(std::string_view text) {
  std::string line(text.substr(0, text.find_last_not_of(" \n\t") + 1));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string field(const pg_result* result, int code) {
  const char* const text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

bool is_end(const pg_result* result) {
  const std::string severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

// What PostgreSQL's SQLSTATE comes to.
Code code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (state == "25P03" || state == "25P04" || state == "57P01") return Code::kConflict;
  if (kind == "40" || kind == "53" || kind == "57" || kind == "08" || state == "55P03")
    return Code::kBusy;
  if (kind == "23" || state == "XX001" || state == "XX002") return Code::kCorrupt;
  return Code::kIo;
}

// Whether a COMMIT that was answered so is sure not to have been done: the transaction had failed
// or was gone before, or fails by what it is.
bool is_surely_undone(std::string_view state) {
  return state == "25P02" || state == "25P03" || state == "40001" || state == "40P01" ||
         state.starts_with("23");
}

std::string milliseconds(std::chrono::milliseconds time) { return std::to_string(time.count()); }

}  // namespace

Connection::Connection(pg_conn* connection, const SessionLimits& limits)
    : connection_(connection), limits_(limits) {
  // The end of the session comes as a notice where nothing was asked, or with an earlier answer.
  const auto note = [](void* own, const pg_result* notice) {
    auto& self = *static_cast<Connection*>(own);
    if (is_end(notice)) {
      self.ended_ = self.error_of(notice);
    } else if (field(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING") {
      self.warning_ = field(notice, PG_DIAG_MESSAGE_PRIMARY);
    }
  };
  PQsetNoticeReceiver(connection_, note, this);
}

Connection::~Connection() { PQfinish(connection_); }

Result<std::unique_ptr<Connection>> Connection::open(const PostgresOptions& options,
                                                     const SessionLimits& limits) {
  std::map<std::string, std::string> keywords = options.keywords;
  keywords.insert(std::begin(kDefaults), std::end(kDefaults));
  std::vector<const char*> names, values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* const made = PQconnectdbParams(names.data(), values.data(), 0);
  if (made == nullptr) return fail(Code::kBusy, "PostgreSQL: no memory for a connection");
  std::unique_ptr<Connection> connection(new Connection(made, limits));
  if (PQstatus(made) != CONNECTION_OK) {
    return fail(Code::kBusy, "PostgreSQL: " + on_one_line(PQerrorMessage(made)));
  }
  connection->where_ =
      std::string("PostgreSQL at ") + PQhost(made) + ":" + PQport(made) + "/" + PQdb(made);
  TRY_VOID(connection->set_up());
  return connection;
}

Status Connection::set_up() {
  std::string synchronous_commit;
  TRY_VOID(check_settings(synchronous_commit));
  return run_script(
      "SET synchronous_commit = " + synchronous_commit + "; SET statement_timeout = " +
      milliseconds(limits_.statement) + "; SET lock_timeout = " + milliseconds(limits_.lock) +
      "; SET idle_in_transaction_session_timeout = " + milliseconds(limits_.idle_in_transaction) +
      "; SET default_transaction_isolation = 'read committed'"
      "; SET default_transaction_read_only = off"
      "; SET search_path = ''");
}

Status Connection::check_settings(std::string& synchronous_commit) {
  const auto refuse = [this](const std::string& why) {
    return fail(Code::kIo, where_ + ": what is committed there may be lost: " + why);
  };
  if (const int version = PQserverVersion(connection_); version < kVersionMin) {
    return refuse("it is version " + std::to_string(version / 10'000) + "; 13 or newer is wanted");
  }
  TRY(const Rows rows, run(Statement{"SELECT pg_is_in_recovery(), current_setting('fsync'), "
                                     "current_setting('full_page_writes'), "
                                     "current_setting('synchronous_commit'), current_user::text"}));
  RowReader row = rows.row(0);
  if (row.boolean()) return refuse("it is a standby. Name the primary in `host`");
  for (const char* setting : {"fsync", "full_page_writes"}) {
    if (row.text() != "on") {
      return refuse(std::string(setting) + " is off. Set it on in postgresql.conf, and reload");
    }
  }
  synchronous_commit = row.text();
  const std::string role = row.text();
  if (!row.done()) return fail(Code::kIo, where_ + ": says nothing of its settings");
  if (synchronous_commit != "on" && synchronous_commit != "remote_apply") {
    return refuse("synchronous_commit is " + synchronous_commit + " for role " + role +
                  ". Set it on: ALTER ROLE " + role + " SET synchronous_commit = on");
  }
  return {};
}

Status Connection::check_alive() const {
  if (ended_) return fail(*ended_);
  return lost_ ? fail(Code::kBusy, where_ + ": connection lost before") : Status();
}

Error Connection::lose(std::string_view why) {
  lost_ = true;
  return {Code::kBusy, where_ + ": connection lost: " + on_one_line(why), 0};
}

Error Connection::error_of(const pg_result* result) const {
  const std::string state = field(result, PG_DIAG_SQLSTATE);
  return {code_of(state),
          where_ + ": " + on_one_line(field(result, PG_DIAG_MESSAGE_PRIMARY)) + " (" + state + ")",
          0};
}

Error Connection::refused(const pg_result* result) {
  if (field(result, PG_DIAG_SQLSTATE).empty()) return lose(PQresultErrorMessage(result));
  lost_ = lost_ || is_end(result);
  return error_of(result);
}

Status Connection::send(std::span<const Statement> statements) {
  TRY_VOID(check_alive());
  deadline_ = std::chrono::steady_clock::now() + limits_.answer;
  const bool several = statements.size() > 1;
  bool sent = !several || PQenterPipelineMode(connection_) == 1;
  for (const Statement& statement : statements) {
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> sizes;
    for (const Value& value : statement.values) {
      types.push_back(value.type);
      // An empty one is no NULL.
      values.push_back(value.binary.empty() ? ""
                                            : reinterpret_cast<const char*>(value.binary.data()));
      sizes.push_back(static_cast<int>(value.binary.size()));
    }
    const std::vector<int> formats(types.size(), 1);
    sent = sent &&
           PQsendQueryParams(connection_, statement.sql.c_str(), static_cast<int>(types.size()),
                             types.data(), values.data(), sizes.data(), formats.data(), 1) == 1;
  }
  sent = sent && (!several || PQpipelineSync(connection_) == 1);
  return sent ? Status() : fail(lose(PQerrorMessage(connection_)));
}

Result<std::optional<Rows>> Connection::next_result() {
  while (PQisBusy(connection_) == 1) {
    const auto left = deadline_ - std::chrono::steady_clock::now();
    if (left <= left.zero()) {
      return fail(lose("no answer in " + std::to_string(limits_.answer.count()) + " ms"));
    }
    os::Readiness wanted[1] = {{.fd = PQsocket(connection_), .want_read = true}};
    os::wait_until_ready(wanted, std::chrono::ceil<Micros>(left));
    if (PQconsumeInput(connection_) == 0) break;  // the result says it
  }
  pg_result* const result = PQgetResult(connection_);
  if (result == nullptr) return std::nullopt;
  return std::optional<Rows>(Rows(result));
}

Result<std::vector<Rows>> Connection::run(std::span<const Statement> statements) {
  TRY_VOID(send(statements));
  std::vector<Rows> all;
  std::optional<Error> wrong;
  for (size_t i = 0; i < statements.size(); ++i) {
    for (;;) {
      TRY(std::optional<Rows> rows, next_result());
      if (!rows) break;
      const ExecStatusType status = PQresultStatus(rows->get());
      if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        all.push_back(*std::move(rows));
      } else if (status != PGRES_PIPELINE_ABORTED && !wrong) {
        wrong = refused(rows->get());
      }
    }
    if (lost_) return fail(*std::move(wrong));
  }
  if (statements.size() > 1) {
    TRY(const std::optional<Rows> end, next_result());
    if (!end || PQresultStatus(end->get()) != PGRES_PIPELINE_SYNC ||
        PQexitPipelineMode(connection_) != 1)
      return fail(lose("the answers do not fit the questions"));
  }
  if (wrong) return fail(*std::move(wrong));
  if (all.size() != statements.size()) return fail(lose("a statement was not answered"));
  return all;
}

Result<Rows> Connection::run(const Statement& statement) {
  TRY(std::vector<Rows> all, run(std::span(&statement, 1)));
  return std::move(all.front());
}

Status Connection::run_script(const std::string& sql) {
  TRY_VOID(check_alive());
  deadline_ = std::chrono::steady_clock::now() + limits_.answer;
  if (PQsendQuery(connection_, sql.c_str()) != 1) return fail(lose(PQerrorMessage(connection_)));
  std::optional<Error> wrong;
  for (;;) {
    TRY(const std::optional<Rows> rows, next_result());
    if (!rows) break;
    if (PQresultStatus(rows->get()) == PGRES_FATAL_ERROR && !wrong) wrong = refused(rows->get());
  }
  return wrong ? fail(*std::move(wrong)) : Status();
}

Status Connection::commit() {
  TRY_VOID(check_alive());
  const auto unknown = [this](const std::string& why) {
    return fail(Code::kOutcomeUnknown, where_ + ": may be committed or not: " + why);
  };
  warning_.clear();
  const Statement statement{"COMMIT"};
  const Status sent = send(std::span(&statement, 1));
  if (!sent) return unknown(sent.error().context);
  Status outcome = unknown("nothing was answered");
  for (;;) {
    const auto rows = next_result();
    if (!rows) return unknown(rows.error().context);
    if (!*rows) break;
    const pg_result* const result = (*rows)->get();
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
      // A transaction that had failed is rolled back by COMMIT, and said to be so.
      outcome = std::string_view(PQcmdStatus(const_cast<pg_result*>(result))) == "COMMIT"
                    ? Status()
                    : fail(Code::kIo, where_ + ": rolled back");
      continue;
    }
    const std::string state = field(result, PG_DIAG_SQLSTATE);
    Error error = refused(result);
    outcome = is_surely_undone(state) ? Status(fail(std::move(error))) : unknown(error.context);
    if (lost_) return outcome;
  }
  // That there was no transaction, or that a standby was not waited for.
  if (outcome && !warning_.empty()) return unknown(warning_);
  return outcome;
}

void Connection::roll_back() {
  if (lost_ || PQtransactionStatus(connection_) == PQTRANS_IDLE) return;
  const auto done = run(Statement{"ROLLBACK"});
  if (!done || PQtransactionStatus(connection_) != PQTRANS_IDLE) lost_ = true;
}

}  // namespace stele::db
