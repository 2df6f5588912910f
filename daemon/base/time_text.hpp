#pragma once

#include "base/clock.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace callhook {

/// RFC 3339 in UTC with microseconds only where there are any: `2026-11-21T07:41:02.5Z` is written
/// `…02.500000Z`.
std::string to_rfc3339(utc_time at);
/// The same, at the end of a text.
void append_rfc3339(std::string& out, utc_time at);

/// RFC 3339 at an offset from UTC: `2016-09-08T13:32:54+02:00`; whole seconds.
std::string to_rfc3339(std::chrono::sys_seconds at, std::chrono::seconds offset);

/// Reads RFC 3339 of the years 1 to 9999 in UTC, at most microseconds; nothing else is accepted.
std::optional<utc_time> parse_rfc3339(std::string_view text);

}  // namespace callhook
