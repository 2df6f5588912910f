#include "store/erasing.hpp"

#include "base/time_text.hpp"
#include "lifecycle/subject.hpp"
#include "store/row_reading.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace callhook::store {

namespace {

constexpr statement read_erasure_key{"read_erasure_key", "SELECT key FROM erasure_key"};

constexpr statement read_erased_calls{
    "read_erased_calls",
    "SELECT e.source, e.call_id, e.erasure FROM unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "JOIN erased_calls e ON e.source = k.source AND e.call_id = k.id"};

constexpr statement read_erased_people{
    "read_erased_people",
    "SELECT DISTINCT ON (identifier_hash) identifier_hash, id, erased_at FROM erasures "
    "WHERE identifier_hash = ANY ($1::bytea[]) ORDER BY identifier_hash, erased_at DESC"};

constexpr statement write_erasure{
    "write_erasure",
    "INSERT INTO erasures (id, kind, identifier_hash, erased_at, counts) "
    "VALUES ($1::uuid, $2, $3::bytea, $4::timestamptz, $5)"};

constexpr statement read_erasure{
    "read_erasure", "SELECT " CALLHOOK_ERASURE_COLUMNS " FROM erasures WHERE id = $1::uuid"};

constexpr statement count_erasure{"count_erasure", "UPDATE feed_head SET erasures = erasures + 1"};

/// What the deliveries are about, and which calls the messages link to.
constexpr statement read_erasure_calls{
    "read_erasure_calls",
    "SELECT source, call_id FROM outcomes WHERE delivery_id = ANY ($1::uuid[]) AND call_id IS NOT NULL "
    "UNION SELECT source, linked_call FROM messages WHERE linked_call IS NOT NULL AND (id = ANY ($2::uuid[]) "
    "  OR id IN (SELECT message_id FROM outcomes WHERE delivery_id = ANY ($1::uuid[]))) "
    "ORDER BY 1, 2"};

constexpr statement read_erasure_messages{
    "read_erasure_messages",
    "SELECT source, id FROM messages WHERE id = ANY ($1::uuid[]) "
    "  OR id IN (SELECT message_id FROM outcomes WHERE delivery_id = ANY ($2::uuid[])) "
    "UNION SELECT m.source, m.id FROM unnest($3::text[], $4::bigint[]) AS k (source, id) "
    "  JOIN messages m ON m.source = k.source AND (m.call_id = k.id OR m.linked_call = k.id) "
    "ORDER BY 1, 2"};

constexpr statement read_erasure_deliveries{
    "read_erasure_deliveries",
    "SELECT delivery_id, result FROM outcomes WHERE delivery_id = ANY ($1::uuid[]) AND result <> 'erased' "
    "UNION SELECT o.delivery_id, o.result FROM unnest($2::text[], $3::bigint[]) AS k (source, id) "
    "  JOIN outcomes o ON o.source = k.source AND o.call_id = k.id WHERE o.result <> 'erased' "
    "UNION SELECT o.delivery_id, o.result FROM unnest($4::text[], $5::uuid[]) AS m (source, id) "
    "  JOIN outcomes o ON o.source = m.source AND o.message_id = m.id WHERE o.result <> 'erased'"};

constexpr statement write_erased_calls{
    "write_erased_calls",
    "INSERT INTO erased_calls (source, call_id, erasure) "
    "SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[]) ON CONFLICT DO NOTHING"};

constexpr statement empty_deliveries{
    "empty_deliveries",
    "UPDATE deliveries SET body = '', remote_addr = NULL, content_type = NULL, traceparent = NULL "
    "WHERE id = ANY ($1::uuid[])"};

constexpr statement erase_outcomes{
    "erase_outcomes",
    "UPDATE outcomes SET result = 'erased', reason = NULL WHERE delivery_id = ANY ($1::uuid[])"};

constexpr statement erase_events{
    "erase_events",
    "UPDATE events e SET type = 'erased', event = '', widget_id = NULL "
    "FROM unnest($1::text[], $2::text[]) AS s (source, subject) "
    "WHERE e.source = s.source AND e.subject = s.subject AND e.type <> 'erased' RETURNING e.position"};

/// Whoever writes how a subscription's deliveries went has locked its row, and waits or is waited for.
constexpr statement lock_subscriptions{
    "lock_subscriptions", "SELECT 1 FROM subscriptions ORDER BY name FOR UPDATE"};

constexpr statement erase_outbound_messages{
    "erase_outbound_messages", "DELETE FROM outbound_messages WHERE position = ANY ($1::bigint[])"};

constexpr statement erase_outbound_attempts{
    "erase_outbound_attempts",
    "UPDATE outbound_attempts SET response = '', error = '' "
    "WHERE position = ANY ($1::bigint[]) AND (response <> '' OR error <> '')"};

constexpr statement erase_messages{"erase_messages", "DELETE FROM messages WHERE id = ANY ($1::uuid[])"};

constexpr statement erase_calls{
    "erase_calls",
    "DELETE FROM calls c USING unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "WHERE c.source = k.source AND c.id = k.id"};

constexpr statement erase_jobs{
    "erase_jobs",
    "DELETE FROM jobs j USING unnest($1::text[], $2::bigint[]) AS k (source, id) "
    "WHERE j.source = k.source AND j.kind = 'call' AND j.call_id = k.id"};

class access final : public erasure_access {
public:
    access(session& db, pqxx::work& tx) : db_{db}, tx_{tx} {}

    std::string key() override { return from_bytea(db_.exec(tx_, read_erasure_key)[0][0].c_str()); }

    std::map<lifecycle::call_key, uuid> calls(const std::vector<lifecycle::call_key>& keys) override {
        std::map<lifecycle::call_key, uuid> out;
        if (keys.empty()) return out;
        const auto [sources, ids] = arrays_of(keys);
        for (const auto& row : db_.exec(tx_, read_erased_calls, sources, ids))
            out.emplace(lifecycle::call_key{row[0].c_str(), row[1].as<std::int64_t>()}, uuid_of(row[2]));
        return out;
    }

    std::map<std::string, erased_person> people(const std::vector<std::string>& hashes) override {
        std::map<std::string, erased_person> out;
        if (hashes.empty()) return out;
        array_literal list;
        for (const auto& hash : hashes)
            list.add(std::string_view{to_bytea(hash)});
        for (const auto& row : db_.exec(tx_, read_erased_people, list.take()))
            out.emplace(from_bytea(row[0].c_str()), erased_person{uuid_of(row[1]), time_of(row[2])});
        return out;
    }

    erasure_receipt receipt(const uuid& id) override {
        return read_receipt(db_.exec(tx_, read_erasure, to_string(id))[0]);
    }

    void record(const erasure_receipt& r) override {
        db_.exec(
            tx_,
            write_erasure,
            to_string(r.id),
            r.kind,
            to_bytea(r.identifier_hash),
            to_rfc3339(r.erased_at),
            r.counts
        );
        db_.exec(tx_, count_erasure);
    }

    erased_rows erase(const erasure_targets& what, const uuid& by) override {
        erased_rows out;
        const auto hits = array_of(what.deliveries);
        const auto told_messages = array_of(what.messages);
        std::set<lifecycle::call_key> calls{what.calls.begin(), what.calls.end()};
        for (const auto& row : db_.exec(tx_, read_erasure_calls, hits, told_messages))
            calls.insert({row[0].c_str(), row[1].as<std::int64_t>()});
        out.calls.assign(calls.begin(), calls.end());
        const auto [sources, ids] = arrays_of(out.calls);
        for (const auto& row : db_.exec(tx_, read_erasure_messages, told_messages, hits, sources, ids))
            out.messages.push_back({row[0].c_str(), uuid_of(row[1])});

        std::map<lifecycle::call_key, uuid> refused;
        for (const auto& key : out.calls)
            refused.emplace(key, by);
        refuse(refused);
        erase_deliveries(hits, sources, ids, out);
        erase_told(out);
        std::vector<uuid> messages;
        for (const auto& m : out.messages)
            messages.push_back(m.id);
        out.counts.messages = db_.exec(tx_, erase_messages, array_of(messages)).affected_rows();
        out.counts.calls = db_.exec(tx_, erase_calls, sources, ids).affected_rows();
        out.counts.jobs = db_.exec(tx_, erase_jobs, sources, ids).affected_rows();
        return out;
    }

    void empty(const std::vector<uuid>& deliveries) override {
        if (!deliveries.empty()) db_.exec(tx_, empty_deliveries, array_of(deliveries));
    }

    void refuse(const std::map<lifecycle::call_key, uuid>& calls) override {
        if (calls.empty()) return;
        array_literal sources;
        array_literal ids;
        array_literal erasures;
        for (const auto& [key, erasure] : calls) {
            sources.add(std::string_view{key.source});
            ids.add(std::string_view{std::to_string(key.id)});
            erasures.add(std::string_view{to_string(erasure)});
        }
        db_.exec(tx_, write_erased_calls, sources.take(), ids.take(), erasures.take());
    }

private:
    void erase_deliveries(
        const std::string& hits,
        const std::string& call_sources,
        const std::string& call_ids,
        erased_rows& out
    ) {
        array_literal sources;
        array_literal messages;
        for (const auto& m : out.messages) {
            sources.add(std::string_view{m.source});
            messages.add(std::string_view{to_string(m.id)});
        }
        std::vector<uuid> all;
        const auto rows = db_.exec(
            tx_, read_erasure_deliveries, hits, call_sources, call_ids, sources.take(), messages.take()
        );
        for (const auto& row : rows) {
            all.push_back(uuid_of(row[0]));
            if (std::string_view{row[1].c_str()} == "quarantined") ++out.counts.quarantined;
        }
        out.counts.deliveries = static_cast<std::int64_t>(all.size());
        empty(all);
        if (!all.empty()) db_.exec(tx_, erase_outcomes, array_of(all));
    }

    /// What was told of them: by the feed, and to subscriptions.
    void erase_told(erased_rows& out) {
        if (out.calls.empty() && out.messages.empty()) return;
        array_literal sources;
        array_literal subjects;
        for (const auto& key : out.calls) {
            sources.add(std::string_view{key.source});
            subjects.add(std::string_view{lifecycle::call_subject(key.id)});
        }
        for (const auto& m : out.messages) {
            sources.add(std::string_view{m.source});
            subjects.add(std::string_view{lifecycle::message_subject(m.id)});
        }
        std::vector<std::int64_t> positions;
        for (const auto& row : db_.exec(tx_, erase_events, sources.take(), subjects.take()))
            positions.push_back(row[0].as<std::int64_t>());
        out.counts.events = static_cast<std::int64_t>(positions.size());
        if (positions.empty()) return;
        const auto list = array_of(positions);
        db_.exec(tx_, lock_subscriptions);
        out.counts.outbound_messages = db_.exec(tx_, erase_outbound_messages, list).affected_rows();
        out.counts.outbound_attempts = db_.exec(tx_, erase_outbound_attempts, list).affected_rows();
    }

    session& db_;
    pqxx::work& tx_;
};

}  // namespace

erasure_receipt read_receipt(const pqxx::row& row) {
    return {uuid_of(row[0]), row[1].c_str(), from_bytea(row[2].c_str()), time_of(row[3]), row[4].c_str()};
}

std::unique_ptr<erasure_access> begin_erasing(session& db, pqxx::work& tx) {
    return std::make_unique<access>(db, tx);
}

}  // namespace callhook::store
