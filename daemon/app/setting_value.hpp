#pragma once

#include "app/settings_table.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace callhook::app {

/// Something that no setting takes: a fraction, a date, a table, a list of mixed things.
struct foreign_value {
    std::string what;
};

/// A value as it was given, whatever the setting wants.
using given_value = std::variant<
    std::int64_t,
    bool,
    std::string,
    std::vector<std::string>,
    std::vector<std::int64_t>,
    foreign_value>;

/// Why a value is not taken, and what would be.
struct rejection {
    std::string reason;
    std::string hint;
};

/// `250ms`, `5s`, `10m`, `24h`, `90d`: a whole number and a unit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// `1MiB`, `64KiB`, `2GiB`, or plain bytes.
std::optional<std::int64_t> parse_size(std::string_view text);
/// The shortest text that parses to the same.
std::string duration_text(std::chrono::milliseconds value);
std::string size_text(std::int64_t bytes);

/// Reads an environment variable's text the way the setting's type asks for; what does not fit stays text.
given_value from_environment(const setting_shape& shape, std::string_view text);

/// Puts a value into its place if it has the right type and lies in the range.
std::optional<rejection> assign(const setting_shape& shape, setting_slot slot, const given_value& given);

/// What the slot holds, as TOML; sensitive ones as `""` or `[]`.
std::string show_as_toml(const setting_shape& shape, setting_slot slot);

/// What the setting takes, for people: `0 to 65535`, `100ms to 5m`, `info, warn`.
std::string allowed_text(const setting_shape& shape);

/// The value for an error message: short, printable, `***` where sensitive.
std::string display_text(const given_value& given, bool sensitive);

/// Short and printable: cut at 100 bytes, control characters replaced.
std::string display_text(std::string_view text);

/// A string as TOML writes it.
std::string in_quotes(std::string_view text);

}  // namespace callhook::app
