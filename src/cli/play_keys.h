// The keys of a player: what its viewer's terminal sends, told apart.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace stele::cli {

/// Names of keys are the characters they type; arrows are "right" and "left", Escape is "escape".
/// Answers of the terminal, which with --raw may be among them, are no keys, nor is what is not
/// understood.
class PlayKeys {
 public:
  /// Bytes as they were read: a sequence that the next call continues is kept until then, but an
  /// ESC that nothing follows is the key.
  void add(std::string_view bytes);
  /// The next key, or empty.
  std::string next();

 private:
  enum class State { kGround, kEscape, kSequence, kSs3, kString };
  void step(char c);

  State state_ = State::kGround;
  bool has_parameters_ = false;
  std::deque<std::string> keys_;
};

}  // namespace stele::cli
