#include "http/message.hpp"

#include "base/json.hpp"
#include "http/query.hpp"
#include "http/serialize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(request_head, finds_fields_in_any_case) {
    request_head head;
    head.fields = {{"Accept", "a"}, {"X-One", "1"}, {"x-one", "2"}};
    EXPECT_EQ(head.header("ACCEPT"), "a");
    EXPECT_EQ(head.header("x-ONE"), "1");
    EXPECT_EQ(head.header("none"), "");
    EXPECT_THAT(head.header_values("X-One"), ElementsAre("1", "2"));
}

TEST(problem, is_rfc_9457) {
    const auto plain = problem(404, "no such source");
    EXPECT_EQ(plain.content_type, "application/problem+json");
    EXPECT_EQ(
        plain.body, R"({"type":"about:blank","title":"Not Found","status":404,"detail":"no such source"})"
    );
    EXPECT_EQ(problem(413, "").body, R"({"type":"about:blank","title":"Content Too Large","status":413})");
    const auto more = problem(410, "Gone", "too old", json::object{{"floor", "x.1"}});
    EXPECT_EQ(
        more.body, R"({"type":"about:blank","title":"Gone","status":410,"detail":"too old","floor":"x.1"})"
    );
}

TEST(query, decodes_like_a_form) {
    const auto query = query_parameters::parse("a=1&b=x+y%26&a=%C3%BC&flag&&=empty&c=d=e");
    ASSERT_TRUE(query.has_value());
    EXPECT_EQ(query->get("a"), "1");
    EXPECT_EQ(query->get("b"), "x y&");
    EXPECT_THAT(query->all("a"), ElementsAre("1", "\xc3\xbc"));
    EXPECT_EQ(query->get("flag"), "");
    EXPECT_EQ(query->get("c"), "d=e");
    EXPECT_EQ(query->get(""), "empty");
    EXPECT_EQ(query->get("z"), std::nullopt);
    EXPECT_THAT(query->names(), ElementsAre("a", "b", "flag", "", "c"));
    EXPECT_TRUE(query_parameters::parse("")->names().empty());
}

TEST(query, refuses_broken_escapes_without_repeating_them) {
    for (const auto* bad :
         {"a=%", "a=%4", "a=%zz", "%00=a", "a=b&c%1=d", "a=%ff", "%c0%af=a", "a=%ed%a0%80"}) {
        const auto query = query_parameters::parse(bad);
        ASSERT_TRUE(query.has_error()) << bad;
        EXPECT_EQ(query.error().code, errc::invalid_input);
        EXPECT_THAT(query.error().message, Not(HasSubstr(bad)));
    }
}

TEST(serialize, writes_the_date_of_the_rfc) {
    EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(serialize, keeps_framing_fields_to_itself) {
    response answer{.status = 200, .content_type = "text/plain", .body = "ab"};
    answer.fields = {
        {"Content-Length", "7"}, {"transfer-encoding", "chunked"}, {"connection", "x"}, {"X-A", "b"}};
    std::string out;
    append_head(out, answer, {.content_length = 2}, "now");
    EXPECT_EQ(
        out,
        "HTTP/1.1 200 OK\r\nDate: now\r\nServer: callhook\r\nContent-Type: text/plain\r\nContent-Length: "
        "2\r\n"
        "X-A: b\r\nCache-Control: no-store\r\n\r\n"
    );
    answer.fields = {{"cache-control", "max-age=1"}};
    out.clear();
    append_head(out, answer, {.version = 10, .content_length = 2}, "now");
    EXPECT_THAT(out, Not(HasSubstr("no-store")));
    EXPECT_THAT(out, HasSubstr("Connection: keep-alive\r\n"));
}

TEST(serialize, sees_values_that_would_break_out_of_their_line) {
    EXPECT_TRUE(is_sendable({.status = 200, .fields = {{"A", "b\tc"}}}));
    EXPECT_FALSE(is_sendable({.status = 200, .fields = {{"A", "b\r\nSet-Cookie: x"}}}));
    EXPECT_FALSE(is_sendable({.status = 200, .fields = {{"A b", "c"}}}));
    EXPECT_FALSE(is_sendable({.status = 200, .content_type = "a\n"}));
    EXPECT_FALSE(is_sendable({.status = 20}));
}

}  // namespace
}  // namespace callhook::http
