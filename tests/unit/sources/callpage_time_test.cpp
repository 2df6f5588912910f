#include "base/time_text.hpp"
#include "sources/callpage/local_time.hpp"

#include <gtest/gtest.h>

namespace callhook::sources::callpage {
namespace {

using namespace std::chrono_literals;
using lifecycle::zone_fit;

struct reading {
    const char* zone;
    const char* text;
    const char* expected;
    zone_fit fit;
};

TEST(callpage_time, follows_the_zone) {
    for (const auto& [zone, text, expected, fit] : {
             reading{"Europe/Warsaw", "2016-09-08 13:32:54", "2016-09-08T13:32:54+02:00", zone_fit::exact},
             reading{"Europe/Warsaw", "2026-01-15 00:00:00", "2026-01-15T00:00:00+01:00", zone_fit::exact},
             // Autumn: clocks go from 03:00 back to 02:00.
             reading{"Europe/Warsaw", "2026-10-25 01:59:59", "2026-10-25T01:59:59+02:00", zone_fit::exact},
             reading{
                 "Europe/Warsaw", "2026-10-25 02:00:00", "2026-10-25T02:00:00+02:00", zone_fit::ambiguous},
             reading{
                 "Europe/Warsaw", "2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00", zone_fit::ambiguous},
             reading{
                 "Europe/Warsaw", "2026-10-25 02:59:59", "2026-10-25T02:59:59+02:00", zone_fit::ambiguous},
             reading{"Europe/Warsaw", "2026-10-25 03:00:00", "2026-10-25T03:00:00+01:00", zone_fit::exact},
             // Spring: clocks go from 02:00 on to 03:00.
             reading{"Europe/Warsaw", "2026-03-29 01:59:59", "2026-03-29T01:59:59+01:00", zone_fit::exact},
             reading{
                 "Europe/Warsaw", "2026-03-29 02:00:00", "2026-03-29T02:00:00+01:00", zone_fit::nonexistent},
             reading{
                 "Europe/Warsaw", "2026-03-29 02:30:00", "2026-03-29T02:30:00+01:00", zone_fit::nonexistent},
             reading{"Europe/Warsaw", "2026-03-29 03:00:00", "2026-03-29T03:00:00+02:00", zone_fit::exact},
             // No summer time.
             reading{"UTC", "2026-03-29 02:30:00", "2026-03-29T02:30:00+00:00", zone_fit::exact},
             reading{"Asia/Kolkata", "2026-10-25 02:30:00", "2026-10-25T02:30:00+05:30", zone_fit::exact},
             reading{"UTC", "2024-02-29 23:59:59", "2024-02-29T23:59:59+00:00", zone_fit::exact},
             reading{"UTC", "9998-12-31 23:59:59", "9998-12-31T23:59:59+00:00", zone_fit::exact},
             reading{"UTC", "1900-01-01 00:00:00", "1900-01-01T00:00:00+00:00", zone_fit::exact},
         }) {
        const auto read = local_zone::find(zone).value().read(text);
        ASSERT_TRUE(read.at) << text;
        EXPECT_EQ(to_rfc3339(*read.at, read.offset), expected);
        EXPECT_EQ(read.fit, fit) << text;
        EXPECT_EQ(read.raw, text);
    }
}

TEST(callpage_time, the_repeated_hour_is_the_earlier_one) {
    const auto read = local_zone::find("Europe/Warsaw").value().read("2026-10-25 02:30:00");
    EXPECT_EQ(to_rfc3339(*read.at, 0s), "2026-10-25T00:30:00+00:00");
}

TEST(callpage_time, what_is_no_time_stays_raw) {
    const auto zone = local_zone::find("Europe/Warsaw").value();
    for (const auto* text :
         {"",
          "soon",
          "2016-09-08",
          "2016-09-08 13:32",
          "2016-09-08T13:32:54",
          "2016-09-08 13:32:54Z",
          "2016-09-08 13:32:54 ",
          " 2016-09-08 13:32:54",
          "2016-02-30 00:00:00",
          "2023-02-29 00:00:00",
          "0000-00-00 00:00:00",
          // Nulls and infinities, which in another zone would leave the calendar that can be stored.
          "0000-01-01 00:00:00",
          "0001-01-01 00:00:00",
          "1899-12-31 23:59:59",
          "9999-01-01 00:00:00",
          "9999-12-31 23:59:59",
          "2016-13-01 00:00:00",
          "2016-09-08 24:00:00",
          "2016-09-08 13:60:00",
          "2016-09-08 23:59:60",
          "2016-09-08 -1:32:54",
          "2016-09-0a 13:32:54",
          "2016/09/08 13:32:54"}) {
        EXPECT_EQ(zone.read(text), (lifecycle::local_time{.raw = text})) << text;
    }
}

}  // namespace
}  // namespace callhook::sources::callpage
