#include "pipeline/batch.hpp"

#include "pipeline/record_json.hpp"
#include "sources/callpage/callpage.hpp"

#include <gtest/gtest.h>

#include <map>

namespace callhook::pipeline {
namespace {

using namespace std::chrono_literals;

/// The store's side of the sequencer in memory. The functional tests run the real one through the same steps.
class memory_transaction final : public store::sequencer_transaction {
public:
    [[nodiscard]] const store::feed_head& head() const override { return head_; }
    std::vector<store::pending_delivery> take_pending(std::size_t) override {
        return std::exchange(pending, {});
    }
    std::vector<store::call_row> calls(const std::vector<lifecycle::call_key>& keys) override {
        std::vector<store::call_row> out;
        for (const auto& key : keys) {
            if (stored_calls.contains(key)) out.push_back(stored_calls.at(key));
        }
        return out;
    }
    std::vector<store::call_row> due_calls(utc_time now, std::size_t) override {
        std::vector<store::call_row> out;
        for (const auto& [key, row] : stored_calls) {
            if (row.due_at && *row.due_at <= now) out.push_back(row);
        }
        return out;
    }
    void write_calls(const std::vector<store::call_row>& rows) override {
        for (const auto& row : rows)
            stored_calls[row.key] = row;
    }
    std::vector<store::message_row> messages_like(const std::string& source, const std::string& hash)
        override {
        std::vector<store::message_row> out;
        for (const auto& [id, row] : stored_messages) {
            if (row.source == source && row.content_hash == hash) out.push_back(row);
        }
        return out;
    }
    std::vector<store::message_row> messages_of(const std::vector<store::visitor_key>& visitors) override {
        std::vector<store::message_row> out;
        for (const auto& [id, m] : stored_messages) {
            for (const auto& v : visitors) {
                if (!m.linked_call && m.source == v.source && m.phone == v.phone &&
                    m.widget_id == v.widget_id)
                    out.push_back(m);
            }
        }
        return out;
    }
    std::vector<store::call_time> calls_of(const std::vector<store::visitor_key>& visitors) override {
        std::vector<store::call_time> out;
        for (const auto& [key, c] : stored_calls) {
            for (const auto& v : visitors) {
                if (key.source == v.source && c.phone == v.phone && c.widget_id == v.widget_id &&
                    c.created_at) {
                    out.push_back({key, *c.phone, *c.widget_id, *c.created_at});
                }
            }
        }
        return out;
    }
    void write_messages(const std::vector<store::message_row>& rows) override {
        for (const auto& row : rows)
            stored_messages[row.id] = row;
    }
    void append_outcomes(const std::vector<store::outcome_row>& rows) override {
        outcomes.insert(outcomes.end(), rows.begin(), rows.end());
    }
    void append_events(const std::vector<store::event_row>& rows, utc_time) override {
        events.insert(events.end(), rows.begin(), rows.end());
    }
    void finish(const store::feed_head& head) override { head_ = head; }

    std::vector<store::pending_delivery> pending;
    std::map<lifecycle::call_key, store::call_row> stored_calls;
    std::map<uuid, store::message_row> stored_messages;
    std::vector<store::outcome_row> outcomes;
    std::vector<store::event_row> events;

private:
    store::feed_head head_{"0000000a", 0, 0, 0, {}};
};

constexpr utc_time now{1'473'340'000s};  // 2016-09-08T13:06:40Z

class batch_test : public ::testing::Test {
protected:
    void deliver(std::string body, utc_time at = now) {
        uuid id;
        id.bytes[15] = static_cast<std::uint8_t>(++count_);
        tx.pending.push_back({id, "demo", lifecycle::origin::webhook, at, std::move(body)});
    }
    batch_report run(utc_time at = now) { return sequence_batch(tx, decoders_, how_, at); }
    std::vector<std::string> types() const {
        std::vector<std::string> out;
        for (const auto& e : tx.events)
            out.push_back(e.type);
        return out;
    }
    std::string ordered(int id, const char* extra = "") {
        return R"({"data":{"event":"call.new","id":)" + std::to_string(id) +
               R"(,"status":"new","to":"+48888888769","widget_id":3,"created_at":"2016-09-08 15:00:00")" +
               extra + "}}";
    }
    static std::string message(const char* text) {
        return std::string{R"({"data":{"message_from_client":")"} + text +
               R"(","number":"+48 888 888 769","widget":"3"}})";
    }

