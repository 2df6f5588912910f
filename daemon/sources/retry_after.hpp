#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace callhook::sources {

/// No vendor is left alone for longer, whatever it asks for.
inline constexpr std::chrono::seconds longest_retry_after{86'400};

/// Reads the field Retry-After (RFC 9110 section 10.2.3), seconds or any of the three forms of a date, which
/// are counted from `now`. The outcome is from 0 to `longest_retry_after`; a date in the past is 0. Nothing
/// on an empty or unreadable field.
std::optional<std::chrono::seconds> read_retry_after(std::string_view field, utc_time now);

}  // namespace callhook::sources
