#include "ledger/cut_marks.h"

namespace stele::ledger {

void CutMarks::take(const segment::Manifest& manifest) {
  for (const StreamId& stream : manifest.heard) marks_.erase(stream);
  for (const segment::Standing& standing : manifest.cut)
    marks_.insert_or_assign(standing.stream, standing);
}

bool CutMarks::is_cut(const segment::Standing& standing) const {
  const auto found = marks_.find(standing.stream);
  return found != marks_.end() && found->second == standing;
}

}  // namespace stele::ledger
