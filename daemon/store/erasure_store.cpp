#include "store/erasure_store.hpp"

#include "store/erasing.hpp"
#include "store/row_reading.hpp"

#include <array>

namespace callhook::store {

namespace {

/// A body may be as large as `hooks.max_body` says, so few are held at once.
constexpr const char* fetch_deliveries = "FETCH 50 FROM erasure_deliveries";
constexpr const char* fetch_calls = "FETCH 200 FROM erasure_calls";
constexpr const char* fetch_messages = "FETCH 200 FROM erasure_messages";

constexpr statement read_erasures{
    "read_erasures", "SELECT " CALLHOOK_ERASURE_COLUMNS " FROM erasures ORDER BY erased_at DESC, id DESC"};

class scan final : public erasure_scan {
public:
    /// Deliveries decided after `since` and, where `all` is said, every call and message.
    scan(pqxx::work& tx, std::int64_t since, bool all) : tx_{tx}, since_{since}, all_{all} {
        outcomes_ = tx.exec("SELECT outcomes FROM feed_head")[0][0].as<std::int64_t>();
    }
    ~scan() override = default;
    scan(const scan&) = delete;
    scan& operator=(const scan&) = delete;

    [[nodiscard]] std::int64_t outcomes() const override { return outcomes_; }

    std::int64_t rows() override {
        return tx_
            .exec(
                "SELECT (SELECT count(*) FROM outcomes WHERE result <> 'erased' AND seq > " +
                std::to_string(since_) + ")" +
                (all_ ? " + (SELECT count(*) FROM calls) + (SELECT count(*) FROM messages)" : "")
            )[0][0]
            .as<std::int64_t>();
    }

    std::vector<body> next_deliveries() override {
        if (!std::exchange(deliveries_open_, true)) {
            tx_.exec(
                "DECLARE erasure_deliveries NO SCROLL CURSOR FOR SELECT d.id, d.source, d.body FROM outcomes "
                "o "
                "JOIN deliveries d ON d.id = o.delivery_id WHERE o.result <> 'erased' AND o.seq > " +
                std::to_string(since_)
            );
        }
        std::vector<body> out;
        for (const auto& row : tx_.exec(fetch_deliveries))
            out.push_back({uuid_of(row[0]), row[1].c_str(), from_bytea({row[2].c_str(), row[2].size()})});
        return out;
    }

    std::vector<facts> next_calls() override {
        std::vector<facts> out;
        if (!all_) return out;
        if (!std::exchange(calls_open_, true))
            tx_.exec("DECLARE erasure_calls NO SCROLL CURSOR FOR SELECT source, id, facts FROM calls");
        for (const auto& row : tx_.exec(fetch_calls))
            out.push_back({{row[0].c_str(), row[1].as<std::int64_t>()}, row[2].c_str()});
        return out;
    }

    std::vector<message> next_messages() override {
        std::vector<message> out;
        if (!all_) return out;
        if (!std::exchange(messages_open_, true))
            tx_.exec("DECLARE erasure_messages NO SCROLL CURSOR FOR SELECT id, source, fact FROM messages");
        for (const auto& row : tx_.exec(fetch_messages))
            out.push_back({uuid_of(row[0]), row[1].c_str(), row[2].c_str()});
        return out;
    }

private:
    pqxx::work& tx_;
    std::int64_t since_;
    bool all_;
    std::int64_t outcomes_ = 0;
    bool deliveries_open_ = false;
    bool calls_open_ = false;
    bool messages_open_ = false;
};

class transaction final : public erasure_transaction {
public:
    transaction(session& db, pqxx::work& tx) : tx_{tx}, sequencing_{begin_sequencing(db, tx)} {}

    sequencer_transaction& sequencing() override { return *sequencing_; }
    std::unique_ptr<erasure_scan> decided_after(std::int64_t outcomes) override {
        return std::make_unique<scan>(tx_, outcomes, false);
    }

private:
    pqxx::work& tx_;
    std::unique_ptr<sequencer_transaction> sequencing_;
};

}  // namespace

void scan_for_erasure(const settings& where, const std::function<void(erasure_scan&)>& work) {
    session db{with_patience(where), "erase"};
    db.transact("scan for erasure", [&](pqxx::work& tx) {
        tx.exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        scan reading{tx, 0, true};
        work(reading);
    });
}

void erase(const settings& where, const std::function<bool(erasure_transaction&)>& work) {
    struct not_wanted {};
    session db{with_patience(where), "erase"};
    try {
        db.transact("erase", [&](pqxx::work& tx) {
            transaction erasing{db, tx};
            if (!work(erasing)) throw not_wanted{};
        });
    } catch (const not_wanted&) {
    }
}

std::vector<std::string> vacuum_erased(const settings& where) {
    session db{with_patience(where), "erase"};
    std::vector<std::string> failed;
    for (const auto* table :
         {"deliveries",
          "outcomes",
          "events",
          "calls",
          "messages",
          "outbound_messages",
          "outbound_attempts"}) {
        try {
            db.run("vacuum", [&](pqxx::nontransaction& tx) {
                tx.exec(std::string{"VACUUM (ANALYZE) "} + table);
            });
        } catch (const failure&) {
            failed.emplace_back(table);
        }
    }
    return failed;
}

std::vector<erasure_receipt> list_erasures(const settings& where) {
    session db{where, "command"};
    return db.run("list erasures", [&](pqxx::nontransaction& tx) {
        std::vector<erasure_receipt> out;
        for (const auto& row : db.exec(tx, read_erasures))
            out.push_back(read_receipt(row));
        return out;
    });
}

}  // namespace callhook::store
