// Against the distribution's own `age` program, both ways.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "crypto/age.h"
#include "crypto/test_random.h"

extern char** environ;

namespace stele::crypto {
namespace {

constexpr const char* kAge = "/usr/bin/age";

class AgeProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kAge)) {
      GTEST_SKIP() << kAge << " is not installed (Debian package age)";
    }
    std::string name = std::filesystem::temp_directory_path() / "stele-age-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::string path(const char* name) const { return folder_ / name; }

  void write(const char* name, ByteSpan bytes) {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  Bytes read(const char* name) {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  /// The exit status of `age arguments…`; -1 where it did not exit by itself.
  int age(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kAge);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, path("stderr").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child = 0;
    const int failed = posix_spawn(&child, kAge, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (failed != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }

  std::filesystem::path folder_;
};

Bytes some_plaintext() {
  Bytes plaintext(150'000);  // three chunks
  test_random(3)(plaintext);
  return plaintext;
}

std::vector<Identity> make_identities() {
  std::vector<Identity> identities;
  for (uint8_t seed = 1; seed <= 3; ++seed)
    identities.push_back(Identity::generate(test_random(seed)));
  return identities;
}

TEST_F(AgeProgram, opens_what_we_seal_for_one_and_for_three) {
  const std::vector<Identity> identities = make_identities();
  std::vector<Recipient> recipients;
  for (const Identity& identity : identities) recipients.push_back(identity.recipient());
  for (size_t count : {1, 3}) {
    const auto file =
        age_encrypt(some_plaintext(), std::span(recipients).first(count), test_random(7));
    ASSERT_TRUE(file.has_value());
    write("sealed.age", *file);
    for (size_t i = 0; i < count; ++i) {
      write("identity", identities[i].to_text().span());
      ASSERT_EQ(age({"-d", "-i", path("identity"), "-o", path("opened"), path("sealed.age")}), 0)
          << as_text(read("stderr"));
      EXPECT_EQ(read("opened"), some_plaintext());
    }
  }
  write("identity", identities[2].to_text().span());
  write("sealed.age", *age_encrypt({}, std::span(recipients).first(1), test_random(7)));
  EXPECT_EQ(age({"-d", "-i", path("identity"), "-o", path("opened"), path("sealed.age")}), 1)
      << "a stranger";
}

TEST_F(AgeProgram, seals_what_each_of_us_opens) {
  const std::vector<Identity> identities = make_identities();
  write("plain", some_plaintext());
  std::vector<std::string> arguments = {"-o", path("sealed.age")};
  for (const Identity& identity : identities) {
    arguments.insert(arguments.end(), {"-r", identity.recipient().to_string()});
  }
  arguments.push_back(path("plain"));
  ASSERT_EQ(age(arguments), 0) << as_text(read("stderr"));
  for (size_t i = 0; i < identities.size(); ++i) {
    const auto opened = age_decrypt(read("sealed.age"), std::span(identities).subspan(i, 1));
    ASSERT_TRUE(opened.has_value()) << opened.error().context;
    EXPECT_TRUE(equal(opened->span(), some_plaintext()));
  }
}

TEST_F(AgeProgram, armored_files_come_back_as_unsupported) {
  const std::vector<Identity> identities = make_identities();
  write("plain", as_bytes("x"));
  ASSERT_EQ(age({"-a", "-r", identities[0].recipient().to_string(), "-o", path("sealed.age"),
                 path("plain")}),
            0)
      << as_text(read("stderr"));
  EXPECT_EQ(age_decrypt(read("sealed.age"), identities).error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace stele::crypto
