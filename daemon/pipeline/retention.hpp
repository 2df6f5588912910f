#pragma once

#include "store/retention_store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace callhook::pipeline {

/// How long each kind is kept; zero keeps it for good. Records of calls and messages are always kept.
struct retention_settings {
    /// Deliveries as they came, with their outcomes.
    std::chrono::milliseconds deliveries{};
    std::chrono::milliseconds events{};
    /// What was given up: events that a receiver never took, questions that the vendor's API never answered.
    std::chrono::milliseconds dead_letters{};
};

/// Something that is older than it is to be kept.
struct expired_part {
    enum class outcome : std::uint8_t {
        due,      ///< would go; nothing was tried
        gone,     ///< dropped or deleted
        in_use,   ///< somebody reads the table
        pending,  ///< the sequencer is not through with it
        left      ///< the run ended before its turn
    };

    std::string table{};
    std::string partition{};  ///< empty for rows that were deleted one by one
    std::optional<utc_time> from{};
    std::optional<utc_time> until{};
    std::int64_t rows = 0;
    std::int64_t bytes = 0;  ///< on disk; 0 where a whole partition does not go
    outcome what = outcome::due;
};

std::string_view to_string(expired_part::outcome what) noexcept;

struct expiry_report {
    /// Another daemon, or the command, was at it, so nothing was done.
    bool busy = false;
    std::vector<expired_part> parts{};
    store::made_final made_final{};

    /// Whether all that was due is gone.
    [[nodiscard]] bool complete() const;
};

/// What would expire now. Reads only. Throws `store::failure`.
expiry_report plan_expiry(store::retention_store& db, const retention_settings& how, utc_time now);

/// Drops and deletes what is older than `how` says, in short transactions. `go_on` is asked between them;
/// once it says no the rest is left to the next run. Throws `store::failure`; what was done until then stays
/// done.
expiry_report expire(
    store::retention_store& db,
    const retention_settings& how,
    utc_time now,
    const std::function<bool()>& go_on
);

}  // namespace callhook::pipeline
