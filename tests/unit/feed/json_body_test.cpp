#include "feed/json_body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::feed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(json_body, names_are_those_of_the_schema) {
    for (const auto& good : {std::string{"a"}, std::string{"0-_z"}, std::string(64, 'a')})
        EXPECT_TRUE(is_follower_name(good)) << good;
    for (const auto& bad : {"", "-a", "_a", "A", "a.b", "a/b", "\xc4\x85"})
        EXPECT_FALSE(is_follower_name(bad)) << bad;
    EXPECT_FALSE(is_follower_name(std::string(65, 'a')));
}

TEST(json_body, is_an_object_of_known_members_or_nothing) {
    EXPECT_TRUE(read_object("", {"a"})->empty());
    EXPECT_TRUE(read_object(" \n", {})->empty());
    EXPECT_EQ(read_object(R"({"a":1})", {"a"})->size(), 1U);
    for (const auto* bad : {"x", "[]", "1", R"({"a":1)", R"({"a":1} {})"})
        EXPECT_EQ(read_object(bad, {"a"}).error().code, errc::invalid_input) << bad;
    const auto unknown = read_object(R"({"hunter2":1})", {"a", "b"});
    EXPECT_THAT(unknown.error().message, HasSubstr("known are a, b"));
    EXPECT_EQ(unknown.error().message.find("hunter2"), std::string::npos);
}

TEST(json_body, members_have_their_types) {
    const auto body = read_object(R"({"t":"x","n":5,"z":null,"f":1.5})", {"t", "n", "z", "f"}).value();
    EXPECT_EQ(read_text(body, "t").value(), "x");
    EXPECT_EQ(read_text(body, "missing").value(), std::nullopt);
    EXPECT_FALSE(read_text(body, "n"));
    EXPECT_EQ(read_number(body, "n", 5, 5).value(), 5);
    EXPECT_EQ(read_number(body, "z", 1, 9).value(), std::nullopt);
    EXPECT_EQ(read_number(body, "missing", 1, 9).value(), std::nullopt);
    EXPECT_THAT(read_number(body, "n", 6, 9).error().message, HasSubstr("n is a whole number from 6 to 9"));
    EXPECT_FALSE(read_number(body, "f", 0, 9));
    EXPECT_FALSE(read_number(body, "t", 0, 9));
    EXPECT_EQ(read_place(body, "t").value(), "x");
    EXPECT_FALSE(read_place(body, "missing"));
}

TEST(json_body, a_filter_is_read_and_written) {
    const auto body =
        json::parse(
            R"({"types":["call.new"],"sources":["/callhook/a","b"],"subjects":["calls/1"],"widgets":[3]})"
        )
            .as_object();
    const auto filter = read_filter(body).value();
    EXPECT_THAT(filter.types, ElementsAre("call.new"));
    EXPECT_THAT(filter.sources, ElementsAre("a", "b"));
    EXPECT_THAT(filter.subjects, ElementsAre("calls/1"));
    EXPECT_THAT(filter.widgets, ElementsAre(3));
    json::object shown;
    add_filter(shown, filter);
    EXPECT_EQ(
        json::serialize(shown),
        R"({"types":["call.new"],"sources":["a","b"],"subjects":["calls/1"],"widgets":[3]})"
    );
    for (const auto* bad :
         {R"({"types":"x"})",
          R"({"types":[""]})",
          R"({"types":[1]})",
          R"({"subjects":["a\nb"]})",
          R"({"widgets":["3"]})",
          R"({"widgets":3})"})
        EXPECT_EQ(read_filter(json::parse(bad).as_object()).error().code, errc::invalid_input) << bad;
    json::array many(101, json::value("x"));
    EXPECT_FALSE(read_filter(json::object{{"types", many}}));
    EXPECT_FALSE(read_filter(json::object{{"types", json::array{std::string(257, 'x')}}}));
}

TEST(json_body, any_bytes_become_text) {
    const std::string mark = "\xef\xbf\xbd";
    const std::pair<std::string, std::string> rows[] = {
        {"", ""},
        {"plain \n", "plain \n"},
        {"\xc5\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "\xc5\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xff z", "a" + mark + " z"},
        {"\xc5", mark},
        {"\xe2\x82", mark + mark},
        {"\xc0\x80", mark + mark},
        {"\xe0\x80\x80", mark + mark + mark},
        {"\xed\xa0\x80", mark + mark + mark},
        {"\xf4\x90\x80\x80", mark + mark + mark + mark},
        {std::string("\0", 1), std::string("\0", 1)},
    };
    for (const auto& [bytes, text] : rows)
        EXPECT_EQ(as_utf8(bytes), text);
}

}  // namespace
}  // namespace callhook::feed
