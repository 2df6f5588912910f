#pragma once

#include "lifecycle/fold.hpp"

namespace callhook::lifecycle {

/// When the call began as far as it is known: the slot that the visitor chose, else when it was asked for.
std::optional<std::chrono::sys_seconds> begun_at(const call_fields& fields);

/// When the conversation ended: the earlier of the two sides hanging up, as far as known.
std::optional<std::chrono::sys_seconds> end_of_conversation(const call_fields& fields);

/// What does not fit together in a folded record. `phases` is every phase that some fact spoke for. An
/// anomaly is a drift alarm for people: it never changes what the record says.
///
/// Codes: `outcome_without_start`, `feedback_without_completed`, `two_outcomes`, `conflict` (two facts differ
/// in a field that cannot change), `ambiguous_time`, `nonexistent_time`, `unreadable_time`,
/// `unreadable_phone`, `unknown_status`, `impossible_order` (a moment before the one that must precede it),
/// `arithmetic` (a duration that is not the difference of its two moments, as it is in the sample of
/// "call.completed" in the CallPage REST and webhook documentation).
std::set<anomaly> find_anomalies(
    const call_record& record, const std::set<phase>& phases, const fact_set& facts
);

}  // namespace callhook::lifecycle
