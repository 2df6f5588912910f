#include "store/rebuild_store.hpp"

#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

#define CALLHOOK_DECIDED                                                                               \
    "SELECT d.id, d.source, d.origin, d.received_at, d.body, o.call_id, o.message_id FROM outcomes o " \
    "JOIN deliveries d ON d.id = o.delivery_id WHERE o.result NOT IN ('quarantined', 'erased') AND "

/// Some of their deliveries have expired, so that what is left no longer tells what they were made of.
#define CALLHOOK_FINAL_CALL                                                                      \
    "EXISTS (SELECT FROM calls f WHERE f.source = o.source AND f.id = o.call_id AND f.final_at " \
    "IS NOT NULL)"
#define CALLHOOK_FINAL_MESSAGE \
    "EXISTS (SELECT FROM messages f WHERE f.id = o.message_id AND f.final_at IS NOT NULL)"

constexpr const char* open_calls =
    "DECLARE rebuild_calls NO SCROLL CURSOR FOR " CALLHOOK_DECIDED
    "o.call_id IS NOT NULL AND NOT " CALLHOOK_FINAL_CALL " ORDER BY o.source, o.call_id, o.seq";
constexpr const char* open_messages =
    "DECLARE rebuild_messages NO SCROLL CURSOR FOR " CALLHOOK_DECIDED
    "o.message_id = o.delivery_id AND NOT " CALLHOOK_FINAL_MESSAGE " ORDER BY o.seq";

constexpr statement read_messages_by_id{
    "read_messages_by_id",
    "SELECT m.id, m.source, m.content_hash, m.received_at, m.phone, m.widget_id, m.linked_call, m.call_id, "
    "m.fact, m.record "
    "FROM messages m WHERE m.id = ANY ($1::uuid[])"};

class source final : public rebuild_source {
public:
    source(session& db, pqxx::work& tx) : db_{db}, tx_{tx} {}

    std::vector<decided_delivery> next_of_calls() override {
        if (!calls_open_) tx_.exec(open_calls);
        calls_open_ = true;
        return read("FETCH 200 FROM rebuild_calls");
    }

    std::vector<decided_delivery> next_of_messages() override {
        if (!messages_open_) tx_.exec(open_messages);
        messages_open_ = true;
        return read("FETCH 200 FROM rebuild_messages");
    }

    std::vector<message_row> messages(const std::vector<uuid>& ids) override {
        std::vector<message_row> out;
        for (const auto& row : db_.exec(tx_, read_messages_by_id, array_of(ids)))
            out.push_back(read_message(row));
        return out;
    }

    std::int64_t deliveries() override {
        return tx_
            .exec(
                "SELECT count(*) FROM outcomes o WHERE o.result <> 'erased' AND ((o.call_id IS NOT NULL AND "
                "NOT " CALLHOOK_FINAL_CALL
                ") OR (o.message_id = o.delivery_id AND NOT " CALLHOOK_FINAL_MESSAGE "))"
            )[0][0]
            .as<std::int64_t>();
    }

    finals final_records() override {
        const auto row = tx_.exec(
            "SELECT (SELECT count(*) FROM calls WHERE final_at IS NOT NULL), "
            "(SELECT count(*) FROM messages WHERE final_at IS NOT NULL)"
        )[0];
        return {row[0].as<std::int64_t>(), row[1].as<std::int64_t>()};
    }

private:
    std::vector<decided_delivery> read(const char* fetch) {
        std::vector<decided_delivery> out;
        for (const auto& row : tx_.exec(fetch)) {
            decided_delivery d{read_delivery(row), optional_of<std::int64_t>(row[5]), {}};
            if (!row[6].is_null()) d.message_id = uuid_of(row[6]);
            out.push_back(std::move(d));
        }
        return out;
    }

    session& db_;
    pqxx::work& tx_;
    bool calls_open_ = false;
    bool messages_open_ = false;
};

}  // namespace

void rebuild(
    const settings& where, const std::function<void(sequencer_transaction&, rebuild_source&)>& work
) {
    session db{with_patience(where), "rebuild"};
    db.transact("rebuild", [&](pqxx::work& tx) {
        const auto writing = begin_sequencing(db, tx);
        source reading{db, tx};
        work(*writing, reading);
    });
}

}  // namespace callhook::store
