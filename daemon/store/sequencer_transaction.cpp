#include "base/time_text.hpp"
#include "store/copy_writer.hpp"
#include "store/erasing.hpp"
#include "store/row_reading.hpp"
#include "store/sequencer_sql.hpp"
#include "store/sequencer_store.hpp"

namespace callhook::store {

namespace {

class transaction final : public sequencer_transaction {
public:
    transaction(session& db, pqxx::work& tx)
        : db_{db},
          tx_{tx},
          erasing_{begin_erasing(db, tx)},
          head_{read_head(db.exec(tx, sql::lock_head)[0])} {}

    [[nodiscard]] const feed_head& head() const override { return head_; }

    std::vector<pending_group> take_pending(std::size_t enough) override {
        // A statement of its own, after the lock: its snapshot sees all that the previous holder committed.
        auto groups = choose_pending(db_, tx_, 0, enough);
        array_literal numbers;
        for (const auto& g : groups)
            numbers.add(std::string_view{std::to_string(g.number)});
        if (!groups.empty()) db_.exec(tx_, sql::delete_pending, numbers.take());
        return groups;
    }

    std::vector<std::vector<pending_delivery>> deliveries_of(const std::vector<pending_group>& groups
    ) override {
        return read_deliveries(db_, tx_, groups);
    }

    std::vector<call_row> calls(const std::vector<lifecycle::call_key>& keys) override {
        return read_calls(db_, tx_, sql::read_calls, keys);
    }

    std::vector<call_row> call_states(const std::vector<lifecycle::call_key>& keys) override {
        return read_calls(db_, tx_, sql::read_call_states, keys);
    }

    std::vector<call_row> due_calls(utc_time now, std::size_t most) override {
        std::vector<call_row> out;
        for (const auto& row : db_.exec(tx_, sql::read_due_calls, to_rfc3339(now), std::to_string(most))) {
            out.push_back(read_call(row));
        }
        return out;
    }

    std::unique_ptr<row_writer<call_row>> new_calls() override {
        return copy_into<call_row>(
            "calls",
            "source,id,phase,phone,widget_id,created_at,at,due_at,overdue_at,record,facts",
            [](copy_writer& copy, const call_row& r) {
                copy.row(
                    r.key.source,
                    r.key.id,
                    r.phase,
                    r.phone,
                    r.widget_id,
                    r.created_at,
                    r.at,
                    r.due_at,
                    r.overdue_at,
                    r.record,
                    r.facts
                );
            }
        );
    }

    void update_calls(const std::vector<call_row>& rows) override {
        if (rows.empty()) return;
        std::array<array_literal, 9> columns;
        text_sequence records;
        text_sequence facts;
        for (const auto& r : rows) {
            columns[0].add(std::string_view{r.key.source});
            columns[1].add(std::string_view{std::to_string(r.key.id)});
            columns[2].add(std::string_view{r.phase});
            columns[3].add(r.phone);
            columns[4].add(text_of(r.widget_id));
            columns[5].add(text_of(r.created_at));
            columns[6].add(std::string_view{to_rfc3339(r.at)});
            columns[7].add(text_of(r.due_at));
            columns[8].add(text_of(r.overdue_at));
            records.add(r.record);
            facts.add(r.facts);
        }
        db_.exec(
            tx_,
            sql::update_calls,
            columns[0].take(),
            columns[1].take(),
            columns[2].take(),
            columns[3].take(),
            columns[4].take(),
            columns[5].take(),
            columns[6].take(),
            columns[7].take(),
            columns[8].take(),
            records.take(),
            facts.take()
        );
    }

    void forget_due(const std::vector<lifecycle::call_key>& keys) override {
        if (keys.empty()) return;
        const auto [sources, ids] = arrays_of(keys);
        db_.exec(tx_, sql::forget_due, sources, ids);
    }

    std::vector<message_row> messages_like(const std::string& source, const std::string& content_hash)
        override {
        return messages(db_.exec(tx_, sql::read_messages_like, source, to_bytea(content_hash)));
    }

    std::vector<message_row> messages_of(const std::vector<visitor_key>& visitors) override {
        return visitors.empty() ? std::vector<message_row>{}
                                : messages(of_visitors(sql::read_messages_of, visitors));
    }

    std::vector<call_time> calls_of(const std::vector<visitor_key>& visitors) override {
        std::vector<call_time> out;
        if (visitors.empty()) return out;
        for (const auto& row : of_visitors(sql::read_calls_of, visitors)) {
            out.push_back(
                {{row[0].c_str(), row[1].as<std::int64_t>()},
                 row[2].c_str(),
                 row[3].as<std::int64_t>(),
                 time_of(row[4])}
            );
        }
        return out;
    }

