#include "store/audit.hpp"

#include "store/session.hpp"

#include <algorithm>

namespace callhook::store {

namespace {

struct query {
    const char* name;
    const char* sql;
};

constexpr query totals[] = {
    {"deliveries", "SELECT count(*) FROM deliveries"},
    {"applied", "SELECT count(*) FROM outcomes WHERE result = 'applied'"},
    {"duplicate", "SELECT count(*) FROM outcomes WHERE result = 'duplicate'"},
    {"quarantined", "SELECT count(*) FROM outcomes WHERE result = 'quarantined'"},
    {"erased", "SELECT count(*) FROM outcomes WHERE result = 'erased'"},
    {"pending", "SELECT coalesce(sum(deliveries), 0) FROM pending"},
    {"calls", "SELECT count(*) FROM calls"},
    {"messages", "SELECT count(*) FROM messages"},
    {"events", "SELECT count(*) FROM events"},
    {"feed position", "SELECT position FROM feed_head"},
    {"expired events", "SELECT floor FROM feed_head"},
    {"final calls", "SELECT count(*) FROM calls WHERE final_at IS NOT NULL"},
    {"final messages", "SELECT count(*) FROM messages WHERE final_at IS NOT NULL"},
    {"dead jobs", "SELECT count(*) FROM jobs WHERE dead_at IS NOT NULL"},
};

/// Each counts what is wrong.
constexpr query checks[] = {
    {"deliveries = applied + duplicate + quarantined + erased + pending",
     "SELECT abs((SELECT count(*) FROM deliveries) - (SELECT count(*) FROM outcomes) - "
     "(SELECT coalesce(sum(deliveries), 0) FROM pending))"},
    {"every delivery is decided or pending",
     "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT FROM outcomes o WHERE o.delivery_id = d.id) "
     "AND NOT EXISTS (SELECT FROM pending p WHERE p.batch = d.batch AND d.id BETWEEN p.first_id AND "
     "p.last_id)"},
    {"no delivery is both decided and pending",
     "SELECT count(*) FROM pending p JOIN deliveries d ON d.batch = p.batch AND d.id BETWEEN p.first_id AND "
     "p.last_id "
     "JOIN outcomes o ON o.delivery_id = d.id"},
    {"every outcome has its delivery",
     "SELECT count(*) FROM outcomes o WHERE NOT EXISTS (SELECT FROM deliveries d WHERE d.id = "
     "o.delivery_id)"},
    {"outcomes are numbered once each, up to the head",
     "SELECT (SELECT count(*) - count(DISTINCT seq) FROM outcomes) + "
     "(SELECT count(*) FROM outcomes, feed_head h WHERE seq > h.outcomes OR seq < 1)"},
    {"every applied delivery has an event, or it has expired",
     "SELECT count(*) FROM outcomes o, feed_head h WHERE o.result = 'applied' AND o.seq > h.outcomes_floor "
     "AND NOT EXISTS (SELECT FROM events e WHERE e.delivery_id = o.delivery_id)"},
    {"every event's delivery was applied, or has expired",
     "SELECT count(*) FROM events e, feed_head h WHERE e.delivery_id IS NOT NULL AND e.type <> 'erased' "
     "AND NOT EXISTS (SELECT FROM outcomes o WHERE o.delivery_id = e.delivery_id AND o.result = 'applied') "
     "AND NOT (e.delivery_id <= h.deliveries_floor "
     "  AND NOT EXISTS (SELECT FROM outcomes o WHERE o.delivery_id = e.delivery_id))"},
    {"feed positions run without holes to the head",
     "SELECT abs((SELECT count(*) FROM events) - (h.position - h.floor)) + "
     "(SELECT count(*) - count(DISTINCT position) FROM events) + "
     "(SELECT count(*) FROM events WHERE position <= h.floor OR position > h.position) FROM feed_head h"},
    {"every decided call has its record",
     "SELECT count(*) FROM outcomes o WHERE o.call_id IS NOT NULL AND o.result <> 'erased' "
     "AND NOT EXISTS (SELECT FROM calls c WHERE c.source = o.source AND c.id = o.call_id)"},
    {"every record that is not final has a delivery",
     "SELECT count(*) FROM calls c WHERE c.final_at IS NULL AND NOT EXISTS (SELECT FROM outcomes o WHERE "
     "o.source = c.source AND "
     "o.call_id = c.id AND o.result <> 'erased')"},
    {"every decided message has its record",
     "SELECT count(*) FROM outcomes o WHERE o.message_id IS NOT NULL AND o.result <> 'erased' "
     "AND NOT EXISTS (SELECT FROM messages m WHERE m.id = o.message_id)"},
    {"every erased delivery is empty",
     "SELECT count(*) FROM outcomes o JOIN deliveries d ON d.id = o.delivery_id WHERE o.result = 'erased' "
     "AND (octet_length(d.body) > 0 OR d.remote_addr IS NOT NULL OR d.content_type IS NOT NULL "
     "OR d.traceparent IS NOT NULL)"},
    {"every erased event is empty, and no other",
     "SELECT count(*) FROM events WHERE (type = 'erased') <> (event = '')"},
    {"no erased call has come back",
     "SELECT count(*) FROM erased_calls e JOIN calls c ON c.source = e.source AND c.id = e.call_id"},
    {"every message that is not final has its delivery",
     "SELECT count(*) FROM messages m WHERE m.final_at IS NULL "
     "AND NOT EXISTS (SELECT FROM outcomes o WHERE o.delivery_id = m.id)"},
    // Events below the floor have expired.
    {"every told gap report has its event",
     "SELECT count(*) FROM gaps g, feed_head h WHERE g.position > h.floor "
     "AND NOT EXISTS (SELECT FROM events e WHERE e.position = g.position AND e.type = 'gap.found')"},
    {"every gap report counts its calls",
     "SELECT count(*) FROM gaps g "
     "WHERE g.calls <> (SELECT count(DISTINCT k.call_id) FROM gap_calls k WHERE k.gap = g.id)"},
};

}  // namespace

bool audit_report::balanced() const {
    return std::all_of(checks.begin(), checks.end(), [](const auto& c) { return c.violations == 0; });
}

audit_report audit(const settings& where) {
    session db{with_patience(where), "audit"};
    return db.transact("audit", [&](pqxx::work& tx) {
        tx.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        audit_report report;
        for (const auto& [name, sql] : totals) {
            report.totals.push_back({name, tx.exec(sql)[0][0].as<std::int64_t>()});
        }
        for (const auto& [name, sql] : checks) {
            report.checks.push_back({name, tx.exec(sql)[0][0].as<std::int64_t>()});
        }
        return report;
    });
}

}  // namespace callhook::store
