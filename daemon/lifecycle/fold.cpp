#include "lifecycle/fold.hpp"

#include "lifecycle/checks.hpp"
#include "lifecycle/meaning.hpp"

#include <algorithm>
#include <tuple>

namespace callhook::lifecycle {

namespace {

/// How much a fact says: the number of fields it fills in.
std::size_t fullness(const call_fact& fact) {
    std::size_t count = fact.extra.size();
    for_each_call_field([&](const char*, auto member, field_rule) {
        if ((fact.fields.*member).has_value()) ++count;
    });
    if (fact.fields.fields) {
        for (const auto& f : *fact.fields.fields)
            count += f.value.has_value() ? 1U : 0U;
    }
    return count;
}

std::chrono::sys_seconds latest_time(const call_fields& fields) {
    std::chrono::sys_seconds latest{};
    for_each_call_field([&](const char*, auto member, field_rule) {
        if constexpr (std::is_same_v<decltype(fields.*member), const std::optional<local_time>&>) {
            const auto& time = fields.*member;
            if (time && time->at) latest = std::max(latest, *time->at);
        }
    });
    return latest;
}

/// What a fact's weight in a conflict is made of; computed once a fold. Ties end at the fact's own order, so
/// no two distinct facts are equal.
struct weighed {
    const observation* seen;
    std::size_t fullness;
    std::int64_t attempts;
    std::chrono::sys_seconds latest;

