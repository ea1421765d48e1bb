// SFTP, packet by packet. follower.h has the contract.
#pragma once

#include <array>

#include "transfer/follower.h"
#include "transfer/sftp_state.h"

namespace stele::transfer {

class SftpFollower : public Follower {
 public:
  SftpFollower() : Follower("sftp") {}

 private:
  /// One direction: a packet's front is collected until it can be read; content passes by.
  struct Way {
    Bytes packet;
    size_t wanted = 4;
    uint32_t content_left = 0;
    bool elides = false;
    std::string handle;  // whose content it is
    uint64_t offset = 0;
  };

  Status follow(event::Piped::Pipe pipe, ByteSpan& bytes) override;
  std::vector<event::Transfer> take_all(const std::string& why) override;
  Status grow(Way& way, bool is_request);
  Status measure_content(Way& way, bool is_request);
  Status begin_write(Way& way, uint32_t length);
  Status begin_data(Way& way, uint32_t length);
  void pass_content(Way& way, bool is_request, ByteSpan bytes);
  Status request(ByteSpan packet);
  Status named_request(Sftp type, ByteReader& in, SftpRequest& request);
  Status handle_request(Sftp type, ByteReader& in, SftpRequest& request);
  Status extended_request(ByteReader& in, SftpRequest& request);
  Status answer(ByteSpan packet);
  Status opened(ByteReader& in, const SftpRequest& request);
  void status(const SftpRequest& request, uint32_t code);
  void closed(const SftpRequest& request, uint32_t code);
  void attributes_set(const SftpRequest& request, uint32_t code);

  Way requests_, answers_;
  SftpState state_;
  bool has_begun_ = false, is_answered_ = false;
};

}  // namespace stele::transfer
