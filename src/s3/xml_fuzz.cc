#include "base/check.h"
#include "base/fuzz.h"
#include "s3/xml.h"

namespace {

size_t elements(const stele::s3::XmlElement& element) {
  size_t count = 1;
  for (const auto& child : element.children) count += elements(child);
  return count;
}

}  // namespace

STELE_FUZZ(xml, input) {
  const auto parsed = stele::s3::parse_xml(input);
  if (parsed) CHECK(elements(*parsed) <= stele::s3::kXmlElementsMax);
}
