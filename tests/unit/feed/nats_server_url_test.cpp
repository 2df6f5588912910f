#include "feed/nats/server_url.hpp"

#include <gtest/gtest.h>

namespace callhook::feed::nats {
namespace {

TEST(nats_server_url, host_port_and_login_are_read) {
    const auto plain = parse_server("nats://nats.example.com").value();
    EXPECT_FALSE(plain.tls);
    EXPECT_EQ(plain.host, "nats.example.com");
    EXPECT_EQ(plain.port, 4222);
    EXPECT_TRUE(plain.user.empty() && plain.token.empty());

    const auto login = parse_server("TLS://crm:p%40s%3As@10.0.0.1:5222").value();
    EXPECT_TRUE(login.tls);
    EXPECT_EQ(login.user, "crm");
    EXPECT_EQ(login.password.reveal(), "p@s:s");
    EXPECT_EQ(login.port, 5222);
    EXPECT_EQ(shown(login), "10.0.0.1:5222");

    const auto token = parse_server("nats://t0ken@[::1]").value();
    EXPECT_EQ(token.token.reveal(), "t0ken");
    EXPECT_EQ(token.host, "::1");
    EXPECT_EQ(shown(token), "[::1]:4222");
    EXPECT_EQ(parse_server("nats://[::1]:4333").value().port, 4333);
}

TEST(nats_server_url, what_is_no_server_is_refused_without_being_repeated) {
    for (const char* url :
         {"",
          "host:4222",
          "http://host",
          "nats://",
          "nats://u:secret@",
          "nats://u:secret@host:x",
          "nats://u:secret@host/path",
          "nats://@host",
          "nats://u:@host",
          "nats://u:%secret@host",
          "nats://host:0",
          "nats://host:70000",
          "nats://a b",
          "nats://h1,h2"}) {
        const auto refused = parse_server(url);
        ASSERT_TRUE(refused.has_error()) << url;
        EXPECT_EQ(refused.error().code, errc::invalid_input);
        EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
    }
}

TEST(nats_server_url, a_subject_is_prefix_source_and_type) {
    EXPECT_EQ(subject_of("callhook", "main", "call.new"), "callhook.main.call.new");
    EXPECT_EQ(subject_of("crm.calls", "a-b_1", "gap.found"), "crm.calls.a-b_1.gap.found");
    EXPECT_EQ(subject_of("callhook", "", "subscription.paused"), "callhook._.subscription.paused");
}

TEST(nats_server_url, nothing_in_a_subject_can_mean_something_to_the_protocol) {
    EXPECT_EQ(subject_of("callhook", "a.b", "x.>"), "callhook.a_b.x._");
    EXPECT_EQ(subject_of("callhook", "*", "a..b\r\n c"), "callhook._.a._.b___c");
}

TEST(nats_server_url, names_of_streams_and_prefixes) {
    for (const char* good : {"callhook", "CRM-1", "a_b"})
        EXPECT_TRUE(is_stream_name(good)) << good;
    for (const char* bad : {"", "a.b", "a b", "a*", ">", "a/b", "a\\b", "\xc3\xa4"})
        EXPECT_FALSE(is_stream_name(bad)) << bad;
    for (const char* good : {"callhook", "crm.calls.v1"})
        EXPECT_TRUE(is_subject_prefix(good)) << good;
    for (const char* bad : {"", ".a", "a.", "a..b", "a.*", "a.>", "a b", "$JS"})
        EXPECT_FALSE(is_subject_prefix(bad)) << bad;
}

}  // namespace
}  // namespace callhook::feed::nats
