// Public keys as SSH writes them (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8332, RFC 8709), and the
// signatures of those that may be an authority's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace stele::crypto {

/// Of a key or certificate: what is larger is none.
inline constexpr size_t kSshBlobBytesMax = size_t{16} << 10;
inline constexpr size_t kSshAuthoritiesMax = 256;

/// An SSH `string`: a u32 size and so many bytes. After a short read, the reader is not ok().
ByteSpan take_ssh_string(ByteReader& in);

/// "SHA256:" and the unpadded base64 of the blob's SHA-256, as ssh-keygen -l says it.
std::string ssh_fingerprint(ByteSpan key_blob);

/// A key line: options, type, base64 and comment, as in an authorized_keys file or the file that
/// SSH_USER_AUTH names; the blob. kCorrupt: it is none; kLimit: too large.
Result<Bytes> parse_ssh_key_line(std::string_view line);

/// The keys of a file of sshd's TrustedUserCAKeys: a key each line, "#" begins a comment.
/// kInvalid: a line that is no key, or of a kind that no signature is checked by here.
Result<std::vector<Bytes>> parse_ssh_authorities(std::string_view text);

/// How many of the fields of a key of this type stand after its type; none: not a known type.
std::optional<size_t> ssh_key_fields(std::string_view type);

/// Whether `signature` (RFC 4253 §6.6's blob) is this key's over the message. By ssh-ed25519,
/// ecdsa-sha2-nistp256, 384 and 521, and by RSA of 2048 bits and more with SHA-2: kUnsupported
/// otherwise. kCorrupt: not a key; kUnauthentic: it does not hold.
Status verify_ssh(ByteSpan key_blob, ByteSpan message, ByteSpan signature);

}  // namespace stele::crypto
