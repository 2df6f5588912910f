#include "app/reference.hpp"

#include "app/load_settings.hpp"
#include "app/named_sections.hpp"
#include "app/setting_value.hpp"
#include "app/settings_difference.hpp"
#include "app/settings_table.hpp"

#include <sstream>
#include <utility>

namespace callhook::app {
namespace {

std::string_view type_text(setting_type type) {
    switch (type) {
        case setting_type::flag:
            return "boolean";
        case setting_type::integer:
            return "integer";
        case setting_type::duration:
            return "duration";
        case setting_type::size:
            return "size";
        case setting_type::text:
            return "string";
        case setting_type::choice:
            return "word";
        case setting_type::list:
            return "list";
        case setting_type::durations:
            return "list of durations";
        case setting_type::integers:
            return "list of integers";
    }
    return "";
}

bool has_range(const setting_shape& row) {
    return row.type != setting_type::text && row.type != setting_type::list && row.type != setting_type::flag;
}

std::string default_text(const setting<settings>& row) {
    settings defaults;
    return show_as_toml(row, row.bind(defaults));
}
std::string default_text(const named_setting& row) {
    settings defaults;
    return show_as_toml(row, row.bind(defaults, "name"));
}

template <class Row>
described_setting describe(const Row& row, std::string_view key, std::string variable) {
    return {
        std::string{key},
        std::move(variable),
        std::string{type_text(row.type)},
        default_text(row),
        has_range(row) ? allowed_text(row) : "",
        std::string{row.help},
        !row.environment_only,
        row.reloadable};
}

void write_row(std::ostream& out, const described_setting& one) {
    out << "| " << (one.in_file ? "`" + one.key + "`" : "") << " | `" << one.variable << "` | " << one.type
        << " | " << (one.in_file ? "`" + one.fallback + "`" : "") << " | " << one.allowed << " | " << one.help
        << " |\n";
}

constexpr std::string_view table_head =
    "| key | environment | type | default | allowed | meaning |\n| --- | --- | --- | --- | --- | --- |\n";

/// Writes the comment above a key in lines of at most 100 columns.
void write_comment(std::ostream& out, std::string_view text) {
    constexpr std::size_t widest = 98;
    while (text.size() > widest) {
        const auto cut = text.rfind(' ', widest);
        out << "# " << text.substr(0, cut) << '\n';
        text.remove_prefix(cut + 1);
    }
    out << "# " << text << '\n';
}

template <class Row>
void write_key(std::ostream& out, const Row& row, std::string_view name) {
    std::string help{row.help};
    if (has_range(row)) help += " Allowed: " + allowed_text(row) + ".";
    write_comment(out, help);
    out << '#' << name << " = " << default_text(row) << "\n\n";
}

std::string reload_text() {
    std::string text;
    for (const auto& key : reloadable_keys())
        text += (text.empty() ? "`" : ", `") + key + "`";
    return text;
}

}  // namespace

std::vector<described_section> describe_settings() {
    std::vector<described_section> out;
    for (const auto& section : setting_sections()) {
        described_section made{std::string{section.name}, std::string{section.help}, {}};
        for (const auto& row : settings_table()) {
            const auto dot = row.key.find('.');
            if (row.key.substr(0, dot) != section.name) continue;
            made.settings.push_back(describe(row, row.key.substr(dot + 1), environment_name(row.key)));
        }
        out.push_back(std::move(made));
    }
    for (const auto& section : named_sections()) {
        described_section made{std::string{section.name} + ".NAME", std::string{section.help}, {}};
        for (const auto& row : section.rows) {
            const auto key = environment_name("." + std::string{row.key}).substr(9);
            made.settings.push_back(describe(row, row.key, environment_name(section.name) + "_NAME" + key));
            made.settings.back().reloadable = row.reloadable || section.reloadable;
        }
        out.push_back(std::move(made));
    }
    return out;
}

std::string reference_markdown() {
    std::ostringstream out;
    out << "# Settings of callhookd\n\n"
           "`callhookd reference --format markdown` prints this page.\n\n"
           "An environment variable goes before the file (`--config FILE`, else `CALLHOOK_CONFIG`, else `"
        << default_config_file
        << "`), the file before the default. `callhookd check-config` finds everything that is wrong at "
           "once; an unknown "
           "key or `CALLHOOK_` variable is an error too.\n\n"
           "A duration is a whole number with `ms`, `s`, `m`, `h` or `d`. A size is bytes, or a whole number "
           "with "
           "`KiB`, `MiB` or "
           "`GiB`. A list in the environment is separated by commas.\n\n"
           "On `SIGHUP` the daemon reads everything anew and, where nothing is wrong, takes in "
        << reload_text()
        << ". A change of another setting counts from the next start, and the log names it.\n\n"
           "A relative path of a file is looked for in `$CREDENTIALS_DIRECTORY` (systemd's "
           "`LoadCredential=`), "
           "then in the configuration file's folder.\n";
    for (const auto& section : describe_settings()) {
        out << "\n## `[" << section.name << "]`\n\n" << section.help << "\n\n" << table_head;
        for (const auto& one : section.settings)
            write_row(out, one);
    }
    return out.str();
}

std::string reference_toml() {
    std::ostringstream out;
    out << "# Settings of callhookd, each with its default. Take the mark away to change one.\n"
           "#\n"
           "# A duration is a whole number with ms, s, m, h or d; a size is bytes, or a whole number with "
           "KiB, "
           "MiB\n"
           "# or GiB. The environment goes before this file: CALLHOOK_HOOKS_PORT sets hooks.port.\n"
           "# `callhookd check-config` finds everything that is wrong at once.\n"
           "#\n"
           "# Two things have no default, the database and a source. This file works as it is with both in "
           "the\n"
           "# environment:\n"
           "#   CALLHOOK_DATABASE_URL=postgresql:///callhook\n"
           "#   CALLHOOK_SOURCES_MAIN_SECRETS=(the output of: openssl rand -hex 24)\n\n";
    for (const auto& section : setting_sections()) {
        write_comment(out, section.help);
        out << "[" << section.name << "]\n\n";
        for (const auto& row : settings_table()) {
            const auto dot = row.key.find('.');
            if (row.key.substr(0, dot) == section.name) write_key(out, row, row.key.substr(dot + 1));
        }
    }
    for (const auto& section : named_sections()) {
        write_comment(out, section.file_help);
        out << "#[" << section.name << '.' << section.example << "]\n\n";
        for (const auto& row : section.rows) {
            if (!row.environment_only) write_key(out, row, row.key);
        }
    }
    auto text = out.str();
    text.pop_back();
    return text;
}

}  // namespace callhook::app
