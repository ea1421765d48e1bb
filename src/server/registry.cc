#include "server/registry.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "crypto/x509.h"
#include "ledger/keys.h"

namespace stele::server {
namespace {

constexpr std::string_view kTokenStart = "stele-token-v1.";
constexpr std::string_view kTokenFile = "stele-token-v1", kUsedFile = "stele-used-v1",
                           kReservedFile = "stele-reserved-v1", kHostFile = "stele-host-v1",
                           kNever = "-";
constexpr size_t kSecretBytes = 32, kFileBytesMax = 4096, kKeysBytesMax = size_t{4} << 20;
constexpr Micros kLifeMin = std::chrono::minutes(1), kLifeMax = std::chrono::hours(7 * 24);

/// Exactly N lines, each ended.
template <size_t N>
Result<std::array<std::string_view, N>> lines_of(std::string_view text, std::string_view first) {
  std::array<std::string_view, N> lines;
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return fail(Code::kCorrupt, "a line is missing");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty() || lines[0] != first)
    return fail(Code::kCorrupt, "not a " + std::string(first));
  return lines;
}

Result<WallTime> parse_time(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(count) != text)
    return fail(Code::kCorrupt, "no time");
  return WallTime(Micros(count));
}

std::string text_of(WallTime time) { return std::to_string(micros(time)); }

std::string path_of_token(const ledger::Layout& layout, std::string_view token) {
  return layout.directory + "/tokens/" + to_hex(crypto::sha256(as_bytes(token)));
}

Status check_name(std::string_view name) {
  if (crypto::is_certificate_host(name)) return {};
  return fail(Code::kInvalid,
              "a host's name is 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both "
              "ends");
}

std::string path_of_host(const ledger::Layout& layout, const std::string& name) {
  return layout.directory + "/hosts/" + name;
}

Result<Host> find_host(os::FileSystem& files, const ledger::Layout& layout,
                       const std::string& name) {
  TRY_VOID(check_name(name));
  const std::string path = path_of_host(layout, name);
  TRY(const Bytes text, files.read(path, kFileBytesMax));
  auto host = parse_host(as_text(text));
  if (!host) return fail(std::move(host).error().within(path));
  return host;
}

}  // namespace

std::string encode(const Host& host) {
  std::string text(kHostFile);
  text += "\n" + host.name + "\n" + to_hex(host.machine) + "\n" + host.key.to_string() + "\n" +
          text_of(host.enrolled) + "\n";
  return text + (host.revoked ? text_of(*host.revoked) : std::string(kNever)) + "\n";
}

Result<Host> parse_host(std::string_view text) {
  TRY(const auto lines, lines_of<6>(text, kHostFile));
  TRY(const Bytes machine, from_hex(lines[2]));
  Host host;
  if (machine.size() != host.machine.size()) return fail(Code::kCorrupt, "no machine's hash");
  host.name = lines[1];
  std::copy(machine.begin(), machine.end(), host.machine.begin());
  TRY(host.key, receipt::VerifierKey::parse(lines[3]));
  TRY(host.enrolled, parse_time(lines[4]));
  if (lines[5] != kNever) {
    TRY(host.revoked, parse_time(lines[5]));
  }
  if (!crypto::is_certificate_host(host.name) || encode(host) != text)
    return fail(Code::kCorrupt, "not in its one spelling");
  return host;
}

Registry::Registry(os::FileSystem& files, ledger::Layout layout, std::string origin, Clock& clock,
                   RandomSource random)
    : files_(files),
      layout_(std::move(layout)),
      origin_(std::move(origin)),
      clock_(clock),
      random_(std::move(random)) {}

std::string Registry::host_path(const std::string& name) const {
  return path_of_host(layout_, name);
}

Result<std::string> Registry::create_token(const std::string& host, Micros life) {
  TRY_VOID(check_name(host));
  TRY(const auto known, ledger::HostKeys::load(files_, layout_.host_vkey()));
  if (known.entries().front().name == ledger::host_key_name(origin_, host))
    return fail(Code::kInvalid, host + " is what this ledger calls its own host: choose another");
  if (life < kLifeMin || life > kLifeMax)
    return fail(Code::kInvalid, "a token lives 1 minute to 7 days");
  std::array<uint8_t, kSecretBytes> secret{};
  random_(secret);
  const std::string token = std::string(kTokenStart) + to_hex(secret);
  TRY_VOID(files_.make_directories(layout_.directory + "/tokens"));
  const std::string text =
      std::string(kTokenFile) + "\n" + host + "\n" + text_of(clock_.wall() + life) + "\n";
  TRY_VOID(files_.put_once(path_of_token(layout_, token), as_bytes(text)));
  return token;
}

// The host it is for.
Result<std::string> Registry::open_token(const std::string& path) const {
  const auto text = files_.read(path, kFileBytesMax);
  if (!text && text.error().code == Code::kNotFound)
    return fail(Code::kUnauthentic, "there is no such token");
  if (!text) return fail(text.error());
  TRY(const auto lines, lines_of<3>(as_text(*text), kTokenFile));
  TRY(const WallTime expires, parse_time(lines[2]));
  if (clock_.wall() >= expires) return fail(Code::kUnauthentic, "the token's time is over");
  return std::string(lines[1]);
}

