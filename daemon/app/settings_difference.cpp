#include "app/settings_difference.hpp"

#include "app/named_sections.hpp"
#include "app/settings_table.hpp"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace callhook::app {
namespace {

bool same(const secret& a, const secret& b) {
    return a.reveal() == b.reveal();
}
bool same(const std::vector<secret>& a, const std::vector<secret>& b) {
    return std::ranges::equal(a, b, [](const auto& one, const auto& other) { return same(one, other); });
}
template <class T>
bool same(const T& a, const T& b) {
    return a == b;
}

bool same_value(const setting_slot& a, const setting_slot& b) {
    const auto compare = [&](auto* mine) {
        auto* const* other = std::get_if<decltype(mine)>(&b);
        return other != nullptr && same(*mine, **other);
    };
    return std::visit(compare, a);
}

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

void compare_section(
    const named_section& section, settings& running, settings& wanted, std::vector<std::string>& out
) {
    const auto key = [&](const std::string& name) { return std::string{section.name} + "." + name; };
    const auto before = section.names(running);
    const auto after = section.names(wanted);
    for (const auto& name : before) {
        if (!has(after, name)) {
            out.push_back(key(name));
            continue;
        }
        for (const auto& row : section.rows) {
            if (row.reloadable || same_value(row.bind(running, name), row.bind(wanted, name))) continue;
            out.push_back(key(name) + "." + std::string{row.key});
        }
    }
    for (const auto& name : after) {
        if (!has(before, name)) out.push_back(key(name));
    }
}

}  // namespace

std::vector<std::string> keys_that_need_a_restart(settings running, settings wanted) {
    std::vector<std::string> out;
    for (const auto& row : settings_table()) {
        if (!row.reloadable && !same_value(row.bind(running), row.bind(wanted))) out.emplace_back(row.key);
    }
    for (const auto& section : named_sections()) {
        if (!section.reloadable) compare_section(section, running, wanted, out);
    }
    return out;
}

std::vector<std::string> reloadable_keys() {
    std::vector<std::string> out;
    for (const auto& row : settings_table()) {
        if (row.reloadable) out.emplace_back(row.key);
    }
    for (const auto& section : named_sections()) {
        const auto name = std::string{section.name} + ".NAME";
        if (section.reloadable) out.push_back(name);
        for (const auto& row : section.rows) {
            if (row.reloadable && !section.reloadable && !row.environment_only)
                out.push_back(name + "." + std::string{row.key});
        }
    }
    return out;
}

}  // namespace callhook::app
