#include "http/client.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "base/check.h"
#include "http/tls.h"

namespace stele::http {
namespace {

struct FreeCurl {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlHandle = std::unique_ptr<CURL, FreeCurl>;
using CurlList = std::unique_ptr<curl_slist, FreeCurl>;

template <typename T>
void set(CURL* handle, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  CHECK(code == CURLE_OK);
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_target(std::string_view target) {
  return target.starts_with('/') && target.size() <= 8192 && is_one_line(target) &&
         target.find_first_of(" #") == std::string_view::npos;
}

/// "https://" and an authority without user, path, query or fragment.
bool is_base_url(std::string_view url, bool is_plain_allowed) {
  constexpr std::string_view kScheme = "https://", kPlain = "http://";
  const bool is_plain = is_plain_allowed && url.starts_with(kPlain);
  if ((!is_plain && !url.starts_with(kScheme)) || !is_one_line(url)) return false;
  const std::string_view authority = url.substr(is_plain ? kPlain.size() : kScheme.size());
  return !authority.empty() && authority.size() <= 300 &&
         authority.find_first_of("/?#@ \\") == std::string_view::npos;
}

/// RFC 8446 §6.2: alerts by which a server says that it does not take our certificate.
bool is_about_certificate(int alert) {
  return (alert >= 42 && alert <= 46) || alert == 48 || alert == 49 || alert == 116;
}

/// What one transfer gathers.
struct Transfer {
  const ClientOptions& options;
  ClientResponse response;
  size_t header_bytes = 0;
  bool is_over_limit = false;
};

size_t on_body(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  Bytes& body = transfer.response.body;
  if (size > transfer.options.response_bytes - body.size()) {
    transfer.is_over_limit = true;
    return CURL_WRITEFUNC_ERROR;
  }
  body.insert(body.end(), data, data + size);
  return size;
}

size_t on_header(char* data, size_t, size_t size, void* argument) {
  auto& transfer = *static_cast<Transfer*>(argument);
  if (size > transfer.options.header_bytes - transfer.header_bytes) {
    transfer.is_over_limit = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.header_bytes += size;
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    transfer.response.headers.clear();  // those before were of "100 Continue"
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    transfer.response.headers.push_back(
        {std::move(name), std::string(trimmed(line.substr(colon + 1)))});
  }
  return size;
}

}  // namespace

struct Client::Parts {
  ClientOptions options;
  PeerVerifier verifier;
  CurlHandle handle;
  char said[CURL_ERROR_SIZE] = {};
  int last_alert = 0;  // received since the request began; 0: none

  bool has_own_trust() const {
    return !options.authorities_pem.empty() || options.authority_pin.has_value();
  }

  static void on_tls_event(const SSL* connection, int where, int value) {
    if (where != SSL_CB_READ_ALERT) return;
    auto* parts = static_cast<Parts*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
    parts->last_alert = value & 0xFF;
  }

  static CURLcode on_tls_context(CURL*, void* context, void* argument) {
    auto* parts = static_cast<Parts*>(argument);
    auto* tls = static_cast<SSL_CTX*>(context);
    SSL_CTX_set_app_data(tls, parts);
    SSL_CTX_set_info_callback(tls, on_tls_event);
    if (parts->has_own_trust()) use_verifier(tls, parts->verifier);
    return CURLE_OK;
  }

