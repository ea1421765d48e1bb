// Follows a protocol that copies files through the pipes of a session without a terminal, and says
// what stands in the record for what passes (docs/decisions/0015-without-a-terminal.md).
//
// What is said at either end is hostile until it is proven to be the protocol. At the first byte
// that is not, the place is lost: from there on all is kept as it is, for good.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/event.h"
#include "transfer/pieces.h"

namespace stele::transfer {

/// One session's. Memory: one packet that is no content, and what is under way, all of it bounded.
class Follower {
 public:
  virtual ~Follower() = default;

  /// What stands for these bytes, which went through `pipe`: each of them is in a Piped, or is
  /// counted and hashed in an Elided, in their order. Transfers among them are those that ended.
  std::vector<event::Body> take(event::Piped::Pipe pipe, ByteSpan bytes);
  /// The place is lost: what was under way, for this reason. take() keeps all from then on.
  std::vector<event::Body> lose(const std::string& why);
  /// The session is over: what was under way.
  std::vector<event::Body> finish();
  /// The files of all that was said of; nullopt: the place is lost, and nobody knows.
  std::optional<event::Copies> copied() const;

 protected:
  explicit Follower(std::string protocol) : protocol_(std::move(protocol)) {}
  Pieces pieces_;

 private:
  /// Takes what can be taken at once off the front of bytes of the command's input or output, into
  /// pieces_. kCorrupt, kLimit: it is not the protocol; what was taken is in pieces_ all the same.
  virtual Status follow(event::Piped::Pipe pipe, ByteSpan& bytes) = 0;
  /// What is said of all that is under way, which is over then.
  virtual std::vector<event::Transfer> take_all(const std::string& why) = 0;

  void count(const std::vector<event::Body>& said);

  const std::string protocol_;
  bool is_lost_ = false;
  event::Copies copied_;
};

/// SFTP, version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH's sftp-server speaks it: requests in
/// piped-input, answers in piped-output.
std::unique_ptr<Follower> follow_sftp();

/// The protocol of scp before it used SFTP. `to_host`: the host runs `scp -t`; else `scp -f`.
std::unique_ptr<Follower> follow_scp(bool to_host);

}  // namespace stele::transfer
