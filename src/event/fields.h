// The entries of the maps of `start` and `end` (docs/formats/event.md), listed once for reading and
// writing.
//
// A visitor is called for each entry in the order of the encoded keys: shorter ones first, then by
// their bytes.
#pragma once

#include "event/event.h"

namespace stele::event {

template <typename StartOrConst, typename Visitor>
void visit_start(StartOrConst& start, Visitor& visitor) {
  visitor.bytes("cwd", start.cwd);
  visitor.id("gid", start.gid);
  visitor.optional("ses", start.audit_session);
  visitor.bytes("tty", start.tty);
  visitor.id("uid", start.uid);
  visitor.arguments("argv", start.argv);
  visitor.optional("auid", start.login_uid);
  visitor.text("boot", start.boot_id);
  visitor.id("euid", start.euid);
  visitor.bytes("host", start.host);
  visitor.size("size", start.size);
  visitor.bytes("term", start.terminal);
  visitor.bytes("user", start.user);
  visitor.bytes("login", start.login_user);
  visitor.bytes("title", start.title);
  visitor.groups("groups", start.groups);
  visitor.text("kernel", start.kernel);
  visitor.text("parent", start.parent_session);
  visitor.policy("policy", start.input_policy);
  visitor.text("machine", start.machine_id);
  visitor.text("recorder", start.recorder);
}

template <typename EndOrConst, typename Visitor>
void visit_end(EndOrConst& end, Visitor& visitor) {
  visitor.count("in", end.input_bytes);
  visitor.count("out", end.output_bytes);
  visitor.count("rss", end.rss_bytes_max);
  visitor.text("why", end.why);
  visitor.flag("core", end.core_dumped);
  visitor.optional("exit", end.exit_status);
  visitor.time("stime", end.system_time);
  visitor.time("utime", end.user_time);
  visitor.optional("signal", end.signal);
}

}  // namespace stele::event
