#include "pipeline/call_book.hpp"

#include "base/log.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"

#include <algorithm>
#include <stdexcept>

namespace callhook::pipeline {

namespace {

std::optional<utc_time> at_of(const std::optional<lifecycle::local_time>& time) {
    if (!time || !time->at) return {};
    return utc_time{*time->at};
}

utc_time first_observed(const lifecycle::fact_set& facts) {
    const auto& all = facts.observations();
    return std::min_element(
               all.begin(),
               all.end(),
               [](const auto& a, const auto& b) { return a.observed_at < b.observed_at; }
    )->observed_at;
}

std::optional<store::visitor_key> visitor_of(const store::call_row& row) {
    if (!row.phone || !row.widget_id || !row.created_at) return {};
    return store::visitor_key{row.key.source, *row.phone, *row.widget_id};
}

/// When a call without an outcome becomes overdue; nothing where that was told already. Told once for each
/// deadline: a call that is put off becomes due again.
std::optional<utc_time> due_of(
    const lifecycle::call_record& record, std::optional<utc_time> told, std::chrono::seconds outcome_deadline
) {
    const auto due = lifecycle::overdue_at(record, outcome_deadline);
    if (!due || told == utc_time{*due}) return {};
    return utc_time{*due};
}

}  // namespace

store::call_row make_call_row(
    const lifecycle::fact_set& facts,
    const lifecycle::folded& state,
    std::optional<utc_time> overdue_at,
    std::chrono::seconds outcome_deadline
) {
    const auto& record = state.record;
    store::call_row row;
    row.key = record.key;
    row.phase = to_string(record.phase);
    if (record.fields.to) row.phone = record.fields.to->e164;
    row.widget_id = record.fields.widget_id;
    row.created_at = at_of(record.fields.created_at);
    row.at = row.created_at.value_or(first_observed(facts));
    row.overdue_at = overdue_at;
    row.due_at = due_of(record, overdue_at, outcome_deadline);
    row.record = json::serialize(records::record_json(record));
    row.provenance = json::serialize(records::provenance_json(state.from));
    row.facts = records::write_facts(facts);
    return row;
}

void call_book::load(const std::vector<store::call_row>& rows) {
    for (const auto& row : rows) {
        if (pages_.contains(row.key) || broken_.contains(row.key)) continue;
        try {
            auto facts = records::read_facts(row.facts, row.key);
            auto state = lifecycle::fold(facts);
            pages_.emplace(row.key, page{row, std::move(facts), std::move(state), row.overdue_at, false});
        } catch (const std::exception&) {
            log::error(
                "the stored facts of a call cannot be read",
                {{"source", row.key.source}, {"call", row.key.id}}
            );
            broken_.emplace(row.key, row);
        }
    }
}

lifecycle::step call_book::apply(lifecycle::observation seen) {
    const auto key = seen.fact.key;
    if (broken_.contains(key)) throw std::runtime_error{"the stored facts of this call cannot be read"};
    auto& p = pages_[key];
    auto step = lifecycle::correlate(p.facts, p.state, std::move(seen));
    if (step.changed) {
        p.state = step.after;
        p.changed = true;
    }
    return step;
}

std::optional<call_book::overdue> call_book::take_overdue(const lifecycle::call_key& key, utc_time now) {
    const auto found = pages_.find(key);
    if (found == pages_.end()) return {};
    auto& p = found->second;
    const auto due = due_of(p.state.record, p.overdue_at, outcome_deadline_);
    if (!due || *due > now) return {};
    p.overdue_at = due;
    p.changed = true;
    return overdue{*due, p.state.record};
}

call_book::changes call_book::collect() const {
    changes out;
    for (const auto& [key, p] : pages_) {
        if (!p.changed) continue;
        auto row = make_call_row(p.facts, p.state, p.overdue_at, outcome_deadline_);
        const auto visitor = visitor_of(row);
        const auto former = visitor_of(p.stored);
        if (visitor != former || row.created_at != p.stored.created_at) {
            if (visitor) out.visitors.insert(*visitor);
            if (former) out.visitors.insert(*former);
        }
        out.rows.push_back(std::move(row));
    }
    for (const auto& [key, row] : broken_) {
        if (!row.due_at) continue;
        // Nobody can tell any more whether it is overdue; left due it would come back at every look.
        out.rows.push_back(row);
        out.rows.back().due_at.reset();
    }
    return out;
}

}  // namespace callhook::pipeline
