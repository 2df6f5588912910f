#include "rest_support.hpp"

#include <gmock/gmock.h>

namespace callhook::sources::callpage {
namespace {

using namespace std::chrono_literals;
using kind = api_failure::kind;

/// What every reader says of an answer, which must be a failure that all of them agree on.
api_failure failure_of(const api_answer& answer) {
    const auto greeting = read_greeting(answer, noon);
    EXPECT_TRUE(greeting.has_error()) << answer.body;
    if (!greeting.has_error()) return {};
    const auto same = [&](const auto& other) {
        return other.has_error() && other.error() == greeting.error();
    };
    EXPECT_TRUE(same(read_call(answer, noon)));
    EXPECT_TRUE(same(read_history(answer, noon)));
    EXPECT_TRUE(same(read_widgets(answer, noon)));
    EXPECT_TRUE(same(read_users(answer, noon)));
    EXPECT_TRUE(same(read_managers(answer, noon)));
    return greeting.error();
}

std::string refused(const std::string& code) {
    return R"({"hasError":true,"errorCode":)" + code + R"(,"message":"Jan Kowalski +48123123123","data":[]})";
}

TEST(rest_documented, greeting) {
    EXPECT_TRUE(read_greeting(answered(payload("rest_greeting")), noon).has_value());
    EXPECT_TRUE(read_greeting(answered(R"({"hasError":false})"), noon).has_value());
}

TEST(rest_documented, call) {
    const auto body = payload("rest_call");
    const auto record = read_call(answered(body), noon).value();
    EXPECT_TRUE(record.starts_with("{\n        \"data\": {\n            \"id\": 11925829,"));
    EXPECT_TRUE(record.ends_with("\"id\": 11925829\n    }"));
    EXPECT_NE(body.find("\"data\": " + record + ",\n    \"meta\""), std::string::npos);
}

TEST(rest_documented, history) {
    const auto body = payload("rest_history");
    const auto page = read_history(answered(body), noon).value();
    EXPECT_EQ(page.count, 172);
    ASSERT_EQ(page.records.size(), 2U);
    EXPECT_NE(
        body.find("[\n    " + page.records[0] + ",\n    " + page.records[1] + "\n  ],"), std::string::npos
    );
}

TEST(rest_documented, widgets) {
    const auto page = read_widgets(answered(payload("rest_widgets")), noon).value();
    EXPECT_EQ(page.count, 21);
    EXPECT_EQ(
        page.items,
        (std::vector<widget>{
            {2, "Callpage.io DIALOG", "http://callpage.io", true},
            {3, "Callpage.io DIALOG", "http://callpage.io", true}})
    );
}

TEST(rest_documented, users) {
    const auto page = read_users(answered(payload("rest_users")), noon).value();
    EXPECT_EQ(page.count, 4);
    EXPECT_EQ(
        page.items,
        (std::vector<person>{
            {2, 2, "Manager1", "+48570934649", "manager1@callpage.io"},
            {3, 3, "Manager2", "+48570934649", "manager2@callpage.io"}})
    );
}

TEST(rest_documented, managers) {
    const auto page = read_managers(answered(payload("rest_managers")), noon).value();
    EXPECT_EQ(page.count, 3);
    EXPECT_EQ(
        page.items,
        (std::vector<person>{
            {1, 1, "Owner", "+48570934649", "admin@admin.com"},
            {22, 4, "Admin", "+48570934649", "admin@callpage.io"},
            {24, 3, "Manager2", "+48570934649", "manager2@callpage.io"}})
    );
}

TEST(rest_answers, every_status) {
    struct row {
        unsigned status;
        kind what;
        std::string message;
    };
    for (const auto& [status, what, message] : std::vector<row>{
             {0, kind::unreadable, "answered 0, which is not documented"},
             {101, kind::unreadable, "answered 101, which is not documented"},
             {201, kind::unreadable, "answered 201, which is not documented"},
             {204, kind::unreadable, "answered 204, which is not documented"},
             {301, kind::rejected, "answered 301: redirects are not followed"},
             {302, kind::rejected, "answered 302: redirects are not followed"},
             {304, kind::rejected, "answered 304: redirects are not followed"},
             {308, kind::rejected, "answered 308: redirects are not followed"},
             {400, kind::rejected, "answered 400"},
             {401, kind::unauthorized, "answered 401: the API key is not known"},
             {403, kind::forbidden, "answered 403: the API key lacks a scope, or access to this"},
             {404, kind::not_found, "answered 404"},
             {418, kind::rejected, "answered 418"},
             {422, kind::rejected, "answered 422"},
             {429, kind::throttled, "answered 429: it asks to be left alone"},
             {500, kind::broken, "answered 500"},
             {502, kind::broken, "answered 502"},
             {503, kind::broken, "answered 503"},
             {504, kind::broken, "answered 504"},
             {599, kind::broken, "answered 599"},
             {600, kind::unreadable, "answered 600, which is not documented"}}) {
        EXPECT_EQ(failure_of(answered("<html>", status)), (api_failure{what, message, status, {}}));
        // The status alone decides, also where the body says that all is well.
        EXPECT_EQ(failure_of(answered(payload("rest_greeting"), status)).what, what);
    }
}

TEST(rest_answers, retry_after) {
    EXPECT_EQ(failure_of(answered("", 429, "7")).retry_after, 7s);
    EXPECT_EQ(
        failure_of(answered("", 503, "7")),
        (api_failure{kind::throttled, "answered 503: it asks to be left alone", 503, 7s})
    );
    EXPECT_EQ(failure_of(answered("", 503, "Sat, 21 Nov 2026 12:00:09 GMT")).retry_after, 9s);
    EXPECT_EQ(failure_of(answered("", 503, "later")).what, kind::broken);
    EXPECT_EQ(failure_of(answered("", 500, "7")).retry_after, 7s);
    EXPECT_EQ(failure_of(answered("", 404, "7")).retry_after, std::nullopt);
    EXPECT_EQ(failure_of(answered(refused("429"), 200, "7")).retry_after, 7s);
}

TEST(rest_answers, has_error_with_200) {
    const auto said = [](const std::string& code) { return failure_of(answered(refused(code))); };
    EXPECT_EQ(said("0"), (api_failure{kind::rejected, "answered 200 with hasError (errorCode 0)", 200, {}}));
    EXPECT_EQ(said("422").what, kind::rejected);
    EXPECT_EQ(
        said("404"), (api_failure{kind::not_found, "answered 200 with hasError (errorCode 404)", 200, {}})
    );
    EXPECT_EQ(said("\"401\"").what, kind::unauthorized);
    EXPECT_EQ(said("403").what, kind::forbidden);
    EXPECT_EQ(said("429").what, kind::throttled);
    EXPECT_EQ(said("500").what, kind::broken);
    EXPECT_EQ(said("301").what, kind::rejected);
    EXPECT_EQ(said("-1").what, kind::rejected);
    for (const auto* other : {"null", "[]", "1.5", "\"Jan Kowalski\"", "99999999999999999999", "{\"a\":404}"})
        EXPECT_EQ(said(other), (api_failure{kind::rejected, "answered 200 with hasError", 200, {}})) << other;
    for (const auto* flag : {"true", "1", "\"1\"", "\"true\""}) {
        const auto body = R"({"data":[],"message":"m","hasError":)" + std::string{flag} + "}";
        EXPECT_EQ(failure_of(answered(body)).what, kind::rejected) << flag;
    }
}

TEST(rest_answers, an_error_code_is_shown_beside_another_status) {
    EXPECT_EQ(
        failure_of(answered(refused("1234"), 422)),
        (api_failure{kind::rejected, "answered 422 (errorCode 1234)", 422, {}})
    );
    EXPECT_EQ(failure_of(answered(refused("401"), 500)).what, kind::broken);
}

TEST(rest_answers, what_is_no_envelope_is_unreadable) {
    for (const auto& body : std::vector<std::string>{
             "",
             " ",
             "null",
             "1",
             "\"x\"",
             "[]",
             "{}",
             "<!doctype html><title>Maintenance</title>",
             R"({"data":[]})",
             R"({"hasError":null,"data":[]})",
             R"({"hasError":"no","data":[]})",
             R"({"hasError":[],"data":[]})",
             R"({"hasError":false,"data":[]} x)",
             R"({"hasError":false,"data":[]}})",
             R"({"hasError":false,"data":[]}{})",
             R"({"hasError":false,"data":[})",
             R"({"hasError":false "data":[]})",
             "\xef\xbb\xbf{\"hasError\":false,\"data\":[]}",
             "{\"hasError\":false,\"data\":\"\xff\"}",
             std::string(1'000'000, '['),
             R"({"hasError":false,"data":)" + std::string(1'000'000, '['),
             R"({"a":)" + std::string(1'000'000, '{')}) {
        const auto failure = failure_of(answered(body));
        EXPECT_EQ(failure.what, kind::unreadable) << body.substr(0, 100);
        EXPECT_EQ(failure.status, 200U);
        EXPECT_THAT(
            failure.message, testing::StartsWith("answered 200 with something that is not documented: ")
        );
    }
}

TEST(rest_answers, an_answer_cut_short_is_unreadable) {
    for (const auto* name :
         {"rest_history", "rest_call", "rest_widgets", "rest_users", "rest_managers", "rest_greeting"}) {
        const auto whole = payload(name);
        for (std::size_t size = 0; size < whole.find_last_of('}'); ++size) {
            ASSERT_EQ(failure_of(answered(whole.substr(0, size))).what, kind::unreadable) << name << size;
        }
    }
}

TEST(rest_answers, a_single_call_that_is_not_there) {
    for (const auto* data : {"null", "[]", "{}", R"({"data":[]})", "[ ]"}) {
        const auto call = read_call(data_of(data), noon);
        ASSERT_TRUE(call.has_error());
        EXPECT_EQ(call.error().what, kind::not_found) << data;
    }
    for (const auto* data : {"1", "\"x\"", "[1]", "false"})
        EXPECT_EQ(read_call(data_of(data), noon).error().what, kind::unreadable) << data;
    EXPECT_EQ(read_call(answered(R"({"hasError":false})"), noon).error().what, kind::unreadable);
}

TEST(rest_answers, a_bad_record_spoils_no_other) {
    const std::vector<std::string> items{
        R"({"data":{"id":1},"id":1})",
        R"({"x":"\u0000","x":"\ud800"})",
        "null",
        "[]",
        "{}",
        "1.50",
        "\"a \\\" ] } b\"",
        R"({"deep":)" + std::string(100, '[') + std::string(100, ']') + "}",
        R"({"nonsense":tru,})",
        R"({"data":{"id":2},"id":2})"};
    std::string list;
    for (const auto& item : items)
        list += (list.empty() ? "[ " : " ,\n ") + item;
    EXPECT_EQ(read_history(data_of(list + " ]"), noon).value().records, items);
    EXPECT_EQ(record_in(items.back()).key.id, 2);
    for (std::size_t i = 1; i + 1 < items.size(); ++i)
        EXPECT_NE(record_reason(items[i]), "") << items[i];
}

TEST(rest_answers, a_history_without_calls) {
    for (const auto* data : {"[]", "null", "{}", "[ ]"})
        EXPECT_TRUE(read_history(data_of(data), noon).value().records.empty()) << data;
    for (const auto* data : {"1", "\"x\"", R"({"a":1})", "[1,]", "[1 2]", "[,]"})
        EXPECT_EQ(read_history(data_of(data), noon).error().what, kind::unreadable) << data;
    EXPECT_EQ(read_history(answered(R"({"hasError":false})"), noon).error().what, kind::unreadable);
}

TEST(rest_answers, meta_is_a_comfort) {
    const auto count = [](const std::string& meta) {
        return read_history(data_of("[]", meta), noon).value().count;
    };
    EXPECT_EQ(count(R"({"offset":null,"limit":"2","count":172})"), 172);
    EXPECT_EQ(count(R"({"count":"172"})"), 172);
    EXPECT_EQ(count(R"({"data":{"count":0}})"), 0);
    for (const auto* meta :
         {"[]",
          "null",
          "{}",
          "5",
          R"({"count":null})",
          R"({"count":-1})",
          R"({"count":[]})",
          R"({"count":"many"})",
          R"({"count":1.5})",
          R"({"count":1e999})",
          R"({"count":1,"count":2})"}) {
        EXPECT_EQ(count(meta), std::nullopt) << meta;
    }
    EXPECT_EQ(read_history(answered(R"({"hasError":false,"data":[]})"), noon).value().count, std::nullopt);
}

TEST(rest_answers, the_order_of_members_does_not_matter) {
    const auto page = read_history(
        answered(R"({"meta":{"count":1},"data":[ {"id":1} ],"m\u0065ssage":"","errorCode":"0","hasError":0})"
        ),
        noon
    );
    EXPECT_EQ(page.value().records, (std::vector<std::string>{R"({"id":1})"}));
    EXPECT_EQ(page.value().count, 1);
}

TEST(rest_answers, list_entries_are_read_with_tolerance) {
    EXPECT_EQ(
        read_widgets(
            data_of(
                R"({"data":[{"data":{"id":"2","description":null,"url":5,"enabled":0},"id":2},{"id":3,"enabled":"0"},
                    {"id":4,"enabled":"1"},{"id":5,"enabled":null},{"id":6,"enabled":{"a":1}},{"id":7,"enabled":false}]})"
            ),
            noon
        )
            .value()
            .items,
        (std::vector<widget>{
            {2, "", "", false},
            {3, "", "", false},
            {4, "", "", true},
            {5, "", "", true},
            {6, "", "", true},
            {7, "", "", false}})
    );
    EXPECT_EQ(
        read_managers(
            data_of(R"([{"id":1,"name":"own","tel":"t","email":"e"},{"id":2,"user":[]},{"id":3,"user":5},
                        {"id":4,"user":{"data":{"id":"9","name":5,"tel":null,"email":"u"}}}])"),
            noon
        )
            .value()
            .items,
        (std::vector<person>{
            {1, 0, "own", "t", "e"}, {2, 0, "", "", ""}, {3, 0, "", "", ""}, {4, 9, "", "", "u"}})
    );
    EXPECT_TRUE(read_users(data_of("[]"), noon).value().items.empty());
    EXPECT_TRUE(read_users(data_of("null"), noon).value().items.empty());
}

