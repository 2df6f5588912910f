#include "app/setting_value.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;

TEST(setting_value, durations_are_a_whole_number_and_a_unit) {
    struct row {
        std::string_view text;
        std::optional<milliseconds> value;
    };
    const row rows[] = {
        {"250ms", 250ms},
        {"5s", 5s},
        {"10m", 10min},
        {"24h", 24h},
        {"90d", 24h * 90},
        {"0s", 0ms},
        {"007s", 7s},
        {"9223372036854775807ms", milliseconds{std::numeric_limits<std::int64_t>::max()}},
        {"", {}},
        {"5", {}},
        {"s", {}},
        {"1.5s", {}},
        {"-1s", {}},
        {"+1s", {}},
        {"5 s", {}},
        {"5S", {}},
        {"5sec", {}},
        {"1w", {}},
        {"9223372036854775807s", {}},
        {"99999999999999999999ms", {}},
    };
    for (const auto& [text, value] : rows)
        EXPECT_EQ(parse_duration(text), value) << text;
}

TEST(setting_value, sizes_are_bytes_or_binary_units) {
    struct row {
        std::string_view text;
        std::optional<std::int64_t> value;
    };
    const row rows[] = {
        {"0", 0},
        {"512", 512},
        {"64KiB", 65'536},
        {"1MiB", 1'048'576},
        {"2GiB", 2'147'483'648},
        {"", {}},
        {"MiB", {}},
        {"1MB", {}},
        {"1mib", {}},
        {"1 MiB", {}},
        {"-1", {}},
        {"1.5MiB", {}},
        {"9223372036854775807GiB", {}},
    };
    for (const auto& [text, value] : rows)
        EXPECT_EQ(parse_size(text), value) << text;
}

TEST(setting_value, texts_parse_to_the_same_value) {
    for (const auto value : {0ms, 1ms, 999ms, 1000ms, 1500ms, 60'000ms, 90'000ms, 86'400'000ms}) {
        EXPECT_EQ(parse_duration(duration_text(value)), value);
    }
    for (const std::int64_t bytes : {0LL, 1LL, 1023LL, 1024LL, 1536LL, 1'048'576LL, 17'179'869'184LL}) {
        EXPECT_EQ(parse_size(size_text(bytes)), bytes);
    }
    EXPECT_EQ(duration_text(60s), "1m");
    EXPECT_EQ(duration_text(1500ms), "1500ms");
    EXPECT_EQ(size_text(64 * 1024), "64KiB");
}

TEST(setting_value, an_environment_variable_is_read_by_the_type_of_its_setting) {
    const auto read = [](setting_type type, std::string_view text) {
        setting_shape shape;
        shape.type = type;
        return from_environment(shape, text);
    };
    using texts = std::vector<std::string>;
    EXPECT_EQ(std::get<std::int64_t>(read(setting_type::integer, "-5")), -5);
    EXPECT_EQ(std::get<std::string>(read(setting_type::integer, "five")), "five");
    EXPECT_EQ(std::get<std::string>(read(setting_type::integer, "")), "");
    EXPECT_TRUE(std::get<bool>(read(setting_type::flag, "true")));
    EXPECT_FALSE(std::get<bool>(read(setting_type::flag, "false")));
    EXPECT_EQ(std::get<std::string>(read(setting_type::flag, "yes")), "yes");
    EXPECT_EQ(std::get<std::string>(read(setting_type::text, "1")), "1");
    EXPECT_EQ(std::get<texts>(read(setting_type::list, "a, b ,c")), (texts{"a", "b", "c"}));
    EXPECT_EQ(std::get<texts>(read(setting_type::list, " ")), texts{});
    EXPECT_EQ(std::get<texts>(read(setting_type::list, "a,")), (texts{"a", ""}));
}

TEST(setting_value, what_is_shown_is_short_and_printable) {
    EXPECT_EQ(display_text(std::string_view{"a\x1b[31m\n"}), "a?[31m?");
    EXPECT_EQ(display_text(std::string_view{std::string(500, 'x')}).size(), 103U);
    EXPECT_EQ(display_text(given_value{std::string{"hunter2"}}, true), "***");
    EXPECT_EQ(display_text(given_value{std::vector<std::string>{"a", "b"}}, false), "[\"a\", \"b\"]");
    EXPECT_EQ(display_text(given_value{foreign_value{"a table"}}, false), "(a table)");
}

}  // namespace
}  // namespace callhook::app
