#include "db/postgres.h"

namespace stele::db {

Postgres::Postgres(PostgresOptions options, SessionLimits limits, size_t connections_max)
    : options_(std::move(options)), limits_(limits), connections_max_(connections_max) {}

Postgres::~Postgres() = default;

Postgres::Lease::Lease(Lease&& from) noexcept
    : from_(from.from_), connection_(std::move(from.connection_)), is_new_(from.is_new_) {}

Postgres::Lease::~Lease() {
  if (connection_) from_->give_back(std::move(connection_));
}

Result<Postgres::Lease> Postgres::take() {
  {
    std::unique_lock lock(mutex_);
    const auto one_is_free = [this] { return !idle_.empty() || connections_ < connections_max_; };
    if (!given_back_.wait_for(lock, limits_.answer, one_is_free)) {
      return fail(Code::kBusy, "PostgreSQL: all " + std::to_string(connections_max_) +
                                   " connections are in use");
    }
    if (!idle_.empty()) {
      Lease lease(*this, std::move(idle_.back()), false);
      idle_.pop_back();
      return lease;
    }
    ++connections_;
  }
  auto made = Connection::open(options_, limits_);
  if (made) return Lease(*this, *std::move(made), true);
  give_back(nullptr);
  return fail(std::move(made).error());
}

void Postgres::drop_idle() {
  const std::lock_guard lock(mutex_);
  connections_ -= idle_.size();
  idle_.clear();
  given_back_.notify_all();
}

void Postgres::give_back(std::unique_ptr<Connection> connection) {
  if (connection) connection->roll_back();
  const std::lock_guard lock(mutex_);
  if (connection && !connection->is_lost()) {
    idle_.push_back(std::move(connection));
  } else {
    --connections_;
  }
  given_back_.notify_one();
}

}  // namespace stele::db
