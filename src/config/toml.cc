#include "config/toml.h"

// toml++ 3.3 asserts on what a file says ("[[[" is enough), or with NDEBUG takes it for granted. An
// assertion of its parser is an error of the file.
namespace {
struct AssertionFailed {};
[[noreturn]] void assertion_failed() { throw AssertionFailed(); }
}  // namespace
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : assertion_failed())
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

#include "config/nearest.h"

namespace stele::config {
namespace {

/// One line of what a library said, for a terminal: it may quote the file.
std::string one_line(std::string_view said) {
  std::string out(said.substr(0, 200));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return out;
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_bare_key(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

std::string place(std::string_view file, const toml::source_region& source) {
  return std::string(file) + ":" + std::to_string(source.begin.line) + ":" +
         std::to_string(source.begin.column) + ": ";
}

std::string joined(std::initializer_list<std::string_view> words) {
  std::string out;
  for (std::string_view word : words) {
    out.append(out.empty() ? "" : ", ").append("\"").append(word).append("\"");
  }
  return out;
}

}  // namespace

struct Document::Tree {
  toml::table root;

  const toml::node* find(std::string_view key) const {
    const toml::table* table = &root;
    for (;;) {
      const size_t dot = key.find('.');
      const toml::node* node = table->get(key.substr(0, dot));
      if (node == nullptr || dot == std::string_view::npos) return node;
      table = node->as_table();
      if (table == nullptr) return nullptr;
      key.remove_prefix(dot + 1);
    }
  }
};

Document::Document(std::unique_ptr<Tree> tree, std::string file_name)
    : tree_(std::move(tree)), file_name_(std::move(file_name)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::parse(std::string_view text, std::string file_name) {
  if (text.size() > kTomlBytesMax) return fail(Code::kLimit, file_name + ": over 1 MiB");
  try {
    auto tree = std::make_unique<Tree>(Tree{toml::parse(text)});
    return Document(std::move(tree), std::move(file_name));
  } catch (const toml::parse_error& error) {
    return fail(Code::kInvalid,
                place(file_name, error.source()) + "not TOML: " + one_line(error.description()));
  } catch (const AssertionFailed&) {
    return fail(Code::kInvalid, file_name + ":1:1: not TOML: a key is expected after each bracket");
  }
}

Result<Document> Document::load(os::FileSystem& files, const std::string& path) {
  TRY(const Bytes bytes, files.read(path, kTomlBytesMax));
  return parse(as_text(bytes), path);
}

Error Document::wrong(std::string_view key, std::string_view what) const {
  // What is absent is told at the nearest table around it.
  std::string_view around = key;
  const toml::node* node = tree_->find(around);
  while (node == nullptr && around.find('.') != std::string_view::npos) {
    around = around.substr(0, around.rfind('.'));
    node = tree_->find(around);
  }
  const bool has_place = node != nullptr && node->source().begin.line != 0;
  std::string text = has_place ? place(file_name_, node->source()) : file_name_ + ":1:1: ";
  return Error{Code::kInvalid, text.append(key).append(": ").append(what)};
}

namespace {

/// "it is X, wanted is Y" for a value of another type.
std::string wanted(const toml::node& node, std::string_view what) {
  return std::string("is ").append(kind_of(node)).append("; wanted is ").append(what);
}

constexpr std::string_view kMissing = "is missing, and has no default";

}  // namespace

bool Document::has(std::string_view key) {
  asked_.emplace(key);
  return tree_->find(key) != nullptr;
}

Result<std::string> Document::text(std::string_view key, std::optional<std::string> fallback,
                                   size_t bytes_max) {
  asked_.emplace(key);
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *std::move(fallback);
    return fail(wrong(key, std::string(kMissing) + "; wanted is a text"));
  }
  const auto* value = node->as_string();
  if (value == nullptr) return fail(wrong(key, wanted(*node, "a text")));
  if (value->get().size() > bytes_max || !is_plain(value->get())) {
    return fail(wrong(key, "wanted is a text of at most " + std::to_string(bytes_max) +
                               " bytes without control characters"));
  }
  return value->get();
}

Result<std::string> Document::word(std::string_view key, std::optional<std::string> fallback,
                                   std::initializer_list<std::string_view> allowed) {
  TRY(std::string found, text(key, std::move(fallback)));
  if (std::find(allowed.begin(), allowed.end(), found) != allowed.end()) return found;
  return fail(wrong(key, "is none of the words wanted: " + joined(allowed)));
}

Result<int64_t> Document::integer(std::string_view key, std::optional<int64_t> fallback,
                                  Range<int64_t> range) {
  asked_.emplace(key);
  const std::string span =
      "an integer from " + std::to_string(range.min) + " to " + std::to_string(range.max);
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *fallback;
    return fail(wrong(key, std::string(kMissing) + "; wanted is " + span));
  }
  const auto* value = node->as_integer();
  if (value == nullptr) return fail(wrong(key, wanted(*node, span)));
  if (value->get() < range.min || value->get() > range.max) {
    return fail(wrong(key, "is " + std::to_string(value->get()) + "; wanted is " + span));
  }
  return value->get();
}

Result<bool> Document::boolean(std::string_view key, std::optional<bool> fallback) {
  asked_.emplace(key);
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *fallback;
    return fail(wrong(key, std::string(kMissing) + "; wanted is true or false"));
  }
  const auto* value = node->as_boolean();
  if (value == nullptr) return fail(wrong(key, wanted(*node, "true or false")));
  return value->get();
}

Result<Document::Seconds> Document::duration(std::string_view key, std::optional<Seconds> fallback,
                                             Range<Seconds> range) {
  asked_.emplace(key);
  const std::string span = "a duration like \"90s\", \"10m\", \"24h\" or \"30d\" from " +
                           std::to_string(range.min.count()) + "s to " +
                           std::to_string(range.max.count()) + "s";
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *fallback;
    return fail(wrong(key, std::string(kMissing) + "; wanted is " + span));
  }
  const auto* value = node->as_string();
  if (value == nullptr) return fail(wrong(key, wanted(*node, span)));
  const auto parsed = parse_duration(value->get());
  if (!parsed) return fail(wrong(key, "is no duration; wanted is " + span));
  if (*parsed < range.min || *parsed > range.max) {
    return fail(wrong(key, "is " + std::to_string(parsed->count()) + "s; wanted is " + span));
  }
  return *parsed;
}

