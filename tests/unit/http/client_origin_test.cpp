#include "http/client_origin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::http {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(origins, are_read) {
    EXPECT_EQ(*parse_origin("https://api.Example.com"), (origin{true, "api.example.com", 443}));
    EXPECT_EQ(*parse_origin("HTTP://localhost"), (origin{false, "localhost", 80}));
    EXPECT_EQ(*parse_origin("https://my_host-1:8443"), (origin{true, "my_host-1", 8443}));
    EXPECT_EQ(*parse_origin("http://127.0.0.1:1"), (origin{false, "127.0.0.1", 1}));
    EXPECT_EQ(*parse_origin("https://[::1]:65535"), (origin{true, "::1", 65535}));
}

TEST(origins, are_refused_without_being_repeated) {
    for (const std::string bad :
         {"",
          "hush",
          "hush://a",
          "https://",
          "https://hush/",
          "https://hush/path",
          "https://hush?query",
          "https://hush#fragment",
          "https://user:hush@host",
          "https://hush:",
          "https://hush:0",
          "https://hush:65536",
          "https://hush:+1",
          "https://hush:1:2",
          "https://hush..a",
          "https://hush.",
          "https://.hush",
          "https://hu sh",
          "https://hush\r\nX",
          "https://h\xc3\xbcsh",
          "https://127.1",
          "https://2130706433",
          "https://hush.1",
          "https://0x7f000001",
          "https://::1",
          "https://[::1",
          "https://[127.0.0.1]",
          "https://[hush]",
          "https://[::1]hush",
          "https://[fe80::1%hush]",
          "https://[]"}) {
        const auto got = parse_origin(bad);
        ASSERT_TRUE(got.has_error()) << bad;
        EXPECT_EQ(got.error().code, errc::invalid_input);
        EXPECT_THAT(got.error().message, Not(HasSubstr("hush")));
    }
    for (const auto hidden :
         {std::string_view{"https://127.0.0.1\0x", 19}, std::string_view{"https://[::1\0x]", 15}})
        EXPECT_TRUE(parse_origin(hidden).has_error());
    EXPECT_TRUE(parse_origin("https://" + std::string(63, 'a')).has_value());
    EXPECT_TRUE(parse_origin("https://" + std::string(64, 'a')).has_error());
}

TEST(origins, are_written) {
    EXPECT_EQ(host_field({true, "a", 443}), "a");
    EXPECT_EQ(host_field({false, "a", 80}), "a");
    EXPECT_EQ(host_field({true, "a", 80}), "a:80");
    EXPECT_EQ(host_field({false, "::1", 80}), "[::1]");
    EXPECT_EQ(host_and_port({true, "::1", 443}), "[::1]:443");
}

}  // namespace
}  // namespace callhook::http
