#include "lifecycle/checks.hpp"

#include <algorithm>

namespace callhook::lifecycle {

namespace {

using time_field = std::optional<local_time> call_fields::*;
using duration_field = std::optional<std::int64_t> call_fields::*;

const std::chrono::sys_seconds* moment(const call_fields& fields, time_field field) {
    const auto& time = fields.*field;
    return time && time->at ? &*time->at : nullptr;
}

/// Pairs of moments that can only come in this order.
struct ordered_pair {
    time_field earlier;
    time_field later;
    const char* name;
};

constexpr ordered_pair must_follow[] = {
    {&call_fields::created_at, &call_fields::queued_at, "queued_at"},
    {&call_fields::queued_at, &call_fields::dialed_at_a, "dialed_at_a"},
    {&call_fields::queued_at, &call_fields::dialed_at_b, "dialed_at_b"},
    {&call_fields::dialed_at_a, &call_fields::answered_at_a, "answered_at_a"},
    {&call_fields::dialed_at_b, &call_fields::answered_at_b, "answered_at_b"},
    {&call_fields::answered_at_a, &call_fields::started_at, "started_at"},
    {&call_fields::answered_at_b, &call_fields::started_at, "started_at"},
    {&call_fields::started_at, &call_fields::ended_at_a, "ended_at_a"},
    {&call_fields::started_at, &call_fields::ended_at_b, "ended_at_b"},
};

/// Durations that are the difference of two moments, as in the documented sample (where the billed time runs
/// to side a's end).
struct difference {
    duration_field duration;
    time_field from;
    time_field to;
    const char* name;
};

constexpr difference must_equal[] = {
    {&call_fields::dialed_time_a, &call_fields::queued_at, &call_fields::dialed_at_a, "dialed_time_a"},
    {&call_fields::answered_time_a,
     &call_fields::dialed_at_a,
     &call_fields::answered_at_a,
     "answered_time_a"},
    {&call_fields::dialed_time_b, &call_fields::queued_at, &call_fields::dialed_at_b, "dialed_time_b"},
    {&call_fields::answered_time_b,
     &call_fields::dialed_at_b,
     &call_fields::answered_at_b,
     "answered_time_b"},
    {&call_fields::billing_time, &call_fields::started_at, &call_fields::ended_at_a, "billing_time"},
};

void check_values(const call_fields& fields, std::set<anomaly>& found) {
    for_each_call_field([&](const char* name, auto member, field_rule) {
        const auto& value = fields.*member;
        if (!value) return;
        if constexpr (std::is_same_v<decltype(value), const std::optional<local_time>&>) {
            if (!value->at)
                found.insert({"unreadable_time", name});
            else if (value->fit == zone_fit::ambiguous)
                found.insert({"ambiguous_time", name});
            else if (value->fit == zone_fit::nonexistent)
                found.insert({"nonexistent_time", name});
        } else if constexpr (std::is_same_v<decltype(value), const std::optional<phone_number>&>) {
            if (!value->e164) found.insert({"unreadable_phone", name});
        }
    });
    if (fields.status && !phase_of_status(*fields.status)) found.insert({"unknown_status", "status"});
}

void check_times(const call_fields& fields, std::set<anomaly>& found) {
    for (const auto& pair : must_follow) {
        const auto* earlier = moment(fields, pair.earlier);
        const auto* later = moment(fields, pair.later);
        if (earlier != nullptr && later != nullptr && *later < *earlier)
            found.insert({"impossible_order", pair.name});
    }
    for (const auto& check : must_equal) {
        const auto* from = moment(fields, check.from);
        const auto* to = moment(fields, check.to);
        const auto& duration = fields.*check.duration;
        if (duration && from != nullptr && to != nullptr && *duration != (*to - *from).count()) {
            found.insert({"arithmetic", check.name});
        }
    }
}

/// Fields that name the call itself: two facts that differ there may be about two calls.
void check_identity(const fact_set& facts, std::set<anomaly>& found) {
    const auto conflicting = [&](auto member, const char* name) {
        const typename std::remove_cvref_t<decltype(std::declval<call_fields>().*member)>::value_type* first =
            nullptr;
        for (const auto& o : facts.observations()) {
            const auto& value = o.fact.fields.*member;
            if (!value) continue;
            if (first == nullptr)
                first = &*value;
            else if (*first != *value)
                found.insert({"conflict", name});
        }
    };
    conflicting(&call_fields::to, "to");
    conflicting(&call_fields::widget_id, "widget_id");
    conflicting(&call_fields::created_at, "created_at");
}

}  // namespace

std::optional<std::chrono::sys_seconds> begun_at(const call_fields& fields) {
    const auto* slot = moment(fields, &call_fields::scheduled_at);
    const auto* begun = slot != nullptr ? slot : moment(fields, &call_fields::created_at);
    return begun != nullptr ? std::optional{*begun} : std::nullopt;
}

std::optional<std::chrono::sys_seconds> end_of_conversation(const call_fields& fields) {
    const auto* a = moment(fields, &call_fields::ended_at_a);
    const auto* b = moment(fields, &call_fields::ended_at_b);
    if (a != nullptr && b != nullptr) return std::min(*a, *b);
    if (a != nullptr) return *a;
    if (b != nullptr) return *b;
    return {};
}

std::set<anomaly> find_anomalies(
    const call_record& record, const std::set<phase>& phases, const fact_set& facts
) {
    std::set<anomaly> found;
    const auto& seen = record.seen;
    // A record from the API tells how the call began as well.
    const bool started = seen.contains(fact_kind::ordered) || seen.contains(fact_kind::scheduled) ||
                         facts.has(fact_kind::observed);
    const bool told_outcome = seen.contains(fact_kind::missed) || seen.contains(fact_kind::completed);
    if (told_outcome && !started) found.insert({"outcome_without_start", ""});
    if (record.has_feedback && !seen.contains(fact_kind::completed) && !facts.has(fact_kind::observed))
        found.insert({"feedback_without_completed", ""});
    if (std::count_if(phases.begin(), phases.end(), is_outcome) > 1) found.insert({"two_outcomes", ""});
    check_values(record.fields, found);
    check_times(record.fields, found);
    check_identity(facts, found);
    return found;
}

}  // namespace callhook::lifecycle
