#include "base/repeats.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace callhook {
namespace {

using namespace std::chrono_literals;
using told = std::vector<std::pair<std::string, std::size_t>>;

class repeats_of_messages : public testing::Test {
protected:
    told tell(repeats::time_point now) {
        told out;
        all.tell(now, [&](std::string_view message, std::size_t number) {
            out.emplace_back(message, number);
        });
        return out;
    }

    repeats all{2, 60s};
    const repeats::time_point start = repeats::time_point{} + 1h;
};

TEST_F(repeats_of_messages, the_first_few_are_written_and_the_rest_counted) {
    EXPECT_EQ(all.take("a", start), 0U);
    EXPECT_EQ(all.take("a", start + 1s), 0U);
    EXPECT_FALSE(all.take("a", start + 2s));
    EXPECT_FALSE(all.take("a", start + 59s));
    EXPECT_EQ(all.take("a", start + 60s), 2U) << "the next window begins and says what the last one left out";
    EXPECT_EQ(all.take("a", start + 61s), 0U);
    EXPECT_FALSE(all.take("a", start + 62s));
}

TEST_F(repeats_of_messages, other_words_have_an_account_of_their_own) {
    for (int i = 0; i < 5; ++i)
        (void)all.take("a", start);
    EXPECT_EQ(all.take("b", start), 0U);
}

TEST_F(repeats_of_messages, what_was_left_out_is_told_once_its_window_is_over) {
    for (int i = 0; i < 5; ++i)
        (void)all.take("a", start);
    (void)all.take("b", start);
    EXPECT_EQ(tell(start + 59s), told{});
    EXPECT_EQ(tell(start + 60s), (told{{"a", 3}}));
    EXPECT_EQ(tell(start + 61s), told{}) << "once";
    EXPECT_EQ(all.take("a", start + 62s), 0U);
}

TEST_F(repeats_of_messages, at_the_end_everything_is_told) {
    for (int i = 0; i < 3; ++i)
        (void)all.take("a", start);
    EXPECT_EQ(tell(repeats::time_point::max()), (told{{"a", 1}}));
}

}  // namespace
}  // namespace callhook
