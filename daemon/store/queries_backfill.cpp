#include "base/time_text.hpp"
#include "store/queries_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

/// The webhook that was missed, should it have come after all.
#define CALLHOOK_CAME                                                                          \
    "FROM outcomes o JOIN deliveries d ON d.id = o.delivery_id WHERE o.source = k.source AND " \
    "o.call_id = k.call_id AND o.event = k.event AND d.origin = 'webhook'"

#define CALLHOOK_WITH_EVENTS(chosen)                                                                   \
    "SELECT g.id, g.source, g.found_at, g.found_by, g.from_at, g.to_at, g.calls, k.event, k.missing, " \
    "k.late FROM (" chosen                                                                             \
    ") g JOIN LATERAL ("                                                                               \
    "  SELECT k.event, count(*) AS missing, "                                                          \
    "    count(*) FILTER (WHERE EXISTS (SELECT " CALLHOOK_CAME                                         \
    ")) AS late FROM gap_calls k WHERE k.gap = g.id GROUP BY k.event) k ON true "                      \
    "ORDER BY g.id DESC, k.event"

constexpr statement read_gaps{
    "read_gaps",
    CALLHOOK_WITH_EVENTS("SELECT * FROM gaps WHERE ($1::text IS NULL OR source = $1::text) AND ($2::uuid IS "
                         "NULL OR id < $2::uuid) ORDER BY id DESC LIMIT $3::bigint")};

constexpr statement read_gap{"read_gap", CALLHOOK_WITH_EVENTS("SELECT * FROM gaps WHERE id = $1::uuid")};

constexpr statement read_gap_calls{
    "read_gap_calls",
    "SELECT k.call_id, k.event, c.phase, (SELECT min(d.received_at) " CALLHOOK_CAME
    ") FROM gap_calls k LEFT JOIN calls c ON c.source = k.source AND c.id = k.call_id "
    "WHERE k.gap = $1::uuid ORDER BY k.call_id, k.event"};

/// Asked of the records again: a webhook may have come since the last listing.
constexpr statement read_silent_widgets{
    "read_silent_widgets",
    "SELECT w.source, w.id, w.name, w.url, w.enabled, "
    "  (SELECT count(*) FROM calls c WHERE c.source = w.source AND c.widget_id = w.id) "
    "FROM widgets w WHERE w.enabled AND w.first_webhook_at IS NULL "
    "AND w.listed_at = (SELECT max(x.listed_at) FROM widgets x WHERE x.source = w.source) "
    "AND NOT EXISTS (SELECT FROM calls c WHERE c.source = w.source AND c.widget_id = w.id AND c.by_webhook) "
    "AND NOT EXISTS (SELECT FROM messages m WHERE m.source = w.source AND m.widget_id = w.id) "
    "ORDER BY w.source, w.id"};

constexpr statement read_jobs{
    "read_jobs",
    "SELECT " CALLHOOK_JOB_COLUMNS
    " FROM jobs WHERE $1::boolean IS NOT TRUE OR dead_at IS NOT NULL "
    "ORDER BY dead_at IS NULL, due_at, id LIMIT $2::bigint"};

/// In the order in which planning locks them.
constexpr statement revive_jobs{
    "revive_jobs",
    "WITH dead AS MATERIALIZED ("
    "  SELECT id FROM jobs WHERE dead_at IS NOT NULL AND ($1::bigint[] IS NULL OR id = ANY ($1::bigint[])) "
    "  ORDER BY source, kind, call_id FOR UPDATE) "
    "UPDATE jobs SET due_at = $2::timestamptz, attempts = 0, dead_at = NULL, generation = generation + 1 "
    "WHERE id IN (SELECT id FROM dead)"};

/// One row an event of each report.
std::vector<listed_gap> read_listed(const pqxx::result& rows) {
    std::vector<listed_gap> out;
    for (const auto& row : rows) {
        const auto id = uuid_of(row[0]);
        if (out.empty() || out.back().id != id) {
            auto& gap = out.emplace_back();
            gap.id = id;
            gap.source = row[1].c_str();
            gap.found_at = time_of(row[2]);
            gap.found_by = row[3].c_str();
            gap.from = time_of(row[4]);
            gap.to = time_of(row[5]);
            gap.calls = row[6].as<std::int64_t>();
        }
        out.back().events.emplace_back(row[7].c_str(), row[8].as<std::int64_t>());
        out.back().came_late += row[9].as<std::int64_t>();
    }
    return out;
}

}  // namespace

std::vector<listed_gap> queries::gaps(
    const std::optional<std::string>& source, const std::optional<uuid>& before, std::size_t limit
) {
    return impl_->db.run("list gaps", [&](pqxx::nontransaction& tx) {
        return read_listed(impl_->db.exec(tx, read_gaps, source, text_of(before), std::to_string(limit)));
    });
}

std::optional<listed_gap> queries::gap(const uuid& id) {
    return impl_->db.run("show gap", [&](pqxx::nontransaction& tx) -> std::optional<listed_gap> {
        auto found = read_listed(impl_->db.exec(tx, read_gap, to_string(id)));
        if (found.empty()) return {};
        return std::move(found[0]);
    });
}

std::vector<gap_call> queries::gap_calls(const uuid& id) {
    return impl_->db.run("list gap calls", [&](pqxx::nontransaction& tx) {
        std::vector<gap_call> out;
        for (const auto& row : impl_->db.exec(tx, read_gap_calls, to_string(id))) {
            out.push_back({row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str(), optional_time(row[3])});
        }
        return out;
    });
}

std::vector<silent_widget> queries::silent_widgets() {
    return impl_->db.run("list silent widgets", [&](pqxx::nontransaction& tx) {
        std::vector<silent_widget> out;
        for (const auto& row : impl_->db.exec(tx, read_silent_widgets)) {
            out.push_back(
                {row[0].c_str(),
                 {row[1].as<std::int64_t>(), row[2].c_str(), row[3].c_str(), row[4].as<bool>()},
                 row[5].as<std::int64_t>()}
            );
        }
        return out;
    });
}

std::vector<job> queries::jobs(bool dead_only, std::size_t limit) {
    return impl_->db.run("list jobs", [&](pqxx::nontransaction& tx) {
        std::vector<job> out;
        for (const auto& row :
             impl_->db.exec(tx, read_jobs, dead_only ? "true" : "false", std::to_string(limit))) {
            out.push_back(read_job(row));
        }
        return out;
    });
}

std::size_t queries::retry_jobs(const std::vector<std::int64_t>& ids, utc_time now) {
    return impl_->db.run("retry jobs", [&](pqxx::nontransaction& tx) {
        const auto rows = impl_->db.exec(
            tx, revive_jobs, ids.empty() ? parameter{} : parameter{array_of(ids)}, to_rfc3339(now)
        );
        return static_cast<std::size_t>(rows.affected_rows());
    });
}

}  // namespace callhook::store
