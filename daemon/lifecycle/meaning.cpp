#include "lifecycle/meaning.hpp"

namespace callhook::lifecycle {

namespace {

std::string_view outcome_event(phase p) {
    switch (p) {
        case phase::completed:
            return event_name(fact_kind::completed);
        case phase::missed:
            return event_name(fact_kind::missed);
        case phase::cancelled:
            return "call.cancelled";
        case phase::failed:
            return "call.failed";
        default:
            return {};
    }
}

}  // namespace

meaning::meaning(const fact_set& facts) {
    for (const auto& o : facts.observations()) {
        if (o.fact.kind == fact_kind::missed && o.fact.fields.status)
            missed_statuses_.insert(*o.fact.fields.status);
    }
}

std::optional<phase> meaning::phase_of(const call_fact& fact) const {
    const auto& status = fact.fields.status;
    switch (fact.kind) {
        case fact_kind::scheduled:
            return phase::scheduled;
        case fact_kind::ordered:
            return phase::fresh;
        case fact_kind::missed:
            return phase::missed;
        case fact_kind::completed:
            return phase::completed;
        case fact_kind::data_added: {
            // CallPage REST and webhook documentation, "Events lifetime": feedback follows a completed call.
            const auto said = status ? phase_of_status(*status) : std::nullopt;
            return said && is_outcome(*said) ? *said : phase::completed;
        }
        case fact_kind::observed:
            if (!status) return {};
            if (const auto own = phase_of_status(*status); own == phase::completed) return own;
            if (missed_statuses_.contains(*status)) return phase::missed;
            return phase_of_status(*status);
    }
    return {};
}

std::vector<std::string_view> meaning::events_of(const call_fact& fact) const {
    if (fact.kind != fact_kind::observed) return {event_name(fact.kind)};
    std::vector<std::string_view> out;
    const auto own = fact.fields.status ? phase_of_status(*fact.fields.status) : std::nullopt;
    if (own) {
        const bool slot = fact.fields.scheduled_at.has_value() || *own == phase::scheduled;
        out.push_back(event_name(slot ? fact_kind::scheduled : fact_kind::ordered));
    }
    const auto stands = phase_of(fact);
    if (stands && is_outcome(*stands)) out.push_back(outcome_event(*stands));
    return out;
}

}  // namespace callhook::lifecycle
