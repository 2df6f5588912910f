#include "app/settings_difference.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace callhook::app {
namespace {

using keys = std::vector<std::string>;

settings with_source(const std::string& name) {
    settings out;
    source_settings source;
    source.name = name;
    source.secrets = {secret{"one"}};
    out.sources.push_back(source);
    return out;
}

TEST(settings_difference, is_nothing_between_equals) {
    EXPECT_EQ(keys_that_need_a_restart({}, {}), keys{});
    EXPECT_EQ(keys_that_need_a_restart(with_source("main"), with_source("main")), keys{});
}

TEST(settings_difference, leaves_out_what_a_reload_takes_in) {
    auto wanted = with_source("main");
    wanted.log.level = log::level::error;
    wanted.hooks.tls.certificate_file = "x.pem";
    wanted.api.tls.client_ca_file = "y.pem";
    auto& source = wanted.sources.front();
    source.secrets = {secret{"one"}, secret{"two"}};
    source.secret_files = {"a", "b"};
    source.basic_auth_file = "c";
    source.required_header = "X-Key";
    source.required_header_file = "d";
    source.allow = {"10.0.0.0/8"};
    wanted.tokens.push_back({"dashboard", "sha256:00", "", {"admin"}});
    EXPECT_EQ(keys_that_need_a_restart(with_source("main"), wanted), keys{});
}

TEST(settings_difference, names_every_other_key_of_every_kind) {
    auto wanted = with_source("main");
    wanted.hooks.port = 1;
    wanted.hooks.max_body = 2;
    wanted.hooks.idle_timeout = milliseconds{3};
    wanted.api.allowed_origins = {"https://crm.example"};
    wanted.database.url = secret{"postgresql:///other"};
    wanted.pipeline.enabled = false;
    wanted.outbound.schedule = {milliseconds{4}};
    wanted.nats.servers = {secret{"nats://host"}};
    wanted.log.format = log::format::plain;
    wanted.sources.front().time_zone = "Europe/Berlin";
    wanted.sources.front().api_key = secret{"key"};
    const keys expected{
        "hooks.port",
        "hooks.max_body",
        "hooks.idle_timeout",
        "api.allowed_origins",
        "database.url",
        "pipeline.enabled",
        "outbound.schedule",
        "nats.servers",
        "log.format",
        "sources.main.time_zone",
        "sources.main.api_key"};
    EXPECT_EQ(keys_that_need_a_restart(with_source("main"), wanted), expected);
}

TEST(settings_difference, names_sections_that_came_and_went) {
    EXPECT_EQ(
        keys_that_need_a_restart(with_source("old"), with_source("new")), (keys{"sources.old", "sources.new"})
    );
    settings subscribed;
    subscribed.subscriptions.emplace_back().name = "crm";
    EXPECT_EQ(keys_that_need_a_restart({}, subscribed), keys{"subscriptions.crm"});
    auto elsewhere = subscribed;
    elsewhere.subscriptions.front().url = "https://other.example";
    elsewhere.subscriptions.front().secrets = {secret{"whsec_x"}};
    EXPECT_EQ(keys_that_need_a_restart(subscribed, elsewhere), keys{"subscriptions.crm.url"});
}

TEST(settings_difference, lists_for_people_what_a_reload_takes_in) {
    const auto all = reloadable_keys();
    const auto has = [&](const char* key) { return std::ranges::find(all, key) != all.end(); };
    EXPECT_TRUE(has("log.level") && has("hooks.tls_key_file") && has("sources.NAME.secret_files"));
    EXPECT_TRUE(has("tokens.NAME") && has("subscriptions.NAME.secret_files"));
    EXPECT_FALSE(has("hooks.port") || has("sources.NAME.secrets"));
}

}  // namespace
}  // namespace callhook::app
