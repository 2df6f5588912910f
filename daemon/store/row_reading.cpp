#include "store/row_reading.hpp"

namespace callhook::store {

std::string_view to_string(verdict v) noexcept {
    switch (v) {
        case verdict::applied:
            return "applied";
        case verdict::duplicate:
            return "duplicate";
        case verdict::quarantined:
            return "quarantined";
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
    out.record = row[9].c_str();
    out.provenance = row[10].c_str();
    out.facts = row[11].c_str();
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

feed_head read_head(const pqxx::row& row) {
    return {
        row[0].c_str(),
        row[1].as<std::int64_t>(),
        row[2].as<std::int64_t>(),
        row[3].as<std::int64_t>(),
        time_of(row[4])};
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
