#include "app/doctor/judgements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::app::doctor {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using weight = finding::weight;

/// The worst of some findings.
finding worst(const findings& all) {
    finding out;
    for (const auto& one : all) {
        if (out.what.empty() || one.how > out.how) out = one;
    }
    return out;
}

store::server_view good_server() {
    store::server_view out;
    out.version = 150'005;
    out.version_text = "15.5";
    out.max_connections = 97;
    out.connections = 10;
    out.may_create = true;
    return out;
}

TEST(doctor, a_good_server_is_fine) {
    EXPECT_EQ(worst(judge_server(good_server(), true, 11)).how, weight::ok);
}

TEST(doctor, a_server_is_judged_by_what_it_is_for) {
    auto server = good_server();
    server.replica = true;
    EXPECT_EQ(worst(judge_server(server, true, 11)).how, weight::problem);
    EXPECT_EQ(worst(judge_server(server, false, 11)).how, weight::ok);

    server = good_server();
    server.version = 140'010;
    EXPECT_EQ(worst(judge_server(server, true, 11)).how, weight::warning);

    server = good_server();
    server.connections = 90;
    EXPECT_EQ(worst(judge_server(server, true, 7)).how, weight::ok);
    EXPECT_THAT(worst(judge_server(server, true, 8)).what, HasSubstr("leave 7 of 97"));

    server = good_server();
    server.out_of_reach = {"calls", "events"};
    server.of_others = server.out_of_reach;
    EXPECT_THAT(worst(judge_server(server, true, 11)).what, HasSubstr("calls, events"));
    EXPECT_EQ(worst(judge_server(server, true, 11)).how, weight::problem);
}

TEST(doctor, a_schema_is_there_or_not) {
    store::schema_status schema;
    schema.steps = {{1, "initial"}, {2, "more"}};
    EXPECT_THAT(worst(judge_schema(schema)).what, HasSubstr("not there yet"));
    schema.steps[0].applied = true;
    EXPECT_THAT(worst(judge_schema(schema)).what, HasSubstr("1 of 2"));
    schema.steps[1].applied = true;
    EXPECT_EQ(worst(judge_schema(schema)).how, weight::ok);
    schema.steps[1].unknown = true;
    EXPECT_THAT(worst(judge_schema(schema)).fix, HasSubstr("install the version"));
    schema.steps[1].unknown = false;
    schema.unsafe_setting = "fsync";
    EXPECT_EQ(worst(judge_schema(schema)).fix, "set it on in postgresql.conf");
}

TEST(doctor, epochs) {
    EXPECT_EQ(judge_epoch({"0123abcd", 7, false}).how, weight::ok);
    EXPECT_EQ(judge_epoch({"0123abcd", 0, true}).how, weight::ok);
    EXPECT_THAT(judge_epoch({"0123abcd", 7, true}).fix, HasSubstr("epoch --keep"));
}

