// The CommitStore that servers share, in PostgreSQL (docs/formats/commit-store.md).
#pragma once

#include "db/postgres.h"
#include "ledger/commit_store.h"

namespace stele::ledger {

/// Each call is one or a few round trips. It must outlive its turns.
class PostgresCommitStore final : public CommitStore {
 public:
  /// Makes the schema where there is none. kConflict: it is another log's; kUnsupported: of
  /// another version; kIo: the database does not keep what is committed, or the role may not do
  /// what is needed.
  static Result<std::unique_ptr<PostgresCommitStore>> open(db::PostgresOptions options,
                                                           const std::string& origin);

  Result<std::unique_ptr<Turn>> take_turn() override;
  Result<merkle::Frontier> head() override;
  Result<std::optional<segment::Tail>> tail(const StreamId& stream) override;
  Result<std::optional<CommittedVolume>> volume_with(uint64_t index) override;
  Result<std::vector<CommittedVolume>> volumes_from(uint64_t index, size_t count_max) override;
  Result<Publication> publication() override;
  Result<KeptKeys> kept_keys() override;
  Status publish(uint64_t before, const Publication& next) override;

  /// What makes the schema, but for the row of `head`.
  static std::string_view schema();

 private:
  class PostgresTurn;

  explicit PostgresCommitStore(db::PostgresOptions options);

  db::Postgres postgres_;
};

}  // namespace stele::ledger
