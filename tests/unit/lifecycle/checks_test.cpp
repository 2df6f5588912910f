#include "lifecycle/checks.hpp"

#include <gtest/gtest.h>

namespace callhook::lifecycle {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds noon{1'473'336'000s};

TEST(begun_at, is_the_slot_else_the_order) {
    call_fields f;
    f.created_at = local_time{"noon", noon, 2h, zone_fit::exact};
    EXPECT_EQ(begun_at(f), noon);
    f.scheduled_at = local_time{"three", noon + 3h, 2h, zone_fit::exact};
    EXPECT_EQ(begun_at(f), noon + 3h);
    f.scheduled_at = local_time{"soon"};
    EXPECT_EQ(begun_at(f), noon) << "a slot that cannot be read";
    f.created_at.reset();
    EXPECT_FALSE(begun_at(f));
}

}  // namespace
}  // namespace callhook::lifecycle
