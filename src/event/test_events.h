// One event of each type, for the tests.
#pragma once

#include "base/uuid.h"
#include "event/event.h"

namespace stele::event {

inline BootTime at(int64_t us) { return BootTime(Micros(us)); }

inline Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline Start full_start() {
  Start start;
  start.title = "release 4.2";
  start.argv = {"/bin/ls", "-l", "caf\xe9"};
  start.cwd = "/home/ada";
  start.uid = 1000;
  start.euid = 0;
  start.gid = 1000;
  start.user = "ada";
  start.groups = {4, 27, 1000};
  start.login_uid = 1001;
  start.login_user = "grace";
  start.audit_session = 7;
  start.tty = "/dev/pts/3";
  start.terminal = "xterm-256color";
  start.size = {24, 80, 0, 0};
  start.host = "web01";
  start.machine_id = "0123456789abcdef0123456789abcdef";
  start.boot_id = "5f0c2a91-0000-4000-8000-000000000000";
  start.kernel = "6.1.0-26-amd64";
  start.parent_session = "0197a3b2-0000-7000-8000-000000000000";
  start.input_policy = InputPolicy::kAll;
  start.recorder = "stele 0.1.0";
  return start;
}

inline Start followed_start() {
  Start start = full_start();
  start.commands = "ebpf";
  start.forwards = "ebpf";
  return start;
}

/// As an agent knows it of somebody who came by SSH and became root.
inline Start known_start() {
  Start start = full_start();
  start.group_names = {"adm", "sudo", "ada"};
  start.service = "sshd";
  start.from = "192.0.2.7 52014";
  start.ssh_key = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  start.certificate = "not a real one";
  start.authority = "SHA256:HxADAgEFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  start.invoker = 1001;
  start.invoker_name = "grace";
  start.cgroup = "/user.slice";
  start.container = std::string(64, 'c');
  start.known = {{"uid", Known::kKernel},
                 {"certificate", Known::kSignature},
                 {"user", Known::kDatabase},
                 {"term", Known::kEnvironment}};
  return start;
}

/// Of somebody of whom sshd told by PAM.
inline Start arrived_start() {
  Start start = full_start();
  start.service = "sshd";
  start.arrival = "sshd";
  start.methods = {"publickey", "password"};
  start.from = "192.0.2.7 52014";
  start.ssh_key = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  start.forwarded_agent = "/tmp/ssh-4cKMrb/agent.7";
  start.known = {{"uid", Known::kKernel}, {"forwarded_agent", Known::kEnvironment}};
  return start;
}

inline Person full_person() {
  Person person{"grace", {"dba", "on-call"}, "grace-hopper", "certificate", Known::kSignature, 12,
                {}};
  person.roles_hash.emplace();
  for (size_t i = 0; i < 32; ++i) (*person.roles_hash)[i] = static_cast<uint8_t>(0xc0 + i);
  return person;
}

inline Person arrived_person() {
  Person person{"linus", {}, "linus", "ssh key", {}, 5, {}};
  person.by_arrival = true;
  return person;
}

inline Hash sample_hash(uint8_t first) {
  Hash hash{};
  for (size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<uint8_t>(first + i);
  return hash;
}

inline Transfer full_transfer() {
  Transfer transfer;
  transfer.what = Transfer::What::kFromHost;
  transfer.protocol = "sftp";
  transfer.name = "caf\xe9/notes";
  transfer.to = "notes";
  transfer.bytes = 70'000;
  transfer.hash = sample_hash(0x20);
  transfer.why = "not to its end";
  transfer.error = 4;
  transfer.mode = 0640;
  transfer.uid = 1000;
  transfer.gid = 0;
  return transfer;
}

inline Sudo full_sudo() {
  Sudo sudo;
  sudo.what = Sudo::What::kReject;
  sudo.why = "command not allowed";
  sudo.plugin = "sudoers_policy";
  sudo.file = "/usr/bin/id";
  sudo.argv = {"id", "-u"};
  sudo.cwd = "/home/ada";
  sudo.by = "ada";
  sudo.by_uid = 1000;
  sudo.tty = "/dev/pts/3";
  sudo.host = "web01";
  sudo.as = "root";
  sudo.as_group = "wheel";
  sudo.as_uid = 0;
  sudo.as_gid = 10;
  return sudo;
}

inline Line full_line() { return {"ls -l caf\u00e9", "ada@web01:~$", true}; }

inline End full_end() {
  End end;
  end.exit_status = 0;
  end.signal = 15;
  end.core_dumped = true;
  end.why = "hangup";
  end.user_time = Micros(1'500'000);
  end.system_time = Micros(250);
  end.rss_bytes_max = uint64_t{64} << 20;
  end.output_bytes = 123'456;
  end.input_bytes = 789;
  end.copied = Copies{2, 1, 70'000};
  end.forwards = 0;
  return end;
}

inline Exec full_exec() {
  Exec exec;
  exec.pid = 4711;
  exec.parent = 4700;
  exec.file = "/usr/bin/sudo";
  exec.argv = {"sudo", "-i", "caf\xe9"};
  exec.cwd = "/home/ada";
  exec.tty = "/dev/pts/3";
  exec.uid = 1000;
  exec.euid = 0;
  exec.gid = exec.egid = 1000;
  exec.login_uid = 1001;
  exec.audit_session = 7;
  exec.is_cut = true;
  return exec;
}

inline Exit full_exit() { return {4711, 0, 11, true}; }

inline Privilege full_privilege() {
  return {4711, {1000, 1000, 1000, 1000, 0}, {1000, 0, 1000, 1000, 0x1ffffffffff}};
}

inline Grant sample_grant() {
  Grant grant;
  for (size_t i = 0; i < grant.stream.size(); ++i) grant.stream[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < grant.key.size(); ++i) grant.key[i] = static_cast<uint8_t>(0xff - i);
  grant.sequence = 300;
  return grant;
}

inline Terms full_terms() {
  Terms terms;
  terms.rule = 2;
  terms.rule_name = "operators";
  terms.version = 17;
  terms.policy_hash.emplace();
  for (size_t i = 0; i < 32; ++i) (*terms.policy_hash)[i] = static_cast<uint8_t>(0xa0 + i);
  terms.input_policy = InputPolicy::kNone;
  terms.keeps_output = false;
  terms.lines_in_facts = true;
  terms.open = true;
  terms.banner = "Recorded.\nAll of it.";
  terms.digests = true;
  terms.reason = "the disk is full";
  return terms;
}

inline HostSummary full_summary() {
  HostSummary summary;
  summary.open = 3;
  summary.sessions = 1234;
  summary.lost = 5;
  summary.excluded = 6;
  summary.seen = 20;
  summary.covered = 17;
  summary.unrecorded = 2;
  summary.waiting = 70;
  summary.waiting_bytes = 80'000;
  summary.offset = Micros(-1500);
  summary.checkpoint_size = 99;
  summary.checkpoint_root.emplace();
  for (size_t i = 0; i < 32; ++i) (*summary.checkpoint_root)[i] = static_cast<uint8_t>(i);
  return summary;
}

inline HostStart full_host_start() {
  const Start s = full_start();
  return {s.boot_id, s.host, s.recorder, s.kernel, s.machine_id, 1233};
}

inline Asked full_asked() {
  Asked asked;
  asked.kind = Asked::Kind::kAccess;
  asked.person = "jane";
  asked.token = "5f70abcd";
  asked.peer = "192.0.2.7";
  asked.what = "segments";
  asked.purpose = "play";
  asked.stream = sample_grant().stream;
  asked.first = 3;
  asked.next = 12;
  asked.count = 2;
  return asked;
}

struct Sample {
  Lane lane;
  Body body;
};

inline std::vector<Sample> samples() {
  return {
      {Lane::kFacts, full_start()},
      {Lane::kFacts, Start{}},
      {Lane::kFacts, followed_start()},
      {Lane::kFacts, known_start()},
      {Lane::kFacts, full_person()},
      {Lane::kFacts, Person{}},
      {Lane::kFacts, full_sudo()},
      {Lane::kInput, full_line()},
      {Lane::kFacts, Sudo{}},
      {Lane::kFacts, Opening{true, Micros(18'000)}},
      {Lane::kFacts, Opening{}},
      {Lane::kOutput, Output{bytes_of("total 0\r\n")}},
      {Lane::kOutput, Output{}},
      {Lane::kInput, Input{bytes_of("l")}},
      {Lane::kInput, Piped{Piped::Pipe::kInput, bytes_of("data")}},
      {Lane::kOutput, Piped{Piped::Pipe::kOutput, bytes_of("out\n")}},
      {Lane::kOutput, Piped{Piped::Pipe::kError, {}}},
      {Lane::kInput, Elided{Piped::Pipe::kInput, 32'768, 65'536, sample_hash(1)}},
      {Lane::kOutput, Elided{Piped::Pipe::kOutput, 1, 0, sample_hash(2)}},
      {Lane::kFacts, full_transfer()},
      {Lane::kFacts, Transfer{}},
      {Lane::kFacts, Resize{{50, 132, 1188, 900}}},
      {Lane::kInput, Redaction{Redaction::Why::kNoEcho, 16}},
      {Lane::kInput, Redaction{Redaction::Why::kHeuristic, 32}},
      {Lane::kFacts, Gap{"no space left on device", 70'000, 12, Micros(2'000'000)}},
      {Lane::kFacts, Suspend{false}},
      {Lane::kFacts, Suspend{true}},
      {Lane::kFacts, full_exec()},
      {Lane::kFacts, Exec{}},
      {Lane::kFacts, full_exit()},
      {Lane::kFacts, Exit{}},
      {Lane::kFacts, full_privilege()},
      {Lane::kFacts, Privilege{}},
      {Lane::kFacts, Forward{Forward::What::kConnect, "192.0.2.7", 5432}},
      {Lane::kFacts, Forward{Forward::What::kListen, "::1", 6010, Micros(700)}},
      {Lane::kFacts, full_end()},
      {Lane::kFacts, End{}},
      {Lane::kFacts, sample_grant()},
      {Lane::kOutput, sample_grant()},
      {Lane::kInput, sample_grant()},
      {Lane::kFacts, Finding{"silence", "web01 says nothing", sample_grant().stream, 7}},
      {Lane::kFacts, Finding{}},
      {Lane::kFacts, full_terms()},
      {Lane::kFacts, Terms{}},
      {Lane::kFacts, full_host_start()},
      {Lane::kFacts, HostStart{}},
      {Lane::kFacts, HostStop{"asked to"}},
      {Lane::kFacts, full_summary()},
      {Lane::kFacts, HostSummary{}},
      {Lane::kFacts, ClockStep{Micros(-3'600'000'000)}},
      {Lane::kFacts, SessionNumber{1234, sample_grant().stream}},
      {Lane::kFacts, ServerStart{"log01", "stele-server 0.1.0"}},
      {Lane::kFacts, ServerStart{}},
      {Lane::kFacts, ServerStop{"asked to"}},
      {Lane::kFacts, full_asked()},
      {Lane::kFacts, Asked{}},
      {Lane::kFacts, Asked{Asked::Kind::kLogin, "jane", "5f70abcd", "192.0.2.7", "", "", {}}},
      {Lane::kFacts, Asked{Asked::Kind::kRefusal, "", "", "192.0.2.9", "GET /v1/hosts", "", {}}},
      {Lane::kFacts, Change{"+ host web01"}},
      {Lane::kFacts, Scrub{12, 3456, uint64_t{1} << 40, 1, std::chrono::hours(20)}},
      {Lane::kFacts, Probe{"https://s3.example evidence stele/", "stele/canary/0be8 3HL4",
                           "COMPLIANCE", Micros(-1'200'000), "delete shorten"}},
      {Lane::kFacts, Probe{}}};
}

}  // namespace stele::event
