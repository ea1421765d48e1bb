#include "s3/xml.h"

#include <gtest/gtest.h>

namespace stele::s3 {
namespace {

Result<XmlElement> parse(const std::string& text) { return parse_xml(as_bytes(text)); }

TEST(Xml, is_elements_and_their_text) {
  const auto root = parse(
      "<?xml version=\"1.0\"?>\n<a:List xmlns:a='urn:x' b='c'>\n <Key> k&amp;&#x263a;<!-- no --> "
      "</Key><Key>second</Key><Empty/><Data><![CDATA[<raw>]]></Data></a:List>");
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_EQ(root->name, "List");
  EXPECT_EQ(root->children.size(), 4U);
  EXPECT_EQ(root->text_of("Key"), "k&\u263a");
  EXPECT_EQ(root->text_of("Data"), "<raw>");
  EXPECT_EQ(root->text_of("Empty"), "");
  EXPECT_EQ(root->child("Missing"), nullptr);
}

TEST(Xml, what_is_none_is_corrupt_and_says_where) {
  for (const char* text : {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&unknown;</a>",
                           "<a>\x01</a>", "<a>\xff</a>"}) {
    const auto parsed = parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kCorrupt) << text;
  }
  EXPECT_NE(parse("<a>\n\n</b>").error().message().find("line 3"), std::string::npos);
}

TEST(Xml, a_document_type_is_refused_with_all_that_it_could_say) {
  for (const char* text : {"<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                           "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"}) {
    const auto parsed = parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message().find("a document type"), std::string::npos);
  }
}

TEST(Xml, is_bounded) {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  EXPECT_EQ(parse(deep).error().code, Code::kLimit);
  std::string many = "<a>";
  for (size_t i = 0; i < kXmlElementsMax; ++i) many += "<b/>";
  EXPECT_EQ(parse(many + "</a>").error().code, Code::kLimit);
  EXPECT_EQ(parse(std::string(kXmlBytesMax + 1, ' ')).error().code, Code::kLimit);
}

}  // namespace
}  // namespace stele::s3
