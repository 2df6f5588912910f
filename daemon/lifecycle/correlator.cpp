#include "lifecycle/correlator.hpp"

#include "lifecycle/checks.hpp"

namespace callhook::lifecycle {

namespace {

std::optional<std::chrono::sys_seconds> at_of(const std::optional<local_time>& time) {
    return time ? time->at : std::nullopt;
}

/// When the event of this kind happened, as far as the vendor tells: a missed call and feedback carry no time
/// of their own.
std::optional<std::chrono::sys_seconds> event_time(fact_kind kind, const call_fields& fields) {
    switch (kind) {
        case fact_kind::scheduled:
        case fact_kind::ordered:
            return at_of(fields.created_at);
        case fact_kind::completed:
            return end_of_conversation(fields);
        default:
            return {};
    }
}

/// What callhook says of its own when only the API told of an end.
std::optional<std::string> derived_outcome(phase after) {
    if (after == phase::cancelled) return "call.cancelled";
    if (after == phase::failed) return "call.failed";
    return {};
}

}  // namespace

step correlate(fact_set& facts, observation o) {
    const folded before = facts.empty() ? folded{} : fold(facts);
    return correlate(facts, before, std::move(o));
}

step correlate(fact_set& facts, const folded& before, observation o) {
    const bool known_call = !facts.empty();
    const auto kind = o.fact.kind;
    const bool first_of_kind = !facts.has(kind);
    const auto happened = event_time(kind, o.fact.fields);

    step result;
    if (facts.insert(std::move(o)) == fact_set::change::none) {
        result.after = before;
        return result;
    }
    result.changed = true;
    result.after = fold(facts);

    if (kind != fact_kind::observed && first_of_kind) {
        result.events.push_back({std::string{event_name(kind)}, happened, {}});
        return result;
    }
    const auto& now = result.after.record;
    if (known_call && now == before.record) return result;
    const auto derived = derived_outcome(now.phase);
    if (derived && (!known_call || now.phase != before.record.phase)) {
        result.events.push_back({*derived, {}, {}});
    } else {
        result.events.push_back({"call.updated", {}, differing_fields(before.record, now)});
    }
    return result;
}

}  // namespace callhook::lifecycle
