#include "app/toml_file.hpp"

#include "app/toml_library.hpp"

#include <algorithm>

namespace callhook::app {
namespace {

given_value value_of(const toml::node& node) {
    if (const auto number = node.as_integer()) return number->get();
    if (const auto flag = node.as_boolean()) return flag->get();
    if (const auto text = node.as_string()) return text->get();
    if (node.is_floating_point()) return foreign_value{"a number with a fraction"};
    if (node.is_date() || node.is_time() || node.is_date_time()) return foreign_value{"a date or time"};
    std::vector<std::string> texts;
    std::vector<std::int64_t> numbers;
    for (const auto& item : *node.as_array()) {
        if (item.is_table()) return foreign_value{"a list of tables"};
        if (const auto* text = item.as_string()) texts.push_back(text->get());
        if (const auto* number = item.as_integer()) numbers.push_back(number->get());
    }
    const auto size = node.as_array()->size();
    if (texts.size() == size) return texts;
    if (numbers.size() == size) return numbers;
    return foreign_value{"a list of other things than strings or whole numbers"};
}

void flatten(const toml::table& table, const std::vector<std::string>& path, std::vector<toml_entry>& out) {
    for (const auto& [key, node] : table) {
        toml_entry entry;
        entry.path = path;
        entry.path.emplace_back(std::string_view{key});
        entry.line = node.source().begin.line;
        entry.column = node.source().begin.column;
        const auto* inner = node.as_table();
        entry.is_table = inner != nullptr;
        if (inner == nullptr) entry.value = value_of(node);
        out.push_back(entry);
        if (inner != nullptr) flatten(*inner, entry.path, out);
    }
}

/// A part of a key as TOML writes it: in quotes unless it is bare. Else `"a.b"` would be taken for `a.b`.
std::string written(const std::string& part) {
    constexpr std::string_view bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (!part.empty() && part.find_first_not_of(bare) == std::string::npos) return part;
    return in_quotes(part);
}

}  // namespace

std::string toml_key(const std::vector<std::string>& path) {
    std::string joined;
    for (const auto& part : path)
        joined += (joined.empty() ? "" : ".") + written(part);
    return joined;
}

std::variant<std::vector<toml_entry>, toml_failure> read_toml(std::string_view text) {
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& failure = parsed.error();
        return toml_failure{
            std::string{failure.description()}, failure.source().begin.line, failure.source().begin.column};
    }
    std::vector<toml_entry> entries;
    flatten(parsed.table(), {}, entries);
    std::ranges::stable_sort(entries, {}, &toml_entry::line);
    return entries;
}

}  // namespace callhook::app
