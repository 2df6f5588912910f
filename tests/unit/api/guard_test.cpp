#include "api/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::api {
namespace {

const access_rules tokens{token_list{
    {{"reader", sha256("chk_reader"), {scope::feed_read}}, {"chief", sha256("chk_chief"), {scope::admin}}}}};

http::request_head with(std::vector<std::string> authorizations) {
    http::request_head head;
    for (auto& value : authorizations)
        head.fields.push_back({"authorization", std::move(value)});
    return head;
}

unsigned status(const http::request_head& head, std::optional<scope> needed) {
    const auto refused = refuse(head, tokens, needed);
    return refused ? refused->status : 200;
}

TEST(guard, lets_in_by_scope) {
    const auto reader = with({"Bearer chk_reader"});
    EXPECT_EQ(status(reader, scope::feed_read), 200U);
    EXPECT_EQ(status(reader, scope::calls_read), 403U);
    EXPECT_EQ(status(reader, scope::admin), 403U);
    EXPECT_EQ(status(reader, {}), 200U);
    EXPECT_EQ(status(with({"bearer   chk_chief"}), scope::calls_read), 200U);
}

TEST(guard, answers_everybody_else_alike) {
    const auto expected = refuse(with({}), tokens, scope::feed_read).value();
    EXPECT_EQ(expected.status, 401U);
    for (const auto& head :
         {with({""}),
          with({"Bearer"}),
          with({"Bearer "}),
          with({"Bearer x"}),
          with({"chk_reader"}),
          with({"Basic chk_reader"}),
          with({"Bearer chk_reader", "Bearer chk_reader"})}) {
        const auto refused = refuse(head, tokens, scope::feed_read);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->status, 401U);
        EXPECT_EQ(refused->body, expected.body);
        EXPECT_EQ(refused->fields.at(0).value, expected.fields.at(0).value);
    }
}

TEST(guard, no_credentials_are_nobodys_even_where_their_hash_is_listed) {
    const access_rules careless{token_list{{{"empty", sha256(""), {scope::admin}}}}};
    EXPECT_EQ(refuse(with({}), careless, scope::admin)->status, 401U);
}

TEST(guard, without_tokens_everybody_may) {
    EXPECT_FALSE(refuse(with({}), access_rules{}, scope::admin));
}

TEST(guard, without_tokens_it_answers_to_no_name_but_its_own) {
    const access_rules open{{}, {"callhook.internal"}};
    const auto asked_as = [](const char* host, const access_rules& rules) {
        http::request_head head;
        head.method = "GET";
        if (host != nullptr) head.fields.push_back({"Host", host});
        const auto refused = refuse(head, rules, scope::feed_read);
        return refused ? refused->status : 200U;
    };
    for (const auto* ours :
         {"localhost",
          "LocalHost:8081",
          "127.0.0.1",
          "127.0.0.1:8081",
          "192.0.2.1:80",
          "[::1]:8081",
          "[::1]",
          "callhook.internal",
          "CALLHOOK.internal:8081",
          "",
          ":8081"})
        EXPECT_EQ(asked_as(ours, open), 200U) << ours;
    EXPECT_EQ(asked_as(nullptr, open), 200U) << "HTTP/1.0, which no browser speaks";
    for (const auto* other :
         {"rebound.example",
          "rebound.example:8081",
          "localhost.rebound.example",
          "127.0.0.1.rebound.example:8081",
          "xlocalhost",
          "localhost.",
          "callhook.internal.rebound.example",
          "[rebound.example]",
          "[::1",
          "0x7f000001",
          "127.1"})
        EXPECT_EQ(asked_as(other, open), 403U) << other;
    // A token is sent on purpose, whatever the name.
    auto head = with({"Bearer chk_chief"});
    head.fields.push_back({"Host", "rebound.example"});
    EXPECT_EQ(status(head, scope::admin), 200U);
}

TEST(guard, without_tokens_a_page_in_a_browser_may_read_and_change_nothing) {
    for (const auto* origin : {"https://elsewhere.example", "null"}) {
        http::request_head head;
        head.fields.push_back({"origin", origin});
        for (const auto* method : {"GET", "HEAD"}) {
            head.method = method;
            EXPECT_FALSE(refuse(head, access_rules{}, scope::admin)) << method;
        }
        for (const auto* method : {"POST", "PUT", "DELETE"}) {
            head.method = method;
            const auto refused = refuse(head, access_rules{}, scope::admin);
            ASSERT_TRUE(refused) << method;
            EXPECT_EQ(refused->status, 403U);
        }
        // Whoever has a token sends it on purpose.
        head.fields.push_back({"Authorization", "Bearer chk_chief"});
        EXPECT_FALSE(refuse(head, tokens, scope::admin));
    }
}

}  // namespace
}  // namespace callhook::api
