#include "store/backfill_store.hpp"

#include "base/time_text.hpp"
#include "store/backfill_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

// All that lock several rows do so in the order of their keys, so that two daemons never wait for each other.

constexpr statement make_states{
    "make_states",
    "INSERT INTO source_states (source, known_since) "
    "SELECT DISTINCT s, $2::timestamptz FROM unnest($1::text[]) AS s ORDER BY s ON CONFLICT DO NOTHING"};

constexpr statement make_standing_jobs{
    "make_standing_jobs",
    "INSERT INTO jobs (source, kind, reason, due_at) "
    "SELECT DISTINCT s, k, 'standing', $2::timestamptz FROM unnest($1::text[]) AS s "
    "CROSS JOIN unnest(ARRAY['sweep', 'widgets']) AS k ORDER BY s, k "
    "ON CONFLICT (source, kind, call_id) DO UPDATE SET due_at = least(jobs.due_at, excluded.due_at), "
    "  attempts = CASE WHEN jobs.dead_at IS NULL THEN jobs.attempts ELSE 0 END, dead_at = NULL "
    "WHERE jobs.leased_until IS NULL OR jobs.leased_until <= excluded.due_at"};

constexpr statement read_states{
    "read_states",
    "SELECT s.source, s.known_since, s.swept_until, s.swept_at, s.identity, s.identity_call, s.zone_error, "
    "  (SELECT c.created_at FROM calls c WHERE c.source = s.source AND c.by_webhook AND c.created_at IS NOT "
    "NULL ORDER BY c.created_at LIMIT 1) "
    "FROM source_states s WHERE s.source = ANY ($1::text[]) ORDER BY s.source"};

constexpr statement write_swept{
    "write_swept",
    "UPDATE source_states SET swept_until = CASE WHEN swept_until > $3::timestamptz THEN $2::timestamptz "
    "  ELSE greatest(swept_until, $2::timestamptz) END, "
    "swept_at = $3::timestamptz WHERE source = $1"};

constexpr statement write_identity{
    "write_identity",
    "UPDATE source_states SET identity = $2, identity_call = $3::bigint "
    "WHERE source = $1 AND identity = 'unknown' AND $2 <> 'unknown'"};

constexpr statement reset_identity{
    "reset_identity",
    "UPDATE source_states SET identity = 'unknown', identity_call = NULL WHERE source = $1"};

constexpr statement write_zone_error{
    "write_zone_error",
    "UPDATE source_states SET zone_error = $2::integer, zone_checked_at = $3::timestamptz WHERE source = $1"};

/// By the calls' own index and then call by call, so that neither a long history nor a busy neighbour costs
/// anything. Not all calls have such a webhook (an outcome may be all that came), so more are looked at than
/// are asked for, but not all of them.
constexpr statement read_arrivals{
    "read_arrivals",
    "SELECT received_at, created_at FROM ("
    "  SELECT w.received_at, c.created_at FROM ("
    "    SELECT id, created_at FROM calls WHERE source = $1 AND by_webhook AND created_at IS NOT NULL "
    "    ORDER BY created_at DESC LIMIT $2::bigint * 10) c "
    "  CROSS JOIN LATERAL ("
    "    SELECT d.received_at FROM outcomes o JOIN deliveries d ON d.id = o.delivery_id "
    "    WHERE o.source = $1 AND o.call_id = c.id AND o.event IN ('call.new', 'call.scheduled') "
    "    AND o.result = 'applied' AND d.origin = 'webhook' ORDER BY o.seq LIMIT 1) w "
    "  ORDER BY c.created_at DESC LIMIT $2::bigint) a "
    "ORDER BY received_at DESC"};

constexpr statement make_run{
    "make_run",
    "INSERT INTO backfill_runs (source, from_at, to_at, done_until) "
    "VALUES ($1, $2::timestamptz, $3::timestamptz, $2::timestamptz) ON CONFLICT DO NOTHING"};

constexpr statement read_run{
    "read_run",
    "SELECT done_until, calls, appended FROM backfill_runs "
    "WHERE source = $1 AND from_at = $2::timestamptz AND to_at = $3::timestamptz"};

constexpr statement write_run{
    "write_run",
    "UPDATE backfill_runs SET done_until = $4::timestamptz, calls = $5::bigint, appended = $6::bigint "
    "WHERE source = $1 AND from_at = $2::timestamptz AND to_at = $3::timestamptz"};

