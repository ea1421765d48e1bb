// Who may still put how much, and what a full disk does.
#include "spool/test_world.h"

namespace stele::spool {
namespace {

class Quotas : public SpoolStory {
 protected:
  Quotas() {
    world.options.quota = {.bytes_max = 10 << 10,
                           .owner_bytes_max = 4 << 10,
                           .reserve_bytes = 2 << 10,
                           .low_water_bytes = 3 << 10};
  }
  /// The code, or kExists where it was taken.
  Code append(TestStream& stream, uint32_t owner, Room room = Room::kOrdinary) {
    TestStream ahead = stream;
    const auto appended = spool->append(ahead.next(), 0, owner, room);
    if (!appended) return appended.error().code;
    stream = ahead;
    return Code::kExists;
  }
};

TEST_F(Quotas, one_person_can_not_fill_it_for_all) {
  TestStream a(1), b(2), c(3);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(append(a, 1000), Code::kExists);
  EXPECT_EQ(append(a, 1000), Code::kLimit);
  EXPECT_EQ(append(c, 1000), Code::kLimit) << "not in another stream either";
  EXPECT_EQ(append(b, 1001), Code::kExists);
}

TEST_F(Quotas, when_it_is_full_the_reserve_still_takes) {
  TestStream a(1), b(2), c(3), rescue(4);
  for (int i = 0; i < 4; ++i) append(a, 1), append(b, 2);
  append(c, 3), append(c, 3);
  EXPECT_EQ(spool->depth().ordinary_bytes_left, 0U);
  EXPECT_EQ(append(c, 3), Code::kNoSpace);
  EXPECT_EQ(append(rescue, 1, Room::kReserve), Code::kExists) << "whatever the owner's share";
  EXPECT_EQ(append(rescue, 1, Room::kReserve), Code::kExists);
  EXPECT_EQ(append(rescue, 1, Room::kReserve), Code::kNoSpace);
  ASSERT_TRUE(spool->sync().has_value());
  reopen();
  EXPECT_EQ(append(c, 3), Code::kNoSpace) << "counted again from the disk";
  EXPECT_EQ(append(rescue, 1, Room::kReserve), Code::kNoSpace);
  ship_and_cover();
  EXPECT_EQ(spool->depth().charged_bytes, 0U);
  EXPECT_EQ(append(c, 3), Code::kExists);
}

TEST_F(Quotas, what_is_set_aside_stays_charged) {
  TestStream a(1), b(2);
  for (int i = 0; i < 4; ++i) append(a, 1000);
  ASSERT_TRUE(spool->set_aside(a.id(), 1, "refused").has_value());
  EXPECT_EQ(append(b, 1000), Code::kLimit);
  reopen();
  EXPECT_EQ(spool->depth().charged_bytes, 4096U);
  EXPECT_EQ(append(b, 1000), Code::kLimit);
}

TEST_F(Quotas, a_full_disk_refuses_and_takes_again_when_there_is_room) {
  TestStream a(1);
  EXPECT_EQ(append(a, 1000), Code::kExists);
  for (size_t part = 1; part <= 4; ++part) {
    files->set_plan({.fail_at = files->steps().size() + part, .fail_code = Code::kNoSpace});
    EXPECT_EQ(append(a, 1000), Code::kNoSpace) << "a part of the record was written: " << part;
  }
  files->set_plan({});
  EXPECT_EQ(append(a, 1000), Code::kExists);
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(ship().size(), 2U);
  reopen();
  EXPECT_EQ(ship().size(), 2U);
  EXPECT_EQ(spool->find(a.id())->tail.next_sequence, 2U);
}

TEST_F(Quotas, a_disk_that_has_room_for_files_alone_is_not_littered_with_them) {
  TestStream a(1);
  EXPECT_EQ(append(a, 1000), Code::kExists);
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  EXPECT_EQ(append(a, 1000), Code::kNoSpace);
  ASSERT_TRUE(spool->sync().has_value());
  for (int i = 0; i < 20; ++i) {  // made, its name synced, and then no room for the record
    files->set_plan({.fail_at = files->steps().size() + 3, .fail_code = Code::kNoSpace});
    EXPECT_EQ(append(a, 1000), Code::kNoSpace);
  }
  EXPECT_EQ(spool_files(), 1U);
  EXPECT_EQ(append(a, 1000), Code::kExists);
  ASSERT_TRUE(spool->sync().has_value());
  EXPECT_EQ(spool_files(), 2U);
  world.disk.restart(1);
  reopen();
  EXPECT_EQ(ship().size(), 2U);
  EXPECT_TRUE(spool->take_findings().empty());
}

TEST_F(Quotas, a_file_whose_name_could_not_be_synced_is_left_empty) {
  TestStream a(1);
  files->set_plan({.fail_at = files->steps().size() + 2, .fail_code = Code::kNoSpace});
  EXPECT_EQ(append(a, 1000), Code::kNoSpace);
  EXPECT_EQ(spool_files(), 1U);
  EXPECT_EQ(append(a, 1000), Code::kExists);
  EXPECT_EQ(spool_files(), 2U);
  ASSERT_TRUE(spool->sync().has_value());
  world.disk.restart(1);
  reopen();
  EXPECT_EQ(ship().size(), 1U);
}

TEST_F(Quotas, on_a_full_disk_the_ballast_makes_room_for_the_reserve) {
  TestStream a(1), rescue(2);
  EXPECT_EQ(append(a, 1000), Code::kExists);
  ASSERT_EQ(files->read(kDirectory + "/ballast", 1 << 20)->size(), 2U << 10);
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  EXPECT_EQ(append(a, 1000), Code::kNoSpace);
  EXPECT_TRUE(files->exists(kDirectory + "/ballast")) << "not for ordinary segments";
  files->set_plan({.fail_at = files->steps().size() + 4, .fail_code = Code::kNoSpace});
  EXPECT_EQ(append(rescue, 0, Room::kReserve), Code::kExists);
  EXPECT_FALSE(files->exists(kDirectory + "/ballast"));
  ASSERT_TRUE(spool->sync().has_value());
  reopen();
  EXPECT_EQ(ship().size(), 2U);
  EXPECT_TRUE(files->exists(kDirectory + "/ballast")) << "made again";
}

TEST_F(Quotas, on_a_full_disk_files_are_still_freed) {
  TestStream a(1);
  world.options.quota.owner_bytes_max = 10 << 10;
  reopen();
  for (int i = 0; i < 9; ++i) append(a, 1000);
  ASSERT_TRUE(spool->sync().has_value());
  const size_t before = spool_files();
  accept(ship());
  files->set_plan({.fail_at = files->steps().size() + 1, .fail_code = Code::kNoSpace});
  cover_all();
  EXPECT_FALSE(files->exists(kDirectory + "/ballast")) << "its room went to the state";
  EXPECT_LT(spool_files(), before);
}

}  // namespace
}  // namespace stele::spool
