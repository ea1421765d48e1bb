// HostKeys: the key a host signs with, and the next one. Who seals holds the key until the segment
// is in the spool; who rotates waits for all of them (docs/formats/host-stream.md, "On the host").
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "agent/host_state.h"
#include "os/file_system.h"
#include "segment/sealer.h"

namespace stele::agent {

/// Any thread, but one rotation at a time. Outlives every sealer.
class HostKeys {
 public:
  HostKeys(os::FileSystem& files, std::string directory, ledger::PrivateKey key, uint32_t epoch);

  /// What sealers sign with. Waits while a key is changed.
  std::shared_ptr<const segment::HostSigner> hold();

  const std::string& name() const { return name_; }

  /// While it lives nobody holds the key: all that was signed is where it is kept.
  class Standstill {
   public:
    explicit Standstill(HostKeys& keys);
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;
    ~Standstill();

    /// The key whose time is about to end; only while this lives.
    const segment::HostSigner& now() const { return keys_.current_->signer; }
    /// Makes the next key durable, beside the one in force. Not before that one is durable in its
    /// own place: an error then.
    Status prepare(const NextKey& next);
    /// The next key's signer, for the rotation alone.
    static segment::HostSigner signer_of(const NextKey& next);
    /// The rotation is durable: from now on the next key signs, and the one before is erased.
    Status adopt(NextKey next);

   private:
    HostKeys& keys_;
  };

  /// A next key that was prepared and not adopted; nullopt: none.
  static Result<std::optional<NextKey>> interrupted(os::FileSystem& files,
                                                    const std::string& directory);
  /// Brings to its end what interrupted() gave: after this its key is that of host.key.
  static Status finish(os::FileSystem& files, const std::string& directory, const NextKey& next);
  static Status give_up(os::FileSystem& files, const std::string& directory);

 private:
  struct Current {
    Current(crypto::SigningKey k, segment::HostKeyId id, uint32_t epoch)
        : key(std::move(k)), signer{key, id, epoch} {}
    const crypto::SigningKey key;
    const segment::HostSigner signer;
  };
  void release();

  os::FileSystem& files_;
  const std::string directory_, name_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::shared_ptr<const Current> current_;
  size_t held_ = 0;
  bool still_ = false;
  std::optional<NextKey> unfinished_;  // in force, and not yet where the disk has it
};

}  // namespace stele::agent
