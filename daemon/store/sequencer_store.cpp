#include "store/sequencer_store.hpp"

#include "base/time_text.hpp"
#include "store/epoch_sql.hpp"
#include "store/row_reading.hpp"
#include "store/sequencer_sql.hpp"

namespace callhook::store {

namespace {

/// Every read here is by key, and `pending` swings between empty and full: statistics taken at the wrong
/// moment would make the planner read whole tables.
void prefer_indexes(session& s) {
    s.run("prefer indexes", [](pqxx::nontransaction& tx) {
        tx.exec(
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; "
            "SET plan_cache_mode = force_generic_plan"
        );
    });
}

}  // namespace

struct sequencer_store::impl {
    explicit impl(const settings& where) : db{where, "sequencer"} {
        db.on_connect([this](session& s) {
            // The lead was the old connection's lock; whoever asked for the new one, it does not have it.
            leading = false;
            prefer_indexes(s);
        });
    }

    session db;
    bool leading = false;
};

sequencer_store::sequencer_store(const settings& where) : impl_{std::make_unique<impl>(where)} {}
sequencer_store::~sequencer_store() = default;

bool sequencer_store::lead() {
    auto& self = *impl_;
    if (self.leading && self.db.connected()) return true;
    self.leading = false;
    self.leading = self.db.run("try to lead", [&](pqxx::nontransaction& tx) {
        return self.db.exec(tx, sql::try_lead)[0][0].as<bool>();
    });
    return self.leading;
}

void sequencer_store::resign() noexcept {
    impl_->leading = false;
    impl_->db.disconnect();
}

std::string sequencer_store::renew_epoch(const std::string& epoch, std::int64_t position) {
    return impl_->db.transact("renew epoch", [&](pqxx::work& tx) {
        const auto rows = impl_->db.exec(tx, sql::renew_epoch, epoch, std::to_string(position));
        return rows.empty() ? std::string{} : std::string{rows[0][0].c_str()};
    });
}

log_end sequencer_store::read_end() {
    return impl_->db.run("read end", [&](pqxx::nontransaction& tx) {
        const auto row = impl_->db.exec(tx, sql::read_end)[0];
        return log_end{row[0].c_str(), row[1].as<std::int64_t>()};
    });
}

std::optional<int> sequencer_store::ensure_partitions() {
    try {
        return impl_->db.transact("ensure partitions", [&](pqxx::work& tx) {
            tx.exec("SET LOCAL lock_timeout = '100ms'");
            return impl_->db.exec(tx, sql::ensure_partitions)[0][0].as<int>();
        });
    } catch (const failure& e) {
        if (e.sqlstate() != "55P03") throw;  // lock_not_available
        return {};
    }
}

sequencer_store::backlog sequencer_store::read_backlog(utc_time now) {
    return impl_->db.run("look for work", [&](pqxx::nontransaction& tx) {
        const auto row = impl_->db.exec(tx, sql::read_backlog, to_rfc3339(now))[0];
        return backlog{
            row[0].as<std::size_t>(),
            row[4].is_null() ? now : callhook::time_of(uuid_of(row[4])),
            row[1].as<bool>(),
            row[2].as<bool>() || row[3].as<bool>()};
    });
}

void sequencer_store::sequence(const std::function<void(sequencer_transaction&)>& work) {
    impl_->db.transact("sequence", [&](pqxx::work& tx) { work(*begin_sequencing(impl_->db, tx)); });
}

struct backlog_reader::impl {
    explicit impl(const settings& where) : db{where, "look-ahead"} { db.on_connect(prefer_indexes); }

    session db;
};

backlog_reader::backlog_reader(const settings& where) : impl_{std::make_unique<impl>(where)} {}
backlog_reader::~backlog_reader() = default;

std::vector<pending_group> backlog_reader::groups(std::int64_t after, std::size_t enough) {
    return impl_->db.run("look ahead", [&](pqxx::nontransaction& tx) {
        return choose_pending(impl_->db, tx, after, enough);
    });
}

std::vector<std::vector<pending_delivery>> backlog_reader::deliveries_of(
    const std::vector<pending_group>& groups
) {
    return impl_->db.run("look ahead", [&](pqxx::nontransaction& tx) {
        return read_deliveries(impl_->db, tx, groups);
    });
}

}  // namespace callhook::store
