#include "base/time_text.hpp"
#include "store/queries_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

#define CALLHOOK_NEVER_CALLED_BACK                                                               \
    "(c.phase = 'missed' AND c.phone IS NOT NULL AND NOT EXISTS (SELECT FROM calls later WHERE " \
    "later.source = c.source AND later.phone = c.phone AND later.phase = 'completed' AND later.at > c.at))"

constexpr statement read_call_list{
    "read_call_list",
    "SELECT c.at, c.source, c.id, c.record, c.overdue_at, " CALLHOOK_NEVER_CALLED_BACK
    " FROM calls c "
    "WHERE ($1::text IS NULL OR c.phase = $1::text) AND ($2::bigint IS NULL OR c.widget_id = $2::bigint) "
    "AND ($3::text IS NULL OR c.phone = $3::text) AND ($4::timestamptz IS NULL OR c.at >= $4::timestamptz) "
    "AND ($5::timestamptz IS NULL OR (c.at, c.source, c.id) < ($5::timestamptz, $6::text, $7::bigint)) "
    "AND ($8::boolean IS NOT TRUE OR " CALLHOOK_NEVER_CALLED_BACK
    ") "
    "ORDER BY c.at DESC, c.source DESC, c.id DESC LIMIT $9::bigint"};

constexpr statement read_one_call{
    "read_one_call",
    "SELECT c.at, c.source, c.id, c.record, c.overdue_at, " CALLHOOK_NEVER_CALLED_BACK
    ", c.facts, c.final_at FROM calls c "
    "WHERE c.source = $1 AND c.id = $2::bigint"};

constexpr statement read_timeline{
    "read_timeline",
    "SELECT o.delivery_id, d.received_at, d.origin, o.event, o.result FROM outcomes o "
    "JOIN deliveries d ON d.id = o.delivery_id WHERE o.source = $1 AND o.call_id = $2::bigint "
    "ORDER BY d.received_at, o.delivery_id LIMIT 1000"};

constexpr statement read_call_messages{
    "read_call_messages",
    "SELECT record FROM messages WHERE source = $1 AND call_id = $2::bigint ORDER BY id LIMIT 1000"};

constexpr statement read_message_list{
    "read_message_list",
    "SELECT id, source, content_hash, received_at, phone, widget_id, linked_call, call_id, fact, record FROM "
    "messages "
    "WHERE ($1::uuid IS NULL OR id < $1::uuid) ORDER BY id DESC LIMIT $2::bigint"};

constexpr statement read_quarantine{
    "read_quarantine",
    "SELECT o.delivery_id, o.source, o.reason, d.received_at, d.content_type, octet_length(d.body) "
    "FROM outcomes o JOIN deliveries d ON d.id = o.delivery_id WHERE o.result = 'quarantined' "
    "AND ($1::uuid IS NULL OR o.delivery_id < $1::uuid) ORDER BY o.delivery_id DESC LIMIT $2::bigint"};

constexpr statement read_quarantined{
    "read_quarantined",
    "SELECT o.delivery_id, o.source, o.reason, d.received_at, d.content_type, octet_length(d.body), d.body "
    "FROM outcomes o JOIN deliveries d ON d.id = o.delivery_id WHERE o.result = 'quarantined' AND "
    "o.delivery_id = $1::uuid"};

/// The lock keeps the sequencer away, so that no delivery is without both an outcome and a place in
/// `pending`.
constexpr statement lock_head_only{"lock_head_only", "SELECT 1 FROM feed_head FOR UPDATE"};

constexpr statement requeue{
    "requeue",
    "WITH gone AS (DELETE FROM outcomes WHERE result = 'quarantined' "
    "  AND ($1::uuid[] IS NULL OR delivery_id = ANY ($1::uuid[])) RETURNING delivery_id) "
    "INSERT INTO pending (batch, first_id, last_id, deliveries, bytes) "
    "SELECT d.batch, d.id, d.id, 1, octet_length(d.body) FROM gone JOIN deliveries d ON d.id = "
    "gone.delivery_id ORDER BY d.id"};

constexpr statement read_counts{
    "read_counts",
    "SELECT (SELECT count(*) FROM outcomes WHERE result = 'quarantined'), "
    "(SELECT coalesce(sum(deliveries), 0) FROM pending), (SELECT first_id FROM pending ORDER BY seq LIMIT "
    "1)"};

