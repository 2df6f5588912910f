#include "backfill/looks.hpp"

#include "lifecycle/checks.hpp"
#include "lifecycle/meaning.hpp"

#include <algorithm>

namespace callhook::backfill {

namespace {

using lifecycle::phase;

/// When the outcome was there: as the vendor says, else when it was first heard of.
utc_time ended_at(const lifecycle::call_record& record, const lifecycle::fact_set& facts) {
    const auto& f = record.fields;
    if (const auto end = lifecycle::end_of_conversation(f)) return utc_time{*end};
    if (f.cancelled_at && f.cancelled_at->at) return utc_time{*f.cancelled_at->at};
    if (const auto begun = lifecycle::begun_at(f)) return utc_time{*begun};
    auto first = utc_time::max();
    for (const auto& o : facts.observations())
        first = std::min(first, o.observed_at);
    return first;
}

/// The latest record from the API that shows the outcome.
std::optional<utc_time> last_seen_ended(const lifecycle::fact_set& facts) {
    const lifecycle::meaning say{facts};
    std::optional<utc_time> last;
    for (const auto& o : facts.observations()) {
        if (o.fact.kind != lifecycle::fact_kind::observed) continue;
        const auto stands = say.phase_of(o.fact);
        if (stands && lifecycle::is_outcome(*stands) && (!last || o.observed_at > *last))
            last = o.observed_at;
    }
    return last;
}

}  // namespace

std::vector<std::string_view> missing_parts(const lifecycle::call_record& record) {
    std::vector<std::string_view> missing;
    const auto& f = record.fields;
    const bool conversation = record.phase == phase::completed;
    if (conversation && !f.manager_id) missing.emplace_back("manager");
    if (conversation && !f.recording) missing.emplace_back("recording");
    if (!f.fields) missing.emplace_back("fields");
    return missing;
}

std::optional<utc_time> next_look(
    const lifecycle::fact_set& facts,
    const look_rules& rules,
    int looks,
    std::optional<utc_time> looked_at,
    utc_time now
) {
    if (facts.empty()) return looks == 0 ? std::optional{now} : std::nullopt;
    const auto record = lifecycle::fold(facts).record;
    if (!lifecycle::is_outcome(record.phase)) {
        if (looks >= rules.most_looks) return {};
        if (looks == 0 || !looked_at) return now;
        const auto wait = std::min<std::chrono::milliseconds>(
            rules.again * (1LL << std::min(looks - 1, 20)), rules.longest
        );
        return std::max(now, *looked_at + wait);
    }
    auto last = last_seen_ended(facts);
    if (looked_at && (!last || *looked_at > *last)) last = looked_at;
    if (!last) return now;
    // A list leaves out part of what the single call's record has ("Calls, Get Single Call": sid,
    // transcribed).
    if (looks == 0 && record.fields.phone_call_id && !record.fields.phone_call_sid) return now;
    const auto again = ended_at(record, facts) + rules.again;
    if (missing_parts(record).empty() || *last >= again) return {};
    return std::max(now, again);
}

}  // namespace callhook::backfill
