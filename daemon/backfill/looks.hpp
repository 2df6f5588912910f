#pragma once

#include "lifecycle/fold.hpp"

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace callhook::backfill {

/// What is worth a second look, by the names of the parts: nobody talked to a visitor who was missed, so only
/// a conversation has a manager and a recording.
std::vector<std::string_view> missing_parts(const lifecycle::call_record& record);

/// When a call is looked at again, so that what people fill in afterwards is seen too.
struct look_rules {
    std::chrono::milliseconds again{3'600'000};  ///< after the outcome
    int most_looks = 6;                          ///< at a call that has no outcome
    std::chrono::milliseconds longest{86'400'000};
};

/// Whether and when a call is to be asked for: now, at a later moment, or (empty) never again.
///
/// A call with an outcome is looked at once, and once more `again` after its end where a part is missing
/// still. What a list showed of it counts as a look, unless somebody was dialled: of that lists
/// leave out a part. One without is looked at when it is overdue, and then at doubling intervals from `again`
/// up to `longest`, `most_looks` times. `looked_at` is when the API was last asked, where that is known
/// beyond the facts: a look that told nothing new is not among them.
std::optional<utc_time> next_look(
    const lifecycle::fact_set& facts,
    const look_rules& rules,
    int looks,
    std::optional<utc_time> looked_at,
    utc_time now
);

}  // namespace callhook::backfill
