#include "base/time_text.hpp"
#include "store/backfill_impl.hpp"
#include "store/row_reading.hpp"

#include <algorithm>
#include <tuple>

namespace callhook::store {

namespace {

/// The look that costs nothing, once a second.
constexpr statement feed_has_more{
    "feed_has_more", "SELECT c.position < h.position FROM backfill_cursor c, feed_head h"};

constexpr statement lock_cursor{"lock_cursor", "SELECT position FROM backfill_cursor FOR UPDATE"};

constexpr statement read_feed_end{"read_feed_end", "SELECT position FROM feed_head"};

/// One job a call, or the conflict would meet a row of its own statement; the earliest wins. A leased job's
/// time is used up, and so is a dead one's: only a time that is yet to come is kept.
constexpr statement plan_jobs{
    "plan_jobs",
    "INSERT INTO jobs (source, kind, call_id, reason, due_at) "
    "SELECT DISTINCT ON (source, call_id) source, 'call', call_id, reason, due_at FROM ("
    "  SELECT e.source, substr(e.subject, 7)::bigint AS call_id, "
    "    CASE e.type WHEN 'call.overdue' THEN 'overdue' ELSE 'outcome' END AS reason, "
    "    CASE e.type WHEN 'call.overdue' THEN $4::timestamptz "
    "      ELSE e.recorded_at + make_interval(secs => $5::bigint) END AS due_at "
    "  FROM events e WHERE e.position > $1::bigint AND e.position <= $2::bigint AND e.source = ANY "
    "($3::text[]) "
    "  AND e.type IN ('call.completed', 'call.missed', 'call.cancelled', 'call.failed', 'call.overdue') "
    "  AND e.subject LIKE 'calls/%') found "
    "ORDER BY source, call_id, due_at "
    "ON CONFLICT (source, kind, call_id) DO UPDATE SET "
    "  due_at = CASE WHEN jobs.dead_at IS NOT NULL "
    "      OR (jobs.leased_until > $4::timestamptz AND jobs.due_at <= $4::timestamptz) "
    "    THEN excluded.due_at ELSE least(jobs.due_at, excluded.due_at) END, "
    "  reason = excluded.reason, generation = jobs.generation + 1, looks = 0, attempts = 0, dead_at = NULL"};

constexpr statement move_cursor{"move_cursor", "UPDATE backfill_cursor SET position = $1::bigint"};

/// Of one source, and either standing jobs or those about calls, so that the index has them in order. The
/// choice is a CTE: as a subquery it might be run again, and then lock more than was asked for.
constexpr statement lease_jobs{
    "lease_jobs",
    "WITH free AS MATERIALIZED ("
    "  SELECT id FROM jobs WHERE dead_at IS NULL AND source = $2 AND (kind = 'call') = $6::boolean "
    "  AND due_at <= $3::timestamptz AND (leased_until IS NULL OR leased_until <= $3::timestamptz) "
    "  ORDER BY due_at, id LIMIT $5::bigint FOR UPDATE SKIP LOCKED) "
    "UPDATE jobs SET leased_by = $1::uuid, leased_until = $4::timestamptz WHERE id IN (SELECT id FROM free) "
    "RETURNING " CALLHOOK_JOB_COLUMNS};

constexpr statement extend_lease{
    "extend_lease",
    "UPDATE jobs SET leased_until = $3::timestamptz WHERE id = $1::bigint AND leased_by = $2::uuid"};

#define CALLHOOK_LET_GO "leased_by = NULL, leased_until = NULL"
#define CALLHOOK_UNCHANGED "WHERE id = $1::bigint AND leased_by = $2::uuid AND generation = $3::bigint"

constexpr statement finish_job{"finish_job", "DELETE FROM jobs " CALLHOOK_UNCHANGED};

constexpr statement repeat_job{
    "repeat_job",
    "UPDATE jobs SET " CALLHOOK_LET_GO
    ", due_at = $4::timestamptz, reason = $5, looks = looks + 1, attempts = 0, "
    "last_error = NULL " CALLHOOK_UNCHANGED};

constexpr statement postpone_job{
    "postpone_job",
    "UPDATE jobs SET " CALLHOOK_LET_GO
    ", due_at = $4::timestamptz, last_error = $5, attempts = attempts + $6::integer " CALLHOOK_UNCHANGED};

constexpr statement bury_job{
    "bury_job",
    "UPDATE jobs SET " CALLHOOK_LET_GO
    ", dead_at = $4::timestamptz, last_error = $5, attempts = attempts + 1 " CALLHOOK_UNCHANGED};

constexpr statement let_go{
    "let_go", "UPDATE jobs SET " CALLHOOK_LET_GO " WHERE id = $1::bigint AND leased_by = $2::uuid"};

/// In the order in which planning locks them.
constexpr statement let_go_of_all{
    "let_go_of_all",
    "WITH held AS MATERIALIZED ("
    "  SELECT id FROM jobs WHERE leased_by = $1::uuid ORDER BY source, kind, call_id FOR UPDATE) "
    "UPDATE jobs SET " CALLHOOK_LET_GO " WHERE id IN (SELECT id FROM held)"};

/// Ends a lease with `how`. That does nothing where the lease was lost, or where the job was asked for anew
/// meanwhile: then it is only let go of, in a later statement, so that what the first one waited for is seen.
template <class... Values>
void settle(
    session& db,
    const char* name,
    const statement& how,
    const job& what,
    const uuid& owner,
    const Values&... values
) {
    db.transact(name, [&](pqxx::work& tx) {
        const auto id = std::to_string(what.id);
        const auto settled =
            db.exec(tx, how, id, to_string(owner), std::to_string(what.generation), values...);
        if (settled.affected_rows() == 0) db.exec(tx, let_go, id, to_string(owner));
    });
}

}  // namespace

bool backfill_store::plan_from_feed(
    const std::vector<std::string>& sources, std::chrono::seconds delay, utc_time now, std::size_t most
) {
    auto& db = impl_->db;
    const bool anything = db.run("look at the feed", [&](pqxx::nontransaction& tx) {
        return db.exec(tx, feed_has_more)[0][0].as<bool>();
    });
    if (!anything) return false;
    return db.transact("plan from feed", [&](pqxx::work& tx) {
        const auto from = db.exec(tx, lock_cursor)[0][0].as<std::int64_t>();
        // Later statements, after the lock: they see all that the previous holder committed. Positions have
        // no holes, so that so many positions are so many events.
        const auto end = db.exec(tx, read_feed_end)[0][0].as<std::int64_t>();
        if (end <= from) return false;
        const auto until = std::min(end, from + static_cast<std::int64_t>(most));
        db.exec(
            tx,
            plan_jobs,
            std::to_string(from),
            std::to_string(until),
            array_of(sources),
            to_rfc3339(now),
            std::to_string(delay.count())
        );
        db.exec(tx, move_cursor, std::to_string(until));
        return until < end;
    });
}

std::vector<job> backfill_store::lease(
    const uuid& owner, const std::vector<std::string>& sources, utc_time now, utc_time until, std::size_t most
) {
    return impl_->db.run("lease jobs", [&](pqxx::nontransaction& tx) {
        std::vector<job> out;
        const auto take = [&](const std::string& source, const char* about_calls, std::size_t limit) {
            const auto rows = impl_->db.exec(
                tx,
                lease_jobs,
                to_string(owner),
                source,
                to_rfc3339(now),
                to_rfc3339(until),
                std::to_string(limit),
                about_calls
            );
            for (const auto& row : rows)
                out.push_back(read_job(row));
        };
        // However many calls wait, and of whichever source, the sweeps of all come first.
        for (const auto& source : sources) {
            if (out.size() < most) take(source, "false", most - out.size());
        }
        for (std::size_t i = 0; i < sources.size() && out.size() < most; ++i) {
            const auto sources_left = sources.size() - i;
            take(sources[i], "true", (most - out.size() + sources_left - 1) / sources_left);
        }
        std::sort(out.begin(), out.end(), [](const job& a, const job& b) {
            return std::tie(a.due_at, a.id) < std::tie(b.due_at, b.id);
        });
        return out;
    });
}

bool backfill_store::extend(const job& what, const uuid& owner, utc_time until) {
    return impl_->db.run("extend lease", [&](pqxx::nontransaction& tx) {
        return impl_->db.exec(tx, extend_lease, std::to_string(what.id), to_string(owner), to_rfc3339(until))
                   .affected_rows() > 0;
    });
}

void backfill_store::finish(const job& what, const uuid& owner) {
    settle(impl_->db, "finish job", finish_job, what, owner);
}

void backfill_store::repeat(const job& what, const uuid& owner, utc_time due_at, const std::string& reason) {
    settle(impl_->db, "repeat job", repeat_job, what, owner, to_rfc3339(due_at), reason);
}

void backfill_store::postpone(
    const job& what, const uuid& owner, utc_time due_at, const std::string& why, bool counts
) {
    settle(impl_->db, "postpone job", postpone_job, what, owner, to_rfc3339(due_at), why, counts ? "1" : "0");
}

void backfill_store::bury(const job& what, const uuid& owner, const std::string& why, utc_time now) {
    settle(impl_->db, "bury job", bury_job, what, owner, to_rfc3339(now), why);
}

void backfill_store::release(const uuid& owner) {
    impl_->db.run("release jobs", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, let_go_of_all, to_string(owner));
    });
}

}  // namespace callhook::store
