#include "store/replay_store.hpp"

#include "base/time_text.hpp"
#include "store/delivery_sql.hpp"
#include "store/session.hpp"

#include <algorithm>
#include <set>

namespace callhook::store {

namespace {

constexpr statement known_deliveries{
    "known_deliveries", "SELECT id FROM deliveries WHERE id = ANY ($1::uuid[])"};

constexpr statement insert_missing{
    "insert_missing_deliveries",
    "INSERT INTO deliveries (id, batch, source, origin, received_at, remote_addr, content_type, body) "
    "SELECT id, $2::uuid, source, origin, received_at, remote_addr::inet, content_type, body "
    "FROM unnest($1::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::bytea[]) "
    "AS d (id, source, origin, received_at, remote_addr, content_type, body) "
    "ON CONFLICT DO NOTHING RETURNING id, octet_length(body)"};

parameter unless_empty(const std::string& text) {
    return text.empty() ? parameter{} : parameter{text};
}

}  // namespace

struct replay_store::impl {
    explicit impl(const settings& where) : db{where, "spool"} {}

    session db;

    counts replay(pqxx::work& tx, const std::vector<lifecycle::delivery>& deliveries);
    std::set<uuid> missing(pqxx::work& tx, const std::vector<lifecycle::delivery>& deliveries);
};

replay_store::replay_store(const settings& where) : impl_{std::make_unique<impl>(where)} {}
replay_store::~replay_store() = default;

replay_store::counts replay_store::replay(const std::vector<lifecycle::delivery>& deliveries) {
    auto& self = *impl_;
    return self.db.transact("replay deliveries", [&](pqxx::work& tx) { return self.replay(tx, deliveries); });
}

std::set<uuid> replay_store::impl::missing(
    pqxx::work& tx, const std::vector<lifecycle::delivery>& deliveries
) {
    std::set<uuid> out;
    array_literal ids;
    for (const auto& d : deliveries) {
        if (out.insert(d.id).second) ids.add(std::string_view{to_string(d.id)});
    }
    for (const auto& row : db.exec(tx, known_deliveries, ids.take()))
        out.erase(uuid_of(row[0]));
    return out;
}

replay_store::counts replay_store::impl::replay(
    pqxx::work& tx, const std::vector<lifecycle::delivery>& deliveries
) {
    const auto wanted = missing(tx, deliveries);
    if (wanted.empty()) return {0, deliveries.size()};
    const auto batch = to_string(*wanted.begin());
    array_literal ids, sources, origins, times, addresses, types, bodies;
    for (const auto& d : deliveries) {
        if (!wanted.contains(d.id)) continue;
        ids.add(std::string_view{to_string(d.id)});
        sources.add(std::string_view{d.source});
        origins.add(to_string(d.from));
        times.add(std::string_view{to_rfc3339(d.received_at)});
        addresses.add(unless_empty(d.remote_address));
        types.add(unless_empty(d.content_type));
        bodies.add(std::string_view{to_bytea(d.body)});
    }
    const auto made = db.exec(
        tx,
        insert_missing,
        ids.take(),
        batch,
        sources.take(),
        origins.take(),
        times.take(),
        addresses.take(),
        types.take(),
        bodies.take()
    );
    // A commit in doubt may have ended in between. A batch is named after its first delivery, so where that
    // one turns out to be another batch's, all of it is done again.
    std::set<uuid> fresh;
    std::size_t bytes = 0;
    for (const auto& row : made) {
        fresh.insert(uuid_of(row[0]));
        bytes += row[1].as<std::size_t>();
    }
    if (!fresh.contains(*wanted.begin()))
        throw failure{{errc::conflict, "replay deliveries", "another commit came in between"}, ""};
    db.exec(
        tx,
        sql::insert_pending,
        batch,
        batch,
        to_string(*fresh.rbegin()),
        std::to_string(fresh.size()),
        std::to_string(bytes)
    );
    return {fresh.size(), deliveries.size() - fresh.size()};
}

bool replay_store::blames_deliveries(const failure& e) noexcept {
    return e.sqlstate().starts_with("22") || e.sqlstate().starts_with("23");
}

}  // namespace callhook::store
