// The protocol of scp before it used SFTP: records of one line, each answered by one byte, or by
// one and a line; content follows a C record that was answered well. follower.h has the contract.
#pragma once

#include <optional>

#include "transfer/content.h"
#include "transfer/follower.h"

namespace stele::transfer {

class ScpFollower : public Follower {
 public:
  explicit ScpFollower(bool to_host) : Follower("scp"), to_host_(to_host) {}

 private:
  /// Whose turn it is, and for what: the two ends never speak at once.
  enum class Turn {
    kFirstAnswer,  // the receiver's, which begins
    kRecord,       // the sender's
    kAnswer,       // the receiver's, to a record
    kContent,      // the sender's
    kContentEnd,   // the sender's, whether what it sent is the file
    kResult,       // the receiver's, whether it has it
    kOver
  };

  Status follow(event::Piped::Pipe pipe, ByteSpan& bytes) override;
  std::vector<event::Transfer> take_all(const std::string& why) override;
  Status pass_content(ByteSpan& bytes);
  Status line(bool is_sender, ByteSpan& bytes);
  Status record(std::string_view line);
  Status file_record(std::string_view line);
  Status answer(uint8_t code);
  Status answer_record();
  void tell(const std::string& why);

  const bool to_host_;
  Turn turn_ = Turn::kFirstAnswer;
  std::string line_;
  std::vector<std::string> folders_;
  std::string folder_;                   // of the record that is to be answered, if it is D
  bool leaves_ = false;                  // it is E
  std::optional<event::Transfer> file_;  // from its record on
  uint64_t size_ = 0;                    // that its record names
  Content content_;
};

}  // namespace stele::transfer
