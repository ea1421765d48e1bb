// Renewal: a host's next certificate, when half of this one's life is over
// (docs/formats/enrolment.md, "POST /v1/certificates").
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "os/file_system.h"
#include "segment/sealer.h"

namespace stele::agent {

/// One thread at a time. What it is given must outlive it.
class Renewal {
 public:
  /// After a failure it waits so long before it asks again.
  static constexpr Micros kRetryAfter = std::chrono::minutes(1);

  /// POST /v1/certificates: the answer's body.
  using Post = std::function<Result<Bytes>(ByteSpan request)>;

  /// `directory`: what `stele enroll` keeps; `host`: the name it was told; `keys`: the newest
  /// signing key, which is the proof where the certificate has run out.
  Renewal(os::FileSystem& files, std::string directory, std::string host, segment::HoldKey keys,
          Post post, Clock& clock)
      : files_(files),
        directory_(std::move(directory)),
        host_(std::move(host)),
        keys_(std::move(keys)),
        post_(std::move(post)),
        clock_(clock) {}

  /// To be called every few seconds. True: there is a new certificate, durably. kUnauthentic: the
  /// answer is none for this host's key; nothing changed.
  Result<bool> step();

 private:
  Result<bool> renew();

  os::FileSystem& files_;
  const std::string directory_, host_;
  const segment::HoldKey keys_;
  const Post post_;
  Clock& clock_;
  BootTime due_{};  // not before
};

}  // namespace stele::agent