TEST(rest_answers, a_list_with_gaps_is_unreadable) {
    const std::string prefix{"answered 200 with something that is not documented: "};
    const auto said = [&](const std::string& data) {
        const auto got = read_users(data_of(data), noon);
        return got.has_error() ? got.error().message : "";
    };
    EXPECT_EQ(said(R"([{"id":1},{"name":"Jan"}])"), prefix + "/data/1/id: no id");
    EXPECT_EQ(said(R"([{"id":"Jan"}])"), prefix + "/data/0/id: no id");
    EXPECT_EQ(said(R"([{"id":0}])"), prefix + "/data/0/id: no id");
    EXPECT_EQ(said(R"([{"id":-1}])"), prefix + "/data/0/id: no id");
    EXPECT_EQ(said(R"([{"id":1},"Jan"])"), prefix + "/data/1: expected an object, found a string");
    EXPECT_EQ(said(R"({"a":1})"), prefix + "/data: expected an array, found an object");
    EXPECT_EQ(said("\"Jan\""), prefix + "/data: expected an array, found a string");
    EXPECT_EQ(said(R"([{"id":1,"id":2}])"), prefix + "in data, /0/id: a key that occurs twice");
    EXPECT_EQ(said(R"([{"id":1,}])"), prefix + "in data, the document: not JSON");
    EXPECT_EQ(said(std::string(40, '[') + std::string(40, ']')).substr(0, prefix.size()), prefix);
}

