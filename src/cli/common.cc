#include "cli/common.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "codec/utf8.h"
#include "ledger/setup.h"
#include "os/directory.h"
#include "os/who.h"

namespace stele::cli {
namespace {

constexpr size_t kIdentityFileBytesMax = size_t{64} << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// What a person should do next, by kind of error.
const char* advice(Code code) {
  switch (code) {
    case Code::kPermission:
      return "Run as the owner of the ledger, or choose another directory with --dir.";
    case Code::kNoSpace:
      return "Make room on that file system; nothing that was acknowledged is lost.";
    default:
      return nullptr;
  }
}

}  // namespace

bool is_enrolled() { return !os::is_surely_absent(kAgentConfiguration); }

std::string default_directory(const std::string& flag) {
  if (!flag.empty()) return flag;
  if (auto dir = environment("STELE_DIR"); !dir.empty()) return dir;
  const auto who = os::identity();
  if (who && who->euid == 0) return "/var/lib/stele";
  if (auto data = environment("XDG_DATA_HOME"); !data.empty()) return data + "/stele";
  return environment("HOME") + "/.local/share/stele";
}

int report(const Error& error) {
  std::fprintf(stderr, "stele: %s\n", error.message().c_str());
  if (const char* next = advice(error.code)) std::fprintf(stderr, "       %s\n", next);
  return kExitFailed;
}

void warn(const std::string& message) { std::fprintf(stderr, "stele: %s\n", message.c_str()); }

Status require_ledger(Context& context) {
  constexpr size_t kKeyFileBytesMax = 4096;
  auto key = context.files.read(context.layout.log_vkey(), kKeyFileBytesMax);
  if (key) return ledger::check_not_shared(context.files, context.layout);
  if (key.error().code != Code::kNotFound) return fail(std::move(key).error());
  return fail(Code::kNotFound,
              "there is no ledger in " + context.layout.directory +
                  ". Make one with `stele init`, or name its directory with --dir or STELE_DIR");
}

Result<std::vector<crypto::Identity>> load_identities(Context& context, const std::string& file) {
  const std::string path = file.empty() ? context.layout.auditor_identity() : file;
  auto text = context.files.read(path, kIdentityFileBytesMax);
  if (!text && file.empty() && text.error().code == Code::kNotFound)
    return std::vector<crypto::Identity>{};
  if (!text) return fail(std::move(text).error());
  auto identities = crypto::parse_identity_file(as_text(*text));
  crypto::wipe(*text);
  if (!identities) return fail(std::move(identities).error().within(path));
  return identities;
}

Result<ledger::Trust> load_trust(Context& context) {
  return load_trust(context.files, context.layout);
}

Result<ledger::Trust> load_trust(os::FileSystem& files, const ledger::Layout& layout) {
  TRY(auto log, ledger::load_verifier_key(files, layout.log_vkey()));
  TRY(auto hosts, ledger::HostKeys::load(files, layout.host_vkey()));
  return ledger::Trust{std::move(log), std::move(hosts)};
}

Result<ledger::LogSigner> load_log_signer(Context& context) {
  TRY(auto key, ledger::load_private_key(context.files, context.layout.log_key()));
  TRY(auto signer, receipt::NoteSigner::make(key.name, std::move(key.key)));
  return std::make_shared<const receipt::NoteSigner>(std::move(signer));
}

bool is_live(Context& context, const StreamId& id) {
  const std::string path = context.layout.live(id);
  if (!context.files.exists(path)) return false;
  const auto lock = context.files.lock(path, os::Wait::kNo);
  return !lock && lock.error().code == Code::kBusy;
}

Result<StreamId> find_session(const std::vector<StreamId>& all, const std::string& name) {
  std::optional<StreamId> found;
  for (const StreamId& id : all) {
    if (!to_string(id).starts_with(name) || name.empty()) continue;
    if (found)
      return fail(Code::kInvalid, "several sessions begin with " + name + ": give more of the id");
    found = id;
  }
  if (!found)
    return fail(Code::kNotFound,
                "no session " + name + " in this ledger; `stele sessions` lists them");
  return *found;
}

Result<StreamId> find_session(const ledger::Catalog& all, const std::string& name) {
  std::vector<StreamId> ids;
  for (const auto& stream : all.streams()) ids.push_back(stream.id);
  return find_session(ids, name);
}

std::string printable(std::string_view text) {
  std::string out;
  const auto escape = [&](unsigned char c) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x", c);
    out += hex;
  };
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t size = codec::utf8_sequence(text.substr(i));
    // C1 controls are two bytes of valid UTF-8, and terminals obey them.
    const bool c1 = size == 2 && c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (size == 0 || c < 0x20 || c == 0x7f || c1) {
      for (size_t k = 0; k < std::max<size_t>(1, size); ++k)
        escape(static_cast<unsigned char>(text[i + k]));
    } else {
      out.append(text.substr(i, size));
    }
    i += std::max<size_t>(1, size);
  }
  return out;
}

std::string human_bytes(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) value /= 1024, ++unit;
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return out;
}

std::string human_duration(Micros duration) {
  const auto ms = duration.count() / 1000;
  const auto s = ms / 1000;
  char out[48];
  if (s < 10) {
    std::snprintf(out, sizeof out, "%lld.%lld s", static_cast<long long>(s),
                  static_cast<long long>(ms % 1000 / 100));
  } else if (s < 60) {
    std::snprintf(out, sizeof out, "%lld s", static_cast<long long>(s));
  } else if (s < 3600) {
    std::snprintf(out, sizeof out, "%lld min %lld s", static_cast<long long>(s / 60),
                  static_cast<long long>(s % 60));
  } else {
    std::snprintf(out, sizeof out, "%lld h %lld min", static_cast<long long>(s / 3600),
                  static_cast<long long>(s / 60 % 60));
  }
  return out;
}

}  // namespace stele::cli
