#include "store/feed_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

/// What `read_row` reads, of the rows of `relation`. What lies before the floor, and what was read in another
/// epoch, is not there any more: the log begins at its floor.
#define CALLHOOK_SUBSCRIPTIONS(relation)                                                                    \
    "SELECT s.name, s.origin, s.url, s.mode, s.types, s.sources, s.subjects, s.widgets, s.timeout_ms, "     \
    "  coalesce(s.schedule_ms, '{}'), s.pause_after_ms, s.state, s.state_reason, s.state_at, "              \
    "  s.failing_since, s.epoch, s.position, s.generation, s.created_at, "                                  \
    "  greatest(h.position - p.after, 0), coalesce(("                                                       \
    "    SELECT greatest(extract(epoch FROM clock_timestamp() - e.recorded_at) * 1000, 0)::bigint "         \
    "    FROM events e WHERE e.position > p.after ORDER BY e.position LIMIT 1), 0), "                       \
    "  (SELECT count(*) FROM outbound_messages m WHERE m.subscription = s.name AND m.dead_at IS NULL), "    \
    "  (SELECT count(*) FROM outbound_messages m WHERE m.subscription = s.name AND m.dead_at IS NOT NULL) " \
    "FROM " relation                                                                                        \
    " s CROSS JOIN feed_head h CROSS JOIN LATERAL ("                                                        \
    "  SELECT CASE WHEN s.epoch = h.epoch THEN greatest(s.position, h.floor) ELSE h.floor END AS after) p "

constexpr statement read_subscription_named{
    "read_subscription", CALLHOOK_SUBSCRIPTIONS("subscriptions") "WHERE s.name = $1"};

constexpr statement list_subscriptions_named{
    "list_subscriptions", CALLHOOK_SUBSCRIPTIONS("subscriptions") "ORDER BY s.name"};

/// A row that the statement itself has made is the only one without an xmax.
constexpr statement put_subscription_named{
    "put_subscription",
    "INSERT INTO subscriptions AS s (name, origin, url, mode, types, sources, subjects, widgets, timeout_ms, "
    "  schedule_ms, pause_after_ms, epoch, position) "
    "SELECT $1, $2, $3, $4, $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint, $10::bigint[], "
    "  $11::bigint, $12, $13::bigint "
    "WHERE $2 <> 'api' OR EXISTS (SELECT FROM subscriptions WHERE name = $1) "
    "  OR (SELECT count(*) FROM subscriptions WHERE origin = 'api') < $14::bigint "
    "ON CONFLICT (name) DO UPDATE SET origin = excluded.origin, url = excluded.url, mode = excluded.mode, "
    "  types = excluded.types, sources = excluded.sources, subjects = excluded.subjects, "
    "  widgets = excluded.widgets, timeout_ms = excluded.timeout_ms, schedule_ms = excluded.schedule_ms, "
    "  pause_after_ms = excluded.pause_after_ms, "
    "  generation = s.generation + CASE WHEN (s.origin, s.url, s.mode, s.types, s.sources, s.subjects, "
    "    s.widgets, s.timeout_ms, s.schedule_ms, s.pause_after_ms) IS DISTINCT FROM (excluded.origin, "
    "    excluded.url, excluded.mode, excluded.types, excluded.sources, excluded.subjects, excluded.widgets, "
    "    excluded.timeout_ms, excluded.schedule_ms, excluded.pause_after_ms) THEN 1 ELSE 0 END "
    "WHERE excluded.origin = 'config' OR s.origin = excluded.origin "
    "RETURNING xmax = 0"};

constexpr statement add_secret{
    "add_subscription_secret",
    "INSERT INTO subscription_secrets (subscription, secret) VALUES ($1, $2) "
    "ON CONFLICT (subscription, secret) DO NOTHING"};

constexpr statement has_secret{
    "has_subscription_secret", "SELECT FROM subscription_secrets WHERE subscription = $1 AND secret = $2"};

constexpr statement drop_secrets{
    "drop_subscription_secrets", "DELETE FROM subscription_secrets WHERE subscription = $1"};

constexpr statement remove_subscription_named{
    "remove_subscription", "DELETE FROM subscriptions WHERE name = $1"};

