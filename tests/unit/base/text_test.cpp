#include "base/text.hpp"

#include "base/digest.hpp"
#include "base/phone.hpp"
#include "base/secret.hpp"
#include "base/time_text.hpp"
#include "base/uuid.hpp"

#include <gtest/gtest.h>

namespace callhook {
namespace {

using namespace std::chrono_literals;

TEST(text, trims_and_splits) {
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \t"), "");
    EXPECT_EQ(split("a,,b", ',').size(), 3U);
    EXPECT_EQ(split("", ',').size(), 1U);
}

TEST(text, percent_decoding_refuses_broken_escapes_and_nul) {
    EXPECT_EQ(percent_decode("a%20b+c"), "a b+c");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    EXPECT_FALSE(percent_decode("%"));
    EXPECT_FALSE(percent_decode("%4"));
    EXPECT_FALSE(percent_decode("%zz"));
    EXPECT_FALSE(percent_decode("a%00b"));
    EXPECT_FALSE(percent_decode(std::string_view{"a\0b", 3}));
    EXPECT_EQ(percent_decode(percent_encode("+48 1/ü")), "+48 1/ü");
}

TEST(text, control_characters_are_escaped_but_for_those_to_keep) {
    EXPECT_EQ(escape_controls("a\nb\x1b[31m\x7f\u00fc"), "a\\x0ab\\x1b[31m\\x7f\u00fc");
    EXPECT_EQ(escape_controls("a\n\tb\r", "\n\t"), "a\n\tb\\x0d");
}

TEST(text, base64_follows_the_rfc_vectors) {
    EXPECT_EQ(base64_decode(""), "");
    EXPECT_EQ(base64_decode("Zg=="), "f");
    EXPECT_EQ(base64_decode("Zm8="), "fo");
    EXPECT_EQ(base64_decode("Zm9vYmFy"), "foobar");
    EXPECT_FALSE(base64_decode("Zg"));
    EXPECT_FALSE(base64_decode("Z*=="));
    for (const auto* odd :
         {"Z===", "====", "Z=g=", "Zg==Zg==", "Zm9=Zm9v", " Zm9vYm ", "Zm9v\n\n\n\n", "Zm8=\n\n\n\n"})
        EXPECT_FALSE(base64_decode(odd)) << odd;
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64_encode(std::string_view{"\xff\xfe\0", 3}), "//4A");
}

TEST(text, integers_are_whole_or_nothing) {
    EXPECT_EQ(parse_integer<std::int64_t>("-12"), -12);
    EXPECT_FALSE(parse_integer<std::int64_t>("12 "));
    EXPECT_FALSE(parse_integer<std::int64_t>("99999999999999999999"));
    EXPECT_FALSE(parse_integer<unsigned>("-1"));
    EXPECT_FALSE(parse_integer<int>(""));
}

TEST(time_text, rfc3339_round_trips) {
    const auto at = parse_rfc3339("2016-09-08T13:32:54+02:00");
    ASSERT_TRUE(at);
    EXPECT_EQ(to_rfc3339(*at), "2016-09-08T11:32:54Z");
    EXPECT_EQ(to_rfc3339(std::chrono::floor<std::chrono::seconds>(*at), 2h), "2016-09-08T13:32:54+02:00");
    EXPECT_EQ(
        to_rfc3339(std::chrono::floor<std::chrono::seconds>(*at), -(3h + 30min)), "2016-09-08T08:02:54-03:30"
    );
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-02T03:04:05.5Z")), "2026-01-02T03:04:05.500000Z");
    for (const auto* edge : {"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"})
        EXPECT_EQ(to_rfc3339(*parse_rfc3339(edge)), edge);
    for (const auto* bad :
         {"",
          "0000-12-31T23:59:59Z",
          "0001-01-01T00:00:00+00:01",
          "9999-12-31T23:59:20-23:59",
          "2016-09-08",
          "2016-02-30T00:00:00Z",
          "2016-09-08T13:32:54",
          "2016-09-08T24:00:00Z",
          "2016-09-08T13:32:54Zx",
          "2016-09-08T13:32:54.Z",
          "2016-09-08T13:32:54.1234567Z",
          "2016-09-08 13:32:54Z"}) {
        EXPECT_FALSE(parse_rfc3339(bad)) << bad;
    }
}

struct standing_clock final : clock_source {
    utc_time at{1'700'000'000'123ms};
    [[nodiscard]] utc_time now() const override { return at; }
};

TEST(uuid, version_7_rises_even_when_the_clock_stands_or_steps_back) {
    standing_clock clock;
    uuid_v7_generator next{clock};
    auto previous = next();
    EXPECT_EQ(time_of(previous), clock.at);
    EXPECT_EQ(previous.bytes[6] >> 4, 7);
    EXPECT_EQ(previous.bytes[8] >> 6, 2);
    for (int i = 0; i < 10'000; ++i) {
        if (i == 5'000) clock.at -= 1h;
        const auto id = next();
        ASSERT_LT(previous, id);
        previous = id;
    }
}

TEST(uuid, reads_what_it_writes_and_nothing_else) {
    standing_clock clock;
    const auto id = uuid_v7_generator{clock}();
    EXPECT_EQ(parse_uuid(to_string(id)), id);
    EXPECT_FALSE(parse_uuid(""));
    EXPECT_FALSE(parse_uuid("018bcfe5-687b-7000-8000-00000000000g"));
    EXPECT_FALSE(parse_uuid("018bcfe5x687b-7000-8000-000000000000"));
}

TEST(secret, matches_only_itself) {
    const secret s{"correct horse"};
    EXPECT_TRUE(s.matches("correct horse"));
    EXPECT_FALSE(s.matches("correct hors"));
    EXPECT_FALSE(s.matches(""));
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(phone, normalises_with_and_without_prefix) {
    EXPECT_EQ(to_e164("+48 123 123 123", "PL"), "+48123123123");
    EXPECT_EQ(to_e164("123 123 123", "PL"), "+48123123123");
    EXPECT_EQ(to_e164("+48888888769", "PL"), "+48888888769");
    EXPECT_EQ(to_e164("0048 888-888-769", "PL"), "+48888888769");
    EXPECT_FALSE(to_e164("hello", "PL"));
    EXPECT_FALSE(to_e164("12", "PL"));
    EXPECT_FALSE(to_e164("", "PL"));
    EXPECT_TRUE(is_known_region("DE"));
    EXPECT_FALSE(is_known_region("XX"));
}

TEST(phone, a_remembered_number_is_the_number_of_its_own_region) {
    for (int again = 0; again < 3; ++again) {
        EXPECT_EQ(to_e164_again("123 123 123", "PL"), "+48123123123");
        EXPECT_EQ(to_e164_again("123 123 123", "DE"), to_e164("123 123 123", "DE"));
        EXPECT_FALSE(to_e164_again("hello", "PL"));
        EXPECT_FALSE(to_e164_again("", "PL"));
        EXPECT_FALSE(to_e164_again(std::string(65, '1'), "PL"));
    }
    // More than are remembered, so that they replace each other.
    for (int i = 0; i < 2'000; ++i) {
        const auto raw = "+48 123 12" + std::to_string(1'000 + i % 700);
        ASSERT_EQ(to_e164_again(raw, "PL"), to_e164(raw, "PL"));
    }
}

TEST(text, tells_utf8_from_other_bytes) {
    using namespace std::string_view_literals;
    for (const auto good :
         {""sv,
          "plain"sv,
          "\0"sv,
          "\x7f"sv,
          "\xc2\x80"sv,
          "\xdf\xbf"sv,
          "\xe0\xa0\x80"sv,
          "\xed\x9f\xbf"sv,
          "\xee\x80\x80"sv,
          "\xef\xbf\xbf"sv,
          "\xf0\x90\x80\x80"sv,
          "\xf4\x8f\xbf\xbf"sv,
          "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87"sv})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (const auto bad :
         {"\x80"sv,
          "\xbf"sv,
          "\xc0\xaf"sv,
          "\xc1\xbf"sv,
          "\xc2"sv,
          "\xc2x"sv,
          "\xe0\x80\xaf"sv,
          "\xe0\x9f\xbf"sv,
          "\xe2\x82"sv,
          "\xe2\x82x"sv,
          "\xed\xa0\x80"sv,
          "\xed\xbf\xbf"sv,
          "\xf0\x80\x80\xaf"sv,
          "\xf0\x8f\xbf\xbf"sv,
          "\xf0\x9f\x98"sv,
          "\xf4\x90\x80\x80"sv,
          "\xf5\x80\x80\x80"sv,
          "\xff"sv,
          "\xfe\xff"sv,
          "a\xc2"sv})
        EXPECT_FALSE(is_utf8(bad));
}

}  // namespace
}  // namespace callhook
