#include "ingest/gatekeeper.hpp"

#include <gtest/gtest.h>

namespace callhook::ingest {
namespace {

/// One gatekeeper over sources that ask for different things.
gatekeeper make_gatekeeper() {
    std::map<std::string, source_access, std::less<>> sources;
    sources["plain"].secrets = {secret{"first-secret"}};
    sources["rotating"].secrets = {secret{"old-secret"}, secret{"new-secret"}};
    sources["basic"].secrets = {secret{"first-secret"}};
    sources["basic"].basic_auth = secret{"Aladdin:open sesame"};
    sources["header"].secrets = {secret{"first-secret"}};
    sources["header"].required_header = "X-Hook-Key";
    sources["header"].required_header_value = secret{"key"};
    sources["listed"].secrets = {secret{"first-secret"}};
    sources["listed"].allow = http::network_list{{"192.0.2.0/24", "2001:db8::/32"}};
    return gatekeeper{std::move(sources)};
}

http::request_head with(std::vector<http::field> fields) {
    http::request_head head;
    head.fields = std::move(fields);
    return head;
}

bool admits(
    std::string_view source,
    std::string_view path_secret,
    const http::request_head& head = {},
    const std::string& client = "198.51.100.7"
) {
    static const auto gate = make_gatekeeper();
    return gate.admits(source, path_secret, head, client);
}

TEST(gatekeeper, takes_the_secret_of_the_source_and_no_other) {
    EXPECT_TRUE(admits("plain", "first-secret"));
    EXPECT_FALSE(admits("plain", "First-secret"));
    EXPECT_FALSE(admits("plain", "first-secre"));
    EXPECT_FALSE(admits("plain", "first-secrets"));
    EXPECT_FALSE(admits("plain", ""));
    EXPECT_FALSE(admits("plain", "old-secret"));
    EXPECT_FALSE(admits("plain", std::string_view{"first-secret\0", 13}));
}

TEST(gatekeeper, takes_either_of_two_live_secrets) {
    EXPECT_TRUE(admits("rotating", "old-secret"));
    EXPECT_TRUE(admits("rotating", "new-secret"));
    EXPECT_FALSE(admits("rotating", "first-secret"));
    EXPECT_FALSE(admits("rotating", "old-secretnew-secret"));
}

TEST(gatekeeper, an_unknown_source_admits_nobody) {
    EXPECT_FALSE(admits("unknown", "first-secret"));
    EXPECT_FALSE(admits("", "first-secret"));
    // What stands in for an unknown source has secrets too.
    EXPECT_FALSE(admits("unknown", "nobody"));
    EXPECT_FALSE(admits("unknown", "no one"));
    EXPECT_FALSE(admits("Plain", "first-secret")) << "names are compared exactly";
}

TEST(gatekeeper, a_source_without_secrets_admits_nobody) {
    std::map<std::string, source_access, std::less<>> sources;
    sources["open"] = {};
    const gatekeeper gate{std::move(sources)};
    EXPECT_FALSE(gate.admits("open", "", {}, "192.0.2.1"));
}

TEST(gatekeeper, asks_for_basic_authentication_where_configured) {
    const auto says = [](const char* value) {
        return admits("basic", "first-secret", with({{"Authorization", value}}));
    };
    EXPECT_TRUE(says("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    EXPECT_TRUE(says("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    EXPECT_TRUE(says("BASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ== "));
    EXPECT_FALSE(says("Basic QWxhZGRpbjpvcGVuIHNlc2FtZg=="));
    EXPECT_FALSE(says("Basic QWxhZGRpbjo="));
    EXPECT_FALSE(admits("basic", "first-secret"));
    EXPECT_FALSE(admits("basic", "wrong", with({{"Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}})));
}

TEST(gatekeeper, malformed_basic_authentication_is_refused) {
    for (const char* value :
         {"",
          "Basic",
          "Basic ",
          "Basic    ",
          "Basic =",
          "Basic ====",
          "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
          "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ= =",
          "Basic \x01\x02\x03\x04",
          "Basic Aladdin:open sesame",
          "Aladdin:open sesame",
          "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
          "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}) {
        EXPECT_FALSE(admits("basic", "first-secret", with({{"Authorization", value}}))) << value;
    }
}

TEST(gatekeeper, asks_for_a_header_where_configured) {
    EXPECT_TRUE(admits("header", "first-secret", with({{"X-Hook-Key", "key"}})));
    EXPECT_TRUE(admits("header", "first-secret", with({{"x-hook-key", "key"}})));
    EXPECT_FALSE(admits("header", "first-secret", with({{"X-Hook-Key", "Key"}})));
    EXPECT_FALSE(admits("header", "first-secret", with({{"X-Hook-Key", ""}})));
    EXPECT_FALSE(admits("header", "first-secret", with({{"X-Other", "key"}})));
    EXPECT_FALSE(admits("header", "first-secret"));
    EXPECT_FALSE(admits("header", "wrong", with({{"X-Hook-Key", "key"}})));
}

TEST(gatekeeper, keeps_to_the_allow_list) {
    EXPECT_TRUE(admits("listed", "first-secret", {}, "192.0.2.200"));
    EXPECT_TRUE(admits("listed", "first-secret", {}, "2001:db8::1"));
    EXPECT_FALSE(admits("listed", "first-secret", {}, "192.0.3.1"));
    EXPECT_FALSE(admits("listed", "first-secret", {}, "2001:db9::1"));
    EXPECT_FALSE(admits("listed", "first-secret", {}, "")) << "an unreadable peer is not on any list";
    EXPECT_FALSE(admits("listed", "wrong", {}, "192.0.2.200"));
    EXPECT_TRUE(admits("plain", "first-secret", {}, "")) << "without a list it does not matter";
}

}  // namespace
}  // namespace callhook::ingest
