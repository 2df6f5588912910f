#include "backfill/comparison.hpp"

#include "lifecycle/meaning.hpp"

#include <algorithm>

namespace callhook::backfill {

namespace {

using lifecycle::fact_kind;

enum class likeness { same, different, unclear };

/// Whether webhook and record are about one visitor. The number decides; where one of them has none that can
/// be read, the moment of the order does.
likeness alike(const lifecycle::call_fields& webhook, const lifecycle::call_fields& record) {
    if (webhook.to && webhook.to->e164 && record.to && record.to->e164)
        return *webhook.to->e164 == *record.to->e164 ? likeness::same : likeness::different;
    if (webhook.created_at && webhook.created_at->at && record.created_at && record.created_at->at)
        return *webhook.created_at->at == *record.created_at->at ? likeness::same : likeness::different;
    return likeness::unclear;
}

likeness identity(const lifecycle::fact_set& stored, const lifecycle::call_fact& record) {
    auto found = likeness::unclear;
    for (const auto& o : stored.observations()) {
        if (o.fact.kind == fact_kind::observed) continue;
        const auto l = alike(o.fact.fields, record.fields);
        if (l == likeness::different) return l;
        if (l == likeness::same) found = l;
    }
    return found;
}

}  // namespace

std::string_view to_string(difference d) noexcept {
    switch (d) {
        case difference::none:
            return "none";
        case difference::unknown_call:
            return "unknown call";
        case difference::untold:
            return "untold";
        case difference::changed:
            return "changed";
        case difference::another_call:
            return "another call";
    }
    return "";
}

finding compare(const lifecycle::fact_set& stored, const lifecycle::call_fact& record, utc_time at) {
    finding out;
    const auto who = identity(stored, record);
    if (who == likeness::different) {
        out.what = difference::another_call;
        return out;
    }
    out.confirms_identity = who == likeness::same;
    auto facts = stored;
    // Any delivery id would do: it decides between equal facts only.
    auto step = lifecycle::correlate(facts, {record, lifecycle::origin::backfill, at, {}});
    out.events = std::move(step.events);
    out.missing = missing_webhooks(stored, lifecycle::meaning{facts}.events_of(record));
    if (out.events.empty()) return out;
    if (stored.empty())
        out.what = difference::unknown_call;
    else
        out.what = out.events.front().type == "call.updated" ? difference::changed : difference::untold;
    return out;
}

std::vector<std::string> missing_webhooks(
    const lifecycle::fact_set& stored, const std::vector<std::string_view>& happened
) {
    std::vector<std::string> missing;
    for (const auto event : happened) {
        const auto kind = lifecycle::fact_kind_of_event(event);
        if (!kind || stored.has(*kind)) continue;
        // A call begins once, by whichever of the two.
        const bool beginning = *kind == fact_kind::ordered || *kind == fact_kind::scheduled;
        if (beginning && (stored.has(fact_kind::ordered) || stored.has(fact_kind::scheduled))) continue;
        missing.emplace_back(event);
    }
    return missing;
}

}  // namespace callhook::backfill
