#include "server/people.h"

#include <algorithm>

#include "base/hex.h"
#include "codec/utf8.h"
#include "crypto/secret.h"
#include "crypto/sha256.h"
#include "crypto/x509.h"
#include "receipt/text.h"

namespace stele::server {
namespace {

using receipt::take_line;

constexpr std::string_view kPersonFile = "stele-person-v1", kTokenStart = "stele-key-v1.",
                           kNotYet = "-";
constexpr size_t kSecretBytes = 32, kFileBytesMax = 4096, kWhoBytesMax = 200, kTokensMax = 16,
                 kIdDigits = 8, kPeopleMax = 1000;
constexpr Micros kLifeMin = std::chrono::hours(1), kLifeMax = std::chrono::hours(366 * 24);

constexpr std::array<std::string_view, kRoleCount> kRoleNames = {
    "viewer", "auditor", "investigator", "approver", "verifier", "admin"};

// Rows: actions, columns: roles, both in their order. "never" outweighs every "yes" of its row.
enum class Word : uint8_t { kNo, kYes, kNever };
constexpr Word kNo = Word::kNo, kYes = Word::kYes, kNever = Word::kNever;
constexpr std::array<std::array<Word, kRoleCount>, kActionCount> kTable = {{
    {kYes, kYes, kYes, kNo, kNo, kNo},    // read own facts
    {kNo, kYes, kYes, kNo, kNo, kNo},     // list sessions
    {kNo, kYes, kYes, kNo, kNo, kNo},     // read facts
    {kNo, kYes, kYes, kNo, kNo, kNo},     // ask for playback material
    {kNo, kNo, kYes, kNo, kNo, kNever},   // read it
    {kNo, kNo, kNo, kYes, kNo, kNo},      // approve
    {kNo, kYes, kYes, kNo, kNo, kNo},     // ask for a hold
    {kNo, kYes, kYes, kYes, kNo, kNo},    // see holds
    {kNo, kYes, kYes, kYes, kYes, kYes},  // keys, proofs, tails
    {kNo, kYes, kNo, kNo, kNo, kYes},     // list hosts
    {kNo, kNo, kNo, kNo, kNo, kYes},      // configure
    {kNo, kNo, kNo, kNo, kNo, kNo},       // delete
}};

std::string text_of(WallTime time) { return std::to_string(micros(time)); }
std::string text_of(const std::optional<WallTime>& time) {
  return time ? text_of(*time) : std::string(kNotYet);
}

Result<WallTime> parse_time(std::string_view text) {
  TRY(const uint64_t count, receipt::parse_decimal(text, INT64_MAX));
  return WallTime(Micros(static_cast<int64_t>(count)));
}

Result<std::optional<WallTime>> parse_time_or_never(std::string_view text) {
  if (text == kNotYet) return std::optional<WallTime>();
  TRY(const WallTime time, parse_time(text));
  return std::optional(time);
}

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

Result<ApiToken> parse_token(std::string_view line) {
  ApiToken token;
  TRY(const Bytes hash, from_hex(take_word(line)));
  if (hash.size() != token.hash.size()) return fail(Code::kCorrupt, "no token's hash");
  std::copy(hash.begin(), hash.end(), token.hash.begin());
  TRY(token.created, parse_time(take_word(line)));
  TRY(token.expires, parse_time(take_word(line)));
  TRY(token.revoked, parse_time_or_never(take_word(line)));
  return token;
}

bool is_who(std::string_view text) {
  if (text.empty() || text.size() > kWhoBytesMax) return false;
  for (size_t at = 0; at < text.size();) {
    const size_t size = codec::utf8_sequence(text.substr(at));
    const auto c = static_cast<unsigned char>(text[at]);
    const bool is_c1 = size == 2 && c == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (size == 0 || c < 0x20 || c == 0x7f || is_c1) return false;
    at += size;
  }
  return true;
}

Status check_name(std::string_view name) {
  if (crypto::is_certificate_host(name)) return {};
  return fail(Code::kInvalid,
              "a person's name is 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both "
              "ends");
}

std::string path_of(const ledger::Layout& layout, const std::string& name) {
  return layout.directory + "/people/" + name;
}

Result<Person> find_person(os::FileSystem& files, const ledger::Layout& layout,
                           const std::string& name) {
  TRY_VOID(check_name(name));
  const std::string path = path_of(layout, name);
  auto text = files.read(path, kFileBytesMax);
  if (!text && text.error().code == Code::kNotFound)
    return fail(Code::kNotFound, "nobody is called " + name);
  if (!text) return fail(std::move(text).error());
  auto person = parse_person(as_text(*text));
  if (!person) return fail(std::move(person).error().within(path));
  if (person->name != name) return fail(Code::kCorrupt, path + " is another's file");
  return person;
}

}  // namespace

Result<std::vector<Person>> all_people(os::FileSystem& files, const ledger::Layout& layout) {
  const auto names = files.list(layout.directory + "/people");
  if (!names && names.error().code == Code::kNotFound) return std::vector<Person>();
  if (!names) return fail(names.error());
  std::vector<Person> people;
  for (const std::string& name : *names) {
    TRY(Person person, find_person(files, layout, name));
    people.push_back(std::move(person));
  }
  return people;
}

std::string_view role_name(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

std::string encode(const RoleSet& roles) {
  std::string text;
  for (size_t i = 0; i < kRoleCount; ++i) {
    if (roles.has(static_cast<Role>(i))) text.append(text.empty() ? "" : ",").append(kRoleNames[i]);
  }
  return text;
}

Result<RoleSet> parse_roles(std::string_view text) {
  RoleSet roles;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const auto* const name =
        std::find(kRoleNames.begin(), kRoleNames.end(), text.substr(at, end - at));
    if (name == kRoleNames.end()) {
      return fail(Code::kInvalid,
                  "a role is viewer, auditor, investigator, approver, verifier or admin; several "
                  "are written with ',' between");
    }
    roles.add(static_cast<Role>(name - kRoleNames.begin()));
    at = end + 1;
  }
  if (roles.has(Role::kAdmin) && roles.has(Role::kInvestigator))
    return fail(Code::kInvalid, "nobody is admin and investigator: an admin gets no playback");
  return roles;
}

bool may(const RoleSet& roles, Action action) {
  bool yes = false;
  for (size_t i = 0; i < kRoleCount; ++i) {
    if (!roles.has(static_cast<Role>(i))) continue;
    const Word word = kTable[static_cast<size_t>(action)][i];
    if (word == Word::kNever) return false;
    yes = yes || word == Word::kYes;
  }
  return yes;
}

std::string ApiToken::id() const { return to_hex(hash).substr(0, kIdDigits); }

std::string encode(const Person& person) {
  std::string text(kPersonFile);
  text += "\n" + person.name + "\n" + person.who + "\n" + encode(person.roles) + "\n" +
          text_of(person.created) + "\n" + text_of(person.disabled) + "\n";
  for (const ApiToken& token : person.tokens) {
    text += to_hex(token.hash) + " " + text_of(token.created) + " " + text_of(token.expires) + " " +
            text_of(token.revoked) + "\n";
  }
  return text;
}

Result<Person> parse_person(std::string_view text) {
  if (text.size() > kFileBytesMax) return fail(Code::kLimit, "a person's file over 4 KiB");
  std::string_view rest = text;
  const auto corrupt = [] { return fail(Code::kCorrupt, "not a " + std::string(kPersonFile)); };
  TRY(const std::string_view first, take_line(rest));
  if (first != kPersonFile) return corrupt();
  Person person;
  TRY(const std::string_view name, take_line(rest));
  TRY(const std::string_view who, take_line(rest));
  TRY(const std::string_view roles, take_line(rest));
  TRY(const std::string_view created, take_line(rest));
  TRY(const std::string_view disabled, take_line(rest));
  person.name = name;
  person.who = who;
  TRY(person.roles, parse_roles(roles));
  TRY(person.created, parse_time(created));
  TRY(person.disabled, parse_time_or_never(disabled));
  while (!rest.empty()) {
    TRY(const std::string_view line, take_line(rest));
    TRY(ApiToken token, parse_token(line));
    person.tokens.push_back(token);
  }
  if (!crypto::is_certificate_host(person.name) || !is_who(person.who) ||
      person.tokens.size() > kTokensMax || encode(person) != text)
    return corrupt();
  return person;
}

// Whose token it is must not show in how long the answer takes: every one is compared.
std::optional<Caller> find_caller(const std::vector<Person>& people, std::string_view token,
                                  WallTime now) {
  const Hash hash = crypto::sha256(as_bytes(token));
  const Person* found = nullptr;
  const ApiToken* found_token = nullptr;
  for (const Person& person : people) {
    for (const ApiToken& each : person.tokens) {
      if (!crypto::constant_time_equal(each.hash, hash)) continue;
      found = &person;
      found_token = &each;
    }
  }
  if (found == nullptr || found->disabled || found_token->revoked || now >= found_token->expires)
    return std::nullopt;
  return Caller{found->name, found_token->id(), found->roles};
}

People::People(os::FileSystem& files, ledger::Layout layout, Clock& clock, RandomSource random)
    : files_(files), layout_(std::move(layout)), clock_(clock), random_(std::move(random)) {}

std::string People::path(const std::string& name) const { return path_of(layout_, name); }

Result<std::unique_ptr<os::Lock>> People::lock() const {
  return files_.lock(layout_.state() + "/people.lock", os::Wait::kYes);
}

template <typename Change>
Status People::change(const std::string& name, Change&& change) {
  TRY_VOID(check_name(name));
  TRY(const auto locked, lock());
  TRY(Person person, find(name));
  TRY_VOID(change(person));
  return files_.replace(path(name), as_bytes(encode(person)));
}

Status People::add(const std::string& name, const std::string& who, const RoleSet& roles) {
  TRY_VOID(check_name(name));
  const Person person{name, who, roles, clock_.wall(), std::nullopt};
  if (!parse_person(encode(person)))
    return fail(Code::kInvalid, "who it is: 1 to 200 bytes of text in one line; and a role");
  TRY(const auto locked, lock());
  TRY_VOID(files_.make_directories(layout_.directory + "/people"));
  TRY(const auto names, files_.list(layout_.directory + "/people"));
  if (names.size() >= kPeopleMax) return fail(Code::kLimit, "there are 1000 people");
  if (files_.exists(path(name))) return fail(Code::kExists, name + " is somebody already");
  return files_.put_once(path(name), as_bytes(encode(person)));
}

Result<std::string> People::create_token(const std::string& name, Micros life) {
  if (life < kLifeMin || life > kLifeMax)
    return fail(Code::kInvalid, "a token lives 1 hour to 366 days");
  std::array<uint8_t, kSecretBytes> secret{};
  random_(secret);
  std::string token = std::string(kTokenStart) + to_hex(secret);
  crypto::wipe(secret);
  TRY_VOID(change(name, [&](Person& person) -> Status {
    if (person.disabled) return fail(Code::kPermission, name + " is disabled");
    if (person.tokens.size() >= kTokensMax)
      return fail(Code::kLimit, name + " has 16 tokens; make another person of them");
    const WallTime now = clock_.wall();
    person.tokens.push_back({crypto::sha256(as_bytes(token)), now, now + life, std::nullopt});
    return {};
  }));
  return token;
}

Status People::revoke_token(const std::string& name, const std::string& id) {
  return change(name, [&](Person& person) -> Status {
    for (ApiToken& token : person.tokens) {
      if (token.id() != id) continue;
      if (!token.revoked) token.revoked = clock_.wall();
      return {};
    }
    return fail(Code::kNotFound, name + " has no token " + id);
  });
}

Status People::set_roles(const std::string& name, const RoleSet& roles) {
  return change(name, [&](Person& person) -> Status {
    person.roles = roles;
    return parse_person(encode(person)).map([](const Person&) {});
  });
}

Status People::disable(const std::string& name) {
  return change(name, [&](Person& person) -> Status {
    if (!person.disabled) person.disabled = clock_.wall();
    return {};
  });
}

Result<Person> People::find(const std::string& name) const {
  return find_person(files_, layout_, name);
}

Result<std::vector<Person>> People::all() const { return all_people(files_, layout_); }

}  // namespace stele::server
