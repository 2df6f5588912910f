#include "feed/cursor.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace callhook::feed {
namespace {

store::feed_head head(std::int64_t position, std::int64_t floor = 0) {
    return {"0a1b2c3d", position, floor, 0, {}};
}

TEST(cursor, text_is_the_epoch_and_the_padded_position) {
    EXPECT_EQ(padded(0), "00000000000000000000");
    EXPECT_EQ(padded(7), "00000000000000000007");
    EXPECT_EQ(padded(std::numeric_limits<std::int64_t>::max()), "09223372036854775807");
    EXPECT_EQ(to_string(cursor{"0a1b2c3d", 7}), "0a1b2c3d.00000000000000000007");
    EXPECT_LT(padded(99), padded(100)) << "sorts as text";
}

TEST(cursor, what_was_written_is_read_back) {
    for (const std::int64_t position : {0, 1, 41, 42}) {
        const cursor written{"0a1b2c3d", position};
        EXPECT_EQ(resolve_cursor(to_string(written), head(42)).value(), written);
    }
    const auto end = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(resolve_cursor(to_string(cursor{"0a1b2c3d", end}), head(end)).value().position, end);
}

TEST(cursor, zero_and_nothing_are_the_beginning_and_dollar_is_the_end) {
    EXPECT_EQ(resolve_cursor("0", head(42)).value(), (cursor{"0a1b2c3d", 0}));
    EXPECT_EQ(resolve_cursor("", head(42)).value(), (cursor{"0a1b2c3d", 0}));
    EXPECT_EQ(resolve_cursor("$", head(42)).value(), (cursor{"0a1b2c3d", 42}));
    EXPECT_EQ(resolve_cursor("$", head(0)).value(), (cursor{"0a1b2c3d", 0}));
}

TEST(cursor, the_beginning_is_the_oldest_that_is_kept) {
    EXPECT_EQ(resolve_cursor("0", head(42, 10)).value().position, 10);
    EXPECT_EQ(resolve_cursor("", head(42, 10)).value().position, 10);
    EXPECT_EQ(resolve_cursor("$", head(42, 42)).value().position, 42);
}

TEST(cursor, the_floor_itself_is_a_position_and_what_is_below_is_gone) {
    EXPECT_EQ(resolve_cursor(to_string(cursor{"0a1b2c3d", 10}), head(42, 10)).value().position, 10);
    const auto below = resolve_cursor(to_string(cursor{"0a1b2c3d", 9}), head(42, 10));
    ASSERT_TRUE(below.has_error());
    EXPECT_EQ(below.error().code, errc::gone);
    EXPECT_EQ(resolve_cursor(to_string(cursor{"0a1b2c3d", 0}), head(42, 10)).error().code, errc::gone);
}

TEST(cursor, above_the_head_is_a_conflict) {
    const auto above = resolve_cursor(to_string(cursor{"0a1b2c3d", 43}), head(42));
    ASSERT_TRUE(above.has_error());
    EXPECT_EQ(above.error().code, errc::conflict);
}

TEST(cursor, another_epoch_is_gone_wherever_it_points) {
    for (const std::int64_t position : {0, 5, 42, 1'000}) {
        const auto other = resolve_cursor(to_string(cursor{"0a1b2c3e", position}), head(42, 3));
        ASSERT_TRUE(other.has_error());
        EXPECT_EQ(other.error().code, errc::gone);
        EXPECT_NE(other.error().message.find("from the beginning, 0"), std::string::npos)
            << "names the way on";
    }
}

TEST(cursor, what_is_no_cursor_is_invalid) {
    for (const char* text :
         {"1",
          "00",
          "$$",
          "0 ",
          ".",
          "0a1b2c3d",
          "0a1b2c3d.",
          "0a1b2c3d.x",
          "0a1b2c3d.-1",
          "0a1b2c3d.-0",
          "0a1b2c3d.+1",
          "0a1b2c3d. 1",
          "0a1b2c3d.1 ",
          "0a1b2c3d.1.2",
          "0a1b2c3d.0x1",
          "0a1b2c3d.000000000000000000001",
          "0a1b2c3d.09223372036854775808",
          "0A1B2C3D.00000000000000000001",
          "0a1b2c3g.00000000000000000001",
          "0a1b2c3.00000000000000000001",
          "0a1b2c3d4.0000000000000000001",
          ".00000000000000000001",
          "00000000000000000001"}) {
        const auto resolved = resolve_cursor(text, head(42));
        ASSERT_TRUE(resolved.has_error()) << text;
        EXPECT_EQ(resolved.error().code, errc::invalid_input) << text;
    }
}

}  // namespace
}  // namespace callhook::feed
