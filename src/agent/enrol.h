// A new host makes itself known to a server (docs/formats/enrolment.md).
#pragma once

#include <string>

#include "os/file_system.h"

namespace stele::agent {

struct EnrolOptions {
  std::string server;         // https://NAME:PORT
  std::string token;          // good once
  std::string authority_pin;  // 64 hex digits
  std::string directory;      // where the host keeps its keys
  std::string config;         // the agent's configuration: made if there is none
};

struct NewHost {
  std::string name, log_key, policy_key;
};

/// Makes the keys, shows the token, checks what the server says and keeps it; last the
/// configuration, whose being there says that the host is enrolled. Whatever can be refused is
/// refused before the token is shown. kExists: the host is enrolled already; kUnauthentic: the
/// server refuses, or is not the one of the pin.
Result<NewHost> enrol(os::FileSystem& files, const EnrolOptions& options);

}  // namespace stele::agent
