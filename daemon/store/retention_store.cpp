// What is old; dropping it is retention_deliveries.cpp and retention_events.cpp.
#include "store/retention_store.hpp"

#include "base/time_text.hpp"
#include "store/retention_impl.hpp"

namespace callhook::store {

namespace {

constexpr statement try_acquire{
    "retention_acquire", "SELECT pg_try_advisory_lock(hashtext('callhook.expire'))"};

constexpr statement let_go{"retention_release", "SELECT pg_advisory_unlock(hashtext('callhook.expire'))"};

constexpr statement months_of_deliveries{
    "retention_months_of_deliveries",
    "SELECT d.partition::text, o.partition::text, d.from_bound, d.to_bound, d.bytes + o.bytes, d.estimate "
    "FROM partitions_of('deliveries') d JOIN partitions_of('outcomes') o USING (from_bound, to_bound) "
    "WHERE d.to_bound::uuid <= uuid_floor($1::timestamptz) ORDER BY d.to_bound::uuid"};

constexpr statement months_of_events{
    "retention_months_of_events",
    "SELECT partition::text, from_bound::timestamptz, to_bound::timestamptz, bytes, estimate "
    "FROM partitions_of('events') WHERE to_bound::timestamptz <= $1::timestamptz "
    "ORDER BY to_bound::timestamptz"};

constexpr statement loose_deliveries{
    "retention_loose_deliveries",
    "SELECT count(*), (array_agg(id ORDER BY id))[1], (array_agg(id ORDER BY id DESC))[1] "
    "FROM deliveries_default WHERE id < uuid_floor($1::timestamptz)"};

constexpr statement loose_events{
    "retention_loose_events",
    "SELECT count(*), min(recorded_at), max(recorded_at) FROM events_default "
    "WHERE recorded_at < $1::timestamptz"};

constexpr statement count_month_of_deliveries{
    "retention_count_deliveries",
    "SELECT count(*) FROM deliveries WHERE id >= uuid_floor($1::timestamptz) AND id < "
    "uuid_floor($2::timestamptz)"};

constexpr statement count_month_of_events{
    "retention_count_events",
    "SELECT count(*) FROM events WHERE recorded_at >= $1::timestamptz AND recorded_at < $2::timestamptz"};

/// `$1` and `$2` are the bounds of months; what lies in no month counts where it is older than `$3`.
#define CALLHOOK_EXPIRING(id)                                                                               \
    "(EXISTS (SELECT FROM unnest($1::timestamptz[], $2::timestamptz[]) AS month (lowest, beyond) WHERE " id \
    " >= uuid_floor(month.lowest) AND " id                                                                  \
    " < uuid_floor(month.beyond)) OR EXISTS (SELECT FROM deliveries_default "                               \
    "d WHERE d.id = " id " AND d.id < uuid_floor($3::timestamptz)))"

constexpr statement count_new_finals{
    "retention_count_finals",
    "SELECT (SELECT count(*) FROM calls c WHERE c.final_at IS NULL AND EXISTS (SELECT FROM outcomes o "
    "  WHERE o.source = c.source AND o.call_id = c.id AND " CALLHOOK_EXPIRING("o.delivery_id"
    ) ")), "
      "(SELECT count(*) FROM messages m WHERE m.final_at IS NULL AND " CALLHOOK_EXPIRING("m.id") ")"};

constexpr statement bury_messages{
    "retention_bury_messages",
    "UPDATE outbound_messages m SET dead_at = $1::timestamptz, last_error = 'the event has expired from the "
    "log' "
    "FROM (SELECT w.subscription, w.position FROM outbound_messages w "
    "  JOIN subscriptions s ON s.name = w.subscription JOIN feed_head h ON h.epoch = s.epoch "
    "  WHERE w.dead_at IS NULL AND w.position <= h.floor "
    "  ORDER BY w.subscription, w.position LIMIT $2::bigint) gone "
    "WHERE m.subscription = gone.subscription AND m.position = gone.position AND m.dead_at IS NULL"};

constexpr statement count_letters{
    "retention_count_dead_letters", "SELECT count(*) FROM outbound_messages WHERE dead_at < $1::timestamptz"};

/// Standing jobs stay: each is there once, and someone is to see that it was given up.
constexpr statement count_jobs{
    "retention_count_dead_jobs",
    "SELECT count(*) FROM jobs WHERE kind = 'call' AND dead_at < $1::timestamptz"};

constexpr statement delete_letters{
    "retention_delete_dead_letters",
    "DELETE FROM outbound_messages WHERE (subscription, position) IN (SELECT subscription, position "
    "FROM outbound_messages WHERE dead_at < $1::timestamptz ORDER BY subscription, position LIMIT "
    "$2::bigint)"};

constexpr statement delete_jobs{
    "retention_delete_dead_jobs",
    "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE kind = 'call' AND dead_at < $1::timestamptz "
    "ORDER BY id LIMIT $2::bigint FOR UPDATE SKIP LOCKED)"};

constexpr statement read_oldest_delivery{
    "retention_oldest_delivery", "SELECT id FROM deliveries ORDER BY id LIMIT 1"};

constexpr statement read_oldest_event{
    "retention_oldest_event", "SELECT recorded_at FROM events ORDER BY position LIMIT 1"};

utc_time time_of_bound(const pqxx::field& field) {
    return time_of(uuid_of(field));
}

std::int64_t count_or_estimate(
    session& db, std::chrono::milliseconds longest, const statement& what, const old_month& month
) {
    try {
        return db.transact(what.name, [&](pqxx::work& tx) {
            tx.exec("SET LOCAL statement_timeout = " + std::to_string(longest.count()));
            return db.exec(tx, what, to_rfc3339(month.from), to_rfc3339(month.until))[0][0].as<std::int64_t>(
            );
        });
    } catch (const failure& e) {
        if (e.sqlstate() != "57014") throw;  // query_canceled
        return month.rows_estimate;
    }
}

}  // namespace

retention_store::retention_store(const settings& where, std::chrono::milliseconds count_timeout)
    : impl_{std::make_unique<impl>(where, count_timeout)} {}
retention_store::~retention_store() = default;

bool retention_store::acquire() {
    auto& self = *impl_;
    if (self.acquired && self.db.connected()) return true;
    self.acquired = self.db.run("acquire", [&](pqxx::nontransaction& tx) {
        return self.db.exec(tx, try_acquire)[0][0].as<bool>();
    });
    return self.acquired;
}

void retention_store::release() noexcept {
    auto& self = *impl_;
    // Said before the connection is closed: the server lets go of a closed one's locks only once it notices.
    if (self.acquired && self.db.connected()) {
        try {
            self.db.run("release", [&](pqxx::nontransaction& tx) { self.db.exec(tx, let_go); });
        } catch (const std::exception&) {
            // Closing it lets go as well.
        }
    }
    self.acquired = false;
    self.db.disconnect();
}

std::vector<old_month> retention_store::old_months_of_deliveries(utc_time before) {
    return impl_->db.run("old deliveries", [&](pqxx::nontransaction& tx) {
        std::vector<old_month> out;
        for (const auto& row : impl_->db.exec(tx, months_of_deliveries, to_rfc3339(before))) {
            out.push_back(
                {row[0].c_str(),
                 row[1].c_str(),
                 time_of_bound(row[2]),
                 time_of_bound(row[3]),
                 row[4].as<std::int64_t>(),
                 row[5].as<std::int64_t>()}
            );
        }
        return out;
    });
}

std::vector<old_month> retention_store::old_months_of_events(utc_time before) {
    return impl_->db.run("old events", [&](pqxx::nontransaction& tx) {
        std::vector<old_month> out;
        for (const auto& row : impl_->db.exec(tx, months_of_events, to_rfc3339(before))) {
            out.push_back(
                {row[0].c_str(),
                 "",
                 time_of(row[1]),
                 time_of(row[2]),
                 row[3].as<std::int64_t>(),
                 row[4].as<std::int64_t>()}
            );
        }
        return out;
    });
}

old_rows retention_store::old_loose_deliveries(utc_time before) {
    return impl_->db.run("loose deliveries", [&](pqxx::nontransaction& tx) {
        const auto row = impl_->db.exec(tx, loose_deliveries, to_rfc3339(before))[0];
        old_rows out{row[0].as<std::int64_t>(), {}, {}};
        if (out.rows > 0) {
            out.from = time_of_bound(row[1]);
            out.until = time_of_bound(row[2]);
        }
        return out;
    });
}

old_rows retention_store::old_loose_events(utc_time before) {
    return impl_->db.run("loose events", [&](pqxx::nontransaction& tx) {
        const auto row = impl_->db.exec(tx, loose_events, to_rfc3339(before))[0];
        old_rows out{row[0].as<std::int64_t>(), {}, {}};
        if (out.rows > 0) {
            out.from = time_of(row[1]);
            out.until = time_of(row[2]);
        }
        return out;
    });
}

std::int64_t retention_store::count_deliveries(const old_month& month) {
    return count_or_estimate(impl_->db, impl_->count_timeout, count_month_of_deliveries, month);
}

std::int64_t retention_store::count_events(const old_month& month) {
    return count_or_estimate(impl_->db, impl_->count_timeout, count_month_of_events, month);
}

made_final retention_store::count_finals(utc_time before, const std::vector<old_month>& months) {
    array_literal lowest;
    array_literal beyond;
    for (const auto& month : months) {
        lowest.add(std::string_view{to_rfc3339(month.from)});
        beyond.add(std::string_view{to_rfc3339(month.until)});
    }
    return impl_->db.run("count finals", [&](pqxx::nontransaction& tx) {
        const auto row =
            impl_->db.exec(tx, count_new_finals, lowest.take(), beyond.take(), to_rfc3339(before))[0];
        return made_final{row[0].as<std::int64_t>(), row[1].as<std::int64_t>()};
    });
}

namespace {

std::int64_t count_of(session& db, const statement& what, utc_time before) {
    return db.run(what.name, [&](pqxx::nontransaction& tx) {
        return db.exec(tx, what, to_rfc3339(before))[0][0].as<std::int64_t>();
    });
}

std::int64_t change_some(session& db, const statement& what, utc_time at) {
    return db.run(what.name, [&](pqxx::nontransaction& tx) {
        return static_cast<std::int64_t>(
            db.exec(tx, what, to_rfc3339(at), std::to_string(rows_a_step)).affected_rows()
        );
    });
}

}  // namespace

std::int64_t retention_store::bury_some_messages(utc_time now) {
    return change_some(impl_->db, bury_messages, now);
}
std::int64_t retention_store::count_dead_letters(utc_time before) {
    return count_of(impl_->db, count_letters, before);
}
std::int64_t retention_store::count_dead_jobs(utc_time before) {
    return count_of(impl_->db, count_jobs, before);
}
std::int64_t retention_store::delete_some_dead_letters(utc_time before) {
    return change_some(impl_->db, delete_letters, before);
}
std::int64_t retention_store::delete_some_dead_jobs(utc_time before) {
    return change_some(impl_->db, delete_jobs, before);
}

std::optional<utc_time> retention_store::oldest_delivery() {
    return impl_->db.run("oldest delivery", [&](pqxx::nontransaction& tx) -> std::optional<utc_time> {
        const auto rows = impl_->db.exec(tx, read_oldest_delivery);
        if (rows.empty()) return {};
        return time_of_bound(rows[0][0]);
    });
}

std::optional<utc_time> retention_store::oldest_event() {
    return impl_->db.run("oldest event", [&](pqxx::nontransaction& tx) -> std::optional<utc_time> {
        const auto rows = impl_->db.exec(tx, read_oldest_event);
        if (rows.empty()) return {};
        return time_of(rows[0][0]);
    });
}

}  // namespace callhook::store
