#include "store/rebuild_store.hpp"

#include "store/row_reading.hpp"

namespace callhook::store {

namespace {

#define CALLHOOK_DECIDED                                                                               \
    "SELECT d.id, d.source, d.origin, d.received_at, d.body, o.call_id, o.message_id FROM outcomes o " \
    "JOIN deliveries d ON d.id = o.delivery_id WHERE o.result <> 'quarantined' AND "

constexpr const char* open_calls = "DECLARE rebuild_calls NO SCROLL CURSOR FOR " CALLHOOK_DECIDED
                                   "o.call_id IS NOT NULL ORDER BY o.source, o.call_id, o.seq";
constexpr const char* open_messages = "DECLARE rebuild_messages NO SCROLL CURSOR FOR " CALLHOOK_DECIDED
                                      "o.message_id = o.delivery_id ORDER BY o.seq";

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
        array_literal list;
        for (const auto& id : ids)
            list.add(std::string_view{to_string(id)});
        std::vector<message_row> out;
        for (const auto& row : db_.exec(tx_, read_messages_by_id, list.take()))
            out.push_back(read_message(row));
        return out;
    }

    std::int64_t deliveries() override {
        return tx_
            .exec("SELECT count(*) FROM outcomes WHERE call_id IS NOT NULL OR message_id = delivery_id")[0][0]
            .as<std::int64_t>();
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
    auto patient = where;
    patient.statement_timeout = std::chrono::minutes{30};
    session db{patient, "rebuild"};
    db.transact("rebuild", [&](pqxx::work& tx) {
        const auto writing = begin_sequencing(db, tx);
        source reading{db, tx};
        work(*writing, reading);
    });
}

}  // namespace callhook::store
