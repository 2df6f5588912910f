#pragma once

#include "app/settings_table.hpp"

#include <utility>

/// What the tables of settings are written with.
namespace callhook::app::shapes {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;
constexpr std::int64_t gib = 1024 * mib;

inline setting_shape integer(
    std::string_view key, std::int64_t lowest, std::int64_t highest, std::string_view help
) {
    return {key, setting_type::integer, help, lowest, highest};
}
inline setting_shape duration(
    std::string_view key, milliseconds lowest, milliseconds highest, std::string_view help
) {
    return {key, setting_type::duration, help, lowest.count(), highest.count()};
}
inline setting_shape size(
    std::string_view key, std::int64_t lowest, std::int64_t highest, std::string_view help
) {
    return {key, setting_type::size, help, lowest, highest};
}
inline setting_shape text(std::string_view key, std::string_view help) {
    return {key, setting_type::text, help};
}
inline setting_shape flag(std::string_view key, std::string_view help) {
    return {key, setting_type::flag, help};
}
inline setting_shape list(std::string_view key, std::string_view help) {
    return {key, setting_type::list, help};
}
inline setting_shape choice(std::string_view key, std::vector<std::string> choices, std::string_view help) {
    return {key, setting_type::choice, help, 0, 0, std::move(choices)};
}
inline setting_shape sensitive(setting_shape shape) {
    shape.sensitive = true;
    return shape;
}
inline setting_shape environment_only(setting_shape shape) {
    shape.environment_only = true;
    return shape;
}
inline setting_shape reloadable(setting_shape shape) {
    shape.reloadable = true;
    return shape;
}
inline setting_shape durations(
    std::string_view key, milliseconds lowest, milliseconds highest, std::string_view help
) {
    return {key, setting_type::durations, help, lowest.count(), highest.count()};
}
inline setting_shape integers(
    std::string_view key, std::int64_t lowest, std::int64_t highest, std::string_view help
) {
    return {key, setting_type::integers, help, lowest, highest};
}

}  // namespace callhook::app::shapes
