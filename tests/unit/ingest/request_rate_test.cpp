#include "ingest/request_rate.hpp"

#include <gtest/gtest.h>

namespace callhook::ingest {
namespace {

using namespace std::chrono_literals;

http::address_key key(unsigned number) {
    http::address_key out{};
    for (std::size_t i = 0; i < 4; ++i)
        out[i] = static_cast<unsigned char>(number >> (8 * i));
    return out;
}

// As on a machine that has just started, where the clock's epoch is near.
const request_rate::clock::time_point start{3s};

TEST(request_rate, lets_a_minutes_worth_through_at_once_and_then_one_by_one) {
    request_rate rate{60};
    for (int i = 0; i < 60; ++i)
        EXPECT_FALSE(rate.take(key(1), start)) << i;
    EXPECT_EQ(rate.take(key(1), start), 1s);
    EXPECT_FALSE(rate.take(key(2), start)) << "others are not concerned";
    EXPECT_TRUE(rate.take(key(1), start + 900ms)) << "being refused costs nothing, and brings nothing";
    EXPECT_FALSE(rate.take(key(1), start + 1s));
    EXPECT_TRUE(rate.take(key(1), start + 1s));
}

TEST(request_rate, says_how_long_to_wait) {
    request_rate rate{2};
    EXPECT_FALSE(rate.take(key(1), start));
    EXPECT_FALSE(rate.take(key(1), start));
    EXPECT_EQ(rate.take(key(1), start), 30s);
    EXPECT_EQ(rate.take(key(1), start + 10s + 1ms), 20s);
    EXPECT_FALSE(rate.take(key(1), start + 30s));
}

TEST(request_rate, a_minutes_rest_forgives_all) {
    request_rate rate{10};
    for (int turn = 0; turn < 3; ++turn) {
        const auto now = start + turn * 1min;
        for (int i = 0; i < 10; ++i)
            EXPECT_FALSE(rate.take(key(1), now));
        EXPECT_TRUE(rate.take(key(1), now));
    }
}

TEST(request_rate, remembers_the_most_recent_addresses_and_no_more) {
    request_rate rate{1, 100};
    EXPECT_FALSE(rate.take(key(0), start));
    for (unsigned i = 1; i < 100'000; ++i) {
        EXPECT_FALSE(rate.take(key(i), start));
        EXPECT_TRUE(rate.take(key(0), start)) << "who goes on asking is not forgotten";
    }
    EXPECT_EQ(rate.addresses(), 100U);
    EXPECT_FALSE(rate.take(key(1), start)) << "forgotten, and so let in";
}

TEST(request_rate, without_a_limit_nobody_is_remembered) {
    request_rate rate{0};
    for (unsigned i = 0; i < 1000; ++i)
        EXPECT_FALSE(rate.take(key(i % 3), start));
    EXPECT_EQ(rate.addresses(), 0U);
}

}  // namespace
}  // namespace callhook::ingest