    void write_messages(const std::vector<message_row>& rows) override {
        if (rows.empty()) return;
        std::array<array_literal, 10> columns;
        for (const auto& r : rows) {
            columns[0].add(std::string_view{to_string(r.id)});
            columns[1].add(std::string_view{r.source});
            columns[2].add(std::string_view{to_bytea(r.content_hash)});
            columns[3].add(std::string_view{to_rfc3339(r.received_at)});
            columns[4].add(r.phone);
            columns[5].add(text_of(r.widget_id));
            columns[6].add(text_of(r.linked_call));
            columns[7].add(text_of(r.call_id));
            columns[8].add(std::string_view{r.fact});
            columns[9].add(std::string_view{r.record});
        }
        db_.exec(
            tx_,
            sql::upsert_messages,
            columns[0].take(),
            columns[1].take(),
            columns[2].take(),
            columns[3].take(),
            columns[4].take(),
            columns[5].take(),
            columns[6].take(),
            columns[7].take(),
            columns[8].take(),
            columns[9].take()
        );
    }

    std::vector<gap_report> untold_gaps(std::size_t most) override {
        std::vector<gap_report> out;
        for (const auto& row : db_.exec(tx_, sql::read_untold_gaps, std::to_string(most))) {
            const auto id = uuid_of(row[0]);
            if (out.empty() || out.back().id != id) {
                out.push_back(
                    {id,
                     row[1].c_str(),
                     time_of(row[2]),
                     row[3].c_str(),
                     time_of(row[4]),
                     time_of(row[5]),
                     {}}
                );
            }
            if (!row[6].is_null()) out.back().missing.push_back({row[6].as<std::int64_t>(), row[7].c_str()});
        }
        return out;
    }

    void mark_gap_told(const uuid& id, std::int64_t position) override {
        db_.exec(tx_, sql::mark_gap_told, to_string(id), std::to_string(position));
    }

    std::vector<announcement> take_announcements(std::size_t most) override {
        std::vector<announcement> out;
        for (const auto& row : db_.exec(tx_, sql::take_announcements, std::to_string(most))) {
            out.push_back(
                {uuid_of(row[0]),
                 row[1].c_str(),
                 row[2].c_str(),
                 row[3].c_str(),
                 time_of(row[4]),
                 row[5].c_str()}
            );
        }
        return out;
    }

    erasure_access& erasures() override { return *erasing_; }

    void append_outcomes(const std::vector<outcome_row>& rows) override {
        if (rows.empty()) return;
        copy_writer copy{tx_, "outcomes", "delivery_id,seq,result,source,event,call_id,message_id,reason"};
        for (const auto& r : rows) {
            copy.row(
                r.delivery_id,
                r.seq,
                to_string(r.result),
                r.source,
                unless_empty(r.event),
                r.call_id,
                r.message_id,
                unless_empty(r.reason)
            );
        }
        copy.complete();
    }

    std::unique_ptr<row_writer<event_row>> new_events(utc_time recorded_at) override {
        return copy_into<event_row>(
            "events",
            "position,recorded_at,type,source,subject,delivery_id,event,widget_id",
            [recorded_at](copy_writer& copy, const event_row& r) {
                copy.row(
                    r.position, recorded_at, r.type, r.source, r.subject, r.delivery_id, r.event, r.widget_id
                );
            }
        );
    }

    void finish(const feed_head& head) override {
        db_.exec(
            tx_,
            sql::write_head,
            std::to_string(head.position),
            std::to_string(head.outcomes),
            // As `time_of` read it from a log that nothing has been written to.
            head.recorded_at == utc_time::min() ? std::string{"-infinity"} : to_rfc3339(head.recorded_at),
            head.position != head_.position ? "true" : "false"
        );
        head_ = head;
    }

private:
    /// `write` puts a row's values.
    template <class Row, class Write>
    std::unique_ptr<row_writer<Row>> copy_into(const char* table, const char* columns, Write write) {
        class writer final : public row_writer<Row> {
        public:
            writer(pqxx::work& tx, const char* table, const char* columns, Write write)
                : copy_{tx, table, columns}, write_{std::move(write)} {}
            void add(const Row& row) override { write_(copy_, row); }
            void complete() override { copy_.complete(); }

        private:
            copy_writer copy_;
            Write write_;
        };
        return std::make_unique<writer>(tx_, table, columns, std::move(write));
    }

    static std::vector<message_row> messages(const pqxx::result& rows) {
        std::vector<message_row> out;
        for (const auto& row : rows)
            out.push_back(read_message(row));
        return out;
    }

    pqxx::result of_visitors(const statement& what, const std::vector<visitor_key>& visitors) {
        array_literal sources;
        array_literal phones;
        array_literal widgets;
        for (const auto& v : visitors) {
            sources.add(std::string_view{v.source});
            phones.add(std::string_view{v.phone});
            widgets.add(std::string_view{std::to_string(v.widget_id)});
        }
        return db_.exec(tx_, what, sources.take(), phones.take(), widgets.take());
    }

    session& db_;
    pqxx::work& tx_;
    std::unique_ptr<erasure_access> erasing_;
    feed_head head_;
};

}  // namespace

std::unique_ptr<sequencer_transaction> begin_sequencing(session& db, pqxx::work& tx) {
    return std::make_unique<transaction>(db, tx);
}

}  // namespace callhook::store
