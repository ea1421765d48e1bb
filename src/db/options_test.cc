#include <gtest/gtest.h>

#include "db/postgres.h"

namespace stele::db {
namespace {

Result<PostgresOptions> parse(std::string_view text) {
  return PostgresOptions::parse(text, "database");
}

TEST(PostgresOptions, AreLines) {
  const auto options = parse(
      "# where\nhost = db1.example,db2.example\n\n  port=5433\r\npassword =  it's = a \\ 'secret' "
      "\n"
      "passfile=");
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->keywords,
            (std::map<std::string, std::string>{{"host", "db1.example,db2.example"},
                                                {"port", "5433"},
                                                {"password", "it's = a \\ 'secret'"},
                                                {"passfile", ""}}));
  EXPECT_TRUE(parse("")->keywords.empty());
}

TEST(PostgresOptions, AreToldByTheirPlaceAndNotByTheirValue) {
  using namespace std::string_view_literals;
  EXPECT_EQ(parse("host = a\nsecret").error().context, "database:2: no `keyword = value`");
  EXPECT_EQ(parse("= secret").error().context, "database:1: no keyword before the =");
  EXPECT_EQ(parse("Pass word = secret").error().context, "database:1: no keyword before the =");
  EXPECT_EQ(parse("password = secret\npassword = secret").error().context,
            "database:2: password: a second time");
  EXPECT_EQ(parse("password = sec\0ret"sv).error().context,
            "database:1: password: has a zero byte");
}

TEST(PostgresOptions, NobodyIsThere) {
  const auto connection = Connection::open(
      *parse("host = /nowhere\nuser = ada\npassword = secret\ndbname = evidence"), {});
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kBusy);
  EXPECT_NE(connection.error().context.find("/nowhere"), std::string::npos);
  EXPECT_EQ(connection.error().context.find("secret"), std::string::npos);
}

TEST(PostgresOptions, AnUnknownWordIsNamed) {
  const auto connection = Connection::open(*parse("hots = a\npassword = secret"), {});
  ASSERT_FALSE(connection);
  EXPECT_NE(connection.error().context.find("hots"), std::string::npos);
  EXPECT_EQ(connection.error().context.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace stele::db
