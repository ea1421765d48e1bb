#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace stele::config {
namespace {

constexpr size_t kWordBytesMax = 256;  // the cost is the product of two words

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& known) {
  if (word.size() > kWordBytesMax) return {};
  std::string best;
  size_t best_distance = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string& one : known) {
    const size_t distance = edit_distance(word, one);
    if (distance < best_distance) {
      best = one;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace stele::config
