// For tests only: the database that the environment names.
#pragma once

#include <cstdlib>
#include <optional>

#include "db/postgres.h"

namespace stele::db {

inline constexpr char kNoDatabase[] =
    "STELE_TEST_POSTGRES names no file of options for PostgreSQL (tools/interop postgres)";

/// What its schema `stele` holds is lost.
inline std::optional<PostgresOptions> test_database() {
  const char* const path = std::getenv("STELE_TEST_POSTGRES");
  if (path == nullptr) return std::nullopt;
  return PostgresOptions::load(path).value();
}

}  // namespace stele::db
