// CutMarks: which streams a server took for cut, because their host had fallen silent
// (docs/formats/server-stream.md, "In clear"). Fed in the ledger's order with the manifests of the
// server's own streams. No I/O.
#pragma once

#include <map>

#include "segment/manifest.h"

namespace stele::ledger {

class CutMarks {
 public:
  void take(const segment::Manifest& manifest);

  /// Whether a stream that the ledger has up to here, and that is not closed, is cut. One that went
  /// on since it was marked is not.
  bool is_cut(const segment::Standing& standing) const;

 private:
  std::map<StreamId, segment::Standing> marks_;
};

}  // namespace stele::ledger
