#include "backfill/zone_check.hpp"

#include <gtest/gtest.h>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr utc_time noon{1'473'336'000s};

// Arrivals ------------------------------------------------------------------------------------------------

/// Webhooks, one a minute, each of which came `lag` after its call, plus some seconds of its own; the
/// configured zone puts the call `off` late.
std::vector<store::arrival> arrivals(int count, seconds off, seconds lag = 3s) {
    std::vector<store::arrival> out;
    for (int i = 0; i < count; ++i) {
        const auto called = noon + i * 1min;
        out.push_back({called + lag + i % 7 * 900ms, called + off});
    }
    return out;
}

void make_late(std::vector<store::arrival>& webhooks, int how_many, seconds by) {
    for (int i = 0; i < how_many; ++i)
        webhooks[static_cast<std::size_t>(i)].received_at += by + i * 7min;
}

TEST(zone_of_arrivals, agreement_and_every_kind_of_error) {
    for (const seconds off : {
             seconds{0},
             seconds{1h},
             seconds{-1h},
             seconds{2h},
             seconds{-11h},
             seconds{26h},
             seconds{-26h},
             seconds{5h + 45min},  // Kathmandu
             seconds{-(3h + 30min)},
             seconds{15min},
         }) {
        EXPECT_EQ(zone_error_of_arrivals(arrivals(40, off)), off) << off.count();
    }
}

TEST(zone_of_arrivals, a_few_minutes_of_lag_are_no_error_of_the_zone) {
    EXPECT_EQ(zone_error_of_arrivals(arrivals(40, 0s, 6min)), 0s);
    EXPECT_EQ(zone_error_of_arrivals(arrivals(40, 1h, 6min)), 1h);
    EXPECT_EQ(zone_error_of_arrivals(arrivals(40, 0s, -6min)), 0s) << "the vendor's clock may be ahead";
}

TEST(zone_of_arrivals, late_webhooks_never_look_like_another_zone) {
    for (int late = 0; late <= 40; ++late) {
        auto webhooks = arrivals(40, 0s);
        make_late(webhooks, late, 3h);
        const auto error = zone_error_of_arrivals(webhooks);
        EXPECT_FALSE(is_zone_error(error)) << late << " of 40 late";
        EXPECT_TRUE(late > 8 || error == 0s) << late << " of 40 late";
    }
}

TEST(zone_of_arrivals, with_thirty_percent_hours_late_an_error_is_not_mistaken_for_another) {
    auto webhooks = arrivals(40, 1h);
    make_late(webhooks, 12, 5h);
    const auto error = zone_error_of_arrivals(webhooks);
    EXPECT_TRUE(!error || *error == 1h) << error->count();
}

TEST(zone_of_arrivals, fewer_than_five_tell_nothing) {
    for (int count = 0; count < 5; ++count)
        EXPECT_FALSE(zone_error_of_arrivals(arrivals(count, 1h))) << count;
    EXPECT_EQ(zone_error_of_arrivals(arrivals(5, 1h)), 1h);
}

TEST(zone_of_arrivals, scattered_ones_tell_nothing) {
    auto webhooks = arrivals(40, 0s);
    for (std::size_t i = 0; i < webhooks.size(); ++i)
        webhooks[i].received_at += static_cast<int>(i) * 30min;
    EXPECT_FALSE(zone_error_of_arrivals(webhooks));
}

TEST(zone_of_arrivals, no_zones_are_further_apart_than_that) {
    EXPECT_FALSE(zone_error_of_arrivals(arrivals(40, 27h)));
    EXPECT_FALSE(zone_error_of_arrivals(arrivals(40, -240h)));
}

// The filter ----------------------------------------------------------------------------------------------

/// Calls all over [noon, noon + 24h], as a zone that is `off` shows them.
std::vector<utc_time> calls(seconds off, int count = 97) {
    std::vector<utc_time> out;
    for (int i = 0; i < count; ++i)
        out.push_back(noon + seconds{24h} * i / (count - 1) + off);
    return out;
}

std::optional<seconds> check(const std::vector<utc_time>& created_at) {
    return zone_error_of_filter(noon, noon + 24h, created_at);
}

TEST(zone_of_filter, calls_within_the_bounds_contradict_nothing) {
    EXPECT_EQ(check(calls(0s)), 0s);
    EXPECT_EQ(check(calls(50s)), 0s) << "the bounds are not exact to the second";
    EXPECT_EQ(check({}), 0s);
}

TEST(zone_of_filter, calls_shifted_either_way_tell_by_how_much) {
    for (const seconds off : {seconds{1h}, seconds{-1h}, seconds{2h}, seconds{-9h}, seconds{5h + 45min}})
        EXPECT_EQ(check(calls(off)), off) << off.count();
}

TEST(zone_of_filter, it_takes_three_contradictions) {
    auto some = calls(0s);
    some.push_back(noon + 24h + 50min);
    some.push_back(noon + 24h + 55min);
    EXPECT_EQ(check(some), 0s);
    for (auto& at : some)
        at = std::max(at, noon + 1h);  // all fit a zone that is an hour off
    some.push_back(noon + 25h);
    EXPECT_EQ(check(some), 1h);
    EXPECT_EQ(check({noon - 1h, noon - 50min, noon - 40min}), -1h) << "on the other side too";
}

TEST(zone_of_filter, what_cannot_be_a_zone_tells_nothing) {
    auto both = calls(0s);
    for (const auto off : {1h, 2h, 3h}) {
        both.push_back(noon - off);
        both.push_back(noon + 24h + off);
    }
    EXPECT_FALSE(check(both)) << "outside on both sides";
    EXPECT_FALSE(check(calls(27h))) << "further than any zone";
    EXPECT_FALSE(check(calls(-720h)));
    auto some = calls(0s);
    for (const auto off : {1h, 2h, 3h})
        some.push_back(noon + 24h + off);
    EXPECT_FALSE(check(some)) << "the others would lie before the bounds";
}

TEST(zone_error, is_worth_a_warning_from_an_hour_on) {
    EXPECT_FALSE(is_zone_error({}));
    EXPECT_FALSE(is_zone_error(0s));
    EXPECT_FALSE(is_zone_error(45min));
    EXPECT_FALSE(is_zone_error(-45min));
    EXPECT_TRUE(is_zone_error(1h));
    EXPECT_TRUE(is_zone_error(-1h));
}

}  // namespace
}  // namespace callhook::backfill
