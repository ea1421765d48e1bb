// Where the key that signs requests comes from: said by whoever configures it, never searched for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "s3/sign.h"

namespace stele::s3 {

/// Of one thread.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// Those to sign with at `now`: temporary ones are asked for again five minutes before they end,
  /// and while nobody answers the ones before are good until then. kNotFound, kPermission,
  /// kCorrupt, kIo: there are none, and why; no secret is in it.
  virtual Result<Credentials> at(WallTime now) = 0;
  /// They were refused: the next are asked for anew.
  virtual void forget() = 0;
};

struct CredentialOptions {
  /// "environment": AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
  /// "instance": the metadata service of the machine (version 2, with a token).
  /// "web-identity": AWS_ROLE_ARN, and a token in the file AWS_WEB_IDENTITY_TOKEN_FILE, shown to
  ///   the security token service.
  /// else: an absolute path, of a file as Amazon's programs have it that nobody else may read.
  std::string from;
  std::string profile = "default";  // in that file
  std::string region;
  std::string authorities_pem;  // of the services that lend them; empty: the machine's
  std::function<std::optional<std::string>(const char* name)> variable;
  std::function<WallTime()> now;
  /// Whom to ask, in tests.
  std::string metadata_url = "http://169.254.169.254";
  std::string token_service_url;  // empty: that of the region
};

/// kInvalid: it is none of these. Nothing is read yet.
Result<std::unique_ptr<CredentialSource>> credential_source(CredentialOptions options);

/// Of a file's text, those of one profile. kNotFound, kCorrupt.
Result<Credentials> parse_credentials(std::string_view text, std::string_view profile);

}  // namespace stele::s3