constexpr statement pause_subscription_named{
    "pause_subscription",
    "UPDATE subscriptions SET state = 'paused', state_reason = $2, state_at = now(), "
    "  generation = generation + 1 WHERE name = $1 AND state = 'active'"};

constexpr statement resume_subscription_named{
    "resume_subscription",
    "UPDATE subscriptions SET state = 'active', state_reason = '', state_at = now(), failing_since = NULL, "
    "  generation = generation + 1 WHERE name = $1 AND state <> 'active'"};

constexpr statement all_due{
    "outbound_all_due",
    "UPDATE outbound_messages SET due_at = now() "
    "WHERE subscription = $1 AND dead_at IS NULL AND due_at > now()"};

constexpr statement reset_subscription_named{
    "reset_subscription",
    "UPDATE subscriptions SET epoch = $2, position = $3::bigint, generation = generation + 1, "
    "  reset_generation = generation + 1 WHERE name = $1"};

constexpr statement drop_messages{
    "outbound_drop_messages",
    "DELETE FROM outbound_messages WHERE subscription = $1 AND (dead_at IS NULL OR position > $2::bigint)"};

/// Locks the row before anything that belongs to it, as everybody does.
constexpr statement touch_subscription{
    "touch_subscription", "UPDATE subscriptions SET generation = generation + 1 WHERE name = $1"};

constexpr statement touch_subscription_of_api{
    "touch_subscription_of_api",
    "UPDATE subscriptions SET generation = generation + 1 WHERE name = $1 AND origin = 'api'"};

constexpr statement end_older_secrets{
    "end_older_secrets",
    "DELETE FROM subscription_secrets "
    "WHERE subscription = $1 AND secret <> $2 AND (expires_at IS NOT NULL OR $3::bigint = 0)"};

constexpr statement end_secret_later{
    "end_secret_later",
    "UPDATE subscription_secrets SET expires_at = now() + $3::bigint * interval '1 second' "
    "WHERE subscription = $1 AND secret <> $2"};

constexpr statement redrive_named{
    "outbound_redrive",
    "UPDATE outbound_messages SET dead_at = NULL, due_at = now(), attempts = 0 "
    "WHERE subscription = $1 AND dead_at IS NOT NULL AND position BETWEEN $2::bigint AND $3::bigint"};

#define CALLHOOK_ATTEMPTS \
    "SELECT id, position, attempt, at, duration_ms, status, error, response FROM outbound_attempts "

constexpr statement attempts_of_all{
    "outbound_attempts_of_all",
    CALLHOOK_ATTEMPTS
    "WHERE subscription = $1 AND id < coalesce($2::bigint, 9223372036854775807) "
    "ORDER BY id DESC LIMIT $3::bigint"};

constexpr statement attempts_of_one{
    "outbound_attempts_of_one",
    CALLHOOK_ATTEMPTS
    "WHERE subscription = $1 AND id < coalesce($2::bigint, 9223372036854775807) "
    "AND position = $4::bigint ORDER BY id DESC LIMIT $3::bigint"};

constexpr statement list_dead_named{
    "outbound_dead",
    "SELECT position, source, subject, attempts, dead_at, last_error FROM outbound_messages "
    "WHERE subscription = $1 AND dead_at IS NOT NULL AND position > $2::bigint "
    "ORDER BY position LIMIT $3::bigint"};

std::optional<std::chrono::milliseconds> optional_duration(const pqxx::field& field) {
    const auto count = optional_of<std::int64_t>(field);
    return count ? std::optional{std::chrono::milliseconds{*count}} : std::nullopt;
}

parameter text_of(const std::optional<std::chrono::milliseconds>& time) {
    return time ? parameter{std::to_string(time->count())} : parameter{};
}

parameter schedule_text(const std::vector<std::chrono::milliseconds>& schedule) {
    if (schedule.empty()) return {};
    std::vector<std::int64_t> counts;
    for (const auto time : schedule)
        counts.push_back(time.count());
    return array_of(counts);
}

subscription_state state_of(std::string_view text) {
    if (text == "active") return subscription_state::active;
    return text == "paused" ? subscription_state::paused : subscription_state::disabled;
}

