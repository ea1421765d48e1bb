#include "agent/config.h"

#include <gtest/gtest.h>

#include "sim/file_system.h"

namespace stele::agent {
namespace {

class ConfigTest : public testing::Test {
 protected:
  Result<Config> load(const std::string& more) {
    EXPECT_TRUE(files.replace("/agent.toml", as_bytes("server = \"https://log:1\"\n" + more)));
    return load_config(files, "/agent.toml");
  }
  std::string refusal(const std::string& more) {
    const auto config = load(more);
    EXPECT_FALSE(config) << more;
    return config ? "" : config.error().message();
  }
  static std::string table(const std::string& listen, const std::string& key = "/key") {
    return "[sudo_log_tls]\nlisten = \"" + listen + "\"\ncertificate = \"/pem\"\nkey = \"" + key +
           "\"\nclients = \"/clients\"\n";
  }
  sim::Disk disk;
  sim::SimFileSystem files{disk};
};

TEST_F(ConfigTest, SudosLogProtocolIsSpokenOverTlsWhereThatIsAskedFor) {
  EXPECT_FALSE(load("")->sudo_log_tls);
  const auto config = load(table("0.0.0.0:30344"));
  ASSERT_TRUE(config && config->sudo_log_tls);
  EXPECT_EQ(config->sudo_log_tls->listen, "0.0.0.0:30344");
  EXPECT_EQ(config->sudo_log_tls->certificate, "/pem");
  EXPECT_EQ(config->sudo_log_tls->key, "/key");
  EXPECT_EQ(config->sudo_log_tls->clients, "/clients");
  EXPECT_EQ(config->sudo_log, "");
}

TEST_F(ConfigTest, WhatIsMissingOrWrongThereIsToldByItsPlace) {
  const auto expect = [this](const std::string& text, const std::string& what) {
    const std::string why = refusal(text);
    EXPECT_NE(why.find("/agent.toml"), std::string::npos) << why;
    EXPECT_NE(why.find(what), std::string::npos) << why;
  };
  expect("[sudo_log_tls]\n", "sudo_log_tls.listen");
  expect("[sudo_log_tls]\nlisten = \"0.0.0.0:1\"\n", "sudo_log_tls.certificate");
  std::string open_to_all = table("0.0.0.0:1");
  open_to_all.resize(open_to_all.find("clients"));
  expect(open_to_all, "sudo_log_tls.clients");
  for (const char* each : {"30344", "collector:30344", "0.0.0.0", ""})
    expect(table(each), "as in \"0.0.0.0:30344\"");
  expect(table("0.0.0.0:1", "key.pem"), "sudo_log_tls.key: the whole path");
  expect(table("0.0.0.0:1") + "authority = \"/x\"\n", "sudo_log_tls.authority");
}

}  // namespace
}  // namespace stele::agent
