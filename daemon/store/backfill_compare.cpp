#include "base/time_text.hpp"
#include "store/backfill_impl.hpp"
#include "store/row_reading.hpp"
#include "store/sequencer_sql.hpp"

#include <array>

namespace callhook::store {

namespace {

/// The generic cell rate algorithm: `next_at` is where the next request would stand if all came evenly, and
/// it may run ahead of now by `burst - 1` intervals. The row's lock queues all who ask; the clock is read
/// after it.
#define CALLHOOK_NEXT "clock_timestamp() - ($3::integer - 1) * $2::bigint * interval '1 microsecond'"
constexpr statement take_pace_slot{
    "take_pace_slot",
    "INSERT INTO api_paces AS p (key, next_at) "
    "VALUES ($1, " CALLHOOK_NEXT
    " + $2::bigint * interval '1 microsecond') "
    "ON CONFLICT (key) DO UPDATE SET next_at = greatest(p.next_at, " CALLHOOK_NEXT
    ") + $2::bigint * interval '1 microsecond' "
    "RETURNING greatest(0, ceil(extract(epoch FROM next_at - $2::bigint * interval '1 microsecond' - "
    "clock_timestamp()) * 1000000))::bigint"};

constexpr statement hold_pace{
    "hold_pace",
    "INSERT INTO api_paces AS p (key, next_at) "
    "VALUES ($1, clock_timestamp() + $2::bigint * interval '1 microsecond') "
    "ON CONFLICT (key) DO UPDATE SET next_at = greatest(p.next_at, excluded.next_at)"};

constexpr statement read_erased_among{
    "read_erased_among",
    "SELECT e.source, e.call_id FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "JOIN erased_calls e ON e.source = k.source AND e.call_id = k.id"};

constexpr statement nothing_waits{
    "nothing_waits", "SELECT NOT EXISTS (SELECT FROM pending WHERE first_id < uuid_floor($1::timestamptz))"};

/// One statement: the foreign key is checked at its end, when the report is there too. In the order of the
/// key, so that two who report the same never wait for each other.
constexpr statement write_gap{
    "write_gap",
    "WITH reported AS ("
    "  INSERT INTO gap_calls (source, call_id, event, gap) "
    "  SELECT DISTINCT $2::text, call_id, event, $1::uuid FROM unnest($7::bigint[], $8::text[]) AS m "
    "(call_id, event) "
    "  ORDER BY call_id, event ON CONFLICT DO NOTHING RETURNING call_id, event), "
    "report AS ("
    "  INSERT INTO gaps (id, source, found_at, found_by, from_at, to_at, calls) "
    "  SELECT $1::uuid, $2::text, $3::timestamptz, $4::text, $5::timestamptz, $6::timestamptz, "
    "count(DISTINCT call_id) "
    "  FROM reported HAVING count(*) > 0) "
    "SELECT call_id, event FROM reported ORDER BY call_id, event"};

constexpr statement upsert_widgets{
    "upsert_widgets",
    "INSERT INTO widgets (source, id, name, url, enabled, listed_at) "
    "SELECT DISTINCT ON (id) $1::text, id, name, url, enabled, $2::timestamptz "
    "FROM unnest($3::bigint[], $4::text[], $5::text[], $6::boolean[]) AS w (id, name, url, enabled) ORDER BY "
    "id "
    "ON CONFLICT (source, id) DO UPDATE SET name = excluded.name, url = excluded.url, "
    "enabled = excluded.enabled, listed_at = excluded.listed_at"};

constexpr statement find_first_webhooks{
    "find_first_webhooks",
    "UPDATE widgets w SET first_webhook_at = $2::timestamptz WHERE w.source = $1 AND w.first_webhook_at IS "
    "NULL "
    "AND (EXISTS (SELECT FROM calls c WHERE c.source = w.source AND c.widget_id = w.id AND c.by_webhook) "
    "  OR w.id IN (SELECT m.widget_id FROM messages m WHERE m.source = $1 AND m.widget_id IS NOT NULL))"};

constexpr statement read_silent_ids{
    "read_silent_ids",
    "SELECT id FROM widgets WHERE source = $1 AND listed_at = $2::timestamptz AND enabled "
    "AND first_webhook_at IS NULL ORDER BY id"};

}  // namespace

std::chrono::microseconds backfill_store::take_slot(
    const std::string& key, std::chrono::microseconds interval, int burst
) {
    return impl_->db.run("take slot", [&](pqxx::nontransaction& tx) {
        const auto rows =
            impl_->db.exec(tx, take_pace_slot, key, std::to_string(interval.count()), std::to_string(burst));
        return std::chrono::microseconds{rows[0][0].as<std::int64_t>()};
    });
}

void backfill_store::hold_back(const std::string& key, std::chrono::microseconds how_long) {
    impl_->db.run("hold back", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, hold_pace, key, std::to_string(how_long.count()));
    });
}