TEST(doctor, clocks) {
    EXPECT_EQ(judge_clock("x", 2s, 0ms).how, weight::ok);
    EXPECT_EQ(judge_clock("x", -2'900ms, 1s).how, weight::ok);
    EXPECT_EQ(judge_clock("x", -2'001ms, 0ms).how, weight::warning);
    EXPECT_THAT(judge_clock("x", 61s, 0ms).what, HasSubstr("61.0 s ahead of"));
    EXPECT_EQ(judge_clock("x", 61s, 0ms).how, weight::problem);
}

TEST(doctor, spools) {
    spool_settings wanted;
    wanted.directory = "/var/lib/callhook/spool";
    wanted.max_bytes = 1000;
    wanted.keep_free = 100;
    const seen_spool good{wanted.directory, true, true, 0700, 1100, 0, ""};
    EXPECT_EQ(worst(judge_spool(good, wanted)).how, weight::ok);

    auto seen = good;
    seen.free_bytes = 1099;
    EXPECT_EQ(worst(judge_spool(seen, wanted)).how, weight::warning);
    seen.used_bytes = 1;  // that much less is still to come
    EXPECT_EQ(worst(judge_spool(seen, wanted)).how, weight::ok);
    seen.free_bytes = 100;
    EXPECT_EQ(worst(judge_spool(seen, wanted)).how, weight::problem);

    seen = good;
    seen.forgetful = "tmpfs";
    EXPECT_EQ(worst(judge_spool(seen, wanted)).how, weight::problem);
    seen = good;
    seen.mode = 0750;
    EXPECT_EQ(worst(judge_spool(seen, wanted)).how, weight::warning);
    seen = good;
    seen.usable = seen.there = false;
    EXPECT_THAT(worst(judge_spool(seen, wanted)).what, HasSubstr("cannot be made"));
    wanted.directory.clear();
    EXPECT_EQ(worst(judge_spool({}, wanted)).how, weight::warning);
}

TEST(doctor, proxies) {
    settings values;
    const auto with = [&](std::vector<std::string> networks) {
        values.hooks.trusted_proxies = std::move(networks);
        return worst(judge_proxies(values)).how;
    };
    EXPECT_EQ(with({"127.0.0.1/32", "::1/128"}), weight::ok);
    EXPECT_EQ(with({"10.0.0.0/8", "172.16.0.0/12", "fd00::/8", "127.0.0.0/8"}), weight::ok);
    for (const auto* network : {"0.0.0.0/0", "::/0", "128.0.0.0/1", "11.0.0.0/8", "2000::/3"})
        EXPECT_EQ(with({network}), weight::problem) << network;
    EXPECT_EQ(with({}), weight::warning);

    values.hooks.address = "0.0.0.0";
    EXPECT_EQ(with({}), weight::warning);
    EXPECT_EQ(with({"192.0.2.1/32"}), weight::ok);
    values.hooks.tls.certificate_file = "some.pem";
    EXPECT_EQ(with({}), weight::ok);
    values.api.address = "192.0.2.2";
    EXPECT_THAT(worst(judge_proxies(values)).what, HasSubstr("tokens"));
}

TEST(doctor, listeners_certificates_and_disks) {
    EXPECT_EQ(judge_listener("hooks", "[::1]:80", occupant::nobody).how, weight::ok);
    EXPECT_EQ(judge_listener("hooks", "[::1]:80", occupant::callhook).how, weight::ok);
    EXPECT_EQ(judge_listener("hooks", "[::1]:80", occupant::silent).how, weight::warning);
    EXPECT_EQ(judge_listener("hooks", "[::1]:80", occupant::not_permitted).how, weight::warning);
    EXPECT_THAT(judge_listener("api", "[::1]:80", occupant::somebody).fix, HasSubstr("api.port"));
    EXPECT_EQ(judge_listener("api", "[::1]:80", occupant::not_here).how, weight::problem);

    const auto now = std::chrono::system_clock::now();
    EXPECT_EQ(judge_certificate("api", now + 14 * 24h + 1min, now).how, weight::ok);
    EXPECT_EQ(judge_certificate("api", now + 13 * 24h, now).how, weight::warning);

    constexpr std::uint64_t gib = std::uint64_t{1} << 30;
    EXPECT_EQ(judge_database_disk("/data", 2 * gib, 30 * gib).how, weight::ok);
    EXPECT_EQ(judge_database_disk("/data", 2 * gib, 100 * gib).how, weight::warning);
    EXPECT_EQ(judge_database_disk("/data", gib - 1, gib).how, weight::warning);
    EXPECT_EQ(bytes_text(1023), "1023 bytes");
    EXPECT_EQ(bytes_text(1536), "1.5 KiB");
}

TEST(doctor, files) {
    EXPECT_EQ(judge_secret_file({"a", "b", 0640, false}).how, weight::ok);
    EXPECT_EQ(judge_secret_file({"a", "b", 0660, false}).how, weight::warning);
    EXPECT_EQ(judge_secret_file({"a", "b", 0600, true}).how, weight::warning);
    EXPECT_EQ(judge_config_file({"a", "b", 0644, false}, false).how, weight::ok);
    EXPECT_EQ(judge_config_file({"a", "b", 0644, false}, true).how, weight::warning);
    EXPECT_EQ(judge_config_file({"a", "b", 0664, false}, false).how, weight::problem);
}

TEST(doctor, a_subscription_that_has_stopped_is_told_with_the_way_out) {
    store::subscription one;
    one.what.name = "crm";
    EXPECT_FALSE(judge_subscription(one));
    const auto stopped = [&](store::subscription_state state, const char* why) {
        one.state = state;
        one.state_reason = why;
        return judge_subscription(one).value();
    };
    using state = store::subscription_state;
    EXPECT_EQ(stopped(state::paused, "operator").how, weight::ok);
    for (const auto& found :
         {stopped(state::paused, "failing"),
          stopped(state::paused, "history"),
          stopped(state::disabled, "gone")}) {
        EXPECT_EQ(found.how, weight::warning);
        EXPECT_THAT(found.fix, HasSubstr("POST /v1/subscriptions/crm/resume"));
    }
    EXPECT_THAT(
        stopped(state::disabled, "gone").what, HasSubstr("crm is disabled: its receiver answered 410")
    );
    EXPECT_THAT(stopped(state::paused, "history").fix, HasSubstr("/reset"));
}

}  // namespace
}  // namespace callhook::app::doctor
