// Deliveries that expire, with their outcomes, and the records that become final thereby.
#include "base/time_text.hpp"
#include "store/retention_impl.hpp"

namespace callhook::store {

namespace {

#define CALLHOOK_IN_MONTH(id) id " >= uuid_floor($1::timestamptz) AND " id " < uuid_floor($2::timestamptz)"

/// By the index, so that each step goes on where the last one ended.
constexpr statement next_calls{
    "retention_next_calls",
    "SELECT DISTINCT source, call_id FROM outcomes WHERE " CALLHOOK_IN_MONTH("delivery_id"
    ) " AND call_id IS NOT NULL AND (source, call_id) > ($3::text, $4::bigint) "
      "ORDER BY source, call_id LIMIT $5::bigint"};

constexpr statement finish_calls{
    "retention_finish_calls",
    "UPDATE calls c SET final_at = $3::timestamptz FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "WHERE c.source = k.source AND c.id = k.id AND c.final_at IS NULL"};

constexpr statement next_messages{
    "retention_next_messages",
    "SELECT id FROM messages WHERE " CALLHOOK_IN_MONTH("id"
    ) " AND ($3::uuid IS NULL OR id > $3::uuid) ORDER BY id LIMIT $4::bigint"};

constexpr statement finish_messages{
    "retention_finish_messages",
    "UPDATE messages SET final_at = $2::timestamptz WHERE id = ANY ($1::uuid[]) AND final_at IS NULL"};

constexpr statement some_wait{
    "retention_some_wait",
    "SELECT EXISTS (SELECT FROM pending WHERE first_id < uuid_floor($2::timestamptz) "
    "AND last_id >= uuid_floor($1::timestamptz))"};

/// A quarantined delivery that was taken again meanwhile has a new outcome.
constexpr statement finish_late_calls{
    "retention_finish_late_calls",
    "UPDATE calls c SET final_at = $4::timestamptz FROM (SELECT DISTINCT source, call_id FROM outcomes "
    "  WHERE " CALLHOOK_IN_MONTH("delivery_id"
    ) " AND seq > $3::bigint AND call_id IS NOT NULL) o "
      "WHERE c.source = o.source AND c.id = o.call_id AND c.final_at IS NULL"};

constexpr statement finish_late_messages{
    "retention_finish_late_messages",
    "UPDATE messages SET final_at = $3::timestamptz WHERE " CALLHOOK_IN_MONTH("id") " AND final_at IS NULL"};

constexpr statement drop_month{
    "retention_drop_deliveries", "SELECT drop_deliveries($1::regclass, $2::regclass)"};

/// Only what the sequencer is through with.
constexpr statement some_loose{
    "retention_some_loose_deliveries",
    "SELECT d.id FROM deliveries_default d WHERE d.id < uuid_floor($1::timestamptz) "
    "AND EXISTS (SELECT FROM outcomes o WHERE o.delivery_id = d.id) "
    "AND NOT EXISTS (SELECT FROM pending p WHERE p.batch = d.batch AND d.id BETWEEN p.first_id AND "
    "p.last_id) "
    "ORDER BY d.id LIMIT $2::bigint"};

constexpr statement finish_calls_of{
    "retention_finish_calls_of",
    "UPDATE calls c SET final_at = $2::timestamptz FROM (SELECT DISTINCT source, call_id FROM outcomes "
    "  WHERE delivery_id = ANY ($1::uuid[]) AND call_id IS NOT NULL) o "
    "WHERE c.source = o.source AND c.id = o.call_id AND c.final_at IS NULL"};

constexpr statement delete_outcomes{
    "retention_delete_outcomes", "DELETE FROM outcomes WHERE delivery_id = ANY ($1::uuid[])"};

constexpr statement delete_deliveries{
    "retention_delete_deliveries", "DELETE FROM deliveries WHERE id = ANY ($1::uuid[])"};

constexpr statement raise_deliveries_floor{
    "retention_raise_deliveries_floor",
    "UPDATE feed_head SET deliveries_floor = greatest(deliveries_floor, $1::uuid)"};

struct bounds {
    explicit bounds(const old_month& month) : from{to_rfc3339(month.from)}, until{to_rfc3339(month.until)} {}
    std::string from;
    std::string until;
};

void make_calls_final(
    session& db, pqxx::work& tx, const bounds& month, const std::string& now, finalizing& progress
) {
    const auto rows = db.exec(
        tx,
        next_calls,
        month.from,
        month.until,
        progress.source,
        std::to_string(progress.call),
        std::to_string(rows_a_step)
    );
    progress.calls_done = static_cast<std::int64_t>(rows.size()) < rows_a_step;
    if (rows.empty()) return;
    array_literal sources;
    array_literal ids;
    for (const auto& row : rows) {
        sources.add(std::string_view{row[0].c_str()});
        ids.add(std::string_view{row[1].c_str()});
        progress.source = row[0].c_str();
        progress.call = row[1].as<std::int64_t>();
    }
    const auto changed = db.exec(tx, finish_calls, sources.take(), ids.take(), now);
    progress.made.calls += static_cast<std::int64_t>(changed.affected_rows());
}

void make_messages_final(
    session& db, pqxx::work& tx, const bounds& month, const std::string& now, finalizing& progress
) {
    const auto rows = db.exec(
        tx, next_messages, month.from, month.until, text_of(progress.message), std::to_string(rows_a_step)
    );
    progress.done = static_cast<std::int64_t>(rows.size()) < rows_a_step;
    if (rows.empty()) return;
    array_literal ids;
    for (const auto& row : rows) {
        ids.add(std::string_view{row[0].c_str()});
        progress.message = uuid_of(row[0]);
    }
    const auto changed = db.exec(tx, finish_messages, ids.take(), now);
    progress.made.messages += static_cast<std::int64_t>(changed.affected_rows());
}

}  // namespace

bool retention_store::has_pending(const old_month& month) {
    return impl_->db.run("look for pending", [&](pqxx::nontransaction& tx) {
        const bounds of{month};
        return impl_->db.exec(tx, some_wait, of.from, of.until)[0][0].as<bool>();
    });
}

void retention_store::make_some_final(const old_month& month, utc_time now, finalizing& progress) {
    auto next = progress;
    impl_->db.transact("make final", [&](pqxx::work& tx) {
        auto& db = impl_->db;
        const auto head = db.exec(tx, sql::lock_head_to_expire);
        if (!next.begun_at_seq) next.begun_at_seq = head[0][0].as<std::int64_t>();
        const bounds of{month};
        if (!next.calls_done)
            make_calls_final(db, tx, of, to_rfc3339(now), next);
        else
            make_messages_final(db, tx, of, to_rfc3339(now), next);
    });
    progress = std::move(next);
}

drop_outcome retention_store::drop_deliveries(const old_month& month, utc_time now, finalizing& progress) {
    auto& db = impl_->db;
    auto made = progress.made;
    const auto outcome = drop_now_or_later(db, "drop deliveries", [&](pqxx::work& tx) {
        db.exec(tx, sql::lock_head_to_expire);
        const bounds of{month};
        if (db.exec(tx, some_wait, of.from, of.until)[0][0].as<bool>()) return drop_outcome::pending;
        const auto since = progress.done ? progress.begun_at_seq.value_or(0) : 0;
        const auto at = to_rfc3339(now);
        made.calls += static_cast<std::int64_t>(
            db.exec(tx, finish_late_calls, of.from, of.until, std::to_string(since), at).affected_rows()
        );
        made.messages +=
            static_cast<std::int64_t>(db.exec(tx, finish_late_messages, of.from, of.until, at).affected_rows()
            );
        wait_for_nobody(tx);
        const bool gone = db.exec(tx, drop_month, month.partition, month.outcomes)[0][0].as<bool>();
        return gone ? drop_outcome::dropped : drop_outcome::pending;
    });
    if (outcome == drop_outcome::dropped) progress.made = made;
    return outcome;
}

std::int64_t retention_store::delete_some_deliveries(utc_time before, utc_time now, made_final& made) {
    auto& db = impl_->db;
    const auto at = to_rfc3339(now);
    made_final more;
    const auto count = db.transact("delete deliveries", [&](pqxx::work& tx) -> std::int64_t {
        more = {};
        db.exec(tx, sql::lock_head_to_expire);
        const auto rows = db.exec(tx, some_loose, to_rfc3339(before), std::to_string(rows_a_step));
        if (rows.empty()) return 0;
        array_literal list;
        std::string last;
        for (const auto& row : rows) {
            last = row[0].c_str();
            list.add(std::string_view{last});
        }
        const auto ids = list.take();
        more.calls = static_cast<std::int64_t>(db.exec(tx, finish_calls_of, ids, at).affected_rows());
        more.messages = static_cast<std::int64_t>(db.exec(tx, finish_messages, ids, at).affected_rows());
        db.exec(tx, delete_outcomes, ids);
        db.exec(tx, delete_deliveries, ids);
        db.exec(tx, raise_deliveries_floor, last);
        return static_cast<std::int64_t>(rows.size());
    });
    made.calls += more.calls;
    made.messages += more.messages;
    return count;
}

}  // namespace callhook::store