bool backfill_store::sequenced_until(utc_time moment) {
    // An id has milliseconds only: the one that the moment lies in counts as before it.
    const utc_time whole = std::chrono::ceil<std::chrono::milliseconds>(moment);
    return impl_->db.run("look for unsequenced deliveries", [&](pqxx::nontransaction& tx) {
        return impl_->db.exec(tx, nothing_waits, to_rfc3339(whole))[0][0].as<bool>();
    });
}

std::vector<call_row> backfill_store::calls(const std::vector<lifecycle::call_key>& keys) {
    if (keys.empty()) return {};
    return impl_->db.run("read calls", [&](pqxx::nontransaction& tx) {
        return read_calls(impl_->db, tx, sql::read_calls, keys);
    });
}

std::set<lifecycle::call_key> backfill_store::erased_calls(const std::vector<lifecycle::call_key>& keys) {
    std::set<lifecycle::call_key> out;
    if (keys.empty()) return out;
    array_literal sources;
    array_literal ids;
    for (const auto& key : keys) {
        sources.add(std::string_view{key.source});
        ids.add(std::string_view{std::to_string(key.id)});
    }
    const std::array lists{sources.take(), ids.take()};
    return impl_->db.run("read erased calls", [&](pqxx::nontransaction& tx) {
        for (const auto& row : impl_->db.exec(tx, read_erased_among, lists[0], lists[1]))
            out.insert({row[0].c_str(), row[1].as<std::int64_t>()});
        return std::move(out);
    });
}

std::vector<missing_webhook> backfill_store::report_gap(const gap_report& report) {
    std::vector<missing_webhook> out;
    if (report.missing.empty()) return out;
    array_literal ids;
    array_literal events;
    for (const auto& m : report.missing) {
        ids.add(std::string_view{std::to_string(m.call_id)});
        events.add(std::string_view{m.event});
    }
    const std::array lists{ids.take(), events.take()};
    return impl_->db.run("report gap", [&](pqxx::nontransaction& tx) {
        const auto rows = impl_->db.exec(
            tx,
            write_gap,
            to_string(report.id),
            report.source,
            to_rfc3339(report.found_at),
            report.found_by,
            to_rfc3339(report.from),
            to_rfc3339(report.to),
            lists[0],
            lists[1]
        );
        for (const auto& row : rows)
            out.push_back({row[0].as<std::int64_t>(), row[1].c_str()});
        return std::move(out);
    });
}

std::vector<std::int64_t> backfill_store::save_widgets(
    const std::string& source, const std::vector<widget_row>& all, utc_time now
) {
    std::array<array_literal, 4> columns;
    for (const auto& w : all) {
        columns[0].add(std::string_view{std::to_string(w.id)});
        columns[1].add(std::string_view{w.name});
        columns[2].add(std::string_view{w.url});
        columns[3].add(std::string_view{w.enabled ? "t" : "f"});
    }
    const std::array lists{columns[0].take(), columns[1].take(), columns[2].take(), columns[3].take()};
    return impl_->db.transact("save widgets", [&](pqxx::work& tx) {
        impl_->db.exec(tx, upsert_widgets, source, to_rfc3339(now), lists[0], lists[1], lists[2], lists[3]);
        impl_->db.exec(tx, find_first_webhooks, source, to_rfc3339(now));
        std::vector<std::int64_t> silent;
        for (const auto& row : impl_->db.exec(tx, read_silent_ids, source, to_rfc3339(now)))
            silent.push_back(row[0].as<std::int64_t>());
        return silent;
    });
}

}  // namespace callhook::store
