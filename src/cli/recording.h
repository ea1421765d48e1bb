// Recording: a session as it is read for a player.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "cli/common.h"
#include "cli/reel.h"
#include "cli/session_reader.h"

namespace stele::cli {

/// Each part is a segment. Those used last are kept, up to some MiB; others are decrypted again.
/// The session may still grow.
class Recording : public Reel {
 public:
  /// kPermission: no identity here opens its output.
  static Result<std::unique_ptr<Recording>> open(Context& context, const std::string& session,
                                                 const std::string& identity,
                                                 const std::string& purpose);

  const event::WindowSize& size() const { return facts_.start.size; }
  /// Looks whether there is more; read_on() finds it.
  Status look_again() { return source_->look_again(id_); }
  /// All that is there and was not found before goes into parts().
  Status read_on();
  /// Nothing more will come.
  bool is_over() const;
  /// And it did not come to its end.
  bool is_cut() const { return is_over() && !stream().closed(); }

  Result<std::shared_ptr<const Moments>> read(size_t part) override;

 private:
  struct Kept {
    size_t part;
    std::shared_ptr<const Moments> moments;
    size_t bytes;
  };
  Recording() = default;
  Result<Moments> read_segment(size_t segment, Micros after, std::vector<Command>* commands);
  std::shared_ptr<const Moments> keep(size_t part, Moments moments);
  const ledger::StreamRef& stream() const { return *source_->catalog().find(id_); }

  std::unique_ptr<Source> source_;
  std::vector<crypto::Identity> identities_;
  StreamId id_{};
  SessionFacts facts_;
  std::optional<SessionReader> reader_;
  std::optional<SessionReader::Seeker> seeker_;
  size_t found_ = 0;              // segments that were looked at
  std::vector<size_t> segments_;  // of each part
  std::list<Kept> kept_;          // the one used last comes first
  size_t kept_bytes_ = 0;
};

}  // namespace stele::cli
