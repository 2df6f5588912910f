#include "pipeline/burst.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace callhook::pipeline {
namespace {

using namespace std::chrono_literals;

/// A pipeline that works on 1,000 deliveries in 100 ms, and webhooks that come at some rate.
class burst_test : public ::testing::Test {
protected:
    /// Goes on for so long; how much of it the pipeline was held.
    std::chrono::milliseconds live(double per_second, std::chrono::milliseconds how_long) {
        std::chrono::milliseconds held{0};
        for (const auto end = now + how_long; now < end;) {
            std::chrono::milliseconds step = 50ms;
            if (watched.holds(static_cast<std::size_t>(waiting), oldest(), now)) {
                held += step;
            } else {
                const auto batch = std::min(waiting, 1'000.0);
                step = std::chrono::milliseconds{std::max(10, static_cast<int>(batch / 10))};
                waiting -= batch;
                done += batch;
                watched.worked(static_cast<std::size_t>(batch), step);
            }
            waiting += per_second * std::chrono::duration<double>(step).count();
            came += per_second * std::chrono::duration<double>(step).count();
            now += step;
            arrivals.emplace_back(came, now);
        }
        return held;
    }

    /// How long the oldest that waits has done so.
    burst::duration oldest() {
        while (!arrivals.empty() && arrivals.front().first <= done)
            arrivals.pop_front();
        return arrivals.empty() ? burst::duration{0} : now - arrivals.front().second;
    }

    burst watched{10s, 2'000};
    burst::time_point now{1h};
    double waiting = 0;
    double came = 0;
    double done = 0;
    std::deque<std::pair<double, burst::time_point>> arrivals;
};

TEST_F(burst_test, a_pipeline_that_follows_is_never_held) {
    EXPECT_EQ(live(8'000, 10s), 0ms);
    EXPECT_LT(waiting, 1'000);
    waiting += 5'000;  // a checkpoint, say, kept it for a while
    EXPECT_EQ(live(8'000, 10s), 0ms);
}

TEST_F(burst_test, a_burst_is_let_through_and_made_up_for) {
    live(100, 1s);
    EXPECT_GT(live(30'000, 8s), 7s);
    EXPECT_LE(live(100, 40s), 50ms) << "until it is seen that it is over";
    EXPECT_LT(waiting, 100) << "level again";
    EXPECT_GT(live(30'000, 8s), 7s) << "the next burst is one too";
}

TEST_F(burst_test, nobody_waits_longer_than_the_patience_for_it) {
    live(100, 1s);
    const auto held = live(30'000, 60s);
    EXPECT_GT(held, 8s);
    EXPECT_LT(held, 11s) << "once it is behind it works until it is level";
    live(0, 5min);
    EXPECT_EQ(waiting, 0);
}

TEST_F(burst_test, no_patience_means_never) {
    watched = burst{0s, 2'000};
    EXPECT_EQ(live(30'000, 10s), 0ms);
}

}  // namespace
}  // namespace callhook::pipeline
