#include "base/text.hpp"
#include "store/queries_impl.hpp"
#include "store/row_reading.hpp"

#include <algorithm>

namespace callhook::store {

namespace {

constexpr statement read_head_row{
    "read_head_row", "SELECT epoch, position, floor, outcomes, recorded_at, erasures FROM feed_head"};

/// One statement, so that head and events come from one snapshot. A null filter takes all.
constexpr statement read_events{
    "read_events",
    "SELECT h.epoch, h.position, h.floor, h.outcomes, h.recorded_at, h.erasures, "
    "  e.position, e.type, e.source, e.subject, e.delivery_id, e.event, e.widget_id "
    "FROM feed_head h LEFT JOIN LATERAL ("
    "  SELECT * FROM events WHERE position > $1::bigint AND position <= $2::bigint "
    "  AND ($3::text[] IS NULL OR type = ANY ($3::text[])) AND ($4::text[] IS NULL OR source = ANY "
    "($4::text[])) "
    "  AND ($5::text[] IS NULL OR subject = ANY ($5::text[])) "
    "  AND ($6::bigint[] IS NULL OR widget_id = ANY ($6::bigint[])) ORDER BY position LIMIT $7::bigint) e ON "
    "true "
    "ORDER BY e.position"};

parameter list_of(const std::vector<std::string>& values) {
    return values.empty() ? parameter{} : parameter{array_of(values)};
}

parameter list_of(const std::vector<std::int64_t>& values) {
    std::vector<std::string> texts;
    for (const auto value : values)
        texts.push_back(std::to_string(value));
    return list_of(texts);
}

template <class Value, class Given>
bool has(const std::vector<Value>& wanted, const Given& value) {
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

}  // namespace

bool event_filter::takes(const event_row& event) const {
    return !event.erased() && has(types, event.type) && has(sources, event.source) &&
           has(subjects, event.subject) && has(widgets, event.widget_id);
}

feed_head queries::head() {
    return impl_->db.run("read head", [&](pqxx::nontransaction& tx) {
        return read_head(impl_->db.exec(tx, read_head_row)[0]);
    });
}

event_page queries::events(
    std::int64_t after, std::int64_t until, const event_filter& filter, std::size_t limit
) {
    return impl_->db.run("read events", [&](pqxx::nontransaction& tx) {
        const auto rows = impl_->db.exec(
            tx,
            read_events,
            std::to_string(after),
            std::to_string(until),
            list_of(filter.types),
            list_of(filter.sources),
            list_of(filter.subjects),
            list_of(filter.widgets),
            std::to_string(limit)
        );
        event_page page;
        page.head = read_head(rows[0]);
        for (const auto& row : rows) {
            if (row[6].is_null()) break;
            event_row event;
            event.position = row[6].as<std::int64_t>();
            event.type = row[7].c_str();
            event.source = row[8].c_str();
            event.subject = row[9].c_str();
            if (!row[10].is_null()) event.delivery_id = uuid_of(row[10]);
            event.event.assign(row[11].c_str(), row[11].size());
            if (!row[12].is_null()) event.widget_id = row[12].as<std::int64_t>();
            page.events.push_back(std::move(event));
        }
        return page;
    });
}

std::optional<log_end> queries::await_feed(std::chrono::milliseconds longest) {
    impl_->db.connect();
    const auto told = impl_->db.await_notification(longest);
    if (!told) return {};
    const auto dot = told->find('.');
    if (dot == std::string::npos) return log_end{};  // versions before this one tell none
    const auto position = parse_integer<std::int64_t>(told->substr(dot + 1));
    return position ? log_end{told->substr(0, dot), *position} : log_end{};
}

}  // namespace callhook::store