constexpr statement delete_run{
    "delete_run",
    "DELETE FROM backfill_runs "
    "WHERE source = $1 AND from_at = $2::timestamptz AND to_at = $3::timestamptz"};

identity_check identity_of(std::string_view text) {
    for (const auto state : {identity_check::confirmed, identity_check::mismatch}) {
        if (to_string(state) == text) return state;
    }
    return identity_check::unknown;
}

}  // namespace

std::string_view to_string(identity_check state) noexcept {
    switch (state) {
        case identity_check::unknown:
            return "unknown";
        case identity_check::confirmed:
            return "confirmed";
        case identity_check::mismatch:
            return "mismatch";
    }
    return "";
}

backfill_store::backfill_store(const settings& where, const std::string& role)
    : impl_{std::make_unique<impl>(where, role)} {}
backfill_store::~backfill_store() = default;

void backfill_store::open_sources(const std::vector<std::string>& sources, utc_time now) {
    impl_->db.transact("open sources", [&](pqxx::work& tx) {
        const auto list = array_of(sources);
        impl_->db.exec(tx, make_states, list, to_rfc3339(now));
        impl_->db.exec(tx, make_standing_jobs, list, to_rfc3339(now));
    });
}

std::vector<source_state> backfill_store::states(const std::vector<std::string>& sources) {
    return impl_->db.run("read source states", [&](pqxx::nontransaction& tx) {
        std::vector<source_state> out;
        for (const auto& row : impl_->db.exec(tx, read_states, array_of(sources))) {
            source_state s;
            s.source = row[0].c_str();
            s.known_since = time_of(row[1]);
            s.swept_until = optional_time(row[2]);
            s.swept_at = optional_time(row[3]);
            s.identity = identity_of(row[4].c_str());
            s.identity_call = optional_of<std::int64_t>(row[5]);
            if (!row[6].is_null()) s.zone_error = std::chrono::seconds{row[6].as<std::int64_t>()};
            s.first_webhook_call = optional_time(row[7]);
            out.push_back(std::move(s));
        }
        return out;
    });
}

void backfill_store::set_swept(const std::string& source, utc_time until, utc_time now) {
    impl_->db.run("set swept", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, write_swept, source, to_rfc3339(until), to_rfc3339(now));
    });
}

void backfill_store::set_identity(const std::string& source, identity_check state, std::int64_t call_id) {
    impl_->db.run("set identity", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, write_identity, source, std::string{to_string(state)}, std::to_string(call_id));
    });
}

void backfill_store::forget_identity(const std::string& source) {
    impl_->db.run("forget identity", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, reset_identity, source);
    });
}

void backfill_store::set_zone_error(const std::string& source, std::chrono::seconds off, utc_time now) {
    impl_->db.run("set zone error", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, write_zone_error, source, std::to_string(off.count()), to_rfc3339(now));
    });
}

std::vector<arrival> backfill_store::arrivals(const std::string& source, std::size_t most) {
    return impl_->db.run("read arrivals", [&](pqxx::nontransaction& tx) {
        std::vector<arrival> out;
        for (const auto& row : impl_->db.exec(tx, read_arrivals, source, std::to_string(most)))
            out.push_back({time_of(row[0]), time_of(row[1])});
        return out;
    });
}

backfill_run backfill_store::begin_run(const std::string& source, utc_time from, utc_time to) {
    return impl_->db.transact("begin run", [&](pqxx::work& tx) {
        impl_->db.exec(tx, make_run, source, to_rfc3339(from), to_rfc3339(to));
        const auto row = impl_->db.exec(tx, read_run, source, to_rfc3339(from), to_rfc3339(to))[0];
        return backfill_run{
            source, from, to, time_of(row[0]), row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
    });
}

void backfill_store::advance_run(const backfill_run& run) {
    impl_->db.run("advance run", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(
            tx,
            write_run,
            run.source,
            to_rfc3339(run.from),
            to_rfc3339(run.to),
            to_rfc3339(run.done_until),
            std::to_string(run.calls),
            std::to_string(run.appended)
        );
    });
}

void backfill_store::end_run(const backfill_run& run) {
    impl_->db.run("end run", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, delete_run, run.source, to_rfc3339(run.from), to_rfc3339(run.to));
    });
}

}  // namespace callhook::store
