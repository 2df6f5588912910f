#pragma once

#include "lifecycle/correlator.hpp"
#include "store/rows.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace callhook::pipeline {

/// The calls that one batch touches: loaded once, written once, however many deliveries are about them.
class call_book {
public:
    explicit call_book(std::chrono::seconds outcome_deadline) : outcome_deadline_{outcome_deadline} {}

    /// Takes in stored calls. One whose facts cannot be read is logged, and refused by `apply` from then on.
    void load(std::vector<store::call_row> rows);

    /// A call as the book has it now. Good until the book is asked for anything else.
    struct view {
        const lifecycle::call_record& record;
        const std::string& text;  ///< the record as `records::write_record` gives it
    };

    /// Correlates one observation and remembers what it changed: the events that it gave rise to, and the
    /// call after it. Throws std::exception for a call whose stored facts cannot be read.
    struct applied {
        std::vector<lifecycle::emitted> events;
        view call;
    };
    applied apply(lifecycle::observation seen);

    /// A call that is due by `now` and was not told so before; from now on it counts as told.
    struct overdue {
        utc_time due_at;
        view call;
    };
    std::optional<overdue> take_overdue(const lifecycle::call_key& key, utc_time now);

    /// Rows that must be written, of calls that were loaded; calls whose time must be forgotten; and the
    /// visitors whose calls came or changed in what ties messages to them.
    struct changes {
        std::vector<store::call_row> changed{};
        std::vector<lifecycle::call_key> not_due{};
        std::set<store::visitor_key> visitors{};
    };
    /// Once, at the end: the book is empty after it. `fresh` is given the row of each call that is new, as
    /// soon as it is made.
    [[nodiscard]] changes collect(const std::function<void(const store::call_row&)>& fresh);

private:
    struct page {
        store::call_row stored{};
        lifecycle::fact_set facts{};
        lifecycle::folded state{};
        std::string text{};  // of the record; empty until somebody asks for it
        std::optional<utc_time> overdue_at{};
        bool known = false;  // it is stored
        bool changed = false;
    };
    static view look_at(page& p);

    std::chrono::seconds outcome_deadline_;
    std::map<lifecycle::call_key, page> pages_;
    /// Calls whose facts cannot be read, as they are stored.
    std::map<lifecycle::call_key, store::call_row> broken_;
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
