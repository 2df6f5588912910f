#pragma once

#include "base/result.hpp"
#include "store/rows.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace callhook::feed {

/// A place in the event log: readers follow the events after it. As text `<epoch>.<position>`, opaque to
/// readers: 8 hexadecimal digits, a dot, and the position padded to 20 digits.
struct cursor {
    std::string epoch{};
    std::int64_t position = 0;

    bool operator==(const cursor&) const = default;
};

/// `sequence`: the position padded with zeros, so that it sorts as text.
std::string padded(std::int64_t position);
std::string to_string(const cursor& at);

/// Reads what a reader sent against the log's head: `0` is the beginning, `$` the end, empty the beginning
/// too. `invalid_input` for what is no cursor, `gone` for one of another epoch or below the floor (history
/// was rewritten or has expired), `conflict` for one above the head (it was handed out by a log that has lost
/// commits since). Never a silent jump.
result<cursor> resolve_cursor(std::string_view text, const store::feed_head& head);

}  // namespace callhook::feed
