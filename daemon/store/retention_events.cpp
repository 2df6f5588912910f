// Events that expire, and the floor of the log, which rises over them in the same transaction.
#include "base/time_text.hpp"
#include "store/retention_impl.hpp"

#include <algorithm>

namespace callhook::store {

namespace {

constexpr statement read_first_event{
    "retention_first_event",
    "SELECT position, recorded_at, tableoid::regclass::text FROM events ORDER BY position LIMIT 1"};

constexpr statement last_position{
    "retention_last_position",
    "SELECT max(position) FROM events WHERE recorded_at >= $1::timestamptz AND recorded_at < "
    "$2::timestamptz"};

/// Outcomes and positions rise together, so the latest event whose outcome is kept tells of all before it.
constexpr statement last_outcome{
    "retention_last_outcome",
    "SELECT max(o.seq) FROM events e JOIN outcomes o ON o.delivery_id = e.delivery_id "
    "WHERE e.position > $1::bigint AND e.position <= $2::bigint"};

constexpr statement raise_floor{
    "retention_raise_floor",
    "UPDATE feed_head SET floor = greatest(floor, $1::bigint), outcomes_floor = greatest(outcomes_floor, "
    "$2::bigint)"};

constexpr statement drop_month{"retention_drop_events", "SELECT drop_events($1::regclass)"};

constexpr statement begin_of_log{
    "retention_begin_of_log",
    "SELECT position, recorded_at < $1::timestamptz AND tableoid = 'events_default'::regclass "
    "FROM events ORDER BY position LIMIT $2::bigint"};

constexpr statement delete_until{
    "retention_delete_events", "DELETE FROM events_default WHERE position <= $1::bigint"};

/// Positions looked through at once for the latest outcome.
constexpr std::int64_t stretch = 20'000;

std::int64_t first_position(session& db, pqxx::transaction_base& tx, std::int64_t none) {
    const auto rows = db.exec(tx, read_first_event);
    return rows.empty() ? none : rows[0][0].as<std::int64_t>();
}

}  // namespace

std::optional<retention_store::log_start> retention_store::first_event() {
    return impl_->db.run("first event", [&](pqxx::nontransaction& tx) -> std::optional<log_start> {
        const auto rows = impl_->db.exec(tx, read_first_event);
        if (rows.empty()) return {};
        return log_start{rows[0][0].as<std::int64_t>(), time_of(rows[0][1]), rows[0][2].c_str()};
    });
}

drop_outcome retention_store::drop_events(const old_month& month) {
    auto& db = impl_->db;
    const auto from = to_rfc3339(month.from);
    const auto until = to_rfc3339(month.until);
    // Before the lock, and in pieces: the month is over, so nothing of this changes.
    const auto floors = db.run("look at old events", [&](pqxx::nontransaction& tx) {
        const auto last = optional_of<std::int64_t>(db.exec(tx, last_position, from, until)[0][0]);
        std::pair<std::int64_t, std::int64_t> out{last.value_or(0), 0};
        const auto first = last ? first_position(db, tx, *last + 1) : std::int64_t{1};
        for (auto to = out.first; to >= first && out.second == 0; to -= stretch) {
            const auto after = std::max(first - 1, to - stretch);
            const auto seq = optional_of<std::int64_t>(
                db.exec(tx, last_outcome, std::to_string(after), std::to_string(to))[0][0]
            );
            out.second = seq.value_or(0);
        }
        return out;
    });
    return drop_now_or_later(db, "drop events", [&](pqxx::work& tx) {
        db.exec(tx, sql::lock_head_to_expire);
        db.exec(tx, raise_floor, std::to_string(floors.first), std::to_string(floors.second));
        wait_for_nobody(tx);
        db.exec(tx, drop_month, month.partition);
        tx.exec("NOTIFY callhook_feed");
        return drop_outcome::dropped;
    });
}

std::int64_t retention_store::delete_some_events(utc_time before) {
    auto& db = impl_->db;
    return db.transact("delete events", [&](pqxx::work& tx) -> std::int64_t {
        const auto head = db.exec(tx, sql::lock_head_to_expire);
        const auto floor = head[0][1].as<std::int64_t>();
        std::int64_t count = 0;
        std::string last;
        for (const auto& row : db.exec(tx, begin_of_log, to_rfc3339(before), std::to_string(rows_a_step))) {
            if (!row[1].as<bool>()) break;
            last = row[0].c_str();
            ++count;
        }
        if (count == 0) return 0;
        const auto seq =
            optional_of<std::int64_t>(db.exec(tx, last_outcome, std::to_string(floor), last)[0][0]);
        db.exec(tx, raise_floor, last, std::to_string(seq.value_or(0)));
        db.exec(tx, delete_until, last);
        tx.exec("NOTIFY callhook_feed");
        return count;
    });
}

}  // namespace callhook::store
