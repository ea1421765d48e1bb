#include "wire/enrolment.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/hex.h"
#include "crypto/sha256.h"

namespace stele::wire {
namespace {

constexpr std::string_view kRequestLine = "stele-enrol-v1", kAnswerLine = "stele-enrolled-v1",
                           kRenewalLine = "stele-renew-v1", kRenewedLine = "stele-renewed-v1";

/// Exactly `count` lines, each ended, the first as it has to be.
Result<std::vector<std::string_view>> lines_of(std::string_view text, std::string_view first,
                                               size_t count) {
  if (text.size() > kEnrolmentBytesMax) return fail(Code::kLimit, "enrolment: over 256 KiB");
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < count) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty() || lines.size() != count || lines[0] != first) {
    return fail(Code::kCorrupt, "enrolment: not " + std::to_string(count) +
                                    " lines that begin with " + std::string(first));
  }
  return lines;
}

template <size_t N>
Status fill(std::array<uint8_t, N>& out, const Result<Bytes>& bytes) {
  if (!bytes) return fail(bytes.error());
  if (bytes->size() != N) return fail(Code::kCorrupt, "enrolment: a field of another size");
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return {};
}

Result<uint32_t> parse_epoch(std::string_view text) {
  uint32_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error != std::errc() || end != text.data() + text.size() || epoch == 0 ||
      std::to_string(epoch) != text)
    return fail(Code::kCorrupt, "enrolment: no epoch");
  return epoch;
}

}  // namespace

Hash machine_hash(std::string_view machine_id) {
  crypto::Sha256 sha;
  sha.update(as_bytes("stele-machine-v1"));
  sha.update(as_bytes(machine_id));
  return sha.finish();
}

std::string signed_part(const EnrolmentRequest& request) {
  return std::string(kRequestLine) + "\n" + request.token + "\n" + to_hex(request.machine) + "\n" +
         to_base64(request.signing_key) + "\n" + to_base64(request.certificate_request) + "\n";
}

std::string encode(const EnrolmentRequest& request) {
  return signed_part(request) + to_base64(request.signature) + "\n";
}

Result<EnrolmentRequest> parse_enrolment_request(std::string_view text) {
  TRY(const auto lines, lines_of(text, kRequestLine, 6));
  EnrolmentRequest request;
  request.token = lines[1];
  TRY_VOID(fill(request.machine, from_hex(lines[2])));
  TRY_VOID(fill(request.signing_key, from_base64(lines[3])));
  TRY(request.certificate_request, from_base64(lines[4]));
  TRY_VOID(fill(request.signature, from_base64(lines[5])));
  return request;
}

std::string encode(const Enrolment& enrolment) {
  return std::string(kAnswerLine) + "\n" + enrolment.host + "\n" + std::to_string(enrolment.epoch) +
         "\n" + enrolment.log_key + "\n" + enrolment.policy_key + "\n" +
         to_base64(enrolment.recipients) + "\n" + to_base64(enrolment.certificate) + "\n" +
         to_base64(enrolment.authority) + "\n";
}

Result<Enrolment> parse_enrolment(std::string_view text) {
  TRY(const auto lines, lines_of(text, kAnswerLine, 8));
  Enrolment enrolment;
  enrolment.host = lines[1];
  TRY(enrolment.epoch, parse_epoch(lines[2]));
  enrolment.log_key = lines[3];
  enrolment.policy_key = lines[4];
  TRY(enrolment.recipients, from_base64(lines[5]));
  TRY(enrolment.certificate, from_base64(lines[6]));
  TRY(enrolment.authority, from_base64(lines[7]));
  return enrolment;
}

namespace {

std::string body_of(const RenewalRequest& request) {
  return std::string(kRenewalLine) + "\n" + std::to_string(request.epoch) + "\n" +
         to_hex(request.key) + "\n" + to_base64(request.certificate_request) + "\n";
}

}  // namespace

std::string signed_part(const RenewalRequest& request, std::string_view host) {
  return std::string(host) + "\n" + body_of(request);
}

std::string encode(const RenewalRequest& request) {
  return body_of(request) + to_base64(request.signature) + "\n";
}

Result<RenewalRequest> parse_renewal_request(std::string_view text) {
  TRY(const auto lines, lines_of(text, kRenewalLine, 5));
  RenewalRequest request;
  TRY(request.epoch, parse_epoch(lines[1]));
  TRY_VOID(fill(request.key, from_hex(lines[2])));
  TRY(request.certificate_request, from_base64(lines[3]));
  TRY_VOID(fill(request.signature, from_base64(lines[4])));
  return request;
}

std::string encode(const Renewal& renewal) {
  return std::string(kRenewedLine) + "\n" + to_base64(renewal.certificate) + "\n";
}

Result<Renewal> parse_renewal(std::string_view text) {
  TRY(const auto lines, lines_of(text, kRenewedLine, 2));
  Renewal renewal;
  TRY(renewal.certificate, from_base64(lines[1]));
  return renewal;
}

}  // namespace stele::wire
