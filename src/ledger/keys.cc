#include "ledger/keys.h"

#include "base/hex.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kPrefix = "stele-private-key-v1 ";
constexpr size_t kKeyFileBytesMax = size_t{64} << 10;
constexpr size_t kHostKeysMax = 10'000;

}  // namespace

crypto::SecretBytes encode(const PrivateKey& key) {
  std::string line;
  line.reserve(kPrefix.size() + key.name.size() +
               64);  // so that growing leaves no copy of the seed behind
  line += kPrefix;
  const crypto::SecretBytes seed = key.key.seed();
  line += key.name + " " + to_base64(seed.span()) + "\n";
  crypto::SecretBytes out(as_bytes(line));
  crypto::wipe({reinterpret_cast<uint8_t*>(line.data()), line.size()});
  return out;
}

Result<PrivateKey> parse_private_key(ByteSpan text) {
  std::string_view line = as_text(text);
  if (!line.starts_with(kPrefix) || !line.ends_with('\n'))
    return fail(Code::kCorrupt, "not a stele private key");
  line.remove_prefix(kPrefix.size());
  line.remove_suffix(1);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0)
    return fail(Code::kCorrupt, "private key without a name");
  auto bytes = from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() != 32)
    return fail(Code::kCorrupt, "private key: not 32 bytes in base64");
  const crypto::SecretBytes seed(*bytes);
  crypto::wipe(*bytes);
  return PrivateKey{std::string(line.substr(0, space)),
                    crypto::SigningKey(seed.span().first<32>())};
}

Result<PrivateKey> load_private_key(os::FileSystem& files, const std::string& path) {
  TRY(Bytes text, files.read(path, kKeyFileBytesMax));
  auto key = parse_private_key(text);
  crypto::wipe(text);
  if (!key) return fail(std::move(key).error().within(path));
  return key;
}

Result<receipt::VerifierKey> load_verifier_key(os::FileSystem& files, const std::string& path) {
  TRY(const Bytes bytes, files.read(path, kKeyFileBytesMax));
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto key = receipt::VerifierKey::parse(text);
  if (!key) return fail(std::move(key).error().within(path));
  return key;
}

Result<std::string> first_origin(const receipt::VerifierKey& policy_key) {
  constexpr std::string_view kEnd = "/policy";
  if (!policy_key.name.ends_with(kEnd) || policy_key.name.size() == kEnd.size())
    return fail(Code::kCorrupt, policy_key.name + " is not the name of a policy key");
  return policy_key.name.substr(0, policy_key.name.size() - kEnd.size());
}

std::string host_key_name(const std::string& origin, const std::string& host) {
  return origin + "/host/" + host;
}

Result<HostKeys> HostKeys::parse(std::string_view text) {
  HostKeys keys;
  std::map<std::string, uint32_t> epochs;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos)
      return fail(Code::kCorrupt, "host keys: no newline at the end");
    if (keys.entries_.size() == kHostKeysMax) return fail(Code::kLimit, "host keys: over 10,000");
    TRY(const auto key, receipt::VerifierKey::parse(text.substr(0, end)));
    const uint32_t epoch = ++epochs[key.name];
    const segment::HostKeyId id = segment::host_key_id(key.name, key.key.bytes);
    keys.places_.emplace(std::pair(id, epoch), keys.entries_.size());
    keys.entries_.push_back({id, epoch, key.name, key.key});
    text.remove_prefix(end + 1);
  }
  if (keys.entries_.empty()) return fail(Code::kCorrupt, "host keys: none");
  return keys;
}

Result<HostKeys> HostKeys::load(os::FileSystem& files, const std::string& path) {
  TRY(const Bytes text, files.read(path, size_t{4} << 20));
  auto keys = parse(as_text(text));
  if (!keys) return fail(std::move(keys).error().within(path));
  return keys;
}

void HostKeys::add(Entry entry) {
  places_.emplace(std::pair(entry.id, entry.epoch), entries_.size());
  entries_.push_back(std::move(entry));
}

const HostKeys::Entry* HostKeys::find(const segment::HostKeyId& id, uint32_t epoch) const {
  const auto place = places_.find({id, epoch});
  return place == places_.end() ? nullptr : &entries_[place->second];
}

}  // namespace stele::ledger
