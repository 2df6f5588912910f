#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace callhook::lifecycle {

/// How a wall-clock time fits its zone: once, twice (the hour that autumn repeats) or never (the hour that
/// spring skips).
enum class zone_fit : std::uint8_t { exact, ambiguous, nonexistent };

/// A vendor's wall-clock time without offset. `at` and `offset` follow from `raw` and the source's zone; an
/// ambiguous time is read as the earlier of the two, one that never was with the offset before the gap. `at`
/// is empty where `raw` is no time at all.
struct local_time {
    std::string raw{};
    std::optional<std::chrono::sys_seconds> at{};
    std::chrono::seconds offset{0};
    zone_fit fit = zone_fit::exact;

    auto operator<=>(const local_time&) const = default;
};

/// A phone number as the vendor wrote it and in E.164, which is empty where it cannot be read.
struct phone_number {
    std::string raw{};
    std::optional<std::string> e164{};

    auto operator<=>(const phone_number&) const = default;
};

/// A piece of JSON whose shape nobody documents, kept as its minified text.
struct raw_json {
    std::string text{};

    auto operator<=>(const raw_json&) const = default;
};

/// One question of the form that a visitor fills in after a call.
struct form_field {
    std::optional<std::int64_t> id{};
    std::optional<std::string> label{};
    std::optional<std::string> slug{};
    std::optional<std::string> value{};

    auto operator<=>(const form_field&) const = default;
};

/// What a payload held under keys that callhook does not know: JSON pointer to JSON text.
using extras = std::map<std::string, raw_json>;

}  // namespace callhook::lifecycle
