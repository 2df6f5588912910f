#pragma once

// Private to store/: the statements of the sequencer's transaction.

#include "store/session.hpp"

namespace callhook::store::sql {

inline constexpr statement lock_head{
    "lock_head", "SELECT epoch, position, floor, outcomes, recorded_at, erasures FROM feed_head FOR UPDATE"};

/// Whole group commits after $3, as many as reach $1 deliveries or $2 bytes: a row's running sum without
/// itself is below both.
inline constexpr statement choose_pending{
    "choose_pending",
    "SELECT seq, batch, first_id, last_id FROM ("
    "  SELECT *, sum(deliveries) OVER (ORDER BY seq) - deliveries AS before,"
    "    sum(bytes) OVER (ORDER BY seq) - bytes AS bytes_before"
    "  FROM (SELECT * FROM pending WHERE seq > $3::bigint ORDER BY seq LIMIT $1::bigint) p) q "
    "WHERE before < $1::bigint AND bytes_before < $2::bigint ORDER BY seq"};

inline constexpr statement read_deliveries{
    "read_deliveries",
    "SELECT d.id, d.source, d.origin, d.received_at, d.body, d.traceparent, p.n "
    "FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY AS p (batch, first_id, last_id, n) "
    "JOIN deliveries d ON d.id >= p.first_id AND d.id <= p.last_id AND d.batch = p.batch "
    "ORDER BY p.n, d.id"};

inline constexpr statement delete_pending{
    "delete_pending", "DELETE FROM pending WHERE seq = ANY ($1::bigint[])"};

inline constexpr statement read_calls{
    "read_calls",
    "SELECT c.source, c.id, c.phase, c.phone, c.widget_id, c.created_at, c.at, c.due_at, c.overdue_at, "
    "c.facts, c.record FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "JOIN calls c ON c.source = k.source AND c.id = k.id"};

inline constexpr statement read_call_states{
    "read_call_states",
    "SELECT c.source, c.id, c.phase, c.phone, c.widget_id, c.created_at, c.at, c.due_at, c.overdue_at, "
    "c.facts FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "JOIN calls c ON c.source = k.source AND c.id = k.id"};

inline constexpr statement read_due_calls{
    "read_due_calls",
    "SELECT source, id, phase, phone, widget_id, created_at, at, due_at, overdue_at, facts FROM calls WHERE "
    "due_at <= $1::timestamptz ORDER BY due_at LIMIT $2::bigint"};

/// $10 and $11 are sequences of texts, one a row as in the arrays.
inline constexpr statement update_calls{
    "update_calls",
    "UPDATE calls c SET phase = n.phase, phone = n.phone, widget_id = n.widget_id, created_at = "
    "n.created_at, "
    "at = n.at, due_at = n.due_at, overdue_at = n.overdue_at, record = n.record, facts = n.facts, "
    "provenance = '{}' "
    "FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], "
    "$7::timestamptz[], $8::timestamptz[], $9::timestamptz[], string_to_array($10, E'\\x1e'), "
    "string_to_array($11, E'\\x1e')) AS n (source, id, phase, phone, widget_id, created_at, at, due_at, "
    "overdue_at, record, facts) WHERE c.source = n.source AND c.id = n.id"};

inline constexpr statement forget_due{
    "forget_due",
    "UPDATE calls c SET due_at = NULL FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "WHERE c.source = k.source AND c.id = k.id"};

inline constexpr statement read_messages_like{
    "read_messages_like",
    "SELECT id, source, content_hash, received_at, phone, widget_id, linked_call, call_id, fact, record "
    "FROM messages WHERE source = $1 AND content_hash = $2::bytea ORDER BY received_at, id"};

inline constexpr statement read_messages_of{
    "read_messages_of",
    "SELECT m.id, m.source, m.content_hash, m.received_at, m.phone, m.widget_id, m.linked_call, m.call_id, "
    "m.fact, m.record "
    "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS v (source, phone, widget_id) "
    "JOIN messages m ON m.source = v.source AND m.phone = v.phone AND m.widget_id = v.widget_id "
    "WHERE m.phone IS NOT NULL AND m.linked_call IS NULL ORDER BY m.id"};

inline constexpr statement read_calls_of{
    "read_calls_of",
    "SELECT c.source, c.id, c.phone, c.widget_id, c.created_at "
    "FROM unnest($1::text[], $2::text[], $3::bigint[]) AS v (source, phone, widget_id) "
    "JOIN calls c ON c.phone = v.phone AND c.source = v.source AND c.widget_id = v.widget_id "
    "WHERE c.phone IS NOT NULL AND c.created_at IS NOT NULL"};

inline constexpr statement upsert_messages{
    "upsert_messages",
    "INSERT INTO messages (id, source, content_hash, received_at, phone, widget_id, linked_call, call_id, "
    "fact, record) "
    "SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::timestamptz[], $5::text[], $6::bigint[], "
    "$7::bigint[], "
    "$8::bigint[], $9::text[], $10::text[]) "
    "ON CONFLICT (id) DO UPDATE SET call_id = excluded.call_id, record = excluded.record, fact = "
    "excluded.fact, "
    "phone = excluded.phone, widget_id = excluded.widget_id, linked_call = excluded.linked_call, "
    "content_hash = excluded.content_hash"};

/// $4: whether there is something to read.
inline constexpr statement write_head{
    "write_head",
    "WITH head AS (UPDATE feed_head SET position = $1::bigint, outcomes = $2::bigint, "
    "recorded_at = $3::timestamptz RETURNING epoch, position) "
    "SELECT pg_notify('callhook_feed', epoch || '.' || position) FROM head WHERE $4::boolean"};

inline constexpr statement read_backlog{
    "read_backlog",
    "SELECT (SELECT coalesce(sum(deliveries), 0) FROM pending), "
    "EXISTS (SELECT FROM calls WHERE due_at <= $1::timestamptz), "
    "EXISTS (SELECT FROM gaps WHERE position IS NULL), EXISTS (SELECT FROM announcements), "
    "(SELECT first_id FROM pending ORDER BY seq LIMIT 1)"};

inline constexpr statement read_untold_gaps{
    "read_untold_gaps",
    "SELECT g.id, g.source, g.found_at, g.found_by, g.from_at, g.to_at, k.call_id, k.event "
    "FROM (SELECT * FROM gaps WHERE position IS NULL ORDER BY id LIMIT $1::bigint) g "
    "LEFT JOIN gap_calls k ON k.gap = g.id ORDER BY g.id, k.call_id, k.event"};

inline constexpr statement mark_gap_told{
    "mark_gap_told", "UPDATE gaps SET position = $2::bigint WHERE id = $1::uuid"};

/// Sorted, since RETURNING is not.
inline constexpr statement take_announcements{
    "take_announcements",
    "WITH taken AS (DELETE FROM announcements WHERE id IN "
    "  (SELECT id FROM announcements ORDER BY id LIMIT $1::bigint) RETURNING *) "
    "SELECT id, type, source, subject, happened_at, data FROM taken ORDER BY id"};

inline constexpr statement try_lead{
    "try_lead", "SELECT pg_try_advisory_lock(hashtext('callhook.sequencer'))"};

inline constexpr statement ensure_partitions{"ensure_partitions", "SELECT ensure_partitions(3)"};

}  // namespace callhook::store::sql
