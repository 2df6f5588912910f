#include "ingest/intake.hpp"

#include <gtest/gtest.h>

namespace callhook::ingest {
namespace {

using place = intake_plan::place;

TEST(intake_plan, the_inbox_first_while_it_works) {
    for (const bool spool_works : {false, true}) {
        const auto plan = plan_intake(true, spool_works);
        EXPECT_EQ(plan.first, place::inbox);
        EXPECT_EQ(plan.second, place::spool);
    }
}

TEST(intake_plan, the_inbox_is_hurried_only_where_the_spool_can_take_over) {
    EXPECT_TRUE(plan_intake(true, true).hurry);
    EXPECT_FALSE(plan_intake(true, false).hurry);
}

TEST(intake_plan, nobody_waits_for_an_inbox_that_does_not_work) {
    for (const bool spool_works : {false, true}) {
        const auto plan = plan_intake(false, spool_works);
        EXPECT_EQ(plan.first, place::spool);
        EXPECT_EQ(plan.second, place::inbox) << "it may be back";
        EXPECT_FALSE(plan.hurry);
    }
}

}  // namespace
}  // namespace callhook::ingest