subscription read_row(const pqxx::row& row) {
    subscription out;
    out.what = read_draft(row);
    out.state = state_of(row[11].c_str());
    out.state_reason = row[12].c_str();
    out.state_at = time_of(row[13]);
    out.failing_since = optional_time(row[14]);
    out.epoch = row[15].c_str();
    out.position = row[16].as<std::int64_t>();
    out.generation = row[17].as<std::int64_t>();
    out.created_at = time_of(row[18]);
    out.lag_events = row[19].as<std::int64_t>();
    out.lag = std::chrono::milliseconds{row[20].as<std::int64_t>()};
    out.waiting = row[21].as<std::int64_t>();
    out.dead = row[22].as<std::int64_t>();
    return out;
}

std::optional<subscription> read_named(session& db, pqxx::transaction_base& tx, const std::string& name) {
    const auto rows = db.exec(tx, read_subscription_named, name);
    if (rows.empty()) return {};
    return read_row(rows[0]);
}

}  // namespace

subscription_draft read_draft(const pqxx::row& row) {
    subscription_draft what;
    what.name = row[0].c_str();
    what.origin =
        std::string_view{row[1].c_str()} == "config" ? subscription_origin::config : subscription_origin::api;
    what.url = row[2].c_str();
    what.mode = row[3].c_str();
    what.filter = {texts_of(row[4]), texts_of(row[5]), texts_of(row[6]), integers_of(row[7])};
    what.timeout = optional_duration(row[8]);
    for (const auto count : integers_of(row[9]))
        what.schedule.emplace_back(count);
    what.pause_after = optional_duration(row[10]);
    return what;
}

std::string_view to_string(subscription_origin origin) noexcept {
    return origin == subscription_origin::config ? "config" : "api";
}

std::string_view to_string(subscription_state state) noexcept {
    if (state == subscription_state::active) return "active";
    return state == subscription_state::paused ? "paused" : "disabled";
}

result<made_subscription> feed_store::put_subscription(
    const subscription_draft& draft, const secret& signing, const std::string& epoch, std::int64_t position
) {
    return impl_->db.transact("put subscription", [&](pqxx::work& tx) -> result<made_subscription> {
        auto& db = impl_->db;
        const auto put = db.exec(
            tx,
            put_subscription_named,
            draft.name,
            std::string{to_string(draft.origin)},
            draft.url,
            draft.mode,
            array_of(draft.filter.types),
            array_of(draft.filter.sources),
            array_of(draft.filter.subjects),
            array_of(draft.filter.widgets),
            text_of(draft.timeout),
            schedule_text(draft.schedule),
            text_of(draft.pause_after),
            epoch,
            std::to_string(position),
            std::to_string(most_subscriptions)
        );
        auto row = read_named(db, tx, draft.name);
        if (put.empty() && row)
            return error{errc::conflict, "the configuration file has made the subscription of this name", ""};
        if (put.empty() || !row)
            return error{errc::conflict, "there are as many subscriptions as there may be; remove one", ""};
        if (draft.origin == subscription_origin::config) db.exec(tx, drop_secrets, draft.name);
        bool made = put[0][0].as<bool>();
        if (made && !signing.empty()) db.exec(tx, add_secret, draft.name, signing.reveal());
        // Said twice because the first commit was in doubt: nobody else can have drawn this secret.
        made = made || (!signing.empty() && !db.exec(tx, has_secret, draft.name, signing.reveal()).empty());
        return made_subscription{std::move(*row), made};
    });
}

std::optional<subscription> feed_store::read_subscription(const std::string& name) {
    return impl_->db.run("read subscription", [&](pqxx::nontransaction& tx) {
        return read_named(impl_->db, tx, name);
    });
}

std::vector<subscription> feed_store::list_subscriptions() {
    return impl_->db.run("list subscriptions", [&](pqxx::nontransaction& tx) {
        std::vector<subscription> out;
        for (const auto& row : impl_->db.exec(tx, list_subscriptions_named))
            out.push_back(read_row(row));
        return out;
    });
}

bool feed_store::remove_subscription(const std::string& name) {
    return impl_->db.run("remove subscription", [&](pqxx::nontransaction& tx) {
        return impl_->db.exec(tx, remove_subscription_named, name).affected_rows() > 0;
    });
}

