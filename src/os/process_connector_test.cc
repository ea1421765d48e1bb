#include "os/process_connector.h"

#include <gtest/gtest.h>
#include <linux/connector.h>

#include <cstring>

#include "os/peer.h"

namespace stele::os {
namespace {

using What = ProcessEvent::What;

/// As the kernel sends it: 40 bytes behind the connector's head (linux/cn_proc.h).
Bytes message(uint32_t what, std::vector<uint32_t> rest) {
  cn_msg head{};
  head.id = {CN_IDX_PROC, CN_VAL_PROC};
  head.len = 40;
  Bytes bytes(sizeof head + head.len);
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, &what, sizeof what);
  const uint64_t time = 5'000'000;
  std::memcpy(bytes.data() + sizeof head + 8, &time, sizeof time);
  std::memcpy(bytes.data() + sizeof head + 16, rest.data(), rest.size() * sizeof rest[0]);
  return bytes;
}

std::optional<ProcessEvent> parsed(const Bytes& bytes) {
  return parse_process_event(bytes, Micros(100));
}

TEST(ProcessConnector, tells_of_processes) {
  const BootTime at{Micros(5100)};
  EXPECT_EQ(parsed(message(1, {10, 11, 20, 20})), (ProcessEvent{What::kFork, 20, 11, 0, at}));
  EXPECT_EQ(parsed(message(2, {20, 20})), (ProcessEvent{What::kExec, 20, 0, 0, at}));
  EXPECT_EQ(parsed(message(0x80000000, {20, 20, 0x700, 17})),
            (ProcessEvent{What::kExit, 20, 0, 0x700, at}));
}

TEST(ProcessConnector, says_nothing_of_threads_and_of_what_it_does_not_know) {
  EXPECT_FALSE(parsed(message(1, {10, 10, 21, 20})));
  EXPECT_FALSE(parsed(message(0x80000000, {21, 20, 0, 17})));
  EXPECT_FALSE(parsed(message(0, {0, 0})));
  EXPECT_FALSE(parsed(message(0x200, {20, 20})));
  Bytes other = message(2, {20, 20});
  other[0] = 9;
  EXPECT_FALSE(parsed(other));
  const Bytes whole = message(2, {20, 20});
  for (size_t size = 0; size < sizeof(cn_msg) + 32; ++size)
    EXPECT_FALSE(parsed(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))))
        << size;
}

TEST(ProcessConnector, looks_at_a_process) {
  const auto self = running(own_pid(), 1 << 20);
  ASSERT_TRUE(self);
  EXPECT_FALSE(self->argv.empty());
  EXPECT_TRUE(self->file.ends_with("os_test"));
  EXPECT_FALSE(self->is_cut);
  const auto cut = running(own_pid(), 3);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->argv.front().size(), 3U);
  EXPECT_FALSE(running(UINT32_MAX, 10));
}

}  // namespace
}  // namespace stele::os