Result<uint64_t> Document::size(std::string_view key, std::optional<uint64_t> fallback,
                                Range<uint64_t> range) {
  asked_.emplace(key);
  const std::string span = "a size like \"64KiB\", \"512MiB\" or \"2GiB\" from " +
                           std::to_string(range.min) + " to " + std::to_string(range.max) +
                           " bytes";
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *fallback;
    return fail(wrong(key, std::string(kMissing) + "; wanted is " + span));
  }
  std::optional<uint64_t> parsed;
  if (const auto* text = node->as_string()) {
    parsed = parse_size(text->get());
  } else if (const auto* number = node->as_integer()) {
    if (number->get() >= 0) parsed = static_cast<uint64_t>(number->get());
  } else {
    return fail(wrong(key, wanted(*node, span)));
  }
  if (!parsed) return fail(wrong(key, "is no size; wanted is " + span));
  if (*parsed < range.min || *parsed > range.max) {
    return fail(wrong(key, "is " + std::to_string(*parsed) + " bytes; wanted is " + span));
  }
  return *parsed;
}

Result<std::vector<std::string>> Document::list(std::string_view key,
                                                std::optional<std::vector<std::string>> fallback) {
  asked_.emplace(key);
  const toml::node* node = tree_->find(key);
  if (node == nullptr) {
    if (fallback) return *std::move(fallback);
    return fail(wrong(key, std::string(kMissing) + "; wanted is a list of texts"));
  }
  const auto* values = node->as_array();
  if (values == nullptr) return fail(wrong(key, wanted(*node, "a list of texts")));
  if (values->size() > kListMax) {
    return fail(wrong(key, "wanted is a list of at most " + std::to_string(kListMax) + " texts"));
  }
  std::vector<std::string> out;
  for (const toml::node& one : *values) {
    const auto* text = one.as_string();
    if (text == nullptr || text->get().size() > 4096 || !is_plain(text->get())) {
      return fail(
          wrong(key, "its item " + std::to_string(out.size() + 1) +
                         " is not a text of at most 4096 bytes without control characters"));
    }
    out.push_back(text->get());
  }
  return out;
}

Result<std::vector<std::string>> Document::names(std::string_view table) {
  asked_.emplace(table);
  const toml::node* node = tree_->find(table);
  if (node == nullptr) return std::vector<std::string>();
  const auto* found = node->as_table();
  if (found == nullptr) return fail(wrong(table, wanted(*node, "a table")));
  std::vector<std::string> out;
  for (const auto& [name, value] : *found) {
    if (!is_bare_key(name.str())) {
      return fail(wrong(table, "has a name of other than letters, digits, \"-\" and \"_\""));
    }
    out.emplace_back(name.str());
  }
  return out;
}

Status Document::finish() const {
  struct Walk {
    const Document& document;

    bool leads_to_asked(const std::string& prefix) const {
      const auto at = document.asked_.lower_bound(prefix + ".");
      return at != document.asked_.end() && at->starts_with(prefix + ".");
    }
    Status unknown(const toml::key& key, const std::string& path) const {
      std::string text = place(document.file_name_, key.source()) + one_line(path) +
                         ": is no key that is known here";
      const std::string meant = nearest(path, document.asked_);
      if (!meant.empty()) text += "; is \"" + meant + "\" meant?";
      return fail(Code::kInvalid, std::move(text));
    }
    Status check(const toml::table& table, const std::string& prefix) const {
      for (const auto& [key, value] : table) {
        const std::string path = prefix + std::string(key.str());
        const bool is_key = is_bare_key(key.str());
        if (is_key && value.is_table() &&
            (leads_to_asked(path) || document.asked_.contains(path))) {
          TRY_VOID(check(*value.as_table(), path + "."));
        } else if (!is_key || !document.asked_.contains(path)) {
          return unknown(key, path);
        }
      }
      return {};
    }
  };
  return Walk{*this}.check(tree_->root, "");
}

}  // namespace stele::config
