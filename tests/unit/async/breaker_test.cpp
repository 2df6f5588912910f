#include "async/breaker.hpp"

#include <gtest/gtest.h>

namespace callhook::async {
namespace {

using namespace std::chrono_literals;

class breaker_test : public testing::Test {
protected:
    /// Lets so many requests out that fail at once.
    void fail(int times) {
        for (int i = 0; i < times; ++i) {
            const auto leave = b.allow(now);
            ASSERT_TRUE(leave);
            b.failed(*leave, now);
        }
    }
    void let_trial_fail() {
        now = b.retry_at();
        fail(1);
    }
    /// How long it stays shut from now on.
    [[nodiscard]] auto pause() const { return b.retry_at() - now; }

    breaker::time_point now = breaker::time_point{} + 1h;
    breaker b{{3, 10s, 60s}};
};

TEST_F(breaker_test, lets_all_through_while_all_is_well) {
    for (int i = 0; i < 10; ++i) {
        const auto leave = b.allow(now);
        ASSERT_TRUE(leave);
        b.succeeded(*leave);
    }
    EXPECT_FALSE(b.open());
    EXPECT_LE(b.retry_at(), now);
}

TEST_F(breaker_test, opens_after_failures_in_a_row_only) {
    fail(2);
    const auto leave = b.allow(now);
    ASSERT_TRUE(leave);
    b.succeeded(*leave);
    fail(2);
    EXPECT_FALSE(b.open());
    fail(1);
    EXPECT_TRUE(b.open());
    EXPECT_EQ(pause(), 10s);
    EXPECT_FALSE(b.allow(now));
    EXPECT_FALSE(b.allow(now + 10s - 1ns));
}

TEST_F(breaker_test, one_trial_at_a_time_goes_out_after_the_pause) {
    fail(3);
    now = b.retry_at();
    const auto trial = b.allow(now);
    ASSERT_TRUE(trial);
    EXPECT_FALSE(b.would_allow(now));
    EXPECT_TRUE(b.open()) << "until the trial is told to have succeeded";
    EXPECT_FALSE(b.allow(now));
    EXPECT_FALSE(b.allow(now + 1h)) << "however long it takes";
    b.succeeded(*trial);
    EXPECT_FALSE(b.open());
    EXPECT_TRUE(b.allow(now));
    EXPECT_TRUE(b.allow(now));
}

TEST_F(breaker_test, each_failed_trial_doubles_the_pause_up_to_the_longest) {
    fail(3);
    for (const auto expected : {20s, 40s, 60s, 60s}) {
        let_trial_fail();
        EXPECT_TRUE(b.open());
        EXPECT_EQ(pause(), expected);
    }
}

TEST_F(breaker_test, a_trial_that_succeeds_makes_all_as_at_first) {
    fail(3);
    let_trial_fail();
    now = b.retry_at();
    const auto leave = b.allow(now);
    ASSERT_TRUE(leave);
    b.succeeded(*leave);
    fail(2);
    EXPECT_FALSE(b.open()) << "failures are counted from zero";
    fail(1);
    EXPECT_EQ(pause(), 10s) << "and so is the pause";
}

TEST_F(breaker_test, an_abandoned_trial_makes_way_for_another) {
    fail(3);
    now = b.retry_at();
    b.abandoned(*b.allow(now));
    EXPECT_TRUE(b.open());
    const auto another = b.allow(now);
    ASSERT_TRUE(another) << "nothing was learned, so there is nothing to wait for";
    b.failed(*another, now);
    EXPECT_EQ(pause(), 20s);
}

TEST_F(breaker_test, what_is_abandoned_while_it_is_closed_changes_nothing) {
    fail(2);
    b.abandoned(*b.allow(now));
    EXPECT_FALSE(b.open());
    fail(1);
    EXPECT_TRUE(b.open());
}

TEST_F(breaker_test, late_failures_of_what_went_out_before_it_opened_do_not_prolong_the_pause) {
    const auto early = *b.allow(now);
    fail(3);
    const auto retry_at = b.retry_at();
    for (int i = 0; i < 3; ++i)
        b.failed(early, now + 5s);
    EXPECT_EQ(b.retry_at(), retry_at);
    EXPECT_TRUE(b.allow(retry_at));
}

TEST_F(breaker_test, late_verdicts_during_a_trial_are_not_the_trials) {
    const auto early = *b.allow(now);
    fail(3);
    now = b.retry_at();
    const auto trial = b.allow(now);
    ASSERT_TRUE(trial);
    b.failed(early, now);
    b.abandoned(early);
    b.succeeded(early);
    EXPECT_TRUE(b.open());
    EXPECT_EQ(pause(), 0s);
    EXPECT_FALSE(b.allow(now + 1h)) << "the trial is still under way";
    b.failed(*trial, now);
    EXPECT_EQ(pause(), 20s);
}

// backoff -------------------------------------------------------------------------------------------------

TEST(backoff, doubles_with_each_failed_attempt_up_to_the_longest) {
    for (const auto& [attempts, expected] : std::initializer_list<std::pair<int, std::chrono::milliseconds>>{
             {1, 1s}, {2, 2s}, {3, 4s}, {4, 8s}, {5, 10s}, {6, 10s}, {1'000'000'000, 10s}}) {
        EXPECT_EQ(backoff(1s, 10s, attempts, 1), expected) << attempts;
    }
}

TEST(backoff, lies_between_half_and_whole) {
    for (int attempts = 1; attempts < 8; ++attempts) {
        const auto whole = backoff(1s, 10s, attempts, 1);
        EXPECT_EQ(backoff(1s, 10s, attempts, 0), whole / 2);
        EXPECT_EQ(backoff(1s, 10s, attempts, 0.5), whole * 3 / 4);
    }
}

TEST(backoff, stays_in_bounds_whatever_it_is_asked) {
    EXPECT_EQ(backoff(1s, 10s, 1, -3), 500ms);
    EXPECT_EQ(backoff(1s, 10s, 1, 7), 1s);
    EXPECT_EQ(backoff(1s, 10s, 0, 1), 1s);
    EXPECT_EQ(backoff(1s, 10s, -5, 1), 1s);
    EXPECT_EQ(backoff(1min, 10s, 1, 1), 10s) << "never longer than the longest";
    EXPECT_EQ(backoff(0ms, 10s, 50, 1), 0ms);
    EXPECT_EQ(backoff(1ms, 1ms, 9, 0), 0ms);
}

}  // namespace
}  // namespace callhook::async
