#include "feed/consumers/consumer_json.hpp"
#include "feed/consumers/consumer_places.hpp"
#include "feed/json_body.hpp"

#include <gmock/gmock.h>

namespace callhook::feed::consumers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(consumer_json, names) {
    for (const auto* name : {"a", "0", "crm", "a-b_c", "9-"})
        EXPECT_TRUE(is_follower_name(name)) << name;
    EXPECT_TRUE(is_follower_name(std::string(64, 'x')));
    for (const auto* name : {"", "-a", "_a", "A", "a.b", "a b", "a/b", "\xc3\xb3"})
        EXPECT_FALSE(is_follower_name(name)) << name;
    EXPECT_FALSE(is_follower_name(std::string(65, 'x')));
}

TEST(consumer_json, an_empty_body_wishes_for_everything_from_the_beginning) {
    for (const auto* body : {"", " \n", "{}"}) {
        const auto wish = read_wish(body).value();
        EXPECT_TRUE(wish.filter.empty());
        EXPECT_EQ(wish.start, "0");
    }
}

TEST(consumer_json, a_whole_wish) {
    const auto wish = read_wish(
        R"({"types":["call.new"],"sources":["/callhook/main","b"],"subjects":["calls/1"],"widgets":[3,-4],"start":"$"})"
    );
    ASSERT_TRUE(wish);
    EXPECT_THAT(wish->filter.types, ElementsAre("call.new"));
    EXPECT_THAT(wish->filter.sources, ElementsAre("main", "b"));
    EXPECT_THAT(wish->filter.subjects, ElementsAre("calls/1"));
    EXPECT_THAT(wish->filter.widgets, ElementsAre(3, -4));
    EXPECT_EQ(wish->start, "$");
}

TEST(consumer_json, what_is_not_as_described_is_refused_and_not_repeated) {
    for (const auto* body :
         {"x",
          "[]",
          "null",
          R"({"secret":1})",
          R"({"types":"secret"})",
          R"({"types":[1]})",
          R"({"types":[""]})",
          R"({"types":["a\nb"]})",
          R"({"widgets":["3"]})",
          R"({"widgets":[1.5]})",
          R"({"widgets":[99999999999999999999]})",
          R"({"start":1})",
          "{\"types\":[\"\xff\"]}",
          R"({} secret)"}) {
        const auto wish = read_wish(body);
        ASSERT_TRUE(wish.has_error()) << body;
        EXPECT_EQ(wish.error().code, errc::invalid_input);
        EXPECT_THAT(wish.error().message, Not(HasSubstr("secret")));
    }
}

TEST(consumer_json, a_position_stands_alone) {
    EXPECT_EQ(read_position(R"({"position":"0"})").value(), "0");
    for (const auto* body :
         {"", "{}", R"({"position":1})", R"({"position":""})", R"({"position":"0","x":1})"})
        EXPECT_TRUE(read_position(body).has_error()) << body;
}

TEST(consumer_json, shows_all_of_it) {
    store::consumer one;
    one.name = "crm";
    one.filter.types = {"call.new"};
    one.epoch = "0a1b2c3d";
    one.position = 7;
    one.lag_events = 3;
    one.lag = std::chrono::milliseconds{2'999};
    EXPECT_EQ(
        json::serialize(to_json(one)),
        R"({"name":"crm","kind":"reader","types":["call.new"],"sources":[],"subjects":[],"widgets":[],)"
        R"("position":"0a1b2c3d.00000000000000000007","lag_events":3,"lag_seconds":2,)"
        R"("created_at":"1970-01-01T00:00:00Z","acked_at":null})"
    );
}

class consumer_places : public testing::Test {
protected:
    static std::string id(std::int64_t position, const std::string& epoch = "0a1b2c3d") {
        return to_string(cursor{epoch, position});
    }
    store::consumer at(std::int64_t position, const std::string& epoch = "0a1b2c3d") {
        store::consumer out;
        out.epoch = epoch;
        out.position = position;
        return out;
    }
    store::feed_head head{"0a1b2c3d", 100, 10, 0, {}};
};

TEST_F(consumer_places, reading_goes_on_at_the_further_of_place_and_id) {
    EXPECT_EQ(reading_from(at(50), "", head)->position, 50);
    EXPECT_EQ(reading_from(at(50), id(70), head)->position, 70);
    EXPECT_EQ(reading_from(at(50), id(20), head)->position, 50);
    EXPECT_EQ(reading_from(at(50), id(5), head)->position, 50) << "expired, but no further";
    EXPECT_EQ(reading_from(at(50), "0", head)->position, 50);
    EXPECT_EQ(reading_from(at(50), "$", head)->position, 100);
}

TEST_F(consumer_places, what_is_not_there_any_more_is_told) {
    EXPECT_EQ(reading_from(at(9), "", head).error().code, errc::gone);
    EXPECT_EQ(reading_from(at(50, "00000000"), "", head).error().code, errc::gone);
    EXPECT_THAT(reading_from(at(9), "", head).error().message, HasSubstr("reset"));
    EXPECT_EQ(reading_from(at(101), "", head).error().code, errc::conflict);
    EXPECT_EQ(reading_from(at(50), id(50, "00000000"), head).error().code, errc::gone);
    EXPECT_EQ(reading_from(at(50), id(101), head).error().code, errc::conflict);
    EXPECT_EQ(reading_from(at(50), "x", head).error().code, errc::invalid_input);
}

TEST_F(consumer_places, any_id_that_was_given_out_can_be_acknowledged) {
    EXPECT_EQ(acknowledged(id(100), head)->position, 100);
    EXPECT_EQ(acknowledged(id(3), head)->position, 3);
    EXPECT_EQ(acknowledged(id(101), head).error().code, errc::conflict);
    EXPECT_EQ(acknowledged(id(3, "00000000"), head).error().code, errc::gone);
    for (const auto* text : {"0", "$", "x"})
        EXPECT_EQ(acknowledged(text, head).error().code, errc::invalid_input) << text;
}

TEST_F(consumer_places, only_a_readers_place_is_the_clients) {
    EXPECT_EQ(known({}).error().code, errc::not_found);
    EXPECT_EQ(readers_own({}).error().code, errc::not_found);
    auto one = at(1);
    EXPECT_TRUE(readers_own(one));
    one.kind = store::consumer_kind::publisher;
    EXPECT_TRUE(known(one));
    EXPECT_EQ(readers_own(one).error().code, errc::conflict);
    EXPECT_TRUE(within(at(1), "0a1b2c3d"));
    EXPECT_EQ(within(at(1), "00000000").error().code, errc::gone);
}

}  // namespace
}  // namespace callhook::feed::consumers