std::optional<subscription> feed_store::pause_subscription(
    const std::string& name, const std::string& reason
) {
    return impl_->db.transact("pause subscription", [&](pqxx::work& tx) {
        impl_->db.exec(tx, pause_subscription_named, name, reason);
        return read_named(impl_->db, tx, name);
    });
}

std::optional<subscription> feed_store::resume_subscription(const std::string& name) {
    return impl_->db.transact("resume subscription", [&](pqxx::work& tx) {
        const auto resumed = impl_->db.exec(tx, resume_subscription_named, name);
        if (resumed.affected_rows() > 0) impl_->db.exec(tx, all_due, name);
        return read_named(impl_->db, tx, name);
    });
}

std::optional<subscription> feed_store::reset_subscription(
    const std::string& name, const std::string& epoch, std::int64_t position
) {
    return impl_->db.transact("reset subscription", [&](pqxx::work& tx) {
        const auto place = std::to_string(position);
        impl_->db.exec(tx, reset_subscription_named, name, epoch, place);
        impl_->db.exec(tx, drop_messages, name, place);
        return read_named(impl_->db, tx, name);
    });
}

result<subscription> feed_store::rotate_secret(
    const std::string& name, const secret& signing, std::chrono::seconds overlap
) {
    return impl_->db.transact("rotate secret", [&](pqxx::work& tx) -> result<subscription> {
        auto& db = impl_->db;
        if (db.exec(tx, touch_subscription_of_api, name).affected_rows() == 0) {
            if (!read_named(db, tx, name))
                return error{errc::not_found, "there is no subscription of this name", ""};
            return error{errc::conflict, "the configuration file has the secrets of this subscription", ""};
        }
        // Said twice, it would end the new one too.
        if (db.exec(tx, add_secret, name, signing.reveal()).affected_rows() > 0) {
            const auto seconds = std::to_string(overlap.count());
            db.exec(tx, end_older_secrets, name, signing.reveal(), seconds);
            db.exec(tx, end_secret_later, name, signing.reveal(), seconds);
        }
        return read_named(db, tx, name).value();
    });
}

std::optional<std::int64_t> feed_store::redrive(const std::string& name, std::int64_t from, std::int64_t to) {
    return impl_->db.transact("redrive", [&](pqxx::work& tx) -> std::optional<std::int64_t> {
        auto& db = impl_->db;
        if (db.exec(tx, touch_subscription, name).affected_rows() == 0) return {};
        return db.exec(tx, redrive_named, name, std::to_string(from), std::to_string(to)).affected_rows();
    });
}

std::vector<outbound_attempt> feed_store::list_attempts(
    const std::string& name,
    std::optional<std::int64_t> position,
    std::optional<std::int64_t> before,
    std::size_t limit
) {
    return impl_->db.run("list attempts", [&](pqxx::nontransaction& tx) {
        auto& db = impl_->db;
        const auto older = store::text_of(before);
        const auto most = std::to_string(limit);
        std::vector<outbound_attempt> out;
        for (const auto& row :
             position ? db.exec(tx, attempts_of_one, name, older, most, std::to_string(*position))
                      : db.exec(tx, attempts_of_all, name, older, most)) {
            out.push_back(
                {row[0].as<std::int64_t>(),
                 row[1].as<std::int64_t>(),
                 row[2].as<std::int64_t>(),
                 time_of(row[3]),
                 std::chrono::milliseconds{row[4].as<std::int64_t>()},
                 optional_of<std::int64_t>(row[5]),
                 row[6].c_str(),
                 from_bytea(row[7].c_str())}
            );
        }
        return out;
    });
}

std::vector<dead_letter> feed_store::list_dead(
    const std::string& name, std::int64_t after, std::size_t limit
) {
    return impl_->db.run("list dead", [&](pqxx::nontransaction& tx) {
        std::vector<dead_letter> out;
        for (const auto& row :
             impl_->db.exec(tx, list_dead_named, name, std::to_string(after), std::to_string(limit))) {
            out.push_back(
                {row[0].as<std::int64_t>(),
                 row[1].c_str(),
                 row[2].c_str(),
                 row[3].as<std::int64_t>(),
                 time_of(row[4]),
                 row[5].c_str()}
            );
        }
        return out;
    });
}

}  // namespace callhook::store
