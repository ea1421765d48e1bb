#include "event/map_writer.h"

#include <algorithm>

#include "codec/utf8.h"
#include "event/fields.h"

namespace stele::event {
namespace {

using codec::CborMap;
using codec::CborWriter;

/// Leaves out what is empty or not known.
class MapWriter {
 public:
  void bytes(std::string_view key, const std::string& value) {
    if (!value.empty()) map_.entry(key).bytes(as_bytes(value));
  }
  void text(std::string_view key, const std::string& value) {
    if (!value.empty()) map_.entry(key).text(codec::to_utf8(value));
  }
  void id(std::string_view key, uint32_t value) { map_.entry(key).unsigned_integer(value); }
  template <typename Integer>
  void optional(std::string_view key, const std::optional<Integer>& value) {
    if (value) map_.entry(key).unsigned_integer(*value);
  }
  void count(std::string_view key, uint64_t value) {
    if (value != 0) map_.entry(key).unsigned_integer(value);
  }
  void time(std::string_view key, Micros value) { count(key, unsigned_micros(value)); }
  void flag(std::string_view key, bool value) {
    if (value) map_.entry(key).boolean(true);
  }
  void unless(std::string_view key, bool value) { flag(key, !value); }
  template <size_t N>
  void array(std::string_view key, const std::optional<std::array<uint8_t, N>>& value) {
    if (value) map_.entry(key).bytes(*value);
  }
  void offset(std::string_view key, const std::optional<Micros>& value) {
    if (value) map_.entry(key).integer(value->count());
  }
  void policy(std::string_view key, InputPolicy value) {
    map_.entry(key).text(input_policy_name(value));
  }
  void arguments(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    CborWriter out = map_.entry(key);
    out.array(values.size());
    for (const std::string& value : values) out.bytes(as_bytes(value));
  }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    CborWriter out = map_.entry(key);
    out.array(values.size());
    for (const std::string& value : values) out.text(codec::to_utf8(value));
  }
  void mark(std::string_view key, const std::optional<Known>& value) {
    if (value) map_.entry(key).unsigned_integer(static_cast<uint8_t>(*value));
  }
  void marks(std::string_view key, const std::map<std::string, Known>& values) {
    if (values.empty()) return;
    CborMap marks;
    for (const auto& [name, known] : values)
      marks.entry(name).unsigned_integer(static_cast<uint8_t>(known));
    CborWriter out = map_.entry(key);
    marks.write_to(out);
  }
  void credentials(std::string_view key, const Credentials& value) {
    CborWriter out = map_.entry(key);
    out.array(5);
    for (uint32_t id : {value.uid, value.euid, value.gid, value.egid}) out.unsigned_integer(id);
    out.unsigned_integer(value.capabilities);
  }
  void groups(std::string_view key, const std::vector<uint32_t>& values) {
    if (values.empty()) return;
    CborWriter out = map_.entry(key);
    out.array(values.size());
    for (uint32_t value : values) out.unsigned_integer(value);
  }
  void copies(std::string_view key, const std::optional<Copies>& value) {
    if (!value) return;
    CborWriter out = map_.entry(key);
    out.array(3);
    for (const uint64_t n : {value->to_host, value->from_host, value->bytes})
      out.unsigned_integer(n);
  }
  void size(std::string_view key, const WindowSize& value) {
    if (value == WindowSize{}) return;
    CborWriter out = map_.entry(key);
    out.array(4);
    for (uint16_t v : {value.rows, value.columns, value.width_pixels, value.height_pixels}) {
      out.unsigned_integer(v);
    }
  }
  void write_to(CborWriter& out) const { map_.write_to(out); }

 private:
  CborMap map_;
};

}  // namespace

uint64_t unsigned_micros(Micros time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, time.count()));
}

void write_map(const Start& start, CborWriter& out) {
  MapWriter map;
  visit_start(start, map);
  map.write_to(out);
}

void write_map(const End& end, CborWriter& out) {
  MapWriter map;
  visit_end(end, map);
  map.write_to(out);
}

void write_map(const Exec& exec, CborWriter& out) {
  MapWriter map;
  visit_exec(exec, map);
  map.write_to(out);
}

void write_map(const Exit& exit, CborWriter& out) {
  MapWriter map;
  visit_exit(exit, map);
  map.write_to(out);
}

void write_map(const Privilege& privilege, CborWriter& out) {
  MapWriter map;
  visit_privilege(privilege, map);
  map.write_to(out);
}

void write_map(const Finding& finding, CborWriter& out) {
  MapWriter map;
  visit_finding(finding, map);
  map.write_to(out);
}

void write_map(const Terms& terms, CborWriter& out) {
  MapWriter map;
  visit_terms(terms, map);
  map.write_to(out);
}

void write_map(const Person& person, CborWriter& out) {
  MapWriter map;
  visit_person(person, map);
  map.write_to(out);
}

void write_map(const Sudo& sudo, CborWriter& out) {
  MapWriter map;
  visit_sudo(sudo, map);
  map.write_to(out);
}

void write_map(const Transfer& transfer, CborWriter& out) {
  MapWriter map;
  visit_transfer(transfer, map);
  map.write_to(out);
}

void write_map(const HostStart& start, CborWriter& out) {
  MapWriter map;
  visit_host_start(start, map);
  map.write_to(out);
}

void write_map(const HostSummary& summary, CborWriter& out) {
  MapWriter map;
  visit_host_summary(summary, map);
  map.write_to(out);
}

void write_map(const ServerStart& start, CborWriter& out) {
  MapWriter map;
  visit_server_start(start, map);
  map.write_to(out);
}

void write_map(const Asked& asked, CborWriter& out) {
  MapWriter map;
  visit_asked(asked, map);
  map.write_to(out);
}

}  // namespace stele::event
