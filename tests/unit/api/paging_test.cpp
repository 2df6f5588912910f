#include "api/paging.hpp"

#include "base/json.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace callhook::api {
namespace {

http::query_parameters query(std::string_view text) {
    return http::query_parameters::parse(text).value();
}

TEST(paging, limit_is_bounded_and_has_a_default) {
    EXPECT_EQ(limit_of(query(""), 500).value(), 100U);
    EXPECT_EQ(limit_of(query(""), 20).value(), 20U) << "the default is no way around the bound";
    EXPECT_EQ(limit_of(query("limit=1"), 500).value(), 1U);
    EXPECT_EQ(limit_of(query("limit=500"), 500).value(), 500U);
    EXPECT_EQ(limit_of(query("limit=501"), 500).value(), 500U);
    EXPECT_EQ(limit_of(query("limit=18446744073709551615"), 500).value(), 500U);
    EXPECT_EQ(limit_of(query("limit=2&limit=9"), 500).value(), 2U);
}

TEST(paging, limit_refuses_what_is_no_count) {
    for (const char* text :
         {"limit=",
          "limit",
          "limit=0",
          "limit=-1",
          "limit=%2B1",
          "limit=1.5",
          "limit=ten",
          "limit=1%20",
          "limit=0x10",
          "limit=18446744073709551616"}) {
        const auto limit = limit_of(query(text), 500);
        ASSERT_TRUE(limit.has_error()) << text;
        EXPECT_EQ(limit.error().code, errc::invalid_input) << text;
    }
}

TEST(paging, only_known_parameters_pass) {
    EXPECT_TRUE(only_known(query(""), {"limit", "cursor"}).has_value());
    EXPECT_TRUE(only_known(query("cursor=a&limit=1&cursor=b"), {"limit", "cursor"}).has_value());
    const auto misspelt = only_known(query("limit=1&Cursor=x"), {"limit", "cursor"});
    ASSERT_TRUE(misspelt.has_error());
    EXPECT_EQ(misspelt.error().code, errc::invalid_input);
    EXPECT_EQ(misspelt.error().message, "unknown parameter; known are limit, cursor")
        << "names it, echoes nothing";
    EXPECT_TRUE(only_known(query("x"), {}).has_error());
}

TEST(paging, a_page_starts_after_the_last_row_of_the_one_before) {
    EXPECT_EQ(page_of(query(""), 500).value().before, std::nullopt);
    EXPECT_EQ(page_of(query("limit=7"), 500).value().limit, 7U);
    const std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";
    EXPECT_EQ(page_of(query("cursor=" + std::string{id}), 500).value().before, parse_uuid(id));
    for (const char* text : {"cursor=", "cursor=17", "limit=0"})
        EXPECT_EQ(page_of(query(text), 500).error().code, errc::invalid_input) << text;
}

TEST(paging, only_a_full_page_has_one_after_it) {
    struct row {
        uuid id{};
    };
    const std::vector<row> rows(2);
    EXPECT_TRUE(next_cursor(rows, 3).is_null());
    EXPECT_EQ(next_cursor(rows, 2).as_string(), to_string(uuid{}));
    EXPECT_TRUE(next_cursor(std::vector<row>{}, 1).is_null());
}

TEST(paging, unpack_gives_back_what_pack_took) {
    const auto round_trip = [](std::initializer_list<std::string_view> parts) {
        const std::vector<std::string> expected{parts.begin(), parts.end()};
        EXPECT_EQ(unpack(pack(parts), parts.size()).value(), expected);
    };
    round_trip({"2026-11-21T07:41:02.123456Z", "main", "17"});
    round_trip({"one"});
    round_trip({"a", "", "c"});
    round_trip({"", "b"});
    round_trip({"", "", ""});
}

TEST(paging, unpack_refuses_another_number_of_parts) {
    for (const char* text : {"", "a", "a~b", "a~b~c~d", "~~~"}) {
        const auto parts = unpack(text, 3);
        ASSERT_TRUE(parts.has_error()) << text;
        EXPECT_EQ(parts.error().code, errc::invalid_input) << text;
    }
}

struct refusal_case {
    errc code;
    unsigned status;
};

TEST(paging, an_error_has_its_status) {
    const refusal_case cases[] = {
        {errc::invalid_input, 400},
        {errc::not_found, 404},
        {errc::overloaded, 503},
        {errc::unavailable, 503},
        {errc::timed_out, 503},
        {errc::mismatch, 503},
        {errc::cancelled, 503},
    };
    for (const auto& [code, status] : cases) {
        const auto answer = refusal({code, "in words", "for the log only"});
        EXPECT_EQ(answer.status, status) << to_string(code);
        EXPECT_EQ(answer.content_type, "application/problem+json");
        const auto body = json::parse(answer.body).as_object();
        EXPECT_EQ(body.at("status").as_int64(), status);
        EXPECT_EQ(body.at("detail").as_string(), "in words");
        EXPECT_EQ(answer.body.find("for the log only"), std::string::npos);
        const bool may_retry = std::any_of(answer.fields.begin(), answer.fields.end(), [](const auto& f) {
            return f.name == "Retry-After";
        });
        EXPECT_EQ(may_retry, status == 503);
    }
}

}  // namespace
}  // namespace callhook::api
