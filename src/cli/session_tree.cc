#include "cli/session_tree.h"

#include <cstdio>

#include "cli/facts_text.h"

namespace stele::cli {
namespace {

constexpr size_t kDepthMax = 32;

std::string line_of(const SessionFacts& facts) {
  const event::Start& start = facts.start;
  return to_string(facts.id) + "  " + start.user +
         (start.service.empty() ? "" : " by " + start.service) + ": " +
         (start.title.empty() ? join(start.argv) : start.title);
}

void print_line(const char* name, size_t depth, const std::string& text) {
  std::printf("  %-10s %s%s\n", name, std::string(2 * depth, ' ').c_str(), printable(text).c_str());
}

class Tree {
 public:
  Tree(Source& source, SessionReader& reader) : source_(source), reader_(reader) {}

  /// Its parent, that one's, and so on; the nearest first. What is not there ends it.
  std::vector<SessionFacts> ancestors(const SessionFacts& facts) {
    std::vector<SessionFacts> found;
    for (std::string parent = facts.start.parent_session;
         !parent.empty() && found.size() < kDepthMax;) {
      const auto id = parse_stream_id(parent);
      const ledger::StreamRef* stream = id ? source_.catalog().find(*id) : nullptr;
      auto read = stream != nullptr ? reader_.facts(*stream) : fail(Code::kNotFound, "no session");
      if (!read) break;
      parent = read->start.parent_session;
      found.push_back(*std::move(read));
    }
    return found;
  }

  /// Those that began while it ran, and were started in it.
  std::vector<SessionFacts> children(const SessionFacts& facts) {
    std::vector<SessionFacts> found;
    const std::string id = to_string(facts.id);
    for (const ledger::StreamRef& stream : source_.catalog().streams()) {
      if (stream.kind != segment::Kind::kSession || stream.segments.empty()) continue;
      const WallTime began = stream.segments.front().leaf.wall_first;
      if (began < facts.began || began > facts.last) continue;
      auto read = reader_.facts(stream);
      if (read && read->start.parent_session == id) found.push_back(*std::move(read));
    }
    return found;
  }

  void print_children(const SessionFacts& facts, size_t depth) {
    if (depth == kDepthMax) return;
    for (const SessionFacts& child : children(facts)) {
      print_line("within it", depth, line_of(child));
      print_children(child, depth + 1);
    }
  }

 private:
  Source& source_;
  SessionReader& reader_;
};

}  // namespace

void print_tree(Source& source, SessionReader& reader, const SessionFacts& facts, bool is_local) {
  Tree tree(source, reader);
  const std::string& parent = facts.start.parent_session;
  const auto ancestors = tree.ancestors(facts);
  if (!parent.empty() && ancestors.empty())
    print_line("within", 0, parent + ", of which nothing is here" + marked(facts.start, "parent"));
  for (size_t i = 0; i < ancestors.size(); ++i) {
    const event::Start& child = i == 0 ? facts.start : ancestors[i - 1].start;
    print_line("within", i, line_of(ancestors[i]) + marked(child, "parent"));
  }
  if (!ancestors.empty() && !facts.start.tty.empty())
    print_line("twice", 0, "what it shows passes its parent's terminal: recorded there as well");
  if (is_local) tree.print_children(facts, 0);
}

}  // namespace stele::cli
