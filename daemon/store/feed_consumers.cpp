#include "store/feed_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

/// What `read_row` reads, of the rows of `relation`. What lies before the floor, and what was read in another
/// epoch, is not there any more: the log begins at its floor.
#define CALLHOOK_CONSUMERS(relation)                                                                        \
    "SELECT c.name, c.kind, c.types, c.sources, c.subjects, c.widgets, c.epoch, c.position, c.created_at, " \
    "  c.acked_at, c.stream_sequence, greatest(h.position - p.after, 0), coalesce(("                        \
    "    SELECT greatest(extract(epoch FROM clock_timestamp() - e.recorded_at) * 1000, 0)::bigint "         \
    "    FROM events e WHERE e.position > p.after ORDER BY e.position LIMIT 1), 0) "                        \
    "FROM " relation                                                                                        \
    " c CROSS JOIN feed_head h CROSS JOIN LATERAL ("                                                        \
    "  SELECT CASE WHEN c.epoch = h.epoch THEN greatest(c.position, h.floor) ELSE h.floor END AS after) p "

constexpr statement read_consumer_named{"read_consumer", CALLHOOK_CONSUMERS("consumers") "WHERE c.name = $1"};

constexpr statement list_consumers_named{"list_consumers", CALLHOOK_CONSUMERS("consumers") "ORDER BY c.name"};

/// A row that the statement itself has made is the only one without an xmax.
constexpr statement make_consumer_named{
    "make_consumer",
    "INSERT INTO consumers AS c (name, kind, types, sources, subjects, widgets, epoch, position) "
    "SELECT $1, $2, $3::text[], $4::text[], $5::text[], $6::bigint[], $7, $8::bigint "
    "WHERE $2 <> 'reader' OR EXISTS (SELECT FROM consumers WHERE name = $1) "
    "  OR (SELECT count(*) FROM consumers WHERE kind = 'reader') < $9::bigint "
    "ON CONFLICT (name) DO UPDATE SET types = excluded.types, sources = excluded.sources, "
    "  subjects = excluded.subjects, widgets = excluded.widgets WHERE c.kind = excluded.kind "
    "RETURNING xmax = 0"};

constexpr statement ack_consumer_named{
    "ack_consumer",
    "WITH moved AS (UPDATE consumers SET "
    "  position = CASE WHEN epoch = $2 THEN greatest(position, $3::bigint) ELSE position END, "
    "  acked_at = CASE WHEN epoch = $2 THEN now() ELSE acked_at END WHERE name = $1 RETURNING "
    "*) " CALLHOOK_CONSUMERS("moved")};

constexpr statement advance_consumer_named{
    "advance_consumer",
    "UPDATE consumers SET position = $5::bigint, stream_sequence = $6::bigint, "
    "  acked_at = CASE WHEN position = $5::bigint THEN acked_at ELSE now() END "
    "WHERE name = $1 AND epoch = $2 AND position = $3::bigint "
    "  AND stream_sequence IS NOT DISTINCT FROM $4::bigint"};

constexpr statement reset_consumer_named{
    "reset_consumer",
    "WITH moved AS (UPDATE consumers SET epoch = $2, position = $3::bigint, "
    "  stream_sequence = NULL WHERE name = $1 RETURNING "
    "*) " CALLHOOK_CONSUMERS("moved")};

constexpr statement remove_consumer_named{"remove_consumer", "DELETE FROM consumers WHERE name = $1"};

consumer read_row(const pqxx::row& row) {
    consumer out;
    out.name = row[0].c_str();
    out.kind =
        std::string_view{row[1].c_str()} == "publisher" ? consumer_kind::publisher : consumer_kind::reader;
    out.filter = {texts_of(row[2]), texts_of(row[3]), texts_of(row[4]), integers_of(row[5])};
    out.epoch = row[6].c_str();
    out.position = row[7].as<std::int64_t>();
    out.created_at = time_of(row[8]);
    out.acked_at = optional_time(row[9]);
    out.stream_sequence = optional_of<std::int64_t>(row[10]);
    out.lag_events = row[11].as<std::int64_t>();
    out.lag = std::chrono::milliseconds{row[12].as<std::int64_t>()};
    return out;
}

std::optional<consumer> first(const pqxx::result& rows) {
    if (rows.empty()) return {};
    return read_row(rows[0]);
}

}  // namespace

std::string_view to_string(consumer_kind kind) noexcept {
    return kind == consumer_kind::publisher ? "publisher" : "reader";
}

result<made_consumer> feed_store::make_consumer(const consumer_draft& draft) {
    return impl_->db.transact("make consumer", [&](pqxx::work& tx) -> result<made_consumer> {
        const auto made = impl_->db.exec(
            tx,
            make_consumer_named,
            draft.name,
            std::string{to_string(draft.kind)},
            array_of(draft.filter.types),
            array_of(draft.filter.sources),
            array_of(draft.filter.subjects),
            array_of(draft.filter.widgets),
            draft.epoch,
            std::to_string(draft.position),
            std::to_string(most_consumers)
        );
        auto row = first(impl_->db.exec(tx, read_consumer_named, draft.name));
        if (!made.empty() && row) return made_consumer{std::move(*row), made[0][0].as<bool>()};
        if (row) return error{errc::conflict, "a consumer of another kind has this name", ""};
        return error{errc::conflict, "there are as many consumers as there may be; remove one", ""};
    });
}

std::optional<consumer> feed_store::read_consumer(const std::string& name) {
    return impl_->db.run("read consumer", [&](pqxx::nontransaction& tx) {
        return first(impl_->db.exec(tx, read_consumer_named, name));
    });
}

std::vector<consumer> feed_store::list_consumers() {
    return impl_->db.run("list consumers", [&](pqxx::nontransaction& tx) {
        std::vector<consumer> out;
        for (const auto& row : impl_->db.exec(tx, list_consumers_named))
            out.push_back(read_row(row));
        return out;
    });
}

std::optional<consumer> feed_store::ack_consumer(
    const std::string& name, const std::string& epoch, std::int64_t position
) {
    return impl_->db.run("ack consumer", [&](pqxx::nontransaction& tx) {
        return first(impl_->db.exec(tx, ack_consumer_named, name, epoch, std::to_string(position)));
    });
}

std::optional<consumer> feed_store::advance_consumer(
    const std::string& name, const std::string& epoch, const publisher_place& from, const publisher_place& to
) {
    return impl_->db.transact("advance consumer", [&](pqxx::work& tx) {
        impl_->db.exec(
            tx,
            advance_consumer_named,
            name,
            epoch,
            std::to_string(from.position),
            text_of(from.stream_sequence),
            std::to_string(to.position),
            text_of(to.stream_sequence)
        );
        return first(impl_->db.exec(tx, read_consumer_named, name));
    });
}

std::optional<consumer> feed_store::reset_consumer(
    const std::string& name, const std::string& epoch, std::int64_t position
) {
    return impl_->db.run("reset consumer", [&](pqxx::nontransaction& tx) {
        return first(impl_->db.exec(tx, reset_consumer_named, name, epoch, std::to_string(position)));
    });
}

bool feed_store::remove_consumer(const std::string& name) {
    return impl_->db.run("remove consumer", [&](pqxx::nontransaction& tx) {
        return impl_->db.exec(tx, remove_consumer_named, name).affected_rows() > 0;
    });
}

}  // namespace callhook::store
