#include "store/feed_impl.hpp"
#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

/// In the order of the names, so that two daemons that ask at once cannot wait for each other.
constexpr statement take_leases_named{
    "take_leases",
    "INSERT INTO leases AS l (name, owner, leased_until) "
    "SELECT name, $2::uuid, clock_timestamp() + $3::bigint * interval '1 millisecond' "
    "FROM unnest($1::text[]) AS name ORDER BY name "
    "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until "
    "WHERE l.owner = excluded.owner OR l.leased_until < clock_timestamp() RETURNING name"};

constexpr statement release_leases_named{
    "release_leases", "DELETE FROM leases WHERE name = ANY ($1::text[]) AND owner = $2::uuid"};

}  // namespace

feed_store::feed_store(const settings& where, const std::string& role)
    : impl_{std::make_unique<impl>(where, role)} {}

feed_store::~feed_store() = default;

std::vector<std::string> feed_store::take_leases(
    const std::vector<std::string>& names, const uuid& owner, std::chrono::milliseconds time
) {
    std::vector<std::string> held;
    if (names.empty()) return held;
    return impl_->db.transact("take leases", [&](pqxx::work& tx) {
        const auto rows = impl_->db.exec(
            tx, take_leases_named, array_of(names), to_string(owner), std::to_string(time.count())
        );
        for (const auto& row : rows)
            held.emplace_back(row[0].c_str());
        return std::move(held);
    });
}

void feed_store::release_leases(const std::vector<std::string>& names, const uuid& owner) {
    if (names.empty()) return;
    impl_->db.run("release leases", [&](pqxx::nontransaction& tx) {
        impl_->db.exec(tx, release_leases_named, array_of(names), to_string(owner));
    });
}

}  // namespace callhook::store
