#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string hash_a = "sha256:" + std::string(64, 'a');
const std::string hash_b = "sha256:" + std::string(64, 'b');
const std::string whsec = "whsec_" + std::string(32, 'A');

std::string token(const std::string& lines) {
    return "[tokens.dash]\n" + lines;
}

std::string subscription(const std::string& lines) {
    return "[subscriptions.crm]\n" + lines;
}

environment_map with_secret() {
    auto environment = enough();
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_SECRETS"] = whsec;
    return environment;
}

TEST(token_settings, come_from_the_file_another_file_or_the_environment) {
    const scratch_folder folder;
    folder.write("hash", "sha256:" + std::string(64, 'B') + "\n");
    auto environment = enough();
    environment["CALLHOOK_TOKENS_C_HASH"] = "sha256:" + std::string(64, 'c');
    environment["CALLHOOK_TOKENS_C_SCOPES"] = "feed:read, calls:read";
    const auto outcome = load(
        folder,
        "[tokens.a]\nhash = '" + hash_a +
            "'\nscopes = ['admin']\n[tokens.b]\nhash_file = 'hash'\nscopes = ['metrics:read']",
        environment
    );
    ASSERT_TRUE(outcome.ok()) << outcome.problems.front().reason;
    const auto& tokens = outcome.values.tokens;
    ASSERT_EQ(tokens.size(), 3U);
    EXPECT_EQ(tokens[0].hash, hash_a);
    EXPECT_EQ(tokens[1].hash, hash_b);
    EXPECT_THAT(tokens[2].scopes, ElementsAre("feed:read", "calls:read"));
}

TEST(token_settings, every_kind_of_mistake) {
    struct row {
        std::string document;
        std::string_view key, value, reason;
    };
    const std::string good_scopes = "\nscopes = ['admin']";
    const row rows[] = {
        {token("scopes = ['admin']"), "tokens.dash.hash", "", "no hash"},
        {token("hash = 'chk_0123'" + good_scopes), "tokens.dash.hash", "***", "64 hexadecimal"},
        {token("hash = 'sha256:" + std::string(63, 'a') + "'" + good_scopes),
         "tokens.dash.hash",
         "***",
         "64 hexadecimal"},
        {token("hash = 'sha256:" + std::string(64, 'g') + "'" + good_scopes),
         "tokens.dash.hash",
         "***",
         "64 hexadecimal"},
        {token("hash = 7" + good_scopes), "tokens.dash.hash", "***", "must be a string"},
        {token("hash_file = 'none'" + good_scopes), "tokens.dash.hash_file", "none", "does not exist"},
        {token("hash_file = 'bad'" + good_scopes), "tokens.dash.hash_file", "***", "64 hexadecimal"},
        {token("hash_file = 'bad'\nhash = '" + hash_a + "'" + good_scopes),
         "tokens.dash.hash",
         "***",
         "beside hash_file"},
        {token("hash = '" + hash_a + "'"), "tokens.dash.scopes", "[]", "is empty"},
        {token("hash = '" + hash_a + "'\nscopes = ['feed:write']"),
         "tokens.dash.scopes",
         "feed:write",
         "is not a scope"},
        {token("token = 'chk_0123'"), "tokens.dash.token", "***", "unknown key"},
        {token("hash = '" + hash_a + "'" + good_scopes) + "\n[tokens.other]\nhash = '" + hash_a + "'" +
             good_scopes,
         "tokens.other",
         "",
         "has the hash of the token dash"},
        {"[tokens.Dash]", "tokens.Dash", "", "not a usable name of a token"},
        {"[tokens.a-b]\n[tokens.a_b]", "tokens.a_b", "", "environment variables as the token a-b"},
    };
    const scratch_folder folder;
    folder.write("bad", "no hash");
    for (const auto& row : rows) {
        SCOPED_TRACE(row.document);
        const auto problem = problem_of(load(folder, row.document), row.key);
        EXPECT_EQ(problem.value, row.value);
        EXPECT_THAT(problem.reason, HasSubstr(std::string{row.reason}));
    }
    const auto problem = problem_of(load(folder, token("token = 'chk_0123'")), "tokens.dash.token");
    EXPECT_THAT(problem.hint, HasSubstr("callhookd token new"));
}

TEST(token_settings, open_the_listener_to_other_addresses) {
    const scratch_folder folder;
    const std::string public_address = "api.address = '0.0.0.0'\n";
    EXPECT_FALSE(load(folder, public_address).ok());
    EXPECT_TRUE(load(folder, public_address + token("hash = '" + hash_a + "'\nscopes = ['admin']")).ok());
}

