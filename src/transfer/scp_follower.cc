#include "transfer/scp_follower.h"

#include <algorithm>
#include <charconv>

namespace stele::transfer {
namespace {

using event::Piped;
using What = event::Transfer::What;

constexpr size_t kLineBytesMax = 4096, kFoldersMax = 256;
constexpr uint8_t kGood = 0, kError = 1, kFatal = 2;

tl::unexpected<Error> wrong(const char* what) { return fail(Code::kCorrupt, what); }

template <typename Integer>
bool take_number(std::string_view& text, int base, Integer& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take_blank(std::string_view& text) {
  if (!text.starts_with(' ')) return false;
  text.remove_prefix(1);
  return true;
}

bool is_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

}  // namespace

std::unique_ptr<Follower> follow_scp(bool to_host) {
  return std::make_unique<ScpFollower>(to_host);
}

std::vector<event::Transfer> ScpFollower::take_all(const std::string& why) {
  std::vector<event::Transfer> all;
  if (!file_) return all;
  file_->why = why;
  content_.tell(*file_);
  all.push_back(*std::exchange(file_, std::nullopt));
  return all;
}

Status ScpFollower::follow(Piped::Pipe pipe, ByteSpan& bytes) {
  const bool is_sender = (pipe == Piped::Pipe::kInput) == to_host_;
  const bool is_senders_turn =
      turn_ == Turn::kRecord || turn_ == Turn::kContent || turn_ == Turn::kContentEnd;
  if (turn_ == Turn::kOver || is_sender != is_senders_turn) return wrong("out of turn");
  return turn_ == Turn::kContent ? pass_content(bytes) : line(is_sender, bytes);
}

Status ScpFollower::pass_content(ByteSpan& bytes) {
  const uint64_t left = size_ - content_.bytes();
  const ByteSpan part = bytes.first(static_cast<size_t>(std::min<uint64_t>(left, bytes.size())));
  bytes = bytes.subspan(part.size());
  pieces_.elide(content_.pass(content_.next(), part));
  if (content_.bytes() == size_) turn_ = Turn::kContentEnd;
  return {};
}

/// A record or an answer, up to its end: a newline, or the one byte that says that all is well.
Status ScpFollower::line(bool is_sender, ByteSpan& bytes) {
  const uint8_t byte = bytes.front();
  pieces_.keep(bytes.first(1));
  bytes = bytes.subspan(1);
  if (line_.empty() && byte == kGood) return answer(kGood);
  if (byte != '\n') {
    if (line_.size() >= kLineBytesMax) return wrong("a line that is too long");
    line_.push_back(static_cast<char>(byte));
    return {};
  }
  const std::string said = std::exchange(line_, {});
  const auto first = static_cast<uint8_t>(said.empty() ? '\n' : said.front());
  if (first == kError || first == kFatal) return answer(first);
  if (!is_sender || turn_ != Turn::kRecord) return wrong("an answer of another kind");
  return record(said);
}

Status ScpFollower::record(std::string_view line) {
  folder_.clear();
  leaves_ = false;
  turn_ = Turn::kAnswer;
  switch (line.front()) {
    case 'C':
    case 'D':
      return file_record(line);
    case 'E':
      leaves_ = true;
      return line.size() == 1 && !folders_.empty() ? Status{} : wrong("no folder ends here");
    case 'T':
      return line.find_first_not_of("0123456789 ", 1) == line.npos ? Status{}
                                                                   : wrong("no such times");
    default:
      return wrong("no such record");
  }
}

/// C or D, mode, size, name.
Status ScpFollower::file_record(std::string_view line) {
  const bool is_file = line.front() == 'C';
  line.remove_prefix(1);
  uint32_t mode = 0;
  if (!take_number(line, 8, mode) || !take_blank(line) || !take_number(line, 10, size_) ||
      !take_blank(line) || !is_name(line) || size_ > INT64_MAX)
    return wrong("a record that can not be read");
  if (!is_file) {
    if (folders_.size() >= kFoldersMax) return wrong("folders too deep");
    folder_ = line;
    return {};
  }
  event::Transfer& file = file_.emplace();
  file.what = to_host_ ? What::kToHost : What::kFromHost;
  file.protocol = "scp";
  file.mode = mode;
  for (const std::string& each : folders_) file.name += each + "/";
  file.name += line;
  content_ = Content();
  return {};
}

/// All is well (kGood), or not; from whoever's turn it is.
Status ScpFollower::answer(uint8_t code) {
  if (code == kFatal) {
    if (file_) {
      file_->error = kFatal;
      tell("ended by an error");
    }
    turn_ = Turn::kOver;
    return {};
  }
  switch (turn_) {
    case Turn::kFirstAnswer:
      if (code != kGood) return wrong("another beginning");
      turn_ = Turn::kRecord;
      return {};
    case Turn::kRecord:  // the sender has no such file, say
      return code == kError ? Status{} : wrong("an empty record");
    case Turn::kAnswer:
      if (code == kGood) return answer_record();
      if (file_) {
        file_->error = code;
        tell("refused");
      }
      turn_ = Turn::kRecord;
      return {};
    case Turn::kContentEnd:
      content_.set_whole(code == kGood);
      if (code != kGood) content_.spoil("the sender could not read all of it");
      turn_ = Turn::kResult;
      return {};
    case Turn::kResult:
      if (code != kGood) {
        file_->error = code;
        content_.spoil("the receiver could not write it");
      }
      tell("");
      turn_ = Turn::kRecord;
      return {};
    default:
      return wrong("out of turn");
  }
}

Status ScpFollower::answer_record() {
  turn_ = Turn::kRecord;
  if (leaves_) folders_.pop_back();
  if (!folder_.empty()) folders_.push_back(std::exchange(folder_, {}));
  if (file_) turn_ = size_ == 0 ? Turn::kContentEnd : Turn::kContent;
  return {};
}

void ScpFollower::tell(const std::string& why) {
  file_->why = why;
  content_.tell(*file_);
  pieces_.say(*std::exchange(file_, std::nullopt));
}

}  // namespace stele::transfer
