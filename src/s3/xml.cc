#include "s3/xml.h"

#include <expat.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "http/message.h"

namespace stele::s3 {
namespace {

using http::trimmed;

struct FreeParser {
  void operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }
};

/// What the callbacks share.
struct Reader {
  XML_Parser parser = nullptr;
  XmlElement document;  // its one child is the root
  std::vector<XmlElement*> open{&document};
  size_t elements = 0;
  const char* refused = nullptr;  // why it was stopped
  bool is_over_limit = false;

  void stop(const char* why, bool is_limit) {
    refused = why;
    is_over_limit = is_limit;
    XML_StopParser(parser, XML_FALSE);
  }
};

Reader& reader_of(void* data) { return *static_cast<Reader*>(data); }

void on_start(void* data, const XML_Char* name, const XML_Char**) {
  Reader& reader = reader_of(data);
  if (reader.open.size() > kXmlDepthMax) return reader.stop("nested too deeply", true);
  if (++reader.elements > kXmlElementsMax) return reader.stop("too many elements", true);
  std::string_view local(name);
  if (const size_t colon = local.rfind(':'); colon != local.npos) local.remove_prefix(colon + 1);
  auto& siblings = reader.open.back()->children;
  siblings.push_back({std::string(local), "", {}});
  reader.open.push_back(&siblings.back());  // its siblings come after it has ended
}

// A parser that was stopped may have one more to tell.
void on_end(void* data, const XML_Char*) {
  if (reader_of(data).refused == nullptr) reader_of(data).open.pop_back();
}

void on_text(void* data, const XML_Char* text, int size) {
  reader_of(data).open.back()->text.append(text, static_cast<size_t>(size));
}

void on_document_type(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  reader_of(data).stop("a document type", false);
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](const XmlElement& each) { return each.name == wanted; });
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* found = child(wanted);
  return found == nullptr ? std::string_view() : trimmed(found->text);
}

Result<XmlElement> parse_xml(ByteSpan document) {
  if (document.size() > kXmlBytesMax) return fail(Code::kLimit, "XML: larger than 16 MiB");
  const std::unique_ptr<XML_ParserStruct, FreeParser> parser(XML_ParserCreate("UTF-8"));
  CHECK(parser != nullptr);
  Reader reader;
  reader.parser = parser.get();
  XML_SetUserData(parser.get(), &reader);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
  const auto status = XML_Parse(parser.get(), reinterpret_cast<const char*>(document.data()),
                                static_cast<int>(document.size()), XML_TRUE);
  if (status != XML_STATUS_OK) {
    const char* why = reader.refused != nullptr ? reader.refused
                                                : XML_ErrorString(XML_GetErrorCode(parser.get()));
    return fail(reader.is_over_limit ? Code::kLimit : Code::kCorrupt,
                "XML, line " + std::to_string(XML_GetCurrentLineNumber(parser.get())) + ": " + why);
  }
  return std::move(reader.document.children.front());
}

}  // namespace stele::s3
