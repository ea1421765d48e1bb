// Configuration files (TOML 1.0): typed, bounded, and every fault told by its place.
//
//     TRY(config::Document file, config::Document::load(files, "/etc/stele/server.toml"));
//     TRY(std::string listen, file.text("listen", "0.0.0.0:8443"));
//     TRY(int64_t threads, file.integer("http.threads", 2, {1, 64}));
//     TRY_VOID(file.finish());                       // what nobody asked for is a mistake
//
// A key is the dotted path of bare keys to a value. Each getter's fallback is what an absent key
// means; with std::nullopt for it the key must be there. Errors are kInvalid, name file, line,
// column and key, say what is wrong and what is wanted, and never repeat a text value: it may be a
// secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "os/file_system.h"

namespace stele::config {

inline constexpr size_t kTomlBytesMax = 1 << 20;
inline constexpr size_t kListMax = 1024;

/// Both ends are allowed values.
template <typename T>
struct Range {
  T min, max;
};

/// Move-only; one thread at a time.
class Document {
 public:
  using Seconds = std::chrono::seconds;

  /// `file_name` is for the errors. kInvalid: not TOML; kLimit: over 1 MiB.
  static Result<Document> parse(std::string_view text, std::string file_name);
  /// As parse(); kNotFound and the file system's other errors if it cannot be read.
  static Result<Document> load(os::FileSystem& files, const std::string& path);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  bool has(std::string_view key);
  /// UTF-8 without control characters, at most `bytes_max` bytes.
  Result<std::string> text(std::string_view key, std::optional<std::string> fallback,
                           size_t bytes_max = 4096);
  /// One of a few words.
  Result<std::string> word(std::string_view key, std::optional<std::string> fallback,
                           std::initializer_list<std::string_view> allowed);
  Result<int64_t> integer(std::string_view key, std::optional<int64_t> fallback,
                          Range<int64_t> range);
  Result<bool> boolean(std::string_view key, std::optional<bool> fallback);
  /// "90s", "10m", "24h", "30d"; whole seconds.
  Result<Seconds> duration(std::string_view key, std::optional<Seconds> fallback,
                           Range<Seconds> range);
  /// Bytes: "512", "16KiB", "512MiB", "2GiB"; or an integer.
  Result<uint64_t> size(std::string_view key, std::optional<uint64_t> fallback,
                        Range<uint64_t> range);
  /// At most kListMax texts, each as text() takes it.
  Result<std::vector<std::string>> list(std::string_view key,
                                        std::optional<std::vector<std::string>> fallback);
  /// The keys of a table, in order; none where there is no such table. Each becomes part of a
  /// dotted key: other than letters, digits, "-" and "_" are not taken in their names.
  Result<std::vector<std::string>> names(std::string_view table);

  /// An error of the caller's, told at the key's place: "file:3:1: key: what".
  Error wrong(std::string_view key, std::string_view what) const;
  /// kInvalid where a key stands in the file that no getter asked for; names the nearest that one
  /// did.
  Status finish() const;

 private:
  struct Tree;
  Document(std::unique_ptr<Tree> tree, std::string file_name);

  std::unique_ptr<Tree> tree_;
  std::string file_name_;
  std::set<std::string, std::less<>> asked_;
};

/// "90s", "10m", "24h", "30d". nullopt: not that, or more than 100 years.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// "512", "16KiB", "512MiB", "2GiB", "1TiB". nullopt: not that, or 2^63 or more.
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace stele::config
