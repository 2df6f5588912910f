#include "lifecycle/identifier.hpp"

#include "lifecycle/loosened_text.hpp"

#include <gtest/gtest.h>

#include <random>

namespace callhook::lifecycle {
namespace {

identifier phone(const std::string& e164) {
    return {identifier_kind::phone, e164};
}
identifier email(const std::string& address) {
    return {identifier_kind::email, address};
}

/// Both ways of looking must agree, always.
bool tells_of(const identifier& who, const std::string& text, const std::string& region = "PL") {
    identifier_finder one{who};
    one.set_region(region);
    one.look_in(text);
    identifier_finder all;
    all.set_region(region);
    all.look_in(text);
    EXPECT_EQ(one.found().contains(who), all.found().contains(who)) << text;
    EXPECT_LE(one.found().size(), 1u);
    return one.found().contains(who);
}

const auto anna = phone("+48600100200");

TEST(identifier, is_made_of_what_people_write) {
    EXPECT_EQ(phone_identifier(" 600 100 200 ", "PL"), anna);
    EXPECT_EQ(phone_identifier("0048600100200", "PL"), anna);
    EXPECT_EQ(phone_identifier("+48 (600) 100-200", "US"), anna);
    EXPECT_FALSE(phone_identifier("anna", "PL"));
    EXPECT_FALSE(phone_identifier("", "PL"));
    EXPECT_EQ(email_identifier("  Anna.Nowak@Example.COM\n"), email("anna.nowak@example.com"));
    EXPECT_EQ(email_identifier("o'brien+a@x.example"), email("o'brien+a@x.example"));
    for (const auto* bad : {"", "@", "a@", "@b", "a b@c", "a@b@c", "a@b.", "Anna <a@b.example>"})
        EXPECT_FALSE(email_identifier(bad)) << bad;
}

TEST(identifier, a_number_is_found_in_every_spelling) {
    for (const auto* text : {
             "+48600100200",
             "48600100200",
             "0048600100200",
             "600100200",
             "600 100 200",
             "600-100-200",
             "60 010 02 00",
             "(600) 100.200",
             "+48 (0) 600 100 200",
             "+ 48 600/100/200",
             "tel:+48-600-100-200",
             "\\u002b48600100200",
             "%2B48600100200",
             "%2b48%20600%20100%20200",
             "phone=600+100+200&x=1",
             "&#43;48600100200",
             "&#x2B;48600100200",
             "\\\"phone\\\":\\\"\\\\u002b48600100200\\\"",
             "+48\xc2\xa0"
             "600\xe2\x80\x91"
             "100\xe2\x80\x93"
             "200",
             "\xef\xbc\x8b\xef\xbc\x94\xef\xbc\x98 600100200",
             "please call 600100200, or 601100200",
             "601100200 600100200",
             "on 2016-09-08 600100200",
             "600100200 at 12:30",
             "600100200 ext. 5",
             "https://x.example/?tel=600100200#top",
         }) {
        EXPECT_TRUE(tells_of(anna, text)) << text;
    }
    EXPECT_TRUE(tells_of(anna, std::string{"6\0000\0000\0001\0000\0000\0002\0000\0000", 18}));
}

TEST(identifier, another_number_is_not) {
    for (const auto* text : {
             "",
             "600100201",
             "1600100200",
             "6001002001",
             "48600100200123",
             "+49600100200",
             "a600100200",
             "600100200b",
             "CA600100200f",
             "600, 100, 200",
             "600100 and 200",
         }) {
        EXPECT_FALSE(tells_of(anna, text)) << text;
    }
}

TEST(identifier, a_date_is_no_number) {
    const auto oslo = phone("+4722090816");
    EXPECT_TRUE(tells_of(oslo, "22 09 08 16", "NO"));
    const auto born = phone("+4720160908");
    EXPECT_TRUE(tells_of(born, "20160908", "NO"));
    EXPECT_FALSE(tells_of(born, "2016-09-08", "NO"));
    EXPECT_FALSE(tells_of(born, "on 2016-09-08 12:00:00", "NO"));
    EXPECT_FALSE(tells_of(phone("+4708092016"), "8.09.2016", "NO"));
    EXPECT_TRUE(tells_of(phone("+4720169908"), "2016-99-08", "NO")) << "no date has a month 99";
}

TEST(identifier, a_number_of_json_needs_its_prefix) {
    identifier_finder finder{anna};
    finder.set_region("PL");
    finder.look_at_number("600100200");
    EXPECT_TRUE(finder.found().empty()) << "an id";
    finder.look_at_number("48600100200");
    EXPECT_TRUE(finder.found().contains(anna));
}

TEST(identifier, the_region_is_that_of_the_source) {
    EXPECT_TRUE(tells_of(phone("+49600100200"), "600100200", "DE"));
    EXPECT_FALSE(tells_of(anna, "600100200", "DE"));
    EXPECT_TRUE(tells_of(anna, "+48 600100200", "DE"));
}

TEST(identifier, an_address_is_found_in_every_spelling) {
    const auto her = email("anna.nowak@example.com");
    for (const auto* text : {
             "anna.nowak@example.com",
             "Anna.Nowak@EXAMPLE.com",
             "Anna Nowak <anna.nowak@example.com>",
             "write to anna.nowak@example.com.",
             "mailto:anna.nowak@example.com?subject=x",
             "?email=anna.nowak@example.com&x=1",
             "email=anna.nowak%40example.com",
             "anna.nowak\\u0040example.com",
             "\\u0061nna.nowak@example.com",
             "'anna.nowak@example.com'",
             "...anna.nowak@example.com...",
             "x@y.example,anna.nowak@example.com",
             "\xe2\x80\x9e"
             "anna.nowak@example.com\xe2\x80\x9d",
             "{\\\"email\\\":\\\"anna.nowak@example.com\\\"}",
         }) {
        EXPECT_TRUE(tells_of(her, text)) << text;
    }
    for (const auto* text : {
             "",
             "nowak@example.com",
             "joanna.nowak@example.com",
             "a+anna.nowak@example.com",
             "anna.nowak@example.com.pl",
             "anna.nowak@example.co",
             "anna.nowak at example.com",
         }) {
        EXPECT_FALSE(tells_of(her, text)) << text;
    }
    EXPECT_TRUE(tells_of(email("o'brien@example.com"), "to o'brien@example.com"));
}

TEST(identifier, whatever_is_written_around_and_between_it_both_ways_agree) {
    std::mt19937 random{20160908};
    const std::string_view pieces[] = {
        "600", "100", "200",       "48",       "0",    "00", "+",          " ",         "-",
        "(",   ")",   ".",         "/",        ",",    "a",  "%2B",        "\\u002b",   "%",
        "\\",  "@",   "x.example", "\xc2\xa0", "\xff", ":",  "2016-09-08", "600100200", "&#43;"};
    int hits = 0;
    for (int n = 0; n < 20'000; ++n) {
        std::string text;
        for (auto length = random() % 9; length > 0; --length)
            text += pieces[random() % std::size(pieces)];
        hits += tells_of(anna, text) ? 1 : 0;
        tells_of(email("200@x.example"), text);
    }
    EXPECT_GT(hits, 100);
}

TEST(identifier, digits_grouped_in_any_way_are_the_number) {
    const std::string digits = "600100200";
    for (unsigned cuts = 0; cuts < 256; ++cuts) {
        for (const char* gap : {" ", "-", ".", "\xc2\xa0"}) {
            std::string text = "+48";
            for (std::size_t i = 0; i < digits.size(); ++i) {
                if (i > 0 && ((cuts >> (i - 1)) & 1) != 0) text += gap;
                text += digits[i];
            }
            EXPECT_TRUE(tells_of(anna, text)) << text;
            EXPECT_TRUE(tells_of(anna, "call " + text + "!")) << text;
        }
    }
}

TEST(identifier, a_text_of_nothing_but_digits_ends) {
    std::string text;
    while (text.size() < 1'000'000)
        text += "1 ";
    identifier_finder all;
    all.set_region("PL");
    all.look_in(text);
    identifier_finder one{anna};
    one.set_region("PL");
    one.look_in(text + "600100200");
    EXPECT_TRUE(one.done());
}

TEST(loosened, tells_whether_there_was_anything) {
    EXPECT_FALSE(loosened("plain text, 100 of 200"));
    EXPECT_FALSE(loosened("100 % sure & \xc5\x82"));
    EXPECT_EQ(loosened("a\\u0041\\/b"), "aA/b");
    EXPECT_EQ(loosened("\\"), std::nullopt);
    EXPECT_EQ(loosened("\\u12"), std::nullopt);
    EXPECT_EQ(loosened("%zz%4"), std::nullopt);
    EXPECT_EQ(loosened("&#;&#x;&#99999999;"), std::nullopt);
}

}  // namespace
}  // namespace callhook::lifecycle
