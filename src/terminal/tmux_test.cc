// Recorded sessions of real programs, against what tmux 3.3a shows of the same bytes
// (testdata/terminal/make.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "terminal/emulator.h"

namespace stele::terminal {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Session {
  std::string name, raw, screen;
  size_t rows = 0, columns = 0;
};

std::vector<Session> sessions() {
  std::vector<Session> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(STELE_TESTDATA) / "terminal")) {
    if (entry.path().extension() != ".raw") continue;
    Session s{entry.path().stem(), read(entry.path()),
              read(std::filesystem::path(entry.path()).replace_extension("screen"))};
    const size_t head = s.raw.find('\n');
    s.rows = std::stoul(s.raw);
    s.columns = std::stoul(s.raw.substr(s.raw.find(' ')));
    s.raw.erase(0, head + 1);
    out.push_back(std::move(s));
  }
  std::sort(out.begin(), out.end(),
            [](const Session& a, const Session& b) { return a.name < b.name; });
  return out;
}

// tmux wrote its screen with SGR, and SO and SI around DEC graphics: our own emulator reads that.
Screen as_tmux_shows(const Session& s) {
  Emulator e(s.rows, s.columns);
  std::string bytes = "\x1b)0\x1b[?7l";
  for (const char c : s.screen) bytes += c == '\n' ? std::string("\r\n") : std::string(1, c);
  if (bytes.ends_with("\r\n")) bytes.resize(bytes.size() - 2);
  e.write(as_bytes(bytes));
  return e.screen();
}

std::string text(const Grid& grid, size_t row) {
  std::string out;
  grid.line(row).append_text(grid.columns(), out);
  return out;
}

TEST(Tmux, shows_the_same_text) {
  const std::vector<Session> all = sessions();
  ASSERT_GE(all.size(), 17U);
  for (const Session& s : all) {
    Emulator ours(s.rows, s.columns);
    ours.write(as_bytes(s.raw));
    const Screen theirs = as_tmux_shows(s);
    for (size_t row = 0; row < s.rows; ++row) {
      EXPECT_EQ(text(ours.screen().grid(), row), text(theirs.grid(), row))
          << s.name << ", row " << row;
    }
  }
}

// As far as tmux captures a row: it leaves away cells behind the last one printed, although they
// may have a background.
std::vector<size_t> captured_columns(const Session& s) {
  std::vector<size_t> out(1);
  Emulator e(1, s.columns);
  e.write(as_bytes("\x1b)0"));
  for (const char c : s.screen) {
    e.write(as_bytes(std::string_view(c == '\n' ? "\r" : &c, 1)));
    if (c == '\n') out.push_back(0);
    const Cursor& cursor = e.screen().cursor();
    out.back() = std::max(out.back(), cursor.column + cursor.wrap_pending);
  }
  out.resize(s.rows);
  return out;
}

TEST(Tmux, shows_the_same_attributes) {
  for (const Session& s : sessions()) {
    Emulator ours(s.rows, s.columns);
    ours.write(as_bytes(s.raw));
    const Screen theirs = as_tmux_shows(s);
    const std::vector<size_t> captured = captured_columns(s);
    for (size_t row = 0; row < s.rows; ++row) {
      for (size_t column = 0; column < captured[row]; ++column) {
        EXPECT_EQ(ours.screen().grid().line(row).at(column), theirs.grid().line(row).at(column))
            << s.name << ", row " << row << ", column " << column;
      }
    }
  }
}

}  // namespace
}  // namespace stele::terminal
