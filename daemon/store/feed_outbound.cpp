// The dispatcher's side of subscriptions; the operators' is feed_subscriptions.cpp.
#include "base/time_text.hpp"
#include "store/feed_impl.hpp"
#include "store/row_reading.hpp"

#include <array>
#include <map>

namespace callhook::store {

namespace {

constexpr statement list_active{
    "outbound_list_active",
    "SELECT " CALLHOOK_DRAFT_COLUMNS
    ", generation, epoch, position, failing_since, created_at "
    "FROM subscriptions WHERE state = 'active' ORDER BY name"};

constexpr statement list_live_secrets{
    "outbound_list_secrets",
    "SELECT subscription, secret FROM subscription_secrets "
    "WHERE expires_at IS NULL OR expires_at > clock_timestamp() "
    "ORDER BY subscription, expires_at DESC NULLS FIRST, created_at DESC"};

constexpr statement list_waiting{
    "outbound_list_waiting",
    "SELECT position, source, subject, attempts, "
    "  (extract(epoch FROM due_at - clock_timestamp()) * 1000)::bigint, last_error "
    "FROM outbound_messages WHERE subscription = $1 AND dead_at IS NULL ORDER BY position LIMIT $2::bigint"};

/// The lease stays with its owner until this transaction ends.
constexpr statement hold_lease{
    "outbound_hold_lease",
    "SELECT 1 FROM leases WHERE name = $1 AND owner = $2::uuid AND leased_until > clock_timestamp() FOR "
    "SHARE"};

/// The position alone does not tell that it was reset meanwhile, to the place that it was stored at.
constexpr statement move_on{
    "outbound_move_on",
    "UPDATE subscriptions SET position = $4::bigint, failing_since = $5::timestamptz "
    "WHERE name = $1 AND epoch = $2 AND position = $3::bigint AND created_at = $6::timestamptz "
    "  AND reset_generation <= $7::bigint RETURNING generation"};

constexpr statement write_messages{
    "outbound_write_messages",
    "INSERT INTO outbound_messages AS m "
    "  (subscription, position, source, subject, attempts, due_at, dead_at, last_error) "
    "SELECT $1, p, s, j, a, clock_timestamp() + d * interval '1 millisecond', "
    "  CASE WHEN x THEN clock_timestamp() END, e "
    "FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[], "
    "$8::text[]) "
    "  AS u (p, s, j, a, d, x, e) "
    "ON CONFLICT (subscription, position) DO UPDATE SET attempts = excluded.attempts, "
    "  due_at = excluded.due_at, dead_at = excluded.dead_at, last_error = excluded.last_error"};

constexpr statement drop_delivered{
    "outbound_drop_delivered",
    "DELETE FROM outbound_messages WHERE subscription = $1 AND position = ANY ($2::bigint[])"};

/// In the order of their ends, which their ids then tell. What was answered to an event whose person has been
/// erased meanwhile is not kept: it may repeat the event.
constexpr statement add_attempts{
    "outbound_add_attempts",
    "INSERT INTO outbound_attempts (subscription, position, attempt, at, duration_ms, status, error, "
    "response) "
    "SELECT $1, p, a, t, d, s, CASE WHEN x THEN '' ELSE e END, CASE WHEN x THEN '' ELSE r END FROM "
    "unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], "
    "  $6::bigint[], $7::text[], $8::bytea[]) WITH ORDINALITY AS u (p, a, t, d, s, e, r, n) "
    "CROSS JOIN LATERAL (SELECT (SELECT erasures FROM feed_head) > 0 AND EXISTS ("
    "  SELECT FROM events v WHERE v.position = u.p AND v.type = 'erased') AS x) gone ORDER BY n"};

constexpr statement stop_named{
    "outbound_stop",
    "UPDATE subscriptions SET state = $3, state_reason = $4, state_at = now(), generation = generation + 1 "
    "WHERE name = $1 AND generation = $2::bigint AND state = 'active' AND created_at = $5::timestamptz"};

constexpr statement announce{
    "announce",
    "INSERT INTO announcements (id, type, source, subject, happened_at, data) "
    "VALUES ($1::uuid, $2, $3, $4, $5::timestamptz, $6) ON CONFLICT (id) DO NOTHING"};

constexpr statement expire_attempts_older{
    "outbound_expire_attempts",
    "DELETE FROM outbound_attempts WHERE id IN "
    "(SELECT id FROM outbound_attempts WHERE at < $1::timestamptz ORDER BY at LIMIT $2::bigint)"};

void write_undelivered(
    session& db, pqxx::work& tx, const std::string& subscription, const std::vector<waiting_message>& rows
) {
    if (rows.empty()) return;
    std::vector<std::int64_t> positions, attempts, due;
    std::vector<std::string> sources, subjects, dead, errors;
    for (const auto& m : rows) {
        positions.push_back(m.position);
        sources.push_back(m.source);
        subjects.push_back(m.subject);
        attempts.push_back(m.attempts);
        due.push_back(m.due_in.count());
        dead.emplace_back(m.dead ? "t" : "f");
        errors.push_back(m.last_error);
    }
    db.exec(
        tx,
        write_messages,
        subscription,
        array_of(positions),
        array_of(sources),
        array_of(subjects),
        array_of(attempts),
        array_of(due),
        array_of(dead),
        array_of(errors)
    );
}

void write_attempts(
    session& db, pqxx::work& tx, const std::string& subscription, const std::vector<outbound_attempt>& all
) {
    if (all.empty()) return;
    std::array<array_literal, 7> columns;
    for (const auto& a : all) {
        columns[0].add(std::string_view{std::to_string(a.position)});
        columns[1].add(std::string_view{std::to_string(a.attempt)});
        columns[2].add(std::string_view{to_rfc3339(a.at)});
        columns[3].add(std::string_view{std::to_string(a.duration.count())});
        columns[4].add(text_of(a.status));
        columns[5].add(std::string_view{a.error});
        columns[6].add(std::string_view{to_bytea(a.response)});
    }
    db.exec(
        tx,
        add_attempts,
        subscription,
        columns[0].take(),
        columns[1].take(),
        columns[2].take(),
        columns[3].take(),
        columns[4].take(),
        columns[5].take(),
        columns[6].take()
    );
}

}  // namespace

std::vector<active_subscription> feed_store::active_subscriptions() {
    return impl_->db.transact("active subscriptions", [&](pqxx::work& tx) {
        auto& db = impl_->db;
        std::map<std::string, std::vector<secret>> secrets;
        for (const auto& row : db.exec(tx, list_live_secrets))
            secrets[row[0].c_str()].emplace_back(std::string{row[1].c_str()});
        std::vector<active_subscription> out;
        for (const auto& row : db.exec(tx, list_active)) {
            active_subscription one;
            one.what = read_draft(row);
            one.generation = row[11].as<std::int64_t>();
            one.epoch = row[12].c_str();
            one.position = row[13].as<std::int64_t>();
            one.failing_since = optional_time(row[14]);
            one.created_at = time_of(row[15]);
            one.secrets = std::move(secrets[one.what.name]);
            out.push_back(std::move(one));
        }
        return out;
    });
}

std::vector<waiting_message> feed_store::waiting_messages(const std::string& name, std::size_t limit) {
    return impl_->db.run("waiting messages", [&](pqxx::nontransaction& tx) {
        std::vector<waiting_message> out;
        for (const auto& row : impl_->db.exec(tx, list_waiting, name, std::to_string(limit))) {
            out.push_back(
                {row[0].as<std::int64_t>(),
                 row[1].c_str(),
                 row[2].c_str(),
                 row[3].as<std::int64_t>(),
                 std::chrono::milliseconds{row[4].as<std::int64_t>()},
                 row[5].c_str()}
            );
        }
        return out;
    });
}

std::optional<std::int64_t> feed_store::settle(
    const outbound_claim& claim, const outbound_progress& progress
) {
    return impl_->db.transact("settle", [&](pqxx::work& tx) -> std::optional<std::int64_t> {
        auto& db = impl_->db;
        const auto& name = claim.subscription;
        if (db.exec(tx, hold_lease, claim.lease, to_string(claim.owner)).empty()) return {};
        const auto moved = db.exec(
            tx,
            move_on,
            name,
            claim.epoch,
            std::to_string(progress.from),
            std::to_string(progress.position),
            text_of(progress.failing_since),
            to_rfc3339(claim.created_at),
            std::to_string(claim.generation)
        );
        if (moved.empty()) return {};
        write_undelivered(db, tx, name, progress.undelivered);
        if (!progress.delivered.empty()) db.exec(tx, drop_delivered, name, array_of(progress.delivered));
        write_attempts(db, tx, name, progress.attempts);
        return moved[0][0].as<std::int64_t>();
    });
}

bool feed_store::stop_subscription(const outbound_claim& claim, const outbound_stop& why) {
    return impl_->db.transact("stop subscription", [&](pqxx::work& tx) {
        auto& db = impl_->db;
        if (db.exec(tx, hold_lease, claim.lease, to_string(claim.owner)).empty()) return false;
        const auto stopped = db.exec(
            tx,
            stop_named,
            claim.subscription,
            std::to_string(claim.generation),
            std::string{to_string(why.state)},
            why.reason,
            to_rfc3339(claim.created_at)
        );
        if (stopped.affected_rows() == 0) return false;
        const auto& a = why.told;
        db.exec(
            tx, announce, to_string(a.id), a.type, a.source, a.subject, to_rfc3339(a.happened_at), a.data
        );
        return true;
    });
}

std::size_t feed_store::expire_attempts(utc_time before, std::size_t limit) {
    return impl_->db.run("expire attempts", [&](pqxx::nontransaction& tx) {
        const auto gone =
            impl_->db.exec(tx, expire_attempts_older, to_rfc3339(before), std::to_string(limit));
        return static_cast<std::size_t>(gone.affected_rows());
    });
}

}  // namespace callhook::store
