#include "event/map_reader.h"

#include <algorithm>

#include "event/fields.h"
#include "event/type.h"

namespace stele::event {
namespace {

using codec::CborReader;

bool is_before(ByteSpan a, ByteSpan b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

template <typename Item, typename Read>
Result<std::vector<Item>> read_list(CborReader& in, size_t items_max, const Read& read_item) {
  TRY(const uint64_t count, in.array());
  if (count > items_max) return fail(Code::kLimit, "more items than " + std::to_string(items_max));
  std::vector<Item> items;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(Item item, read_item(in));
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::string> read_bytes(CborReader& in) {
  return in.bytes().map([](ByteSpan b) { return std::string(as_text(b)); });
}

Result<std::string> read_text(CborReader& in) {
  return in.text().map([](std::string_view t) { return std::string(t); });
}

Result<WindowSize> read_size_array(CborReader& in) {
  TRY(const uint64_t items, in.array());
  if (items != 4) return fail(Code::kCorrupt, "not four numbers");
  return read_window_size(in);
}

Result<Credentials> read_credentials(CborReader& in) {
  TRY(const uint64_t items, in.array());
  if (items != 5) return fail(Code::kCorrupt, "not five numbers");
  Credentials read;
  for (uint32_t* id : {&read.uid, &read.euid, &read.gid, &read.egid}) {
    TRY(*id, read_integer<uint32_t>(in));
  }
  TRY(read.capabilities, in.unsigned_integer());
  return read;
}

Result<Copies> read_copies(CborReader& in) {
  TRY(const uint64_t items, in.array());
  if (items != 3) return fail(Code::kCorrupt, "not three numbers");
  Copies read;
  for (uint64_t* each : {&read.to_host, &read.from_host, &read.bytes}) {
    TRY(*each, in.unsigned_integer());
  }
  return read;
}

Result<InputPolicy> read_policy(CborReader& in) {
  TRY(const std::string_view name, in.text());
  const auto policy = parse_input_policy(name);
  if (!policy) return fail(Code::kCorrupt, "no such input policy");
  return *policy;
}

Result<Known> read_known_from(CborReader& in) {
  TRY(const uint8_t number, read_integer<uint8_t>(in));
  if (number > static_cast<uint8_t>(Known::kEnvironment))
    return fail(Code::kCorrupt, "known from nowhere");
  return static_cast<Known>(number);
}

Result<std::map<std::string, Known>> read_marks(CborReader& in) {
  TRY(const uint64_t pairs, in.map());
  if (pairs > kMarksMax) return fail(Code::kLimit, "over 64 entries");
  std::map<std::string, Known> marks;
  for (uint64_t i = 0; i < pairs; ++i) {
    TRY(std::string entry, read_text(in));
    TRY(marks[std::move(entry)], read_known_from(in));
  }
  return marks;
}

/// Walks the map and the list of known entries side by side: both ascend by key.
class MapReader {
 public:
  MapReader(CborReader& in, Bytes& extra) : in_(in), extra_(extra) {}

  Status begin() {
    TRY(pairs_, in_.map());
    return next_key();
  }
  /// What is left is not known.
  Status end() {
    TRY_VOID(fault_);
    while (!key_.empty()) TRY_VOID(pass());
    return {};
  }

  void bytes(std::string_view key, std::string& value) { unless_empty(key, value, read_bytes); }
  void text(std::string_view key, std::string& value) { unless_empty(key, value, read_text); }
  void id(std::string_view key, uint32_t& value) { always(key, value, read_integer<uint32_t>); }
  void policy(std::string_view key, InputPolicy& value) { always(key, value, read_policy); }
  void credentials(std::string_view key, Credentials& value) {
    always(key, value, read_credentials);
  }
  template <typename Integer>
  void optional(std::string_view key, std::optional<Integer>& value) {
    read(key, value, read_integer<Integer>);
  }
  void count(std::string_view key, uint64_t& value) {
    unless_empty(key, value, read_integer<uint64_t>);
  }
  void time(std::string_view key, Micros& value) { unless_empty(key, value, read_micros); }
  void flag(std::string_view key, bool& value) {
    unless_empty(key, value, [](CborReader& in) { return in.boolean(); });
  }
  /// There where the value is false.
  void unless(std::string_view key, bool& value) {
    bool is_there = !value;
    flag(key, is_there);
    value = !is_there;
  }
  template <size_t N>
  void array(std::string_view key, std::optional<std::array<uint8_t, N>>& value) {
    read(key, value, read_array<N>);
  }
  void offset(std::string_view key, std::optional<Micros>& value) {
    read(key, value,
         [](CborReader& in) { return in.integer().map([](int64_t us) { return Micros(us); }); });
  }
  void copies(std::string_view key, std::optional<Copies>& value) { read(key, value, read_copies); }
  void size(std::string_view key, WindowSize& value) { unless_empty(key, value, read_size_array); }
  void arguments(std::string_view key, std::vector<std::string>& value) {
    unless_empty(key, value, [](CborReader& in) {
      return read_list<std::string>(in, kArgumentsMax, read_bytes);
    });
  }
  void texts(std::string_view key, std::vector<std::string>& value) {
    unless_empty(key, value,
                 [](CborReader& in) { return read_list<std::string>(in, kRolesMax, read_text); });
  }
  void mark(std::string_view key, std::optional<Known>& value) {
    read(key, value, read_known_from);
  }
  void marks(std::string_view key, std::map<std::string, Known>& value) {
    unless_empty(key, value, read_marks);
  }
  void groups(std::string_view key, std::vector<uint32_t>& value) {
    unless_empty(key, value, [](CborReader& in) {
      return read_list<uint32_t>(in, kGroupsMax, read_integer<uint32_t>);
    });
  }

 private:
  Status next_key() {
    key_ = {};
    if (pairs_ == 0) return {};
    --pairs_;
    TRY(key_, in_.skip_item());
    return {};
  }

  /// Keeps an entry that is not known.
  Status pass() {
    TRY(const ByteSpan value, in_.skip_item());
    extra_.insert(extra_.end(), key_.begin(), key_.end());
    extra_.insert(extra_.end(), value.begin(), value.end());
    return next_key();
  }

  /// Whether the entry is there; then the reader stands at its value.
  Result<bool> find(std::string_view key) {
    TRY_VOID(fault_);
    Bytes wanted;
    codec::CborWriter(wanted).text(key);
    while (!key_.empty() && is_before(key_, wanted)) TRY_VOID(pass());
    return equal(key_, wanted);
  }

  template <typename Value, typename Read>
  Result<bool> take(std::string_view key, Value& value, const Read& read_value) {
    TRY(const bool is_there, find(key));
    if (!is_there) return false;
    TRY(value, read_value(in_));
    TRY_VOID(next_key());
    return true;
  }

  /// The first error ends it all; returns whether the entry was there, and right.
  template <typename Value, typename Read>
  bool read(std::string_view key, Value& value, const Read& read_value) {
    auto taken = take(key, value, read_value);
    if (taken) return *taken;
    if (fault_) fault_ = fail(std::move(taken).error().within(key));
    return false;
  }

  template <typename Value, typename Read>
  void always(std::string_view key, Value& value, const Read& read_value) {
    if (!read(key, value, read_value) && fault_) {
      fault_ = fail(Code::kCorrupt, std::string(key) + ": is missing");
    }
  }

  template <typename Value, typename Read>
  void unless_empty(std::string_view key, Value& value, const Read& read_value) {
    if (read(key, value, read_value) && value == Value{}) {
      fault_ = fail(Code::kCorrupt, std::string(key) + ": is there, and empty");
    }
  }

  CborReader& in_;
  Bytes& extra_;
  uint64_t pairs_ = 0;  // that follow the one whose key is key_
  ByteSpan key_;        // encoded; empty: no more entries
  Status fault_;
};

}  // namespace

Result<Micros> read_micros(CborReader& in) {
  return read_integer<int64_t>(in).map([](int64_t us) { return Micros(us); });
}

Result<WindowSize> read_window_size(CborReader& in) {
  WindowSize size;
  for (uint16_t* v : {&size.rows, &size.columns, &size.width_pixels, &size.height_pixels}) {
    TRY(*v, read_integer<uint16_t>(in));
  }
  return size;
}

Result<Start> read_start(CborReader& in, Bytes& extra) {
  Start start;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_start(start, map);
  TRY_VOID(map.end());
  return start;
}

Result<End> read_end(CborReader& in, Bytes& extra) {
  End end;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_end(end, map);
  TRY_VOID(map.end());
  return end;
}

Result<Exec> read_exec(CborReader& in, Bytes& extra) {
  Exec exec;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_exec(exec, map);
  TRY_VOID(map.end());
  return exec;
}

Result<Exit> read_exit(CborReader& in, Bytes& extra) {
  Exit exit;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_exit(exit, map);
  TRY_VOID(map.end());
  return exit;
}

Result<Privilege> read_privilege(CborReader& in, Bytes& extra) {
  Privilege privilege;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_privilege(privilege, map);
  TRY_VOID(map.end());
  return privilege;
}

Result<Finding> read_finding(CborReader& in, Bytes& extra) {
  Finding finding;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_finding(finding, map);
  TRY_VOID(map.end());
  return finding;
}

Result<Terms> read_terms(CborReader& in, Bytes& extra) {
  Terms terms;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_terms(terms, map);
  TRY_VOID(map.end());
  return terms;
}

Result<Person> read_person(CborReader& in, Bytes& extra) {
  Person person;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_person(person, map);
  TRY_VOID(map.end());
  return person;
}

Result<Sudo> read_sudo(CborReader& in, Bytes& extra) {
  Sudo sudo;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_sudo(sudo, map);
  TRY_VOID(map.end());
  return sudo;
}

Result<Transfer> read_transfer(CborReader& in, Bytes& extra) {
  Transfer transfer;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_transfer(transfer, map);
  TRY_VOID(map.end());
  return transfer;
}

Result<HostStart> read_host_start(CborReader& in, Bytes& extra) {
  HostStart start;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_host_start(start, map);
  TRY_VOID(map.end());
  return start;
}

Result<HostSummary> read_host_summary(CborReader& in, Bytes& extra) {
  HostSummary summary;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_host_summary(summary, map);
  TRY_VOID(map.end());
  return summary;
}

Result<ServerStart> read_server_start(CborReader& in, Bytes& extra) {
  ServerStart start;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_server_start(start, map);
  TRY_VOID(map.end());
  return start;
}

Result<Asked> read_asked(CborReader& in, Bytes& extra) {
  Asked asked;
  MapReader map(in, extra);
  TRY_VOID(map.begin());
  visit_asked(asked, map);
  TRY_VOID(map.end());
  return asked;
}

}  // namespace stele::event
