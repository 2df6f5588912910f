#include "store/row_reading.hpp"

#include "store/sequencer_sql.hpp"

namespace callhook::store {

namespace {

/// Where a batch of bodies ends, whatever their number: they are held in memory, as text and as bytes.
constexpr std::size_t most_bytes = 32 << 20;

}  // namespace

std::string_view to_string(verdict v) noexcept {
    switch (v) {
        case verdict::applied:
            return "applied";
        case verdict::duplicate:
            return "duplicate";
        case verdict::quarantined:
            return "quarantined";
        case verdict::erased:
            return "erased";
    }
    return "";
}

call_row read_call(const pqxx::row& row) {
    call_row out;
    out.key = {row[0].c_str(), row[1].as<std::int64_t>()};
    out.phase = row[2].c_str();
    out.phone = optional_of<std::string>(row[3]);
    out.widget_id = optional_of<std::int64_t>(row[4]);
    out.created_at = optional_time(row[5]);
    out.at = time_of(row[6]);
    out.due_at = optional_time(row[7]);
    out.overdue_at = optional_time(row[8]);
    out.facts = row[9].c_str();
    if (row.size() > 10) out.record = row[10].c_str();
    return out;
}

message_row read_message(const pqxx::row& row) {
    message_row out;
    out.id = uuid_of(row[0]);
    out.source = row[1].c_str();
    out.content_hash = from_bytea(row[2].c_str());
    out.received_at = time_of(row[3]);
    out.phone = optional_of<std::string>(row[4]);
    out.widget_id = optional_of<std::int64_t>(row[5]);
    out.linked_call = optional_of<std::int64_t>(row[6]);
    out.call_id = optional_of<std::int64_t>(row[7]);
    out.fact = row[8].c_str();
    out.record = row[9].c_str();
    return out;
}

pending_delivery read_delivery(const pqxx::row& row) {
    pending_delivery out;
    out.id = uuid_of(row[0]);
    out.source = row[1].c_str();
    out.from = std::string_view{row[2].c_str()} == "backfill" ? lifecycle::origin::backfill
                                                              : lifecycle::origin::webhook;
    out.received_at = time_of(row[3]);
    out.body = from_bytea({row[4].c_str(), row[4].size()});
    return out;
}

std::vector<call_row> read_calls(
    session& db,
    pqxx::transaction_base& tx,
    const statement& what,
    const std::vector<lifecycle::call_key>& keys
) {
    std::vector<call_row> out;
    if (keys.empty()) return out;
    const auto [sources, ids] = arrays_of(keys);
    for (const auto& row : db.exec(tx, what, sources, ids))
        out.push_back(read_call(row));
    return out;
}

std::vector<pending_group> choose_pending(
    session& db, pqxx::transaction_base& tx, std::int64_t after, std::size_t enough
) {
    std::vector<pending_group> out;
    for (const auto& row : db.exec(
             tx,
             sql::choose_pending,
             std::to_string(enough),
             std::to_string(most_bytes),
             std::to_string(after)
         ))
        out.push_back({row[0].as<std::int64_t>(), uuid_of(row[1]), uuid_of(row[2]), uuid_of(row[3])});
    return out;
}

std::vector<std::vector<pending_delivery>> read_deliveries(
    session& db, pqxx::transaction_base& tx, const std::vector<pending_group>& groups
) {
    std::vector<std::vector<pending_delivery>> out(groups.size());
    if (groups.empty()) return out;
    array_literal batches;
    array_literal firsts;
    array_literal lasts;
    for (const auto& g : groups) {
        batches.add(std::string_view{to_string(g.batch)});
        firsts.add(std::string_view{to_string(g.first)});
        lasts.add(std::string_view{to_string(g.last)});
    }
    for (const auto& row : db.exec(tx, sql::read_deliveries, batches.take(), firsts.take(), lasts.take())) {
        auto& group = out.at(row[6].as<std::size_t>() - 1);
        group.push_back(read_delivery(row));
        group.back().traceparent = row[5].c_str();  // nothing where it is null
    }
    return out;
}

std::pair<std::string, std::string> arrays_of(const std::vector<lifecycle::call_key>& keys) {
    array_literal sources;
    array_literal ids;
    for (const auto& key : keys) {
        sources.add(std::string_view{key.source});
        ids.add(std::string_view{std::to_string(key.id)});
    }
    return {sources.take(), ids.take()};
}

feed_head read_head(const pqxx::row& row) {
    return {
        row[0].c_str(),
        row[1].as<std::int64_t>(),
        row[2].as<std::int64_t>(),
        row[3].as<std::int64_t>(),
        time_of(row[4]),
        row[5].as<std::int64_t>()};
}

job read_job(const pqxx::row& row) {
    job out;
    out.id = row[0].as<std::int64_t>();
    out.source = row[1].c_str();
    out.kind = row[2].c_str();
    out.call_id = row[3].as<std::int64_t>();
    out.reason = row[4].c_str();
    out.due_at = time_of(row[5]);
    out.generation = row[6].as<std::int64_t>();
    out.looks = row[7].as<int>();
    out.attempts = row[8].as<int>();
    out.dead_at = optional_time(row[9]);
    out.last_error = row[10].c_str();
    return out;
}

std::optional<utc_time> optional_time(const pqxx::field& field) {
    if (field.is_null()) return {};
    return time_of(field);
}

}  // namespace callhook::store
