#include "app/reference.hpp"

#include "app/load_settings.hpp"
#include "app/setting_value.hpp"
#include "app/settings_table.hpp"

#include <sstream>

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
    }
    return "";
}

bool has_range(const setting_shape& row) {
    return row.type != setting_type::text && row.type != setting_type::list && row.type != setting_type::flag;
}

template <class Owner>
std::string default_text(const setting<Owner>& row) {
    Owner defaults;
    return show_as_toml(row, row.bind(defaults));
}

template <class Owner>
void write_row(
    std::ostream& out, const setting<Owner>& row, const std::string& name, const std::string& variable
) {
    out << "| " << (row.environment_only ? "" : "`" + name + "`") << " | `" << variable << "` | "
        << type_text(row.type) << " | " << (row.environment_only ? "" : "`" + default_text(row) + "`")
        << " | " << (has_range(row) ? allowed_text(row) : "") << " | " << row.help << " |\n";
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

template <class Owner>
void write_key(std::ostream& out, const setting<Owner>& row, std::string_view name) {
    std::string help{row.help};
    if (has_range(row)) help += " Allowed: " + allowed_text(row) + ".";
    write_comment(out, help);
    out << '#' << name << " = " << default_text(row) << "\n\n";
}

}  // namespace

std::string reference_markdown() {
    std::ostringstream out;
    out << "# Settings of callhookd\n\n"
           "`callhookd reference --format markdown` prints this page.\n\n"
           "An environment variable goes before the file (`--config FILE`, else `CALLHOOK_CONFIG`, else `"
        << default_config_file
        << "`), the file before the default. `callhookd check-config` finds everything that is wrong at "
           "once; an unknown "
           "key or `CALLHOOK_` variable is an error too.\n\n"
           "A duration is a whole number with `ms`, `s`, `m` or `h`. A size is bytes, or a whole number with "
           "`KiB`, `MiB` or "
           "`GiB`. A list in the environment is separated by commas.\n";
    for (const auto& section : setting_sections()) {
        out << "\n## `[" << section.name << "]`\n\n" << section.help << "\n\n" << table_head;
        for (const auto& row : settings_table()) {
            const auto dot = row.key.find('.');
            if (row.key.substr(0, dot) != section.name) continue;
            write_row(out, row, std::string{row.key.substr(dot + 1)}, environment_name(row.key));
        }
    }
    out << "\n## `[sources.NAME]`\n\n"
           "One sender of webhooks each; at least one is needed. `NAME` is part of the hook's URL: `a` to "
           "`z`, `0` to `9`, `-` and "
           "`_`, at most 32 of them. In a variable's name it is in capitals and `-` becomes `_`. A variable "
           "alone makes a source "
           "too.\n\n"
           "Secrets never stand in the configuration file. Files with secrets must not be open to every user "
           "of the machine; one "
           "line end at their end does not count; a relative path starts at the configuration file's "
           "folder.\n\n"
        << table_head;
    for (const auto& row : source_table()) {
        const auto variable =
            environment_name("sources.") + "NAME" + environment_name("." + std::string{row.key}).substr(9);
        write_row(out, row, std::string{row.key}, variable);
    }
    return out.str();
}

std::string reference_toml() {
    std::ostringstream out;
    out << "# Settings of callhookd, each with its default. Take the mark away to change one.\n"
           "#\n"
           "# A duration is a whole number with ms, s, m or h; a size is bytes, or a whole number with KiB, "
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
    out << "# One sender of webhooks, whose URL is /hooks/main/SECRET. Secrets never stand in this file. "
           "Files with\n"
           "# secrets must not be open to every user of the machine; a relative path starts at this file's "
           "folder.\n"
           "#[sources.main]\n\n";
    for (const auto& row : source_table()) {
        if (!row.environment_only) write_key(out, row, row.key);
    }
    auto text = out.str();
    text.pop_back();
    return text;
}

}  // namespace callhook::app