TEST(rest_failure, tells_what_to_do) {
    struct row {
        kind what;
        std::string_view name;
        bool retryable;
        bool outage;
        const char* thrown;
    };
    for (const auto& [what, name, retryable, outage, thrown] : std::vector<row>{
             {kind::unreachable, "unreachable", true, true, "unavailable: m"},
             {kind::throttled, "throttled", true, true, "overloaded: m"},
             {kind::broken, "broken", true, true, "unavailable: m"},
             {kind::unauthorized, "unauthorized", false, false, "invalid_input: m"},
             {kind::forbidden, "forbidden", false, false, "invalid_input: m"},
             {kind::not_found, "not_found", false, false, "not_found: m"},
             {kind::rejected, "rejected", false, false, "invalid_input: m"},
             {kind::unreadable, "unreadable", false, false, "mismatch: m"},
             {kind::paused, "paused", true, false, "unavailable: m"}}) {
        const api_failure failure{what, "m", 0, {}};
        EXPECT_EQ(to_string(what), name);
        EXPECT_EQ(failure.retryable(), retryable) << name;
        EXPECT_EQ(failure.outage(), outage) << name;
        try {
            static_cast<void>(api_result<int>{failure}.value());
            ADD_FAILURE() << name;
        } catch (const bad_result& caught) {
            EXPECT_STREQ(caught.what(), thrown);
        }
    }
    EXPECT_EQ(to_string(static_cast<kind>(99)), "unknown");
}

}  // namespace
}  // namespace callhook::sources::callpage
