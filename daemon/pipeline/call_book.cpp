#include "pipeline/call_book.hpp"

#include "pipeline/fact_codec.hpp"
#include "pipeline/record_json.hpp"

#include <algorithm>

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
    if (const auto due = lifecycle::overdue_at(record, outcome_deadline)) {
        // Told once for each deadline: a call that is put off becomes due again.
        if (overdue_at != utc_time{*due}) row.due_at = utc_time{*due};
    }
    row.record = json::serialize(record_json(record));
    row.provenance = json::serialize(provenance_json(state.from));
    row.facts = write_facts(facts);
    return row;
}

void call_book::load(const std::vector<store::call_row>& rows) {
    for (const auto& row : rows) {
        if (!has(row.key)) pages_.emplace(row.key, page{read_facts(row.facts, row.key), row});
    }
}

lifecycle::step call_book::apply(lifecycle::observation seen) {
    const auto key = seen.fact.key;
    auto& p = pages_[key];
    auto step = lifecycle::correlate(p.facts, std::move(seen));
    if (step.changed) settle(p, step.after);
    return step;
}

void call_book::settle(page& p, const lifecycle::folded& state) {
    auto row = make_call_row(p.facts, state, p.row.overdue_at, outcome_deadline_);
    const auto visitor = visitor_of(row);
    const auto former = visitor_of(p.row);
    if (visitor != former || row.created_at != p.row.created_at) {
        if (visitor) visitors_.insert(*visitor);
        if (former) visitors_.insert(*former);
    }
    p.row = std::move(row);
    p.changed = true;
}

std::optional<call_book::overdue> call_book::take_overdue(const lifecycle::call_key& key, utc_time now) {
    auto& p = pages_.at(key);
    if (!p.row.due_at || *p.row.due_at > now) return {};
    overdue found{*p.row.due_at, lifecycle::fold(p.facts).record};
    p.row.overdue_at = p.row.due_at;
    p.row.due_at.reset();
    p.changed = true;
    return found;
}

std::vector<store::call_row> call_book::changed_rows() const {
    std::vector<store::call_row> rows;
    for (const auto& [key, p] : pages_) {
        if (p.changed) rows.push_back(p.row);
    }
    return rows;
}

}  // namespace callhook::pipeline
