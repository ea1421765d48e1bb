#include "crypto/ssh_certificate.h"

#include <algorithm>

namespace stele::crypto {
namespace {

constexpr std::string_view kSuffix = "-cert-v01@openssh.com";

tl::unexpected<Error> not_one(const char* why) {
  return fail(Code::kCorrupt, std::string("SSH certificate: ") + why);
}

void write_string(Bytes& out, ByteSpan bytes) {
  ByteWriter writer(out);
  writer.u32(static_cast<uint32_t>(bytes.size()));
  writer.bytes(bytes);
}

/// The type of the certified key, by the certificate's.
std::string key_type(std::string_view type) {
  if (!type.ends_with(kSuffix)) return "";
  std::string plain(type.substr(0, type.size() - kSuffix.size()));
  return plain.starts_with("sk-") ? plain + "@openssh.com" : plain;
}

/// The fields of the key stand in the certificate as they do in the key.
Result<Bytes> take_key(ByteReader& in, std::string_view certificate_type) {
  const std::string type = key_type(certificate_type);
  const auto fields = ssh_key_fields(type);
  if (!fields) return not_one("of an unknown type");
  Bytes key;
  write_string(key, as_bytes(type));
  for (size_t i = 0; i < *fields; ++i) write_string(key, take_ssh_string(in));
  return key;
}

Result<std::vector<std::string>> strings_of(ByteSpan packed) {
  std::vector<std::string> strings;
  ByteReader in(packed);
  while (in.ok() && !in.done()) {
    if (strings.size() == kSshPrincipalsMax)
      return fail(Code::kLimit, "SSH certificate: over 256 principals");
    strings.emplace_back(as_text(take_ssh_string(in)));
  }
  if (!in.ok()) return not_one("its principals are cut short");
  return strings;
}

/// OpenSSH writes a value as a string within the value's string; others may not.
std::string value_of(ByteSpan data) {
  ByteReader in(data);
  const ByteSpan inner = take_ssh_string(in);
  return std::string(as_text(in.done() ? inner : data));
}

Result<std::vector<SshOption>> options_of(ByteSpan packed) {
  std::vector<SshOption> options;
  ByteReader in(packed);
  while (in.ok() && !in.done()) {
    if (options.size() == kSshOptionsMax)
      return fail(Code::kLimit, "SSH certificate: over 256 options");
    const ByteSpan name = take_ssh_string(in), data = take_ssh_string(in);
    if (!options.empty() && as_text(name) <= options.back().name)
      return not_one("its options are out of order");
    options.push_back({std::string(as_text(name)), value_of(data)});
  }
  if (!in.ok()) return not_one("its options are cut short");
  return options;
}

std::string utc(uint64_t seconds) { return std::to_string(seconds) + " s after 1970"; }

}  // namespace

Result<SshCertificate> parse_ssh_certificate(ByteSpan blob) {
  if (blob.size() > kSshBlobBytesMax) return fail(Code::kLimit, "SSH certificate: over 16 KiB");
  ByteReader in(blob);
  SshCertificate read;
  read.type = as_text(take_ssh_string(in));
  (void)take_ssh_string(in);  // the nonce
  TRY(read.key, take_key(in, read.type));
  read.serial = in.u64();
  const uint32_t kind = in.u32();
  read.key_id = as_text(take_ssh_string(in));
  const ByteSpan principals = take_ssh_string(in);
  read.valid_after = in.u64();
  read.valid_before = in.u64();
  const ByteSpan critical = take_ssh_string(in), extensions = take_ssh_string(in);
  (void)take_ssh_string(in);  // reserved
  const ByteSpan authority = take_ssh_string(in);
  read.signed_size = blob.size() - in.rest().size();
  const ByteSpan signature = take_ssh_string(in);
  if (!in.done()) return not_one("cut short, or with something behind it");
  if (kind != 1 && kind != 2) return not_one("neither a user's nor a host's");
  read.kind = static_cast<SshCertificate::Kind>(kind);
  TRY(read.principals, strings_of(principals));
  TRY(read.critical_options, options_of(critical));
  TRY(read.extensions, options_of(extensions));
  read.authority.assign(authority.begin(), authority.end());
  read.signature.assign(signature.begin(), signature.end());
  return read;
}

Status verify_user_certificate(const SshCertificate& certificate, ByteSpan blob,
                               const std::vector<Bytes>& authorities, WallTime at) {
  const auto bad = [](const std::string& why) {
    return fail(Code::kUnauthentic, "SSH certificate: " + why);
  };
  if (certificate.kind != SshCertificate::Kind::kUser) return bad("a host's");
  if (std::find(authorities.begin(), authorities.end(), certificate.authority) == authorities.end())
    return bad("by no authority that is trusted here");
  TRY_VOID(verify_ssh(certificate.authority, blob.first(certificate.signed_size),
                      certificate.signature));
  const int64_t since = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  const uint64_t now = since < 0 ? 0 : static_cast<uint64_t>(since);
  if (now < certificate.valid_after) return bad("not valid before " + utc(certificate.valid_after));
  if (now >= certificate.valid_before)
    return bad("not valid since " + utc(certificate.valid_before));
  return {};
}

}  // namespace stele::crypto
