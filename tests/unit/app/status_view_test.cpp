#include "app/status_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

constexpr std::string_view text =
    "# HELP callhook_deliveries_total Deliveries.\n"
    "# TYPE callhook_deliveries_total counter\n"
    "callhook_deliveries_total{event=\"call.new\",result=\"accepted\",source=\"a\"} 7\n"
    "callhook_deliveries_total{event=\"\",result=\"quarantined\",source=\"a\"} 2\n"
    "callhook_feed_position 120\n"
    "callhook_spool_room_bytes 1000000\n"
    "callhook_spool_deliveries 3\n"
    "callhook_spool_oldest_timestamp_seconds 1000\n"
    "callhook_feed_consumer_lag_events{consumer=\"crm\"} 20\n"
    "callhook_feed_consumer_lag_seconds{consumer=\"crm\"} 7200\n"
    "callhook_outbound_paused{subscription=\"erp\"} 1\n"
    "callhook_gap_calls_total{source=\"a\"} 4\n"
    "callhook_build_info{version=\"9.9\"} 1\n";

overview view() {
    return read_overview(
        metric_text::parse(text),
        json::parse(R"({"status":"degraded","parts":{"inbox":"ok","spool":"full\u001b"}})")
    );
}

TEST(metric_text, reads_what_prometheus_reads) {
    const auto read = metric_text::parse(
        "a 1\na{x=\"1\",y=\"q\\\"\\\\\\n,}\"} 2.5 1700000000\nb{} 1e3\nc NaN\nbroken{x=\"1\n{}\nd one\n"
    );
    EXPECT_EQ(read.sum("a"), 3.5);
    EXPECT_EQ(read.sum("a", "x", "1"), 2.5);
    EXPECT_EQ(read.sum("a", "x", "2"), std::nullopt);
    EXPECT_EQ(read.all("a")[1].labels.at("y"), "q\"\\\n,}");
    EXPECT_EQ(read.sum("b"), 1000);
    EXPECT_EQ(read.sum("nothing"), std::nullopt);
    EXPECT_EQ(read.sum("d"), std::nullopt);
}

TEST(status_view, puts_together_what_the_daemon_says) {
    const auto seen = view();
    EXPECT_EQ(seen.status, "degraded");
    EXPECT_EQ(seen.version, "9.9");
    EXPECT_EQ(seen.deliveries, 9);
    EXPECT_EQ(seen.results.at("quarantined"), 2);
    EXPECT_EQ(seen.spooled, 3);
    EXPECT_EQ(seen.leads, std::nullopt);
    ASSERT_EQ(seen.consumers.size(), 1U);
    EXPECT_EQ(seen.consumers[0].lag_events, 20);
    EXPECT_TRUE(seen.subscriptions.at(0).paused);
    EXPECT_EQ(seen.sources.at(0).gap_calls, 4);
}

TEST(status_view, rates_need_two_looks_without_a_restart_between) {
    auto before = view();
    auto after = before;
    after.deliveries += 5;
    *after.feed_position += 1;
    const auto pace = rates_between(before, after, 2s);
    EXPECT_EQ(pace.deliveries, 2.5);
    EXPECT_EQ(pace.events, 0.5);
    EXPECT_EQ(pace.published, std::nullopt);
    EXPECT_EQ(rates_between(after, before, 2s).deliveries, std::nullopt);
    EXPECT_EQ(rates_between(before, after, 0s).deliveries, std::nullopt);
}

TEST(status_view, lines_say_what_is_not_well_and_drive_no_terminal) {
    const auto lines = to_lines(view(), {1.5, {}, {}}, "http://[::1]:1", std::chrono::sys_seconds{1'600s});
    EXPECT_THAT(lines, Contains(HasSubstr("degraded")));
    EXPECT_THAT(lines, Contains(HasSubstr("full\\x1b")));
    EXPECT_THAT(lines, Contains(HasSubstr("9 since it started, 1.5/s, 7 accepted, 2 quarantined")));
    EXPECT_THAT(lines, Contains(HasSubstr("3 deliveries wait, the oldest for 10 min")));
    EXPECT_THAT(lines, Contains(HasSubstr("20 behind         2 h")));
    EXPECT_THAT(lines, Contains(HasSubstr("PAUSED")));
    EXPECT_THAT(lines, Contains(HasSubstr("off here")));
    EXPECT_THAT(json::serialize(to_json(view(), {}, "u")), HasSubstr(R"("per_second":null)"));
}

}  // namespace
}  // namespace callhook::app
