#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace callhook::backfill {

/// A stretch of time of calls, both ends included.
struct stretch {
    utc_time from{};
    utc_time to{};

    bool operator==(const stretch&) const = default;
};

/// A day: what is swept at once.
inline constexpr std::chrono::hours longest_piece{24};

/// Cuts a stretch into pieces of at most `longest`, the earliest first. Neighbours share a moment, since the
/// vendor's filter may or may not include its bounds. Empty where the stretch ends before it begins.
std::vector<stretch> cut(const stretch& whole, std::chrono::seconds longest);

/// What a sweep has to look at: from the end of the last one, and `overlap` before it, up to now; `first`
/// back where there was none.
stretch due_stretch(
    std::optional<utc_time> swept_until,
    std::chrono::milliseconds overlap,
    std::chrono::milliseconds first,
    utc_time now
);

}  // namespace callhook::backfill
