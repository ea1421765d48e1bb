// XML 1.0 as services answer in it: elements and their text. Attributes, comments and instructions
// are passed over; a document type, and with it every entity of its own, is refused. The parser is
// expat, whose names stay in xml.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace stele::s3 {

struct XmlElement {
  std::string name;  // without a namespace's prefix
  std::string text;  // UTF-8: its own, not that of its children
  std::vector<XmlElement> children;

  /// The first of that name.
  const XmlElement* child(std::string_view wanted) const;
  /// Its text, without blanks around it; empty where there is none.
  std::string_view text_of(std::string_view wanted) const;
};

inline constexpr size_t kXmlBytesMax = size_t{16} << 20, kXmlDepthMax = 32,
                        kXmlElementsMax = 200'000;

/// The document's element. kCorrupt: no such document, and where; kLimit: larger than the above.
Result<XmlElement> parse_xml(ByteSpan document);

}  // namespace stele::s3