  void set_up() {
    CURL* curl = handle.get();
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_ERRORBUFFER, said);
    set(curl, CURLOPT_PROTOCOLS_STR, options.is_plain_allowed ? "http,https" : "https");
    set(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    set(curl, CURLOPT_PROXY, options.proxy.c_str());  // "" keeps the environment's out, too
    set(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
    set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(curl, CURLOPT_SSLVERSION,
        static_cast<long>(options.is_tls_1_2_allowed ? CURL_SSLVERSION_TLSv1_2
                                                     : CURL_SSLVERSION_TLSv1_3));
    set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    set(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    set(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    set(curl, CURLOPT_SSL_CTX_DATA, this);
    set(curl, CURLOPT_MAXCONNECTS, 1L);
    set(curl, CURLOPT_WRITEFUNCTION, on_body);
    set(curl, CURLOPT_HEADERFUNCTION, on_header);
    set(curl, CURLOPT_BUFFERSIZE, 256L << 10);
    set(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    if (has_own_trust()) {
      set(curl, CURLOPT_CAINFO, static_cast<char*>(nullptr));
      set(curl, CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    if (!options.certificate_pem.empty()) {
      curl_blob certificate{options.certificate_pem.data(), options.certificate_pem.size(),
                            CURL_BLOB_NOCOPY};
      curl_blob key{options.key_pem.writable().data(), options.key_pem.size(), CURL_BLOB_NOCOPY};
      set(curl, CURLOPT_SSLCERT_BLOB, &certificate);
      set(curl, CURLOPT_SSLKEY_BLOB, &key);
    }
  }

  CurlList headers_of(const ClientRequest& request) const {
    CurlList list;
    const auto add = [&list](const std::string& line) {
      list.reset(curl_slist_append(list.release(), line.c_str()));
      CHECK(list != nullptr);
    };
    add("Expect:");  // or libcurl waits a second for "100 Continue" before large bodies
    add("Content-Type:" + (request.content_type.empty() ? "" : " " + request.content_type));
    for (const Header& header : request.headers) {
      add(header.name + (header.value.empty() ? ";" : ": " + header.value));
    }
    return list;
  }

  /// Why a transfer failed, in the words of client.h.
  Error error_of(CURLcode code, const Transfer& transfer, const ClientRequest& request) {
    long sent_bytes = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_REQUEST_SIZE, &sent_bytes);
    std::string what = request.method + " " + options.base_url + ": ";
    what += said[0] != '\0' ? said : curl_easy_strerror(code);
    for (char& c : what) c = is_one_line({&c, 1}) ? c : ' ';
    if (transfer.is_over_limit) return {Code::kLimit, what + " (larger than allowed)"};
    if (is_about_certificate(last_alert)) {
      return {Code::kPermission, what + " (the server does not take our certificate)"};
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) return {Code::kUnauthentic, what};
    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT) {
      return {Code::kInvalid, what};
    }
    return {sent_bytes == 0 ? Code::kIo : Code::kOutcomeUnknown, what};
  }
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::make(ClientOptions options) {
  // Once for the process, before its first handle; never undone.
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(ready == CURLE_OK);
  if (!is_base_url(options.base_url, options.is_plain_allowed)) {
    return fail(Code::kInvalid, "server URL: \"https://host[:port]\" is wanted");
  }
  if (options.certificate_pem.empty() != (options.key_pem.size() == 0)) {
    return fail(Code::kInvalid, "client certificate and key: both or neither are wanted");
  }
  auto parts = std::make_unique<Parts>();
  parts->options = std::move(options);
  const ClientOptions& kept = parts->options;
  if (parts->has_own_trust()) {
    CHECK(kept.now != nullptr);
    parts->verifier.authority_pin = kept.authority_pin;
    parts->verifier.now = kept.now;
    if (!kept.authorities_pem.empty()) {
      TRY(parts->verifier.authorities,
          crypto::parse_certificates_pem(as_bytes(kept.authorities_pem)));
    }
  }
  parts->handle.reset(curl_easy_init());
  CHECK(parts->handle != nullptr);
  parts->set_up();
  return Client(std::move(parts));
}

Result<ClientResponse> Client::request(const ClientRequest& request) {
  const auto is_safe = [](const Header& header) {
    return !header.name.empty() && is_one_line(header.name) && is_one_line(header.value);
  };
  if (!is_target(request.target) || !is_one_line(request.content_type) ||
      !std::all_of(request.headers.begin(), request.headers.end(), is_safe)) {
    return fail(Code::kInvalid, request.method + ": malformed target or header");
  }
  Parts& parts = *parts_;
  CURL* curl = parts.handle.get();
  Transfer transfer{parts.options, {}, 0, false};
  const std::string url = parts.options.base_url + request.target;
  const CurlList headers = parts.headers_of(request);
  const bool is_head = request.method == "HEAD";
  const bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT";
  set(curl, CURLOPT_URL, url.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  set(curl, CURLOPT_WRITEDATA, &transfer);
  set(curl, CURLOPT_HEADERDATA, &transfer);
  const auto timeout = request.timeout.value_or(parts.options.timeout);
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(curl, CURLOPT_FRESH_CONNECT, request.is_idempotent ? 0L : 1L);
  set(curl, CURLOPT_HTTPGET, 1L);
  if (has_body) {
    set(curl, CURLOPT_POST, 1L);
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(curl, CURLOPT_POSTFIELDS,
        request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
  }
  set(curl, CURLOPT_NOBODY, is_head ? 1L : 0L);
  set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());

  parts.said[0] = '\0';
  parts.last_alert = 0;
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return fail(parts.error_of(code, transfer, request));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  return std::move(transfer.response);
}

}  // namespace stele::http
