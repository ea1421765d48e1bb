#include "vault/vault.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace stele::vault {
namespace {

constexpr std::string_view kSuffix = ".vol";
constexpr size_t kIndexDigits = 12;

std::optional<uint64_t> decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(const VolumeName& name) {
  char out[48];
  if (name.attempt == 0) {
    std::snprintf(out, sizeof out, "%012llu.vol",
                  static_cast<unsigned long long>(name.first_index));
  } else {
    std::snprintf(out, sizeof out, "%012llu.%u.vol",
                  static_cast<unsigned long long>(name.first_index), name.attempt);
  }
  return out;
}

std::optional<VolumeName> parse_volume_name(std::string_view text) {
  const std::string_view whole = text;
  if (!text.ends_with(kSuffix)) return std::nullopt;
  text.remove_suffix(kSuffix.size());
  VolumeName name;
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    const auto attempt = decimal(text.substr(dot + 1));
    if (!attempt || *attempt > 1'000'000) return std::nullopt;
    name.attempt = static_cast<uint32_t>(*attempt);
    text = text.substr(0, dot);
  }
  const auto first = decimal(text);
  if (!first || text.size() < kIndexDigits) return std::nullopt;
  name.first_index = *first;
  if (to_string(name) != whole) return std::nullopt;
  return name;
}

Status Vault::create() {
  TRY_VOID(files_.make_directories(root_ + "/volume"));
  return files_.make_directories(root_ + "/log");
}

Result<std::vector<VolumeName>> Vault::volumes(std::vector<std::string>* strangers) const {
  TRY(const auto names, files_.list(root_ + "/volume"));
  std::vector<VolumeName> found;
  for (const std::string& name : names) {
    if (const auto volume = parse_volume_name(name)) {
      found.push_back(*volume);
    } else if (strangers != nullptr) {
      strangers->push_back("volume/" + name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::unique_ptr<os::File>> Vault::read_volume(const VolumeName& name) const {
  return files_.open_read(path(name));
}

Result<std::unique_ptr<os::File>> Vault::append_volume(const VolumeName& name) const {
  return files_.open_append(path(name));
}

Result<std::unique_ptr<os::File>> Vault::create_volume(const VolumeName& name) const {
  TRY(auto file, files_.create_append(path(name)));
  // Best effort by design: `stele status` reads the flag back and says which protection holds.
  (void)files_.protect(path(name), os::Protection::kAppendOnly);
  return file;
}

void Vault::close_volume(const VolumeName& name) const {
  (void)files_.protect(path(name), os::Protection::kImmutable);
}

Status Vault::make_parent(const std::string& path) const {
  const std::string parent = path.substr(0, path.rfind('/'));
  if (files_.exists(parent)) return {};
  return files_.make_directories(parent);
}

Status Vault::put_once(const std::string& name, ByteSpan bytes) const {
  TRY_VOID(make_parent(log_path(name)));
  return files_.put_once(log_path(name), bytes);
}

Status Vault::replace(const std::string& name, ByteSpan bytes) const {
  TRY_VOID(make_parent(log_path(name)));
  return files_.replace(log_path(name), bytes);
}

Status Vault::remove_partial_tile(const std::string& name) const {
  return files_.remove(log_path(name));
}

Result<Bytes> Vault::get(const std::string& name, size_t bytes_max) const {
  return files_.read(log_path(name), bytes_max);
}

Status RecordCursor::open_volume() {
  TRY(file_, vault_.read_volume(at_.volume));
  if (past_cache_) file_->drop_cache();
  ahead_size_ = 0;
  TRY(bytes_, file_->size());
  listed_bytes_ = bytes_;
  TRY(const auto all, vault_.volumes());
  const auto after = std::upper_bound(all.begin(), all.end(), at_.volume);
  next_ = after == all.end() ? std::nullopt : std::optional(*after);
  return {};
}

// A volume ends where the next one begins, whatever bytes follow: a record torn by a power cut may
// have its full length. A successor that was not listed can only begin behind what was there then,
// or at a record that is torn.
bool RecordCursor::is_successor_there(Found found) const {
  const VolumeName next = at_.successor();
  if (next_) return *next_ == next;
  if (found == Found::kRecord && at_.offset < listed_bytes_) return false;
  return vault_.has_volume(next);
}

Result<Found> RecordCursor::look() {
  if (!file_) TRY_VOID(open_volume());
  for (;;) {
    TRY(const Found found, look_here());
    if (!is_successor_there(found)) return found;
    at_ = {at_.successor(), 0, at_.index};
    TRY_VOID(open_volume());
  }
}

// Leaves are small and records often too: one read shows several.
Result<ByteSpan> RecordCursor::read_leaf() {
  if (at_.offset < ahead_at_ || at_.offset + segment::kLeafBytes > ahead_at_ + ahead_size_) {
    ahead_at_ = at_.offset;
    ahead_size_ = 0;
    TRY(ahead_size_, file_->read_at(at_.offset, ahead_));
  }
  const size_t from = at_.offset - ahead_at_;
  return ByteSpan(ahead_).subspan(from, std::min(ahead_size_ - from, segment::kLeafBytes));
}

Result<Found> RecordCursor::look_here() {
  TRY(const ByteSpan bytes, read_leaf());
  if (bytes.empty()) return Found::kEnd;
  if (bytes.size() < segment::kLeafBytes) return Found::kTorn;
  auto leaf = segment::parse_leaf(bytes);
  if (!leaf) return Found::kTorn;
  const uint64_t end = segment_offset() + leaf->segment_bytes;
  if (end > bytes_) {
    TRY(bytes_, file_->size());
    if (end > bytes_) return Found::kTorn;
  }
  leaf_ = *leaf;
  return Found::kRecord;
}

Status RecordCursor::read_segment(Bytes& out) {
  out.resize(leaf_.segment_bytes);
  TRY(const size_t got, file_->read_at(segment_offset(), out));
  if (got != out.size()) {
    return fail(Code::kIo, "volume " + to_string(at_.volume) + " became shorter while it was read");
  }
  return {};
}

void RecordCursor::advance() {
  at_.offset += segment::kLeafBytes + leaf_.segment_bytes;
  ++at_.index;
}

}  // namespace stele::vault
