#include "feed/outbound/subscription_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::feed::outbound {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string url = R"("url":"https://crm.example/hook")";

result<subscription_wish> read(const std::string& members, target_rules rules = {}) {
    return read_subscription_wish("{" + members + "}", rules);
}

TEST(subscription_wish, has_defaults_for_all_but_the_url) {
    const auto wish = read(url).value();
    EXPECT_EQ(wish.what.url, "https://crm.example/hook");
    EXPECT_EQ(wish.what.mode, "structured");
    EXPECT_TRUE(wish.what.filter.empty());
    EXPECT_EQ(wish.start, "$");
    EXPECT_FALSE(wish.what.timeout);
    EXPECT_TRUE(wish.what.schedule.empty());
    EXPECT_FALSE(wish.what.pause_after);
    EXPECT_THAT(read("").error().message, HasSubstr("names the url"));
}

TEST(subscription_wish, takes_every_member) {
    const auto wish =
        read(
            url + R"(,"mode":"binary","types":["call.new"],"sources":["/callhook/a"],"widgets":[3],)"
                  R"("start":"0","timeout_ms":5000,"schedule_ms":[10,604800000],"pause_after_ms":1000)"
        )
            .value();
    EXPECT_EQ(wish.what.mode, "binary");
    EXPECT_THAT(wish.what.filter.sources, ElementsAre("a"));
    EXPECT_EQ(wish.start, "0");
    EXPECT_EQ(wish.what.timeout, 5s);
    EXPECT_THAT(wish.what.schedule, ElementsAre(10ms, 168h));
    EXPECT_EQ(wish.what.pause_after, 1s);
    EXPECT_TRUE(read(url + R"(,"timeout_ms":null,"schedule_ms":null,"pause_after_ms":null)"));
}

TEST(subscription_wish, the_rules_decide_about_the_url) {
    const std::string plain = R"("url":"http://10.0.0.1/")";
    EXPECT_THAT(read(plain).error().message, HasSubstr("outbound.allow_http"));
    EXPECT_THAT(
        read(plain, {true, http::address_guard{}}).error().message, HasSubstr("address is not public")
    );
    const target_rules open{true, http::address_guard{http::network_list{{"10.0.0.0/8"}}}};
    EXPECT_TRUE(read(plain, open));
    EXPECT_TRUE(read(R"("url":"https://[::ffff:10.0.0.1]/")", open)) << "an IPv4 address in the form of IPv6";
}

TEST(rotation, keeps_the_secret_before_for_a_day_unless_told) {
    EXPECT_EQ(read_overlap("").value(), 24h);
    EXPECT_EQ(read_overlap(R"({"overlap_seconds":0})").value(), 0s);
    EXPECT_FALSE(read_overlap(R"({"overlap_seconds":-1})"));
    EXPECT_FALSE(read_overlap(R"({"overlap":1})"));
}

TEST(redrive, names_both_ends) {
    const auto range = read_redrive_range(R"({"from":"0","to":"$"})").value();
    EXPECT_EQ(range.from, "0");
    EXPECT_EQ(range.to, "$");
    EXPECT_FALSE(read_redrive_range(R"({"from":"0"})"));
    EXPECT_FALSE(read_redrive_range(""));
}

TEST(shown, durations_are_numbers_and_what_is_unset_is_null) {
    store::subscription one;
    one.what.name = "crm";
    one.what.timeout = 5s;
    one.epoch = "0123abcd";
    one.position = 7;
    one.lag = 61'500ms;
    const auto json = to_json(one, true);
    EXPECT_EQ(json.at("timeout_ms"), json::value(5000));
    EXPECT_TRUE(json.at("schedule_ms").is_null());
    EXPECT_TRUE(json.at("reason").is_null());
    EXPECT_EQ(json.at("position"), json::value("0123abcd.00000000000000000007"));
    EXPECT_EQ(json.at("lag_seconds"), json::value(61));
    EXPECT_EQ(json.at("state"), json::value("active"));
}

}  // namespace
}  // namespace callhook::feed::outbound
