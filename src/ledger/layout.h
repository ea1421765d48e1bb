// Where things lie in a ledger directory (docs/formats/ledger.md).
#pragma once

#include <string>

#include "base/uuid.h"

namespace stele::ledger {

struct Layout {
  std::string directory;

  std::string log_vkey() const { return directory + "/log.vkey"; }
  std::string host_vkey() const { return directory + "/host.vkey"; }
  std::string policy_vkey() const { return directory + "/policy.vkey"; }
  std::string recipients() const { return directory + "/recipients"; }
  /// In a server's directory whose vault is an object store: which one.
  std::string shared() const { return directory + "/shared"; }
  std::string policy() const { return directory + "/policy"; }
  std::string kept_policies() const { return directory + "/policy.d"; }
  std::string predecessor() const { return directory + "/predecessor"; }
  std::string kept_recipients() const { return directory + "/recipients.d"; }
  std::string auditor_identity() const { return directory + "/auditor.age"; }
  std::string log_key() const { return directory + "/keys/log.key"; }
  std::string host_key() const { return directory + "/keys/host.key"; }
  std::string policy_key() const { return directory + "/keys/policy.key"; }
  std::string keys() const { return directory + "/keys"; }
  std::string vault() const { return directory + "/vault"; }
  std::string state() const { return directory + "/state"; }
  std::string head() const { return state() + "/head"; }
  std::string tails(uint64_t size) const { return state() + "/tails-" + std::to_string(size); }
  std::string append_lock() const { return state() + "/append.lock"; }
  std::string sync_lock() const { return state() + "/sync.lock"; }
  std::string publish_lock() const { return state() + "/publish.lock"; }
  std::string words() const { return state() + "/words"; }
  std::string live() const { return state() + "/live"; }
  std::string live(const StreamId& id) const { return live() + "/" + to_string(id); }
};

}  // namespace stele::ledger