    memory_transaction tx;

private:
    sources::decoder_table decoders_{{"demo", sources::callpage::make_decoder({}).value()}};
    settings how_{1'000, 30min, 1h, 1h};
    int count_ = 0;
};

using strings = std::vector<std::string>;

TEST_F(batch_test, positions_run_on_and_every_delivery_has_its_outcome) {
    deliver(ordered(1));
    deliver("not json");
    deliver(ordered(1));
    deliver(ordered(2));
    const auto report = run();
    EXPECT_EQ(report.taken, 4U);
    EXPECT_EQ(types(), (strings{"call.new", "call.new"}));
    ASSERT_EQ(tx.outcomes.size(), 4U);
    EXPECT_EQ(tx.outcomes[0].result, store::verdict::applied);
    EXPECT_EQ(tx.outcomes[1].result, store::verdict::quarantined);
    EXPECT_FALSE(tx.outcomes[1].reason.empty());
    EXPECT_EQ(tx.outcomes[2].result, store::verdict::duplicate);
    EXPECT_EQ(tx.outcomes[3].seq, 4);
    EXPECT_EQ(tx.head().position, 2);
    EXPECT_EQ(tx.head().outcomes, 4);
    deliver(ordered(3));
    run();
    EXPECT_EQ(tx.events.back().position, 3);
}

TEST_F(batch_test, a_source_that_is_gone_is_quarantined_not_lost) {
    deliver(ordered(1));
    tx.pending.back().source = "former";
    run();
    EXPECT_EQ(tx.outcomes[0].result, store::verdict::quarantined);
}

TEST_F(batch_test, overdue_is_told_once_and_not_for_a_call_whose_outcome_came_with_it) {
    deliver(ordered(1));
    deliver(ordered(2));
    run();
    EXPECT_TRUE(tx.stored_calls.at({"demo", 1}).due_at);
    deliver(R"({"data":{"event":"call.missed","id":2,"status":"user-failed"}})");
    run(now + 1h);
    EXPECT_EQ(types(), (strings{"call.new", "call.new", "call.missed", "call.overdue"}));
    EXPECT_EQ(tx.events.back().subject, "calls/1");
    run(now + 2h);
    EXPECT_EQ(tx.events.size(), 4U);
    EXPECT_FALSE(tx.stored_calls.at({"demo", 1}).due_at);
    // A later fact does not make it overdue again.
    deliver(ordered(1, R"(,"email":"a@example.com")"));
    run(now + 3h);
    EXPECT_EQ(tx.events.back().type, "call.updated");
    EXPECT_FALSE(tx.stored_calls.at({"demo", 1}).due_at);
}

TEST_F(batch_test, the_same_message_inside_the_window_is_a_repeat_and_outside_it_a_new_one) {
    deliver(message("hi"));
    deliver(message("hi"), now + 59min);
    deliver(message("other"), now + 59min);
    run();
    deliver(message("hi"), now + 30min);
    deliver(message("hi"), now + 2h);
    run(now + 2h);
    strings results;
    for (const auto& o : tx.outcomes)
        results.emplace_back(store::to_string(o.result));
    EXPECT_EQ(results, (strings{"applied", "duplicate", "applied", "duplicate", "applied"}));
    EXPECT_EQ(tx.stored_messages.size(), 3U);
    EXPECT_EQ(tx.outcomes[1].message_id, tx.outcomes[0].delivery_id);
}

TEST_F(batch_test, message_and_call_find_each_other_in_either_order) {
    deliver(message("before"));
    run();
    EXPECT_FALSE(tx.stored_messages.begin()->second.call_id);
    deliver(ordered(1));
    deliver(message("after"));
    run();
    EXPECT_EQ(types(), (strings{"new.message", "call.new", "new.message", "message.linked"}));
    for (const auto& [id, m] : tx.stored_messages)
        EXPECT_EQ(m.call_id, 1);
    EXPECT_NE(tx.events[2].event.find(R"("tied_by":"visitor")"), std::string::npos);
    EXPECT_EQ(tx.events[2].position, 3);
}

TEST_F(batch_test, an_event_is_a_cloud_event_with_the_record_after_it) {
    deliver(ordered(1), now + 1ms);
    run(now + 2ms);
    const auto event = json::parse(tx.events.at(0).event).as_object();
    EXPECT_EQ(event.at("specversion").as_string(), "1.0");
    EXPECT_EQ(event.at("source").as_string(), "/callhook/demo");
    EXPECT_EQ(event.at("subject").as_string(), "calls/1");
    EXPECT_EQ(event.at("time").as_string(), "2016-09-08T13:00:00Z");
    EXPECT_EQ(event.at("recordedtime").as_string(), "2016-09-08T13:06:40.002000Z");
    EXPECT_EQ(event.at("origin").as_string(), "webhook");
    EXPECT_EQ(event.at("data").as_object().at("phase").as_string(), "new");
    EXPECT_EQ(json::serialize(event.at("data")), tx.stored_calls.at({"demo", 1}).record);
}

TEST_F(batch_test, a_call_whose_stored_facts_are_broken_quarantines_its_deliveries_and_stops_nothing) {
    deliver(ordered(1));
    run();
    tx.stored_calls.at({"demo", 1}).facts = "{";
    deliver(ordered(1, R"(,"email":"a@example.com")"));
    deliver(ordered(2));
    run();
    ASSERT_EQ(tx.outcomes.size(), 3U);
    EXPECT_EQ(tx.outcomes[1].result, store::verdict::quarantined);
    EXPECT_EQ(tx.outcomes[2].result, store::verdict::applied);
    EXPECT_EQ(tx.outcomes[2].seq, 3);
    EXPECT_EQ(tx.head().position, 2);
}

TEST_F(batch_test, what_nests_as_deep_as_a_payload_may_is_kept_and_read_again) {
    std::string deep;
    for (int i = 0; i < 29; ++i)
        deep += '[';
    deep += '1';
    for (int i = 0; i < 29; ++i)
        deep += ']';
    deliver(ordered(1, (R"(,"x":)" + deep).c_str()));
    deliver(
        R"({"data":{"message_from_client":"hi","number":"+48 888 888 769","widget":"3","x":)" + deep + "}}"
    );
    run();
    EXPECT_EQ(types(), (strings{"call.new", "new.message"}));
    EXPECT_NE(tx.stored_calls.at({"demo", 1}).record.find(deep), std::string::npos);
    deliver(ordered(1, R"(,"email":"a@example.com")"));
    run();
    EXPECT_EQ(tx.events.back().type, "call.updated");
}

TEST_F(batch_test, recorded_time_never_goes_back) {
    deliver(ordered(1));
    run(now);
    deliver(ordered(2));
    run(now - 1h);
    EXPECT_EQ(tx.head().recorded_at, now);
}

}  // namespace
}  // namespace callhook::pipeline
