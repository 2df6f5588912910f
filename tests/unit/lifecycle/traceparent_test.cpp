#include "lifecycle/traceparent.hpp"

#include <gtest/gtest.h>

namespace callhook::lifecycle {
namespace {

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string good = "00-" + trace + "-00f067aa0ba902b7-01";

TEST(traceparent, one_of_version_00_is_taken_as_it_is) {
    EXPECT_EQ(read_traceparent(good), good);
    EXPECT_EQ(trace_id(good), trace);
}

TEST(traceparent, of_a_later_version_what_is_known_is_taken) {
    EXPECT_EQ(read_traceparent("cc" + good.substr(2)), good);
    EXPECT_EQ(read_traceparent("cc" + good.substr(2) + "-what-the-future-will-be-like"), good);
    EXPECT_EQ(read_traceparent("cc" + good.substr(2) + ".what"), "");
}

TEST(traceparent, what_is_none_is_left_out) {
    EXPECT_EQ(read_traceparent(""), "");
    EXPECT_EQ(read_traceparent(good.substr(1)), "");
    EXPECT_EQ(read_traceparent(good + "-00"), "") << "version 00 ends there";
    EXPECT_EQ(read_traceparent("ff" + good.substr(2)), "");
    EXPECT_EQ(read_traceparent("00-" + std::string(32, '0') + "-00f067aa0ba902b7-01"), "");
    EXPECT_EQ(read_traceparent("00-" + trace + "-0000000000000000-01"), "");
    EXPECT_EQ(trace_id(""), "");
    // One character after the other replaced: by one that could end up in a header, a line of the log or
    // JSON.
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char bad : {'G', 'F', ' ', '\n', '"', '\0', '\x80'}) {
            auto text = good;
            text[i] = bad;
            EXPECT_EQ(read_traceparent(text), "") << i;
        }
    }
}

}  // namespace
}  // namespace callhook::lifecycle