listed_call read_listed(const pqxx::row& row) {
    listed_call out;
    out.place = {time_of(row[0]), row[1].c_str(), row[2].as<std::int64_t>()};
    out.record = row[3].c_str();
    if (!row[4].is_null()) out.overdue_at = time_of(row[4]);
    out.never_called_back = row[5].as<bool>();
    return out;
}

quarantined_delivery read_quarantined_row(const pqxx::row& row) {
    return {
        uuid_of(row[0]),
        row[1].c_str(),
        row[2].c_str(),
        time_of(row[3]),
        row[4].c_str(),
        row[5].as<std::size_t>()};
}

}  // namespace

queries::queries(const settings& where, const std::string& role)
    : impl_{std::make_unique<impl>(where, role)} {}
queries::~queries() = default;

std::vector<listed_call> queries::calls(const call_query& q) {
    return impl_->db.run("list calls", [&](pqxx::nontransaction& tx) {
        std::vector<listed_call> out;
        const auto rows = impl_->db.exec(
            tx,
            read_call_list,
            q.phase,
            text_of(q.widget_id),
            q.phone,
            text_of(q.since),
            q.before ? parameter{to_rfc3339(q.before->at)} : parameter{},
            q.before ? parameter{q.before->source} : parameter{},
            q.before ? parameter{std::to_string(q.before->id)} : parameter{},
            std::string{q.never_called_back ? "true" : "false"},
            std::to_string(q.limit)
        );
        for (const auto& row : rows)
            out.push_back(read_listed(row));
        return out;
    });
}

std::optional<call_details> queries::call(const lifecycle::call_key& key) {
    return impl_->db.transact("show call", [&](pqxx::work& tx) -> std::optional<call_details> {
        const auto id = std::to_string(key.id);
        const auto found = impl_->db.exec(tx, read_one_call, key.source, id);
        if (found.empty()) return {};
        call_details out;
        out.call = read_listed(found[0]);
        out.facts = found[0][6].c_str();
        if (!found[0][7].is_null()) out.final_at = time_of(found[0][7]);
        for (const auto& row : impl_->db.exec(tx, read_timeline, key.source, id)) {
            out.timeline.push_back(
                {uuid_of(row[0]), time_of(row[1]), row[2].c_str(), row[3].c_str(), row[4].c_str()}
            );
        }
        for (const auto& row : impl_->db.exec(tx, read_call_messages, key.source, id)) {
            out.messages.emplace_back(row[0].c_str());
        }
        return out;
    });
}

std::vector<message_row> queries::messages(const std::optional<uuid>& before, std::size_t limit) {
    return impl_->db.run("list messages", [&](pqxx::nontransaction& tx) {
        std::vector<message_row> out;
        for (const auto& row :
             impl_->db.exec(tx, read_message_list, text_of(before), std::to_string(limit))) {
            out.push_back(read_message(row));
        }
        return out;
    });
}

std::vector<quarantined_delivery> queries::quarantine(const std::optional<uuid>& before, std::size_t limit) {
    return impl_->db.run("list quarantine", [&](pqxx::nontransaction& tx) {
        std::vector<quarantined_delivery> out;
        for (const auto& row : impl_->db.exec(tx, read_quarantine, text_of(before), std::to_string(limit))) {
            out.push_back(read_quarantined_row(row));
        }
        return out;
    });
}

std::optional<std::pair<quarantined_delivery, std::string>> queries::quarantined(const uuid& id) {
    using found = std::optional<std::pair<quarantined_delivery, std::string>>;
    return impl_->db.run("show quarantined", [&](pqxx::nontransaction& tx) -> found {
        const auto rows = impl_->db.exec(tx, read_quarantined, to_string(id));
        if (rows.empty()) return {};
        return std::pair{read_quarantined_row(rows[0]), from_bytea({rows[0][6].c_str(), rows[0][6].size()})};
    });
}

std::size_t queries::retry_quarantined(const std::vector<uuid>& ids) {
    return impl_->db.transact("retry quarantined", [&](pqxx::work& tx) {
        impl_->db.exec(tx, lock_head_only);
        const auto rows = impl_->db.exec(tx, requeue, ids.empty() ? parameter{} : parameter{array_of(ids)});
        return static_cast<std::size_t>(rows.affected_rows());
    });
}

ledger_counts queries::counts() {
    return impl_->db.run("count", [&](pqxx::nontransaction& tx) {
        const auto row = impl_->db.exec(tx, read_counts)[0];
        ledger_counts out{row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), {}};
        if (!row[2].is_null()) out.oldest_pending = callhook::time_of(uuid_of(row[2]));
        return out;
    });
}

}  // namespace callhook::store
