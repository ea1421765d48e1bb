#include "codec/cbor.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "codec/cbor_item.h"

namespace stele::codec {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

template <typename Write>
std::string written(const Write& write) {
  Bytes out;
  CborWriter writer(out);
  write(writer);
  return to_hex(out);
}

Error refusal(std::string_view encoded) {
  const Bytes bytes = hex(encoded);
  CborReader reader(bytes);
  const auto item = reader.skip_item();
  EXPECT_FALSE(item.has_value()) << encoded;
  EXPECT_EQ(reader.rest().size(), bytes.size()) << "a refused item is not passed";
  return item ? Error{} : item.error();
}

// RFC 8949 Appendix A, all that is in deterministic encoding.
constexpr const char* kDeterministic[] = {
    "00",
    "01",
    "0a",
    "17",
    "1818",
    "1819",
    "1864",
    "1903e8",
    "1a000f4240",
    "1b000000e8d4a51000",
    "1bffffffffffffffff",
    "c249010000000000000000",
    "3bffffffffffffffff",
    "c349010000000000000000",
    "20",
    "29",
    "3863",
    "3903e7",
    "f90000",
    "f98000",
    "f93c00",
    "fb3ff199999999999a",
    "f93e00",
    "f97bff",
    "fa47c35000",
    "fa7f7fffff",
    "fb7e37e43c8800759c",
    "f90001",
    "f90400",
    "f9c400",
    "fbc010666666666666",
    "f97c00",
    "f97e00",
    "f9fc00",
    "f4",
    "f5",
    "f6",
    "f7",
    "f0",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",
    "c11a514b67b0",
    "c1fb41d452d9ec200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "40",
    "4401020304",
    "60",
    "6161",
    "6449455446",
    "62225c",
    "62c3bc",
    "63e6b0b4",
    "64f0908591",
    "80",
    "83010203",
    "8301820203820405",
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "a0",
    "a201020304",
    "a26161016162820203",
    "826161a161626163",
    "a56161614161626142616361436164614461656145"};

// The rest of Appendix A, and why each is refused.
constexpr std::pair<const char*, const char*> kOtherSpellings[] = {
    {"fa7f800000", "a float in a longer form"},
    {"fa7fc00000", "a float in a longer form"},
    {"faff800000", "a float in a longer form"},
    {"fb7ff0000000000000", "a float in a longer form"},
    {"fb7ff8000000000000", "a float in a longer form"},
    {"fbfff0000000000000", "a float in a longer form"},
    {"5f42010243030405ff", "indefinite"},
    {"7f657374726561646d696e67ff", "indefinite"},
    {"9fff", "indefinite"},
    {"9f018202039f0405ffff", "indefinite"},
    {"9f01820203820405ff", "indefinite"},
    {"83018202039f0405ff", "indefinite"},
    {"83019f0203ff820405", "indefinite"},
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", "indefinite"},
    {"bf61610161629f0203ffff", "indefinite"},
    {"826161bf61626163ff", "indefinite"},
    {"bf6346756ef563416d7421ff", "indefinite"}};

TEST(CborReader, takes_every_deterministic_vector_of_the_rfc) {
  for (const char* vector : kDeterministic) {
    const Bytes bytes = hex(vector);
    CborReader reader(bytes);
    const auto item = reader.skip_item();
    ASSERT_TRUE(item.has_value()) << vector << ": " << item.error().context;
    EXPECT_TRUE(equal(*item, bytes)) << vector;
    EXPECT_TRUE(reader.done());
  }
}

TEST(CborReader, refuses_every_other_vector_of_the_rfc_and_says_why) {
  for (const auto& [vector, why] : kOtherSpellings) {
    const Error error = refusal(vector);
    EXPECT_EQ(error.code, Code::kCorrupt);
    EXPECT_NE(error.context.find(why), std::string::npos) << vector << ": " << error.context;
  }
}

TEST(CborReader, refuses_every_vector_cut_short_at_every_byte) {
  for (const char* vector : kDeterministic) {
    const Bytes bytes = hex(vector);
    for (size_t size = 0; size < bytes.size(); ++size) {
      CborReader reader(ByteSpan(bytes).first(size));
      EXPECT_FALSE(reader.skip_item().has_value()) << vector << " cut to " << size;
    }
  }
}

TEST(CborReader, refuses_numbers_in_longer_forms_than_needed) {
  for (const char* major : {"18", "38", "58", "78", "98", "b8", "d8"}) {
    EXPECT_NE(refusal(std::string(major) + "17").context.find("longer form"), std::string::npos)
        << major;
  }
  for (const char* longer :
       {"1900ff", "1a0000ffff", "1b00000000ffffffff", "3900ff", "590001aa", "d90001f6"}) {
    EXPECT_NE(refusal(longer).context.find("longer form"), std::string::npos) << longer;
  }
}

TEST(CborReader, refuses_what_is_not_well_formed) {
  for (const char* reserved : {"1c", "1d", "1e", "3c", "5d", "fc", "fe", "f800", "f81f"}) {
    EXPECT_NE(refusal(reserved).context.find("reserved form"), std::string::npos) << reserved;
  }
  EXPECT_NE(refusal("ff").context.find("break"), std::string::npos);
  EXPECT_NE(refusal("1f").context.find("indefinite"), std::string::npos);
}

TEST(CborReader, refuses_text_that_is_not_utf8) {
  for (const char* bad : {"61ff", "62c080", "63eda080", "64f4908080", "62e282"}) {
    EXPECT_NE(refusal(bad).context.find("UTF-8"), std::string::npos) << bad;
  }
}

TEST(CborReader, refuses_map_keys_out_of_order_or_twice) {
  EXPECT_NE(refusal("a203040102").context.find("out of order"), std::string::npos);
  EXPECT_NE(refusal("a2616201616102").context.find("out of order"), std::string::npos);
  EXPECT_NE(refusal("a2626161016162"
                    "02")
                .context.find("out of order"),
            std::string::npos);
  EXPECT_NE(refusal("a201020102").context.find("twice"), std::string::npos);
  EXPECT_NE(refusal("81a201020102").context.find("twice"), std::string::npos);
}

TEST(CborReader, reads_no_map_whose_keys_are_out_of_order_not_even_inside) {
  for (const char* bad : {"a203040102", "a101a203040102"}) {
    const Bytes bytes = hex(bad);
    EXPECT_FALSE(CborReader(bytes).map().has_value()) << bad;
  }
}

TEST(CborReader, refuses_bignums_that_an_integer_could_hold) {
  for (const char* bad :
       {"c240", "c24101", "c248ffffffffffffffff", "c24a00010000000000000000", "c26161", "c201"}) {
    EXPECT_NE(refusal(bad).context.find("bignum"), std::string::npos) << bad;
  }
}

TEST(CborReader, believes_no_count_that_cannot_be_true) {
  for (const char* huge : {"9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff",
                           "7bffffffffffffffff", "9a7fffffff00", "ba7fffffff0000"}) {
    EXPECT_EQ(refusal(huge).code, Code::kCorrupt) << huge;
  }
}

TEST(CborReader, goes_sixteen_deep_and_no_deeper) {
  std::string arrays;
  for (int i = 0; i < 15; ++i) arrays += "81";
  const Bytes deepest = hex(arrays + "80");
  EXPECT_TRUE(CborReader(deepest).skip_item().has_value());
  EXPECT_EQ(refusal(arrays + "8100").code, Code::kLimit);
  std::string tags;
  for (int i = 0; i < 100'000; ++i) tags += "c0";
  EXPECT_EQ(refusal(tags + "00").code, Code::kLimit);
}

// Each float twice: once as it must be, and in the next longer form, which is its second spelling.
TEST(CborReader, tells_the_shortest_float_bit_by_bit) {
  constexpr uint8_t kSingle = 26, kDouble = 27;
  const auto as_double = [](double v) {
    uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    return bits;
  };
  const auto as_single = [](float v) {
    uint32_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    return uint64_t{bits};
  };
  EXPECT_FALSE(is_shortest_float(kSingle, as_single(65504.0F)));
  EXPECT_TRUE(is_shortest_float(kSingle, as_single(65520.0F)));
  EXPECT_TRUE(is_shortest_float(kSingle, as_single(0x1p16F)));
  EXPECT_FALSE(is_shortest_float(kSingle, as_single(0x1p-24F))) << "the least half";
  EXPECT_TRUE(is_shortest_float(kSingle, as_single(0x1p-25F)));
  EXPECT_FALSE(is_shortest_float(kSingle, as_single(0x1.8p-23F)));
  EXPECT_TRUE(is_shortest_float(kSingle, as_single(0x1.8p-24F)));
  EXPECT_FALSE(is_shortest_float(kSingle, as_single(0x1.ff8p-15F))) << "the largest subnormal half";
  EXPECT_TRUE(is_shortest_float(kSingle, as_single(0x1.ffcp-15F)));
  EXPECT_TRUE(is_shortest_float(kSingle, 1)) << "a subnormal single";
  EXPECT_TRUE(is_shortest_float(kSingle, 0x7fc00001)) << "a NaN whose payload a half cannot hold";
  EXPECT_FALSE(is_shortest_float(kDouble, as_double(0x1p-149))) << "the least single";
  EXPECT_TRUE(is_shortest_float(kDouble, as_double(0x1p-150)));
  EXPECT_FALSE(is_shortest_float(kDouble, as_double(-3.4028234663852886e38)));
  EXPECT_TRUE(is_shortest_float(kDouble, as_double(3.5e38)));
  EXPECT_TRUE(is_shortest_float(kDouble, 1)) << "a subnormal double";
  EXPECT_FALSE(is_shortest_float(kDouble, as_double(-0.0)));
}

#if defined(__FLT16_MAX__)
// The processor's own conversion as a second opinion, over every single that a half could be.
TEST(CborReader, agrees_with_the_processor_about_halves) {
  for (uint32_t bits = 0; bits < 0xff800000; bits += 0x5555) {
    float single = 0;
    std::memcpy(&single, &bits, sizeof single);
    if (single != single) continue;
    const bool fits = static_cast<float>(static_cast<_Float16>(single)) == single;
    ASSERT_EQ(is_shortest_float(26, bits), !fits) << std::hex << bits;
  }
}
#endif

TEST(CborReader, reads_what_the_writer_wrote) {
  Bytes bytes;
  CborWriter writer(bytes);
  writer.array(7);
  writer.unsigned_integer(UINT64_MAX);
  writer.integer(INT64_MIN);
  writer.integer(INT64_MAX);
  writer.bytes(hex("00ff"));
  writer.text("schön");
  writer.boolean(true);
  writer.null();
  CborReader reader(bytes);
  EXPECT_EQ(reader.array().value(), 7U);
  EXPECT_EQ(reader.unsigned_integer().value(), UINT64_MAX);
  EXPECT_EQ(reader.integer().value(), INT64_MIN);
  EXPECT_EQ(reader.integer().value(), INT64_MAX);
  EXPECT_TRUE(equal(reader.bytes().value(), hex("00ff")));
  EXPECT_EQ(reader.text().value(), "schön");
  EXPECT_TRUE(reader.boolean().value());
  EXPECT_EQ(to_hex(reader.skip_item().value()), "f6");
  EXPECT_TRUE(reader.done());
}

TEST(CborReader, stays_where_it_is_when_asked_for_the_wrong_type) {
  const Bytes bytes = hex("6161");
  CborReader reader(bytes);
  EXPECT_EQ(reader.unsigned_integer().error().code, Code::kCorrupt);
  EXPECT_FALSE(reader.integer().has_value());
  EXPECT_FALSE(reader.bytes().has_value());
  EXPECT_FALSE(reader.array().has_value());
  EXPECT_FALSE(reader.map().has_value());
  EXPECT_FALSE(reader.boolean().has_value());
  EXPECT_EQ(reader.text().value(), "a");
}

TEST(CborReader, reads_no_integer_beyond_64_bits) {
  const Bytes over = hex("1b8000000000000000"), under = hex("3b8000000000000000");
  EXPECT_EQ(CborReader(over).integer().error().code, Code::kLimit);
  EXPECT_EQ(CborReader(under).integer().error().code, Code::kLimit);
  EXPECT_EQ(CborReader(over).unsigned_integer().value(), uint64_t{1} << 63);
}

TEST(CborReader, reads_a_string_only_if_all_of_it_is_there) {
  const Bytes cut = hex("44010203");
  CborReader reader(cut);
  EXPECT_EQ(reader.bytes().error().code, Code::kCorrupt);
  EXPECT_EQ(reader.rest().size(), cut.size());
}

TEST(CborWriter, uses_the_shortest_form_at_every_boundary) {
  const auto number = [](uint64_t v) {
    return written([v](CborWriter& w) { w.unsigned_integer(v); });
  };
  EXPECT_EQ(number(23), "17");
  EXPECT_EQ(number(24), "1818");
  EXPECT_EQ(number(0xff), "18ff");
  EXPECT_EQ(number(0x100), "190100");
  EXPECT_EQ(number(0xffff), "19ffff");
  EXPECT_EQ(number(0x10000), "1a00010000");
  EXPECT_EQ(number(0xffffffff), "1affffffff");
  EXPECT_EQ(number(0x100000000), "1b0000000100000000");
  EXPECT_EQ(written([](CborWriter& w) { w.integer(-1); }), "20");
  EXPECT_EQ(written([](CborWriter& w) { w.integer(-25); }), "3818");
}

TEST(CborMap, sorts_by_the_encoded_keys) {
  CborMap map;
  map.entry("b").unsigned_integer(1);
  map.entry("aa").unsigned_integer(2);
  map.entry("a").text("x");
  EXPECT_EQ(written([&](CborWriter& w) { map.write_to(w); }),
            "a3"
            "61616178"
            "616201"
            "62616102");
}

TEST(CborMapDeathTest, takes_a_key_once) {
  EXPECT_DEATH(
      {
        CborMap map;
        map.entry("a").null();
        map.entry("a").null();
      },
      "CHECK");
}

TEST(CborWriterDeathTest, writes_no_text_that_is_not_utf8) {
  EXPECT_DEATH(written([](CborWriter& w) { w.text("\xff"); }), "CHECK");
}

}  // namespace
}  // namespace stele::codec
