#include "app/settings_reader.hpp"

#include "app/settings_rules.hpp"
#include "app/suggestion.hpp"

#include <algorithm>

namespace callhook::app {
namespace {

constexpr std::string_view prefix = "CALLHOOK_";
constexpr std::string_view sources_prefix = "CALLHOOK_SOURCES_";

bool is_section(std::string_view name) {
    return std::ranges::find(setting_sections(), name, &setting_section::name) != setting_sections().end();
}

template <class Row>
const Row* find_row(const std::vector<Row>& table, std::string_view key) {
    const auto found = std::ranges::find(table, key, &setting_shape::key);
    return found == table.end() ? nullptr : &*found;
}

std::string suggestion_text(
    std::string_view written, const std::vector<std::string>& known, std::string_view otherwise
) {
    const auto near = suggest(written, known);
    return near ? "did you mean " + *near + "?" : std::string{otherwise};
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

template <class Owner>
void settings_reader::take(
    const setting<Owner>& row,
    Owner& owner,
    const std::string& key,
    const given_value& given,
    const setting_origin& origin
) {
    problems_.came_from(key, origin);
    const auto refused = assign(row, row.bind(owner), given);
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

    if (entry.path.front() == "sources") {
        if (!take_source_entry(entry, origin)) refuse_unknown(entry, origin);
    } else if (const auto* row = find_row(settings_table(), key)) {
        take(*row, values_, key, entry.is_table ? foreign_value{"a table"} : entry.value, origin);
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

bool settings_reader::take_source_entry(const toml_entry& entry, const setting_origin& origin) {
    const auto& path = entry.path;
    if (path.size() <= 2) {
        if (entry.is_table) {
            if (path.size() == 2) source_named(path[1], origin);
        } else {
            problems_.add_at(
                origin,
                display_text(std::string_view{entry.key()}),
                display_text(entry.value, may_be_secret(entry.value)),
                "is a section, not a value",
                "write [sources.NAME] and its keys below it"
            );
        }
        return true;
    }
    const auto* row = find_row(source_table(), path[2]);
    if (path.size() > 3 || row == nullptr || row->environment_only) return false;
    auto* source = source_named(path[1], origin);
    if (source == nullptr) return true;
    take(*row, *source, entry.key(), entry.is_table ? foreign_value{"a table"} : entry.value, origin);
    if (entry.is_table) refused_tables_.push_back(entry.key() + ".");
    return true;
}

void settings_reader::refuse_unknown(const toml_entry& entry, const setting_origin& origin) {
    const auto key = entry.key();
    const bool in_source = entry.path.front() == "sources";
    if (entry.is_table) refused_tables_.push_back(key + ".");

    std::vector<std::string> known;
    for (const auto& section : setting_sections()) {
        if (entry.is_table) known.emplace_back(section.name);
    }
    if (entry.is_table) known.emplace_back("sources");
    if (!entry.is_table && !in_source) {
        for (const auto& row : settings_table())
            known.emplace_back(row.key);
    }
    if (in_source) {
        for (const auto& row : source_table()) {
            if (!row.environment_only)
                known.push_back("sources." + entry.path[1] + "." + std::string{row.key});
        }
    }
    auto hint = suggestion_text(key, known, "remove it; callhookd reference lists every key");
    if (in_source && sounds_secret(entry.path.back())) {
        hint =
            "secrets never stand in this file: put it into a file of its own and name that in secret_files "
            "(basic_auth_file, required_header_file, api_key_file)";
    }
    problems_.add_at(
        origin,
        display_text(std::string_view{key}),
        entry.is_table ? "" : display_text(entry.value, may_be_secret(entry.value)),
        entry.is_table ? "is an unknown section" : "is an unknown key",
        hint
    );
}

source_settings* settings_reader::source_named(const std::string& name, const setting_origin& origin) {
    if (const auto found = sources_.find(name); found != sources_.end()) return &found->second;
    if (is_source_name(name)) {
        auto& made = sources_[name];
        made.name = name;
        problems_.came_from("sources." + name, origin);
        return &made;
    }
    const auto shown = display_text("sources." + name);
    if (!problems_.concerns(shown)) {
        const auto hint = "use a to z, 0 to 9, - and _, at most 32 of them, with a letter or digit first";
        problems_.add_at(origin, shown, "", "is not a usable name of a source", hint);
    }
    return nullptr;
}

void settings_reader::take_environment(const std::map<std::string, std::string>& variables) {
    std::vector<std::string> unknown;
    for (const auto& [name, text] : variables) {
        if (!name.starts_with(prefix) || name == "CALLHOOK_CONFIG" || name.starts_with("CALLHOOK_TEST_"))
            continue;
        if (!take_variable(name, text)) unknown.push_back(name);
    }
    // Only now are all sources known, of which a suggestion may be made.
    for (const auto& name : unknown)
        refuse_variable(name);
}

bool settings_reader::take_variable(const std::string& name, const std::string& text) {
    for (const auto& row : settings_table()) {
        if (environment_name(row.key) != name) continue;
        take(row, values_, std::string{row.key}, from_environment(row, text), {name});
        return true;
    }
    return name.starts_with(sources_prefix) && take_source_variable(name, text);
}

void settings_reader::refuse_variable(const std::string& name) {
    std::vector<std::string> known{"CALLHOOK_CONFIG"};
    for (const auto& row : settings_table())
        known.push_back(environment_name(row.key));
    for (const auto& [source, values] : sources_) {
        for (const auto& row : source_table()) {
            known.push_back(environment_name("sources." + source + "." + std::string{row.key}));
        }
    }
    const auto hint = suggestion_text(name, known, "unset it; callhookd reference lists every variable");
    const auto shown = display_text(std::string_view{name});
    problems_.add_at({name}, shown, "***", "is an unknown environment variable", hint);
}

bool settings_reader::take_source_variable(std::string_view name, const std::string& text) {
    const auto rest = name.substr(sources_prefix.size());
    for (const auto& row : source_table()) {
        const auto ending = environment_name("." + std::string{row.key}).substr(prefix.size());
        if (!rest.ends_with(ending)) continue;
        const auto source_name = source_of_variable(rest.substr(0, rest.size() - ending.size()));
        if (!is_source_name(source_name)) return false;
        const setting_origin origin{std::string{name}};
        auto* source = source_named(source_name, origin);
        const auto key = "sources." + source_name + "." + std::string{row.key};
        take(row, *source, key, from_environment(row, text), origin);
        return true;
    }
    return false;
}

std::string settings_reader::source_of_variable(std::string_view name_part) const {
    for (const auto& [name, values] : sources_) {
        if (environment_name(name).substr(prefix.size()) == name_part) return name;
    }
    std::string name{name_part};
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        } else if (c >= 'a' && c <= 'z') {
            return {};  // variables are upper case throughout
        }
    }
    return name;
}

settings settings_reader::result() const {
    auto all = values_;
    for (const auto& [name, source] : sources_)
        all.sources.push_back(source);
    return all;
}

}  // namespace callhook::app
