#pragma once

#include "lifecycle/fold.hpp"

#include <string>
#include <vector>

namespace callhook::lifecycle {

/// A line for the feed that an observation gave rise to.
struct emitted {
    /// The vendor's event name, or one of callhook's own (`call.updated`, `call.cancelled`, `call.failed`).
    std::string type{};
    /// When it happened in the vendor's world; empty where nothing says so, and then the time of observation
    /// stands in.
    std::optional<std::chrono::sys_seconds> time{};
    /// For an update: the names of the fields that changed.
    std::vector<std::string> changed{};

    bool operator==(const emitted&) const = default;
};

/// What one observation did to a call.
struct step {
    folded after{};
    /// Empty: a repeat, or a fact that told nothing new.
    std::vector<emitted> events{};
    /// Whether the stored state must be written: also true for a repeat that was received earlier than the
    /// copy known so far.
    bool changed = false;
};

/// Takes one observation into the facts of its call and says what comes of it. Pure: the same facts and
/// observation give the same step, and the record after it depends on the set of facts alone.
///
/// Each thing that happened to a call is told once, by whoever told of it first: a record from the API that
/// says how a call ended gives the event of that outcome, and the webhook that comes after it is a
/// `call.updated` where the record changed, and nothing where it did not. So is the same event with other
/// content.
///
/// `before` must be `fold(facts)` where there are facts; where there are none it is not looked at.
step correlate(fact_set& facts, const folded& before, observation o);

/// The same where nobody kept what the facts fold to.
step correlate(fact_set& facts, observation o);

}  // namespace callhook::lifecycle
