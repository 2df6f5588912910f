#include "app/settings_table.hpp"

#include "app/named_sections.hpp"
#include "app/reference.hpp"
#include "app/setting_value.hpp"
#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace callhook::app {
namespace {

using testing::HasSubstr;

std::string content_of(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream{path}.rdbuf();
    return out.str();
}

void check_row(const setting_shape& row, const setting_slot& slot) {
    SCOPED_TRACE(row.key);
    EXPECT_TRUE(row.help.ends_with('.'));
    EXPECT_EQ(row.type == setting_type::choice, !row.choices.empty());
    const setting_type ranged[] = {
        setting_type::integer,
        setting_type::duration,
        setting_type::size,
        setting_type::durations,
        setting_type::integers};
    EXPECT_EQ(std::ranges::find(ranged, row.type) != std::end(ranged), row.lowest < row.highest);
    if (std::holds_alternative<std::uint16_t*>(slot)) {
        EXPECT_LE(row.highest, 65535);
    }
    if (std::holds_alternative<log::level*>(slot)) {
        EXPECT_EQ(row.choices.size(), static_cast<std::size_t>(log::level::off) + 1);
    }
    if (std::holds_alternative<log::format*>(slot)) {
        EXPECT_EQ(row.choices.size(), static_cast<std::size_t>(log::format::json) + 1);
    }
}

TEST(settings_table, rows_are_whole) {
    settings values;
    for (const auto& row : settings_table())
        check_row(row, row.bind(values));
    for (const auto& section : named_sections()) {
        for (const auto& row : section.rows)
            check_row(row, row.bind(values, "main"));
    }
}

TEST(named_sections, keep_each_section_once_and_in_the_order_of_names) {
    for (const auto& section : named_sections()) {
        SCOPED_TRACE(section.name);
        settings values;
        for (const auto* name : {"b", "c", "a", "b"})
            section.make(values, name);
        EXPECT_THAT(section.names(values), testing::ElementsAre("a", "b", "c"));
        EXPECT_EQ(find_named_section(section.name), &section);
    }
    EXPECT_EQ(find_named_section("hooks"), nullptr);
}

TEST(settings_table, keys_and_variables_are_unique_and_slots_are_not_shared) {
    std::set<std::string_view> keys;
    std::set<std::string> variables;
    std::set<const void*> slots;
    settings values;
    for (const auto& row : settings_table()) {
        EXPECT_TRUE(keys.insert(row.key).second) << row.key;
        EXPECT_TRUE(variables.insert(environment_name(row.key)).second) << row.key;
        const auto* place = std::visit([](auto* p) { return static_cast<const void*>(p); }, row.bind(values));
        EXPECT_TRUE(slots.insert(place).second) << row.key;
    }
}

TEST(settings_table, every_default_is_allowed_and_survives_the_default_file) {
    const scratch_folder folder;
    // Every mark in front of a key taken away, with something in the places that have no default.
    std::string document;
    std::istringstream lines{reference_toml()};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("#") && !line.starts_with("# ") && line != "#") line.erase(0, 1);
        document += line + '\n';
    }
    // Empty texts and lists stand in the file; the environment of the test fills what must not be empty.
    auto environment = enough();
    environment["CALLHOOK_TOKENS_DASHBOARD_HASH"] = "sha256:" + std::string(64, 'a');
    environment["CALLHOOK_TOKENS_DASHBOARD_SCOPES"] = "admin";
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_URL"] = "https://crm.example/hook";
    environment["CALLHOOK_SUBSCRIPTIONS_CRM_SECRETS"] = "whsec_" + std::string(32, 'A');
    const auto outcome = load(folder, document, environment);
    EXPECT_TRUE(outcome.ok()
    ) << (outcome.ok() ? "" : outcome.problems.front().key + outcome.problems.front().reason);
    auto loaded = outcome.values;
    settings defaults;
    for (const auto& row : settings_table()) {
        EXPECT_EQ(show_as_toml(row, row.bind(loaded)), show_as_toml(row, row.bind(defaults))) << row.key;
    }
}

TEST(settings_table, environment_names) {
    EXPECT_EQ(environment_name("hooks.port"), "CALLHOOK_HOOKS_PORT");
    EXPECT_EQ(environment_name("sources.my-site.secrets"), "CALLHOOK_SOURCES_MY_SITE_SECRETS");
}

TEST(reference, names_every_key_default_and_variable) {
    const auto page = reference_markdown();
    const auto file = reference_toml();
    settings defaults;
    for (const auto& row : settings_table()) {
        const auto name = std::string{row.key.substr(row.key.find('.') + 1)};
        EXPECT_THAT(page, HasSubstr("| `" + name + "` | `" + environment_name(row.key) + "` |"));
        EXPECT_THAT(page, HasSubstr(std::string{row.help}));
        EXPECT_THAT(file, HasSubstr("\n#" + name + " = " + show_as_toml(row, row.bind(defaults)) + "\n"));
    }
    for (const auto& section : named_sections()) {
        EXPECT_THAT(page, HasSubstr("## `[" + std::string{section.name} + ".NAME]`"));
        for (const auto& row : section.rows) {
            EXPECT_THAT(page, HasSubstr(std::string{row.help}));
            if (!row.environment_only) {
                EXPECT_THAT(file, HasSubstr("\n#" + std::string{row.key} + " = "));
            }
        }
    }
    for (const auto& section : setting_sections()) {
        EXPECT_THAT(page, HasSubstr("## `[" + std::string{section.name} + "]`"));
        EXPECT_THAT(file, HasSubstr("\n[" + std::string{section.name} + "]\n"));
    }
}

TEST(reference, the_repository_has_the_default_file_as_printed) {
    EXPECT_EQ(content_of(CALLHOOK_SOURCE_DIR "/config/callhookd.toml"), reference_toml())
        << "update it with: callhookd reference --format toml > config/callhookd.toml";
}

TEST(reference, the_default_file_works_with_the_two_variables_it_names) {
    load_request request;
    request.file = CALLHOOK_SOURCE_DIR "/config/callhookd.toml";
    request.environment = enough();
    const auto outcome = load_settings(request);
    EXPECT_TRUE(outcome.ok());
    ASSERT_EQ(outcome.values.sources.size(), 1U);
    EXPECT_EQ(outcome.values.sources[0].name, "main");
    for (const auto& [name, value] : enough())
        EXPECT_THAT(reference_toml(), HasSubstr("#   " + name + "="));
}

}  // namespace
}  // namespace callhook::app