// Also where it made a host and what says so was not written any more: the key that it was reserved
// for is its host's, or was followed by another one's.
Result<bool> Registry::is_used(const std::string& path, const std::string& host) const {
  if (files_.exists(path + ".used")) return true;
  const auto reserved = files_.read(path + ".reserved", kFileBytesMax);
  if (!reserved && reserved.error().code == Code::kNotFound) return false;
  if (!reserved) return fail(reserved.error());
  TRY(const auto lines, lines_of<3>(as_text(*reserved), kReservedFile));
  TRY(const auto key, receipt::VerifierKey::parse(lines[1]));
  TRY(const auto known, ledger::HostKeys::load(files_, layout_.host_vkey()));
  bool is_known = false, is_last = false;
  for (const auto& entry : known.entries()) {
    if (entry.name != key.name) continue;
    is_last = entry.key == key.key;
    is_known = is_known || is_last;
  }
  if (!is_known) return false;
  if (!is_last) return true;
  const auto now = find(host);
  if (!now && now.error().code == Code::kNotFound) return false;
  if (!now) return fail(now.error());
  return now->key == key;
}

Result<std::string> Registry::host_of(const std::string& token) const {
  const std::string path = path_of_token(layout_, token);
  TRY(std::string name, open_token(path));
  TRY(const bool used, is_used(path, name));
  if (used) return fail(Code::kUnauthentic, "the token was used before");
  return name;
}

std::optional<std::string> Registry::used_for(const std::string& token) const {
  const std::string path = path_of_token(layout_, token);
  const auto text = files_.read(path, kFileBytesMax);
  if (!text) return std::nullopt;
  const auto lines = lines_of<3>(as_text(*text), kTokenFile);
  if (!lines) return std::nullopt;
  const std::string host((*lines)[1]);
  const auto used = is_used(path, host);
  return used && *used ? std::optional(host) : std::nullopt;
}

// Reserved, then the key, then `admit`, then the host, then used. Until the host is there, whatever
// fails leaves a token that is good; from then on the reservation says what it was good for.
Result<Enrolled> Registry::enrol(const std::string& token, const Hash& machine,
                                 const crypto::PublicKey& key, const Admit& admit) {
  TRY(const std::string name, host_of(token));
  const std::string path = path_of_token(layout_, token);
  const WallTime now = clock_.wall();
  const receipt::VerifierKey named{ledger::host_key_name(origin_, name), receipt::KeyType::kNote,
                                   key};
  Enrolled enrolled{{name, machine, named, now, std::nullopt}};
  if (const auto before = find(name)) {
    enrolled.other_machine = before->machine != machine;
  } else if (before.error().code != Code::kNotFound) {
    return fail(before.error());
  }
  const std::string reserved =
      std::string(kReservedFile) + "\n" + named.to_string() + "\n" + text_of(now) + "\n";
  TRY_VOID(files_.replace(path + ".reserved", as_bytes(reserved)));
  TRY(enrolled.epoch, add_key(named));
  TRY_VOID(admit());
  TRY_VOID(files_.make_directories(layout_.directory + "/hosts"));
  TRY_VOID(files_.replace(host_path(name), as_bytes(encode(enrolled.host))));
  const std::string used =
      std::string(kUsedFile) + "\n" + to_hex(machine) + "\n" + text_of(now) + "\n";
  (void)files_.put_once(path + ".used", as_bytes(used));  // the host says the same
  return enrolled;
}

// Its epoch. A key that is there already, as the last of its name, is not added again.
Result<uint32_t> Registry::add_key(const receipt::VerifierKey& key) {
  TRY(const Bytes before, files_.read(layout_.host_vkey(), kKeysBytesMax));
  TRY(const auto known, ledger::HostKeys::parse(as_text(before)));
  uint32_t epoch = 0;
  bool is_last = false;
  for (const auto& entry : known.entries()) {
    if (entry.name != key.name) continue;
    epoch = entry.epoch;
    is_last = entry.key == key.key;
  }
  if (is_last) return epoch;
  const std::string after = std::string(as_text(before)) + key.to_string() + "\n";
  TRY_VOID(ledger::HostKeys::parse(after));  // never what nobody can read any more
  TRY_VOID(files_.replace(layout_.host_vkey(), as_bytes(after)));
  return epoch + 1;
}

Result<Host> Registry::find(const std::string& name) const {
  return find_host(files_, layout_, name);
}

Result<std::vector<Host>> Registry::all() const { return all_hosts(files_, layout_); }

Result<std::vector<Host>> all_hosts(os::FileSystem& files, const ledger::Layout& layout) {
  const auto names = files.list(layout.directory + "/hosts");
  if (!names && names.error().code == Code::kNotFound) return std::vector<Host>();
  if (!names) return fail(names.error());
  std::vector<Host> hosts;
  for (const std::string& name : *names) {
    TRY(Host host, find_host(files, layout, name));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Status Registry::revoke(const std::string& name) {
  TRY(Host host, find(name));
  if (host.revoked) return {};
  host.revoked = clock_.wall();
  return files_.replace(host_path(name), as_bytes(encode(host)));
}

}  // namespace stele::server
