#pragma once

#include "lifecycle/correlator.hpp"
#include "store/rows.hpp"

#include <chrono>
#include <map>
#include <set>
#include <vector>

namespace callhook::pipeline {

/// The calls that one batch touches, loaded once and written once.
class call_book {
public:
    explicit call_book(std::chrono::seconds outcome_deadline) : outcome_deadline_{outcome_deadline} {}

    /// Takes in stored calls. Throws std::exception where a stored text cannot be read.
    void load(const std::vector<store::call_row>& rows);
    [[nodiscard]] bool has(const lifecycle::call_key& key) const { return pages_.contains(key); }

    /// Correlates one observation and remembers what it changed.
    lifecycle::step apply(lifecycle::observation seen);

    /// Where the call is due by `now` and was not told so before: marks it told and returns its record as
    /// JSON and the time it was due.
    struct overdue {
        utc_time due_at;
        lifecycle::call_record record;
    };
    std::optional<overdue> take_overdue(const lifecycle::call_key& key, utc_time now);

    /// Rows that must be written.
    [[nodiscard]] std::vector<store::call_row> changed_rows() const;

    /// Visitors whose calls came, or changed in what ties messages to them.
    [[nodiscard]] const std::set<store::visitor_key>& changed_visitors() const { return visitors_; }

private:
    struct page {
        lifecycle::fact_set facts;
        store::call_row row;
        bool changed = false;
    };
    void settle(page& p, const lifecycle::folded& state);

    std::chrono::seconds outcome_deadline_;
    std::map<lifecycle::call_key, page> pages_;
    std::set<store::visitor_key> visitors_;
};

/// The row of a call whose facts fold to `state`. `overdue_at` is carried over: it tells of a clock, not of
/// the facts.
store::call_row make_call_row(
    const lifecycle::fact_set& facts,
    const lifecycle::folded& state,
    std::optional<utc_time> overdue_at,
    std::chrono::seconds outcome_deadline
);

}  // namespace callhook::pipeline
