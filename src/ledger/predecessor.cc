#include "ledger/predecessor.h"

#include <algorithm>

#include "base/hex.h"
#include "ledger/tree_check.h"
#include "receipt/text.h"

namespace stele::ledger {
namespace {

constexpr std::string_view kFirstLine = "stele-predecessor-v1";
constexpr size_t kNoteBytesMax = size_t{64} << 10;
constexpr uint64_t kSizeMax = uint64_t{1} << 40;

}  // namespace

std::string encode(const Predecessor& p) {
  return std::string(kFirstLine) + "\n" + p.log.to_string() + "\n" + p.before.to_string() + "\n" +
         std::to_string(p.size) + " " + to_base64(p.root) + "\n" + std::to_string(p.kept) + "\n";
}

Result<Predecessor> parse_predecessor(std::string_view text) {
  const std::string_view whole = text;
  TRY(const std::string_view first, receipt::take_line(text));
  if (first != kFirstLine) return fail(Code::kCorrupt, "not a " + std::string(kFirstLine));
  Predecessor p;
  TRY(const std::string_view log, receipt::take_line(text));
  TRY(p.log, receipt::VerifierKey::parse(log));
  TRY(const std::string_view before, receipt::take_line(text));
  TRY(p.before, receipt::VerifierKey::parse(before));
  TRY(const std::string_view proven, receipt::take_line(text));
  const size_t space = std::min(proven.find(' '), proven.size());
  TRY(p.size, receipt::parse_decimal(proven.substr(0, space), kSizeMax));
  TRY(const Bytes root, from_base64(proven.substr(std::min(space + 1, proven.size()))));
  if (root.size() != p.root.size()) return fail(Code::kCorrupt, "predecessor: no root");
  std::copy(root.begin(), root.end(), p.root.begin());
  TRY(const std::string_view kept, receipt::take_line(text));
  TRY(p.kept, receipt::parse_decimal(kept, kSizeMax));
  if (encode(p) != whole) return fail(Code::kCorrupt, "predecessor: not in its one spelling");
  return p;
}

Result<Predecessor> open_predecessor(ByteSpan note, const receipt::VerifierKey& policy_key) {
  TRY(const auto opened, receipt::open_note(note, {&policy_key, 1}));
  return parse_predecessor(opened.text);
}

Result<std::optional<Predecessor>> load_predecessor(os::FileSystem& files, const Layout& layout) {
  const auto note = files.read(layout.predecessor(), kNoteBytesMax);
  if (!note && note.error().code == Code::kNotFound) return std::nullopt;
  if (!note) return fail(note.error());
  TRY(const auto policy_key, load_verifier_key(files, layout.policy_vkey()));
  auto opened = open_predecessor(*note, policy_key);
  if (!opened) return fail(std::move(opened).error().within(layout.predecessor()));
  return *std::move(opened);
}

std::vector<Fault> check_predecessor(const Predecessor& p, const std::optional<Remembered>& memory,
                                     const Trust& trust,
                                     const std::optional<receipt::Checkpoint>& checkpoint,
                                     const TreeCheck* tree, std::vector<std::string>& notes) {
  std::vector<Fault> faults;
  const auto blame = [&](const char* what, const std::string& where) {
    faults.push_back({Verdict::kTampered, what, "predecessor: " + where});
  };
  if (p.log != trust.log)
    blame("other log", "it is of " + p.log.name + ", or of another key than log.vkey's");
  if (checkpoint && checkpoint->size < p.kept) {
    blame("rolled back", std::to_string(p.kept) +
                             " leaves were taken over, and the checkpoint has " +
                             std::to_string(checkpoint->size));
    return faults;
  }
  if (tree != nullptr && !p.has_loss() && tree->root_at(p.size) != p.root)
    blame("forked", "the first " + std::to_string(p.size) + " leaves are not those of " +
                        p.before.name + " (other root)");
  if (memory && memory->size > p.size)
    blame("named too small", p.before.name + " is said to have had " + std::to_string(p.size) +
                                 " leaves; this reader saw " + std::to_string(memory->size));
  if (memory && tree != nullptr && memory->size <= p.kept &&
      tree->root_at(memory->size) != memory->root)
    blame("forked", "the first " + std::to_string(memory->size) +
                        " leaves are not those that this reader saw in " + p.before.name);
  notes.push_back("successor of " + p.before.name + ": begins with its first " +
                  std::to_string(p.kept) + " leaves" +
                  (p.has_loss() ? "; leaves " + std::to_string(p.kept) + " to " +
                                      std::to_string(p.size - 1) + " of it are lost"
                                : ", all that were proven"));
  return faults;
}

}  // namespace stele::ledger
