#include "feed/outbound/target_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::feed::outbound {
namespace {

using testing::HasSubstr;

TEST(target_url, falls_into_origin_and_target) {
    struct row {
        std::string url;
        http::origin origin;
        std::string target;
    };
    const row rows[] = {
        {"https://crm.example", {true, "crm.example", 443}, "/"},
        {"HTTPS://CRM.example/Hook", {true, "crm.example", 443}, "/Hook"},
        {"https://crm.example?a=b/c", {true, "crm.example", 443}, "/?a=b/c"},
        {"http://crm.example:8000/a/b?c=%20d&e=@", {false, "crm.example", 8000}, "/a/b?c=%20d&e=@"},
        {"https://[2001:DB8::1]:8443/", {true, "2001:db8::1", 8443}, "/"},
        {"https://crm.example/" + std::string(2028, 'a'),
         {true, "crm.example", 443},
         "/" + std::string(2028, 'a')},
    };
    for (const auto& row : rows) {
        const auto read = parse_target_url(row.url);
        ASSERT_TRUE(read) << row.url;
        EXPECT_EQ(read->origin, row.origin) << row.url;
        EXPECT_EQ(read->target, row.target) << row.url;
    }
}

TEST(target_url, refuses_what_is_no_receiver_without_repeating_it) {
    struct row {
        std::string url;
        std::string_view reason;
    };
    const row rows[] = {
        {"", "https://"},
        {"crm.example/hook", "https://"},
        {"ftp://crm.example", "https://"},
        {"file:///etc/passwd", "https://"},
        {"https://", "host"},
        {"https:///path", "host"},
        {"https://?x", "host"},
        {"https://user:hunter2@crm.example/", "user or a password"},
        {"https://crm.example@evil.example/", "user or a password"},
        {"https://crm.example/#part", "fragment"},
        {"https://crm.example\\@evil.example/", "percent-encoded"},
        {"https://crm.example/a b", "blank"},
        {"https://crm.example/\r\nX: y", "blank"},
        {"https://crm.example/\xc5\xbc", "visible ASCII"},
        {"https://127.1/", "host"},
        {"https://0x7f000001/", "host"},
        {"https://2130706433/", "host"},
        {"https://[fe80::1%25eth0]/", "host"},
        {"https://crm.example:0/", "port"},
        {"https://crm.example:65536/", "port"},
        {"https://crm.example:/", "port"},
        {"https://crm.example/" + std::string(2029, 'a'), "2048"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.url);
        const auto read = parse_target_url(row.url);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, errc::invalid_input);
        EXPECT_THAT(read.error().message, HasSubstr(std::string{row.reason}));
        EXPECT_EQ(read.error().message.find("hunter2"), std::string::npos);
    }
}

}  // namespace
}  // namespace callhook::feed::outbound