    [[nodiscard]] auto weight() const {
        // Among records from the API only the time of looking counts; among webhooks it never does.
        const bool observed = seen->fact.kind == fact_kind::observed;
        return std::make_tuple(
            seen->fact.kind, observed ? seen->observed_at : utc_time{}, fullness, attempts, latest
        );
    }
};

bool outweighs(const weighed& a, const weighed& b) {
    const auto left = a.weight();
    const auto right = b.weight();
    return left != right ? left > right : a.seen->fact > b.seen->fact;
}

std::vector<weighed> by_weight(const fact_set& facts) {
    std::vector<weighed> out;
    out.reserve(facts.size());
    for (const auto& o : facts.observations()) {
        out.push_back(
            {&o, fullness(o.fact), o.fact.fields.call_attempts_count.value_or(0), latest_time(o.fact.fields)}
        );
    }
    std::sort(out.begin(), out.end(), outweighs);
    return out;
}

field_source source_of(const observation& o) {
    return {o.from, o.fact.kind, o.observed_at, o.delivery};
}

/// The heaviest fact that has the field, or the latest look where the vendor may have changed it since.
template <class Member>
const observation* settle(const std::vector<weighed>& facts, Member member, field_rule rule) {
    const observation* winner = nullptr;
    for (const auto& w : facts) {
        if (!(w.seen->fact.fields.*member).has_value()) continue;
        if (winner == nullptr) {
            winner = w.seen;
            if (rule == field_rule::fixed) break;
        } else if (w.seen->fact.kind == fact_kind::observed) {
            // The facts are in order of weight, so this is the latest record that has the field; `winner` is
            // the best webhook.
            if (winner->fact.kind != fact_kind::observed && w.seen->observed_at > winner->observed_at)
                winner = w.seen;
            break;
        }
    }
    return winner;
}

lead_clocks clocks_of(const call_record& record) {
    const auto& f = record.fields;
    lead_clocks clocks;
    const auto asked = begun_at(f);
    if (record.phase == phase::completed && asked && f.started_at && f.started_at->at) {
        const auto waited = (*f.started_at->at - *asked).count();
        if (waited >= 0) clocks.seconds_to_answer = waited;
    }
    if (record.phase == phase::completed) {
        const auto ended = end_of_conversation(f);
        if (f.billing_time)
            clocks.talk_seconds = *f.billing_time;
        else if (f.started_at && f.started_at->at && ended && *ended >= *f.started_at->at)
            clocks.talk_seconds = (*ended - *f.started_at->at).count();
    }
    clocks.attempts = f.call_attempts_count;
    return clocks;
}

/// Of two equal facts, whether `a` is the observation to keep.
bool preferred(const observation& a, const observation& b) {
    if (a.observed_at != b.observed_at) {
        const bool later = a.observed_at > b.observed_at;
        return a.fact.kind == fact_kind::observed ? later : !later;
    }
    return std::tie(a.from, a.delivery) < std::tie(b.from, b.delivery);
}

bool fact_before(const observation& a, const call_fact& b) {
    return a.fact < b;
}

}  // namespace

fact_set::fact_set(std::vector<observation> observations) {
    observations_.reserve(observations.size());
    for (auto& o : observations)
        insert(std::move(o));
}

fact_set::change fact_set::insert(observation o) {
    const auto at = std::lower_bound(observations_.begin(), observations_.end(), o.fact, fact_before);
    if (at == observations_.end() || at->fact != o.fact) {
        observations_.insert(at, std::move(o));
        return change::added;
    }
    if (!preferred(o, *at)) return change::none;
    *at = std::move(o);
    return change::reobserved;
}

bool fact_set::has(fact_kind kind) const noexcept {
    return std::any_of(observations_.begin(), observations_.end(), [&](const auto& o) {
        return o.fact.kind == kind;
    });
}

folded fold(const fact_set& facts) {
    const auto ordered = by_weight(facts);
    const meaning say{facts};
    folded out;
    auto& record = out.record;
    record.key = ordered.front().seen->fact.key;

    std::set<phase> phases;
    for (const auto& w : ordered) {
        const auto& fact = w.seen->fact;
        if (const auto p = say.phase_of(fact)) phases.insert(*p);
        if (fact.kind != fact_kind::observed) record.seen.insert(fact.kind);
        for (const auto& [pointer, value] : fact.extra)
            record.extra.emplace(pointer, value);
    }
    if (!phases.empty()) record.phase = *phases.rbegin();
    record.has_feedback = record.seen.contains(fact_kind::data_added);

    out.from.reserve(ordered.front().fullness);  // the heaviest fact is the fullest, as a rule
    for_each_call_field([&](const char* name, auto member, field_rule rule) {
        if (const auto* winner = settle(ordered, member, rule)) {
            record.fields.*member = winner->fact.fields.*member;
            out.from.emplace_back(name, source_of(*winner));
        }
    });
    // The status shown is the one that goes with the phase, not the one of the heaviest fact.
    for (const auto& w : ordered) {
        if (w.seen->fact.fields.status && say.phase_of(w.seen->fact) == record.phase) {
            record.fields.status = w.seen->fact.fields.status;
            out.from.front().second = source_of(*w.seen);  // `status` is the first of all fields
            break;
        }
    }

    record.clocks = clocks_of(record);
    record.anomalies = find_anomalies(record, phases, facts);
    return out;
}

std::optional<std::chrono::sys_seconds> overdue_at(const call_record& record, std::chrono::seconds patience) {
    if (is_outcome(record.phase)) return {};
    const auto from = begun_at(record.fields);
    if (!from) return {};
    return *from + patience;
}

std::vector<std::string> differing_fields(const call_record& before, const call_record& after) {
    std::vector<std::string> names;
    for_each_call_field([&](const char* name, auto member, field_rule) {
        if (before.fields.*member != after.fields.*member) names.emplace_back(name);
    });
    if (before.phase != after.phase) names.emplace_back("phase");
    if (before.has_feedback != after.has_feedback) names.emplace_back("has_feedback");
    if (before.seen != after.seen) names.emplace_back("events");
    if (before.extra != after.extra) names.emplace_back("extra");
    if (before.clocks != after.clocks) names.emplace_back("clocks");
    if (before.anomalies != after.anomalies) names.emplace_back("anomalies");
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace callhook::lifecycle
