#include "http/framing.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace stele::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// nullopt: a broken escape, or a control character in any spelling.
std::optional<std::string> decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

bool parse_path(std::string_view text, std::string& path) {
  if (!text.starts_with('/')) return false;
  path.clear();
  for (std::string_view rest = text.substr(1);;) {
    const size_t slash = rest.find('/');
    const auto segment = decode_percent(rest.substr(0, slash));
    if (!segment || *segment == "." || *segment == ".." ||
        segment->find('/') != std::string::npos) {
      return false;
    }
    path.append("/").append(*segment);
    if (slash == std::string_view::npos) return true;
    if (segment->empty()) return false;
    rest.remove_prefix(slash + 1);
  }
}

bool parse_query(std::string_view text, Request& request) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const auto key = decode_percent(pair.substr(0, equals));
    const auto value = decode_percent(equals == std::string_view::npos ? std::string_view()
                                                                       : pair.substr(equals + 1));
    if (!key || key->empty() || !value || request.query.size() == kQueryMax ||
        !request.query.emplace(*key, *value).second) {
      return false;
    }
  }
  return true;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

/// Whether a comma-separated list has the (lower-case) word.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (equals_ignoring_case(one, word)) return true;
  }
  return false;
}

std::optional<uint64_t> parse_length(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > INT64_MAX) {
    return std::nullopt;
  }
  return value;
}

bool is_method(std::string_view method) {
  return !method.empty() && method.size() <= 16 &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

bool parse_target(std::string_view target, Request& request) {
  request.query.clear();
  const size_t question = target.find('?');
  if (!parse_path(target.substr(0, question), request.path)) return false;
  return question == std::string_view::npos || parse_query(target.substr(question + 1), request);
}

tl::expected<Framing, Refusal> check_head(std::string_view target, unsigned version,
                                          Request& request) {
  const auto refuse = [](int status, std::string_view text) {
    return tl::make_unexpected(Refusal{status, text});
  };
  if (version != 11) return refuse(505, "HTTP/1.1 is wanted");
  if (!is_method(request.method)) return refuse(400, "malformed method");
  if (request.headers.size() > kHeadersMax) return refuse(431, "over 100 header fields");
  if (!parse_target(target, request)) return refuse(400, "malformed or ambiguous target");

  Framing framing;
  size_t hosts = 0, lengths = 0;
  for (const Header& header : request.headers) {
    if (header.name == "host") {
      ++hosts;
    } else if (header.name == "transfer-encoding") {
      // With its length said first, a body's share of memory can be refused before it comes; and
      // there is no second framing to disagree about (RFC 9112 §6.3, §11.2).
      return refuse(411, "a body needs a Content-Length");
    } else if (header.name == "content-length") {
      const auto length = parse_length(header.value);
      if (!length || ++lengths > 1) return refuse(400, "malformed Content-Length");
      framing.content_length = *length;
    } else if (header.name == "expect") {
      if (!equals_ignoring_case(header.value, "100-continue")) {
        return refuse(417, "nothing but 100-continue can be expected");
      }
      framing.expects_continue = true;
    } else if (header.name == "connection") {
      if (has_word(header.value, "close")) framing.keep_alive = false;
    }
  }
  if (hosts != 1) return refuse(400, "exactly one Host is wanted");
  return framing;
}

std::string http_date(std::chrono::sys_seconds at) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::optional<std::string> encode_head(const Response& response, std::string_view reason,
                                       uint64_t body_size, bool keep_alive,
                                       std::chrono::sys_seconds date) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason).append("\r\nDate: ").append(http_date(date)).append("\r\n");
  const auto field = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  if (!is_one_line(response.content_type)) return std::nullopt;
  if (!response.content_type.empty()) field("Content-Type", response.content_type);
  for (const Header& header : response.headers) {
    if (!is_one_line(header.name) || !is_one_line(header.value)) return std::nullopt;
    field(header.name, header.value);
  }
  const bool has_length = response.status != 204 && response.status != 304;
  if (has_length) field("Content-Length", std::to_string(body_size));
  if (!keep_alive) field("Connection", "close");
  return out.append("\r\n");
}

}  // namespace stele::http
