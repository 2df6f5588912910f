#pragma once

#include "app/settings.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace callhook::app {

enum class setting_type { flag, integer, duration, size, text, choice, list, durations, integers };

/// Where a setting lives in its struct.
using setting_slot = std::variant<
    bool*,
    std::uint16_t*,
    std::size_t*,
    milliseconds*,
    std::string*,
    secret*,
    std::vector<std::string>*,
    std::vector<secret>*,
    std::vector<milliseconds>*,
    std::vector<std::int64_t>*,
    log::level*,
    log::format*>;

/// What is to be known of a setting apart from where it lives.
struct setting_shape {
    std::string_view key;  ///< `hooks.port`; in a named section its last part only
    setting_type type{};
    std::string_view help;               ///< one sentence
    std::int64_t lowest = 0;             ///< integers as they are, durations in milliseconds, sizes in bytes;
                                         ///< of a list's members
    std::int64_t highest = 0;            ///< the same; both inclusive
    std::vector<std::string> choices{};  ///< in the order of the enum they stand for
    bool sensitive = false;              ///< its value is never shown
    bool environment_only = false;       ///< it may not stand in the file
    bool reloadable = false;             ///< a change counts from a reload on, else from a restart on
};

template <class Owner>
struct setting : setting_shape {
    setting_slot (*bind)(Owner&) = nullptr;
};

/// The settings table: it drives loading, checks, environment names, the reference page and the default file.
/// Defaults are those of the structs.
const std::vector<setting<settings>>& settings_table();

/// A section's heading and what it is about, in the order of the table.
struct setting_section {
    std::string_view name;
    std::string_view help;
};
const std::vector<setting_section>& setting_sections();

/// `CALLHOOK_HOOKS_PORT` for `hooks.port`.
std::string environment_name(std::string_view key);

}  // namespace callhook::app