TEST(subscription_settings, every_key_is_taken) {
    const scratch_folder folder;
    folder.write("old", whsec + "\n");
    folder.write("new", "whsec_" + std::string(32, 'B'));
    const auto outcome = load(folder, subscription(R"(
        url = "https://crm.example:8443/hook?x=1"
        secret_files = ["new", "old"]
        mode = "binary"
        types = ["call.completed"]
        sources = ["main"]
        subjects = ["calls/1"]
        widgets = [3, 9007199254740992]
        start = "0"
        timeout = "5s"
        schedule = ["1s", "2m"]
        pause_after = "1h"
    )"));
    ASSERT_TRUE(outcome.ok()) << outcome.problems.front().reason;
    const auto& one = outcome.values.subscriptions.at(0);
    EXPECT_EQ(one.name, "crm");
    EXPECT_EQ(one.url, "https://crm.example:8443/hook?x=1");
    ASSERT_EQ(one.secrets.size(), 2U);
    EXPECT_TRUE(one.secrets[1].matches(whsec));
    EXPECT_EQ(one.mode, "binary");
    EXPECT_THAT(one.widgets, ElementsAre(3, std::int64_t{1} << 53));
    EXPECT_EQ(one.timeout, 5s);
    EXPECT_THAT(one.schedule, ElementsAre(1s, 2min));
    EXPECT_EQ(one.pause_after, 1h);
}

TEST(subscription_settings, come_from_the_environment_alone) {
    const scratch_folder folder;
    auto environment = with_secret();
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_URL"] = "https://crm.example";
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_WIDGETS"] = "3, 4";
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_SCHEDULE"] = "1s,2s";
    const auto outcome = load(folder, "", environment);
    ASSERT_TRUE(outcome.ok()) << outcome.problems.front().reason;
    const auto& one = outcome.values.subscriptions.at(0);
    EXPECT_THAT(one.widgets, ElementsAre(3, 4));
    EXPECT_THAT(one.schedule, ElementsAre(1s, 2s));
    EXPECT_EQ(one.start, "$");
}

TEST(subscription_settings, every_kind_of_mistake) {
    struct row {
        std::string document;
        std::string_view key, value, reason;
    };
    const std::string url = "url = 'https://crm.example'\n";
    const row rows[] = {
        {subscription(""), "subscriptions.crm.url", "", "is not set"},
        {subscription("url = 'ftp://crm.example'"), "subscriptions.crm.url", "***", "https://"},
        {subscription("url = 'https://me:secret@crm.example'"),
         "subscriptions.crm.url",
         "***",
         "a user or a password"},
        {subscription("url = 'http://crm.example'"), "subscriptions.crm.url", "***", "is not https://"},
        {subscription(url + "mode = 'xml'"), "subscriptions.crm.mode", "xml", "one of the allowed words"},
        {subscription(url + "widgets = ['3']"), "subscriptions.crm.widgets", "[\"3\"]", "whole numbers"},
        {subscription(url + "widgets = [-1]"), "subscriptions.crm.widgets", "[-1]", "too small"},
        {subscription(url + "schedule = [1]"), "subscriptions.crm.schedule", "[1]", "list of durations"},
        {subscription(url + "schedule = ['1s', '9ms']"),
         "subscriptions.crm.schedule",
         "[\"1s\", \"9ms\"]",
         "too small"},
        {subscription(url + "schedule = '1s'"), "subscriptions.crm.schedule", "1s", "list of durations"},
        {subscription(url + "start = 'now'"), "subscriptions.crm.start", "now", "no place in the feed"},
        {subscription(url + "secret_file = 'x'"), "subscriptions.crm.secret_file", "***", "unknown key"},
        {subscription(url + "secrets = ['x']"), "subscriptions.crm.secrets", "***", "unknown key"},
        {"outbound.schedule = ['8761h']", "outbound.schedule", "[\"8761h\"]", "too large"},
        {"outbound.allow = ['x']", "outbound.allow", "x", "not an IP network"},
        {"outbound.ca_file = 'none'", "outbound.ca_file", "none", "does not exist"},
    };
    const scratch_folder folder;
    for (const auto& row : rows) {
        SCOPED_TRACE(row.document);
        const auto problem = problem_of(load(folder, row.document, with_secret()), row.key);
        EXPECT_EQ(problem.value, row.value);
        EXPECT_THAT(problem.reason, HasSubstr(std::string{row.reason}));
    }
}

TEST(subscription_settings, secrets_are_signing_secrets) {
    const scratch_folder folder;
    const auto document = subscription("url = 'https://crm.example'");
    const auto none = problem_of(load(folder, document), "subscriptions.crm.secret_files");
    EXPECT_THAT(none.reason, HasSubstr("no secret is configured"));
    EXPECT_THAT(none.hint, HasSubstr("CALLHOOK_SUBSCRIPTIONS_CRM_SECRETS"));

    auto environment = with_secret();
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_SECRETS"] = "whsec_AAAA";
    const auto weak = problem_of(load(folder, document, environment), "subscriptions.crm.secrets");
    EXPECT_EQ(weak.value, "***");
    EXPECT_THAT(weak.reason, HasSubstr("24 to 64 bytes"));
}

TEST(subscription_settings, plain_http_and_private_addresses_where_they_are_allowed) {
    const scratch_folder folder;
    const auto document = "outbound.allow_http = true\n" + subscription("url = 'http://10.0.0.1:8000/x'");
    const auto problem = problem_of(load(folder, document, with_secret()), "subscriptions.crm.url");
    EXPECT_EQ(problem.value, "***");
    EXPECT_THAT(problem.reason, HasSubstr("address is not public"));
    EXPECT_TRUE(load(folder, "outbound.allow = ['10.0.0.0/8']\n" + document, with_secret()).ok());
}

}  // namespace
}  // namespace callhook::app
