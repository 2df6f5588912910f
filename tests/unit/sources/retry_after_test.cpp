#include "sources/retry_after.hpp"

#include "rest_support.hpp"

namespace callhook::sources {
namespace {

using namespace std::chrono_literals;
using callpage::noon;

TEST(retry_after, seconds) {
    EXPECT_EQ(read_retry_after("0", noon), 0s);
    EXPECT_EQ(read_retry_after("120", noon), 120s);
    EXPECT_EQ(read_retry_after(" 5\t", noon), 5s);
    EXPECT_EQ(read_retry_after("86400", noon), 24h);
    EXPECT_EQ(read_retry_after("86401", noon), 24h);
    EXPECT_EQ(read_retry_after("99999999999999999999999", noon), 24h);
}

TEST(retry_after, all_three_forms_of_a_date) {
    EXPECT_EQ(read_retry_after("Sat, 21 Nov 2026 12:01:30 GMT", noon), 90s);
    EXPECT_EQ(read_retry_after("Saturday, 21-Nov-26 12:01:30 GMT", noon), 90s);
    EXPECT_EQ(read_retry_after("Sat Nov 21 12:01:30 2026", noon), 90s);
    EXPECT_EQ(read_retry_after("Thursday, 21-Nov-68 12:01:30 GMT", noon), 24h);
    EXPECT_EQ(read_retry_after("Friday, 21-Nov-69 12:01:30 GMT", noon), 0s);
    EXPECT_EQ(read_retry_after("Wed Nov  4 12:01:30 2026", noon), 0s);
    EXPECT_EQ(read_retry_after("Sat, 21 Nov 2026 12:00:01 GMT", noon + 1us), 1s);
    EXPECT_EQ(read_retry_after("Sat, 21 Nov 2026 11:59:59 GMT", noon), 0s);
    EXPECT_EQ(read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", noon), 0s);
    EXPECT_EQ(read_retry_after("Thu, 21 Nov 2126 12:00:00 GMT", noon), 24h);
    EXPECT_EQ(read_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", noon), 24h);
}

TEST(retry_after, anything_else_says_nothing) {
    for (const auto* field :
         {"",
          " ",
          "-5",
          "+5",
          "1.5",
          "5s",
          "soon",
          "Sat, 21 Nov 2026 12:01:30",
          "Sat, 21 Nov 2026 12:01:30 CET",
          "Sat, 21 Nov 2026 12:01:30 GMT x",
          "Sat, 31 Feb 2026 12:01:30 GMT",
          "Sat, 21 Nov 2026 25:01:30 GMT",
          "Sat, 21 Nov",
          "Wed, 21 Oct8l>",
          "Sat, 21 Nov 2026 12:01:3",
          "Sat Nov",
          "u",
          "Sat Nov 21 12:01:30 206",
          "Saturday, 21-Nov-2026 12:01:30 GMT",
          "Sam, 21 Nov 2026 12:01:30 GMT",
          "Sat, 21 nov 2026 12:01:30 GMT",
          "Sat, -1 Nov 2026 12:01:30 GMT",
          "2026-11-21T12:01:30Z"}) {
        EXPECT_EQ(read_retry_after(field, noon), std::nullopt) << field;
    }
    EXPECT_EQ(read_retry_after(std::string(1'000'000, '9'), noon), std::nullopt);
}

}  // namespace
}  // namespace callhook::sources
