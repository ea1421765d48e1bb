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
  return end;
}

inline Grant sample_grant() {
  Grant grant;
  for (size_t i = 0; i < grant.stream.size(); ++i) grant.stream[i] = static_cast<uint8_t>(i);
  for (size_t i = 0; i < grant.key.size(); ++i) grant.key[i] = static_cast<uint8_t>(0xff - i);
  grant.sequence = 300;
  return grant;
}

struct Sample {
  Lane lane;
  Body body;
};

inline std::vector<Sample> samples() {
  return {{Lane::kFacts, full_start()},
          {Lane::kFacts, Start{}},
          {Lane::kOutput, Output{bytes_of("total 0\r\n")}},
          {Lane::kOutput, Output{}},
          {Lane::kInput, Input{bytes_of("l")}},
          {Lane::kFacts, Resize{{50, 132, 1188, 900}}},
          {Lane::kInput, Redaction{Redaction::Why::kNoEcho, 16}},
          {Lane::kInput, Redaction{Redaction::Why::kHeuristic, 32}},
          {Lane::kFacts, Gap{"no space left on device", 70'000, 12, Micros(2'000'000)}},
          {Lane::kFacts, Suspend{false}},
          {Lane::kFacts, Suspend{true}},
          {Lane::kFacts, full_end()},
          {Lane::kFacts, End{}},
          {Lane::kFacts, sample_grant()},
          {Lane::kOutput, sample_grant()},
          {Lane::kInput, sample_grant()}};
}

}  // namespace stele::event
