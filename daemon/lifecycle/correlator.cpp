#include "lifecycle/correlator.hpp"

#include "lifecycle/checks.hpp"
#include "lifecycle/meaning.hpp"

namespace callhook::lifecycle {

namespace {

std::optional<std::chrono::sys_seconds> at_of(const std::optional<local_time>& time) {
    return time ? time->at : std::nullopt;
}

/// When the event happened, as far as the vendor tells: a missed call and feedback carry no time of their
/// own.
std::optional<std::chrono::sys_seconds> event_time(std::string_view event, const call_fields& fields) {
    if (event == event_name(fact_kind::scheduled) || event == event_name(fact_kind::ordered))
        return at_of(fields.created_at);
    if (event == event_name(fact_kind::completed)) return end_of_conversation(fields);
    if (event == "call.cancelled") return at_of(fields.cancelled_at);
    return {};
}

/// The events of the fact that no fact before it told of. What a fact tells depends on nothing but its own
/// events and whether they were told: the set does not keep which fact came first, so one that kept silent
/// because of another would later be taken to have told, and a webhook's event would be lost.
std::vector<emitted> untold(const call_fact& fact, const fact_set& before) {
    const meaning say{before};
    auto names = say.events_of(fact);
    for (const auto& o : before.observations()) {
        for (const auto told : say.events_of(o.fact))
            std::erase(names, told);
    }
    std::vector<emitted> events;
    for (const auto name : names)
        events.push_back({std::string{name}, event_time(name, fact.fields), {}});
    return events;
}

}  // namespace

step correlate(fact_set& facts, observation o) {
    const folded before = facts.empty() ? folded{} : fold(facts);
    return correlate(facts, before, std::move(o));
}

step correlate(fact_set& facts, const folded& before, observation o) {
    const bool known_call = !facts.empty();
    auto events = untold(o.fact, facts);

    step result;
    if (facts.insert(std::move(o)) == fact_set::change::none) {
        result.after = before;
        return result;
    }
    result.changed = true;
    result.after = fold(facts);
    result.events = std::move(events);

    const auto& now = result.after.record;
    if (!result.events.empty() || (known_call && now == before.record)) return result;
    result.events.push_back({"call.updated", {}, differing_fields(before.record, now)});
    return result;
}

}  // namespace callhook::lifecycle
