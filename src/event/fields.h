// The entries of the events that are maps (docs/formats/event.md), listed once for reading and
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
  visitor.bytes("from", start.from);
  visitor.bytes("host", start.host);
  visitor.size("size", start.size);
  visitor.bytes("term", start.terminal);
  visitor.bytes("user", start.user);
  visitor.marks("known", start.known);
  visitor.bytes("login", start.login_user);
  visitor.arguments("names", start.group_names);
  visitor.bytes("title", start.title);
  visitor.bytes("cgroup", start.cgroup);
  visitor.groups("groups", start.groups);
  visitor.text("kernel", start.kernel);
  visitor.text("parent", start.parent_session);
  visitor.policy("policy", start.input_policy);
  visitor.bytes("arrival", start.arrival);
  visitor.optional("invoker", start.invoker);
  visitor.text("machine", start.machine_id);
  visitor.arguments("methods", start.methods);
  visitor.bytes("service", start.service);
  visitor.text("ssh_key", start.ssh_key);
  visitor.text("commands", start.commands);
  visitor.text("forwards", start.forwards);
  visitor.text("recorder", start.recorder);
  visitor.text("authority", start.authority);
  visitor.text("container", start.container);
  visitor.bytes("certificate", start.certificate);
  visitor.bytes("invoker_name", start.invoker_name);
  visitor.bytes("forwarded_agent", start.forwarded_agent);
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
  visitor.copies("copied", end.copied);
  visitor.optional("signal", end.signal);
  visitor.optional("forwards", end.forwards);
}

template <typename ExecOrConst, typename Visitor>
void visit_exec(ExecOrConst& exec, Visitor& visitor) {
  visitor.flag("cut", exec.is_cut);
  visitor.bytes("cwd", exec.cwd);
  visitor.id("gid", exec.gid);
  visitor.id("pid", exec.pid);
  visitor.optional("ses", exec.audit_session);
  visitor.bytes("tty", exec.tty);
  visitor.id("uid", exec.uid);
  visitor.arguments("argv", exec.argv);
  visitor.optional("auid", exec.login_uid);
  visitor.id("egid", exec.egid);
  visitor.id("euid", exec.euid);
  visitor.bytes("file", exec.file);
  visitor.id("ppid", exec.parent);
}

template <typename ExitOrConst, typename Visitor>
void visit_exit(ExitOrConst& exit, Visitor& visitor) {
  visitor.id("pid", exit.pid);
  visitor.flag("core", exit.core_dumped);
  visitor.optional("exit", exit.exit_status);
  visitor.optional("signal", exit.signal);
}

template <typename PrivilegeOrConst, typename Visitor>
void visit_privilege(PrivilegeOrConst& privilege, Visitor& visitor) {
  visitor.credentials("to", privilege.now);
  visitor.id("pid", privilege.pid);
  visitor.credentials("from", privilege.before);
}

template <typename FindingOrConst, typename Visitor>
void visit_finding(FindingOrConst& finding, Visitor& visitor) {
  visitor.optional("seq", finding.sequence);
  visitor.text("rule", finding.rule);
  visitor.text("what", finding.what);
  visitor.array("stream", finding.stream);
}

template <typename TermsOrConst, typename Visitor>
void visit_terms(TermsOrConst& terms, Visitor& visitor) {
  visitor.array("hash", terms.policy_hash);
  visitor.text("name", terms.rule_name);
  visitor.flag("open", terms.open);
  visitor.id("rule", terms.rule);
  visitor.policy("input", terms.input_policy);
  visitor.flag("lines", terms.lines_in_facts);
  visitor.text("banner", terms.banner);
  visitor.flag("digest", terms.digests);
  visitor.text("reason", terms.reason);
  visitor.count("version", terms.version);
  visitor.unless("no-output", terms.keeps_output);
}

template <typename PersonOrConst, typename Visitor>
void visit_person(PersonOrConst& person, Visitor& visitor) {
  visitor.mark("by", person.by);
  visitor.array("hash", person.roles_hash);
  visitor.text("name", person.name);
  visitor.text("rule", person.rule);
  visitor.texts("roles", person.roles);
  visitor.flag("arrival", person.by_arrival);
  visitor.text("through", person.through);
  visitor.count("version", person.version);
}

template <typename SudoOrConst, typename Visitor>
void visit_sudo(SudoOrConst& sudo, Visitor& visitor) {
  visitor.bytes("as", sudo.as);
  visitor.bytes("by", sudo.by);
  visitor.bytes("cwd", sudo.cwd);
  visitor.bytes("tty", sudo.tty);
  visitor.bytes("why", sudo.why);
  visitor.arguments("argv", sudo.argv);
  visitor.bytes("file", sudo.file);
  visitor.bytes("host", sudo.host);
  visitor.optional("as_gid", sudo.as_gid);
  visitor.optional("as_uid", sudo.as_uid);
  visitor.optional("by_uid", sudo.by_uid);
  visitor.bytes("plugin", sudo.plugin);
  visitor.bytes("as_group", sudo.as_group);
}

template <typename TransferOrConst, typename Visitor>
void visit_transfer(TransferOrConst& transfer, Visitor& visitor) {
  visitor.bytes("to", transfer.to);
  visitor.optional("gid", transfer.gid);
  visitor.optional("uid", transfer.uid);
  visitor.text("why", transfer.why);
  visitor.array("hash", transfer.hash);
  visitor.optional("mode", transfer.mode);
  visitor.bytes("name", transfer.name);
  visitor.count("size", transfer.bytes);
  visitor.count("error", transfer.error);
  visitor.text("protocol", transfer.protocol);
}

template <typename HostStartOrConst, typename Visitor>
void visit_host_start(HostStartOrConst& start, Visitor& visitor) {
  visitor.text("boot", start.boot_id);
  visitor.bytes("host", start.host);
  visitor.text("agent", start.agent);
  visitor.text("kernel", start.kernel);
  visitor.text("machine", start.machine_id);
  visitor.count("sessions", start.sessions);
}

template <typename HostSummaryOrConst, typename Visitor>
void visit_host_summary(HostSummaryOrConst& summary, Visitor& visitor) {
  visitor.count("lost", summary.lost);
  visitor.count("open", summary.open);
  visitor.array("root", summary.checkpoint_root);
  visitor.count("seen", summary.seen);
  visitor.count("size", summary.checkpoint_size);
  visitor.offset("offset", summary.offset);
  visitor.count("covered", summary.covered);
  visitor.count("waiting", summary.waiting);
  visitor.count("excluded", summary.excluded);
  visitor.count("sessions", summary.sessions);
  visitor.count("unrecorded", summary.unrecorded);
  visitor.count("waiting_bytes", summary.waiting_bytes);
}

template <typename ServerStartOrConst, typename Visitor>
void visit_server_start(ServerStartOrConst& start, Visitor& visitor) {
  visitor.text("host", start.host);
  visitor.text("program", start.program);
}

template <typename AskedOrConst, typename Visitor>
void visit_asked(AskedOrConst& asked, Visitor& visitor) {
  visitor.count("next", asked.next);
  visitor.text("peer", asked.peer);
  visitor.text("what", asked.what);
  visitor.count("count", asked.count);
  visitor.count("first", asked.first);
  visitor.text("token", asked.token);
  visitor.text("person", asked.person);
  visitor.array("stream", asked.stream);
  visitor.text("purpose", asked.purpose);
}

}  // namespace stele::event
