#pragma once

#include "lifecycle/fold.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::lifecycle {

/// What the facts of one call say, read in the light of each other. It copies what it needs of the set.
class meaning {
public:
    explicit meaning(const fact_set& facts);

    /// Where the call stands by this fact. A webhook says it by its event, feedback by the call that it
    /// carries, a record from the API by its status; nothing for a status that is not known. A status that a
    /// call.missed carried means missed in a record too, so that the two do not contradict each other; but
    /// not `completed`, since what tells of a completed call must not depend on which came first.
    [[nodiscard]] std::optional<phase> phase_of(const call_fact& fact) const;

    /// The types of the events that the fact tells of, in the order in which they happened: of a webhook its
    /// own, of a record from the API how the call began and how it ended. How it began follows from the
    /// record alone, and one whose own status is not known does not say: so it does not change with what
    /// comes later.
    [[nodiscard]] std::vector<std::string_view> events_of(const call_fact& fact) const;

private:
    std::set<std::string, std::less<>> missed_statuses_;
};

}  // namespace callhook::lifecycle
