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

/// `text` is the record's.
store::call_row row_of(
    const lifecycle::fact_set& facts,
    const lifecycle::call_record& record,
    std::string text,
    std::optional<utc_time> overdue_at,
    std::chrono::seconds outcome_deadline
) {
    store::call_row row;
    row.key = record.key;
    row.phase = to_string(record.phase);
    if (record.fields.to) row.phone = record.fields.to->e164;
    row.widget_id = record.fields.widget_id;
    row.created_at = at_of(record.fields.created_at);
    row.at = row.created_at.value_or(first_observed(facts));
    row.overdue_at = overdue_at;
    row.due_at = due_of(record, overdue_at, outcome_deadline);
    row.record = std::move(text);
    row.facts = records::write_facts(facts);
    return row;
}

}  // namespace

store::call_row make_call_row(
    const lifecycle::fact_set& facts,
    const lifecycle::folded& state,
    std::optional<utc_time> overdue_at,
    std::chrono::seconds outcome_deadline
) {
    return row_of(facts, state.record, records::write_record(state.record), overdue_at, outcome_deadline);
}

void call_book::load(std::vector<store::call_row> rows) {
    for (auto& row : rows) {
        if (pages_.contains(row.key) || broken_.contains(row.key)) continue;
        try {
            auto facts = records::read_facts(row.facts, row.key);
            auto state = lifecycle::fold(facts);
            const auto overdue_at = row.overdue_at;
            const auto key = row.key;
            pages_.emplace(
                key, page{std::move(row), std::move(facts), std::move(state), {}, overdue_at, true, false}
            );
        } catch (const std::exception&) {
            log::error(
                "the stored facts of a call cannot be read",
                {{"source", row.key.source}, {"call", row.key.id}}
            );
            broken_.emplace(row.key, row);
        }
    }
}

call_book::view call_book::look_at(page& p) {
    if (p.text.empty()) p.text = records::write_record(p.state.record);
    return {p.state.record, p.text};
}

call_book::applied call_book::apply(lifecycle::observation seen) {
    const auto& key = seen.fact.key;
    if (broken_.contains(key)) throw std::runtime_error{"the stored facts of this call cannot be read"};
    auto& p = pages_[key];
    auto step = lifecycle::correlate(p.facts, p.state, std::move(seen));
    if (step.changed) {
        p.state = std::move(step.after);
        p.text.clear();
        p.changed = true;
    }
    return {std::move(step.events), look_at(p)};
}

std::optional<call_book::overdue> call_book::take_overdue(const lifecycle::call_key& key, utc_time now) {
    const auto found = pages_.find(key);
    if (found == pages_.end()) return {};
    auto& p = found->second;
    const auto due = due_of(p.state.record, p.overdue_at, outcome_deadline_);
    if (!due || *due > now) return {};
    p.overdue_at = due;
    p.changed = true;
    return overdue{*due, look_at(p)};
}

call_book::changes call_book::collect(const std::function<void(const store::call_row&)>& fresh) {
    changes out;
    for (auto& [key, p] : pages_) {
        if (!p.changed) continue;
        look_at(p);
        auto row = row_of(p.facts, p.state.record, std::move(p.text), p.overdue_at, outcome_deadline_);
        const auto visitor = visitor_of(row);
        const auto former = visitor_of(p.stored);
        if (visitor != former || row.created_at != p.stored.created_at) {
            if (visitor) out.visitors.insert(*visitor);
            if (former) out.visitors.insert(*former);
        }
        if (p.known)
            out.changed.push_back(std::move(row));
        else
            fresh(row);
    }
    for (const auto& [key, row] : broken_) {
        // Nobody can tell any more whether it is overdue; left due it would come back at every look.
        if (row.due_at) out.not_due.push_back(key);
    }
    pages_.clear();
    broken_.clear();
    return out;
}

}  // namespace callhook::pipeline
