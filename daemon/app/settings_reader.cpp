#include "app/settings_reader.hpp"

#include "app/suggestion.hpp"

#include <algorithm>

namespace callhook::app {
namespace {

constexpr std::string_view prefix = "CALLHOOK_";

bool is_section(std::string_view name) {
    return std::ranges::find(setting_sections(), name, &setting_section::name) != setting_sections().end();
}

template <class Row>
const Row* find_row(const std::vector<Row>& table, std::string_view key) {
    const auto found = std::ranges::find(table, key, &setting_shape::key);
    return found == table.end() ? nullptr : &*found;
}

std::string key_of(const named_section& section, std::string_view name, const setting_shape& row) {
    return std::string{section.name} + "." + std::string{name} + "." + std::string{row.key};
}

std::string suggestion_text(
    std::string_view written, const std::vector<std::string>& known, std::string_view otherwise
) {
    const auto near = suggest(written, known);
    return near ? "did you mean " + *near + "?" : std::string{otherwise};
}

/// What programs beside the daemon are told.
bool is_no_setting(std::string_view variable) {
    return variable == "CALLHOOK_CONFIG" || variable == "CALLHOOK_TOKEN" ||
           variable.starts_with("CALLHOOK_TEST_");
}

/// What somebody may call a secret whose place is not this file.
bool sounds_secret(std::string_view name) {
    constexpr std::string_view names[] = {
        "secret", "secrets", "password", "token", "key", "api_key", "basic_auth", "required_header_value"};
    return std::ranges::find(names, name) != std::end(names);
}

/// An unknown key's text may be a secret under a misspelt name, so only what cannot be one is shown.
bool may_be_secret(const given_value& given) {
    return std::holds_alternative<std::string>(given) ||
           std::holds_alternative<std::vector<std::string>>(given);
}

}  // namespace

void settings_reader::take(
    const setting_shape& row,
    setting_slot slot,
    const std::string& key,
    const given_value& given,
    const setting_origin& origin
) {
    problems_.came_from(key, origin);
    const auto refused = assign(row, slot, given);
    if (refused) problems_.add(key, display_text(given, row.sensitive), refused->reason, refused->hint);
}

void settings_reader::take_document(const std::vector<toml_entry>& entries, const std::string& file) {
    for (const auto& entry : entries)
        take_entry(entry, file);
}

void settings_reader::take_entry(const toml_entry& entry, const std::string& file) {
    const auto key = entry.key();
    const setting_origin origin{file, entry.line, entry.column};
    const auto is_inside = [&](const std::string& table) { return key.starts_with(table); };
    if (std::ranges::any_of(refused_tables_, is_inside)) return;

    if (const auto* section = find_named_section(entry.path.front())) {
        if (!take_named_entry(*section, entry, origin)) refuse_unknown(entry, origin);
    } else if (const auto* row = find_row(settings_table(), key)) {
        take(*row, row->bind(values_), key, entry.is_table ? foreign_value{"a table"} : entry.value, origin);
        if (entry.is_table) refused_tables_.push_back(key + ".");
    } else if (!is_section(key)) {
        refuse_unknown(entry, origin);
    } else if (!entry.is_table) {
        const auto shown = display_text(entry.value, may_be_secret(entry.value));
        problems_.add_at(
            origin, key, shown, "is a section, not a value", "write [" + key + "] and its keys below it"
        );
    }
}

bool settings_reader::take_named_entry(
    const named_section& section, const toml_entry& entry, const setting_origin& origin
) {
    const auto& path = entry.path;
    if (path.size() <= 2) {
        if (entry.is_table) {
            if (path.size() == 2) open_named(section, path[1], origin);
        } else {
            problems_.add_at(
                origin,
                display_text(std::string_view{entry.key()}),
                display_text(entry.value, may_be_secret(entry.value)),
                "is a section, not a value",
                "write [" + std::string{section.name} + ".NAME] and its keys below it"
            );
        }
        return true;
    }
    const auto* row = find_row(section.rows, path[2]);
    if (path.size() > 3 || row == nullptr || row->environment_only) return false;
    if (!open_named(section, path[1], origin)) return true;
    const auto value = entry.is_table ? given_value{foreign_value{"a table"}} : entry.value;
    take(*row, row->bind(values_, path[1]), entry.key(), value, origin);
    if (entry.is_table) refused_tables_.push_back(entry.key() + ".");
    return true;
}

void settings_reader::refuse_unknown(const toml_entry& entry, const setting_origin& origin) {
    const auto key = entry.key();
    const auto* inside = find_named_section(entry.path.front());
    if (entry.is_table) refused_tables_.push_back(key + ".");

    std::vector<std::string> known;
    if (entry.is_table) {
        for (const auto& section : setting_sections())
            known.emplace_back(section.name);
        for (const auto& section : named_sections())
            known.emplace_back(section.name);
    }
    if (!entry.is_table && inside == nullptr) {
        for (const auto& row : settings_table())
            known.emplace_back(row.key);
    }
    if (inside != nullptr) {
        for (const auto& row : inside->rows) {
            if (!row.environment_only) known.push_back(key_of(*inside, entry.path[1], row));
        }
    }
    auto hint = suggestion_text(key, known, "remove it; callhookd reference lists every key");
    if (inside != nullptr && sounds_secret(entry.path.back())) hint = inside->secret_hint;
    problems_.add_at(
        origin,
        display_text(std::string_view{key}),
        entry.is_table ? "" : display_text(entry.value, may_be_secret(entry.value)),
        entry.is_table ? "is an unknown section" : "is an unknown key",
        hint
    );
}

bool settings_reader::open_named(
    const named_section& section, const std::string& name, const setting_origin& origin
) {
    const auto key = toml_key({std::string{section.name}, name});
    if (is_section_name(name, section.longest_name)) {
        const auto there = section.names(values_);
        if (std::ranges::find(there, name) == there.end()) problems_.came_from(key, origin);
        section.make(values_, name);
        return true;
    }
    const auto shown = display_text(std::string_view{key});
    if (!problems_.concerns(shown)) {
        const auto hint = "use a to z, 0 to 9, - and _, at most " + std::to_string(section.longest_name) +
                          " of them, with a letter or digit first";
        problems_.add_at(origin, shown, "", "is not a usable name of a " + std::string{section.one}, hint);
    }
    return false;
}

void settings_reader::take_environment(const std::map<std::string, std::string>& variables) {
    std::vector<std::string> unknown;
    for (const auto& [name, text] : variables) {
        if (!name.starts_with(prefix) || is_no_setting(name)) continue;
        if (!take_variable(name, text)) unknown.push_back(name);
    }
    // Only now are all sources known, of which a suggestion may be made.
    if (!unknown.empty()) refuse_variables(unknown);
}

bool settings_reader::take_variable(const std::string& name, const std::string& text) {
    for (const auto& row : settings_table()) {
        if (environment_name(row.key) != name) continue;
        take(row, row.bind(values_), std::string{row.key}, from_environment(row, text), {name});
        return true;
    }
    return std::ranges::any_of(named_sections(), [&](const named_section& section) {
        return take_named_variable(section, name, text);
    });
}

void settings_reader::refuse_variables(const std::vector<std::string>& names) {
    std::vector<std::string> known{"CALLHOOK_CONFIG"};
    for (const auto& row : settings_table())
        known.push_back(environment_name(row.key));
    for (const auto& section : named_sections()) {
        for (const auto& one : section.names(values_)) {
            for (const auto& row : section.rows)
                known.push_back(environment_name(key_of(section, one, row)));
        }
    }
    for (const auto& name : names) {
        const auto hint = suggestion_text(name, known, "unset it; callhookd reference lists every variable");
        const auto shown = display_text(std::string_view{name});
        problems_.add_at({name}, shown, "***", "is an unknown environment variable", hint);
    }
}

bool settings_reader::take_named_variable(
    const named_section& section, const std::string& name, const std::string& text
) {
    const auto beginning = environment_name(section.name) + "_";
    if (!name.starts_with(beginning)) return false;
    const auto rest = std::string_view{name}.substr(beginning.size());
    for (const auto& row : section.rows) {
        const auto ending = environment_name("." + std::string{row.key}).substr(prefix.size());
        if (!rest.ends_with(ending)) continue;
        const auto one = name_in_variable(section, rest.substr(0, rest.size() - ending.size()));
        if (!is_section_name(one, section.longest_name)) return false;
        const setting_origin origin{name};
        open_named(section, one, origin);
        take(row, row.bind(values_, one), key_of(section, one, row), from_environment(row, text), origin);
        return true;
    }
    return false;
}

std::string settings_reader::name_in_variable(const named_section& section, std::string_view part) const {
    for (const auto& name : section.names(values_)) {
        if (environment_name(name).substr(prefix.size()) == part) return name;
    }
    std::string name{part};
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        } else if (c >= 'a' && c <= 'z') {
            return {};  // variables are upper case throughout
        }
    }
    return name;
}

}  // namespace callhook::app
