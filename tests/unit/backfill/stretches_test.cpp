#include "backfill/stretches.hpp"

#include <gtest/gtest.h>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;

constexpr utc_time noon{1'473'336'000s};

TEST(cut, a_short_stretch_stays_whole) {
    EXPECT_EQ(cut({noon, noon + 1h}, 24h), (std::vector<stretch>{{noon, noon + 1h}}));
    EXPECT_EQ(cut({noon, noon + 24h}, 24h), (std::vector<stretch>{{noon, noon + 24h}})) << "no empty rest";
}

TEST(cut, neighbours_share_a_moment_and_nothing_is_left_out) {
    const stretch whole{noon, noon + 50h + 1us};
    const auto pieces = cut(whole, 24h);
    EXPECT_EQ(
        pieces,
        (std::vector<stretch>{{noon, noon + 24h}, {noon + 24h, noon + 48h}, {noon + 48h, noon + 50h + 1us}})
    );
    EXPECT_EQ(cut({noon, noon + 24h + 1us}, 24h).size(), 2U);
}

TEST(cut, a_moment_is_one_piece_and_a_stretch_that_ends_before_it_begins_is_none) {
    EXPECT_EQ(cut({noon, noon}, 24h), (std::vector<stretch>{{noon, noon}}));
    EXPECT_TRUE(cut({noon, noon - 1us}, 24h).empty());
}

TEST(due_stretch, reaches_from_before_the_end_of_the_last_sweep_to_now) {
    EXPECT_EQ(due_stretch(noon - 10min, 1h, 24h, noon), (stretch{noon - 70min, noon}));
    EXPECT_EQ(due_stretch(noon - 720h, 1h, 24h, noon), (stretch{noon - 721h, noon})) << "after an outage";
}

TEST(due_stretch, the_first_one_reaches_as_far_back_as_is_asked) {
    EXPECT_EQ(due_stretch({}, 1h, 24h, noon), (stretch{noon - 24h, noon}));
    EXPECT_EQ(due_stretch({}, 1h, 0ms, noon), (stretch{noon, noon}));
}

TEST(due_stretch, a_clock_that_was_ahead_leaves_no_hole) {
    EXPECT_EQ(due_stretch(noon + 48h, 1h, 24h, noon), (stretch{noon - 1h, noon}));
    EXPECT_FALSE(cut(due_stretch(noon + 48h, 0ms, 24h, noon), 24h).empty());
}

}  // namespace
}  // namespace callhook::backfill
