#include "policy/words.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace stele::policy {
namespace {

constexpr size_t kWordBytesMax = 32;

/// Both at most kWordBytesMax.
size_t distance(std::string_view a, std::string_view b) {
  std::array<size_t, kWordBytesMax + 1> row;
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  if (word.size() > kWordBytesMax) return best;
  size_t least = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string_view one : known) {
    const size_t here = distance(word, one);
    if (here < least) {
      least = here;
      best = one;
    }
  }
  return best;
}

}  // namespace stele::policy
