#include "pipeline/retention.hpp"

#include <algorithm>
#include <utility>

namespace callhook::pipeline {

namespace {

using outcome = expired_part::outcome;
using std::chrono::milliseconds;

std::optional<utc_time> cutoff(milliseconds kept, utc_time now) {
    if (kept.count() == 0) return {};
    return now - kept;
}

expired_part part_of(const char* table, const store::old_month& month) {
    return {table, month.partition, month.from, month.until, 0, month.bytes, outcome::due};
}

expired_part rows_of(const char* table, std::int64_t rows) {
    return {table, "", {}, {}, rows, 0, outcome::due};
}

expired_part rows_of(const char* table, const store::old_rows& old) {
    return {table, "", old.from, old.until, old.rows, 0, outcome::due};
}

outcome outcome_of(store::drop_outcome dropped) {
    switch (dropped) {
        case store::drop_outcome::dropped:
            return outcome::gone;
        case store::drop_outcome::in_use:
            return outcome::in_use;
        case store::drop_outcome::pending:
            break;
    }
    return outcome::pending;
}

class expiry {
public:
    expiry(
        store::retention_store& db,
        const retention_settings& how,
        utc_time now,
        const std::function<bool()>& go_on
    )
        : db_{db}, how_{how}, now_{now}, go_on_{go_on} {}

    /// Events go first: whatever their deliveries are needed for is done by then.
    expiry_report run() {
        if (const auto before = cutoff(how_.events, now_)) expire_events(*before);
        if (const auto before = cutoff(how_.deliveries, now_)) expire_deliveries(*before);
        const auto bury = [&] { return db_.bury_some_messages(now_); };
        while (go_on_() && bury() > 0) {
        }
        if (const auto before = cutoff(how_.dead_letters, now_)) {
            delete_all("outbound_messages", [&] { return db_.delete_some_dead_letters(*before); });
            delete_all("jobs", [&] { return db_.delete_some_dead_jobs(*before); });
        }
        return std::move(report_);
    }

private:
    /// Runs `some` until it finds nothing more.
    template <class Some>
    void delete_all(const char* table, const Some& some) {
        std::int64_t rows = 0;
        bool more = true;
        while (more && go_on_()) {
            const auto count = some();
            rows += count;
            more = count > 0;
        }
        if (rows == 0) return;
        report_.parts.push_back(rows_of(table, rows));
        report_.parts.back().what = more ? outcome::left : outcome::gone;
    }

    /// From the beginning of the log on, since its floor is one position.
    void expire_events(utc_time before) {
        auto months = db_.old_months_of_events(before);
        const auto loose = [&] { return db_.delete_some_events(before); };
        delete_all("events", loose);
        for (const auto& month : months) {
            auto part = part_of("events", month);
            part.what = drop_events(month, part.rows);
            report_.parts.push_back(part);
            if (part.what != outcome::gone) return;
            // Those from between two months.
            delete_all("events", loose);
        }
    }

    outcome drop_events(const store::old_month& month, std::int64_t& rows) {
        if (!go_on_()) return outcome::left;
        const auto first = db_.first_event();
        // Never a hole: where the log begins elsewhere, this month is not next, unless it is empty.
        const bool begins_later = !first || first->recorded_at >= month.until;
        if (!begins_later && first->partition != month.partition) return outcome::left;
        rows = db_.count_events(month);
        return outcome_of(db_.drop_events(month));
    }

    void expire_deliveries(utc_time before) {
        for (const auto& month : db_.old_months_of_deliveries(before)) {
            auto part = part_of("deliveries", month);
            store::finalizing progress;
            part.what = drop_deliveries(month, part.rows, progress);
            report_.made_final.calls += progress.made.calls;
            report_.made_final.messages += progress.made.messages;
            report_.parts.push_back(part);
            if (part.what == outcome::left) return;
            // The next one would only hold up others for nothing.
            if (part.what == outcome::in_use) break;
        }
        delete_all("deliveries", [&] {
            return db_.delete_some_deliveries(before, now_, report_.made_final);
        });
    }

    outcome drop_deliveries(const store::old_month& month, std::int64_t& rows, store::finalizing& progress) {
        if (!go_on_()) return outcome::left;
        rows = db_.count_deliveries(month);
        if (db_.has_pending(month)) return outcome::pending;
        while (!progress.done) {
            if (!go_on_()) return outcome::left;
            db_.make_some_final(month, now_, progress);
        }
        return outcome_of(db_.drop_deliveries(month, now_, progress));
    }

    store::retention_store& db_;
    const retention_settings& how_;
    const utc_time now_;
    const std::function<bool()>& go_on_;
    expiry_report report_;
};

void add_rows(expiry_report& report, expired_part part) {
    if (part.rows > 0) report.parts.push_back(std::move(part));
}

}  // namespace

std::string_view to_string(expired_part::outcome what) noexcept {
    switch (what) {
        case outcome::due:
            return "due";
        case outcome::gone:
            return "gone";
        case outcome::in_use:
            return "in use";
        case outcome::pending:
            return "pending";
        case outcome::left:
            break;
    }
    return "left";
}

bool expiry_report::complete() const {
    return !busy && std::ranges::all_of(parts, [](const auto& part) { return part.what == outcome::gone; });
}

expiry_report plan_expiry(store::retention_store& db, const retention_settings& how, utc_time now) {
    expiry_report out;
    if (const auto before = cutoff(how.events, now)) {
        for (const auto& month : db.old_months_of_events(*before)) {
            auto part = part_of("events", month);
            part.rows = db.count_events(month);
            out.parts.push_back(std::move(part));
        }
        add_rows(out, rows_of("events", db.old_loose_events(*before)));
    }
    if (const auto before = cutoff(how.deliveries, now)) {
        const auto months = db.old_months_of_deliveries(*before);
        for (const auto& month : months) {
            auto part = part_of("deliveries", month);
            part.rows = db.count_deliveries(month);
            out.parts.push_back(std::move(part));
        }
        add_rows(out, rows_of("deliveries", db.old_loose_deliveries(*before)));
        out.made_final = db.count_finals(*before, months);
    }
    if (const auto before = cutoff(how.dead_letters, now)) {
        add_rows(out, rows_of("outbound_messages", db.count_dead_letters(*before)));
        add_rows(out, rows_of("jobs", db.count_dead_jobs(*before)));
    }
    return out;
}

expiry_report expire(
    store::retention_store& db,
    const retention_settings& how,
    utc_time now,
    const std::function<bool()>& go_on
) {
    if (!db.acquire()) return {true, {}, {}};
    return expiry{db, how, now, go_on}.run();
}

}  // namespace callhook::pipeline
