#include "pipeline/batch.hpp"

#include "base/time_text.hpp"
#include "pipeline/erasure.hpp"
#include "records/record_json.hpp"
#include "sources/callpage/callpage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

namespace callhook::pipeline {
namespace {

using namespace std::chrono_literals;

/// Who was erased, in memory.
class memory_erasures final : public store::erasure_access {
public:
    std::string key() override { return "key"; }
    std::map<lifecycle::call_key, uuid> calls(const std::vector<lifecycle::call_key>& keys) override {
        std::map<lifecycle::call_key, uuid> out;
        for (const auto& key : keys) {
            if (refused.contains(key)) out.emplace(key, refused.at(key));
        }
        return out;
    }
    std::map<std::string, store::erased_person> people(const std::vector<std::string>& hashes) override {
        std::map<std::string, store::erased_person> out;
        for (const auto& hash : hashes) {
            if (hash == who) out.emplace(hash, store::erased_person{{}, at});
        }
        return out;
    }
    store::erasure_receipt receipt(const uuid& id) override {
        return {id, "phone", std::string(32, 'h'), at, "{}"};
    }
    void record(const store::erasure_receipt&) override {}
    store::erased_rows erase(const store::erasure_targets& what, const uuid&) override {
        erased.insert(erased.end(), what.calls.begin(), what.calls.end());
        return {{}, what.calls, {}};
    }
    void empty(const std::vector<uuid>& ids) override { emptied += ids.size(); }
    void refuse(const std::map<lifecycle::call_key, uuid>& calls) override {
        refused.insert(calls.begin(), calls.end());
    }

    std::string who;
    utc_time at{};
    std::map<lifecycle::call_key, uuid> refused;
    std::vector<lifecycle::call_key> erased;
    std::size_t emptied = 0;
};

/// Gives each row to a function.
template <class Row>
class row_taker final : public store::row_writer<Row> {
public:
    explicit row_taker(std::function<void(const Row&)> take) : take_{std::move(take)} {}
    void add(const Row& row) override { take_(row); }
    void complete() override {}

private:
    std::function<void(const Row&)> take_;
};

/// The store's side of the sequencer in memory. The functional tests run the real one through the same steps.
class memory_transaction final : public store::sequencer_transaction {
public:
    [[nodiscard]] const store::feed_head& head() const override { return head_; }
    std::vector<store::pending_group> take_pending(std::size_t) override {
        return pending.empty() ? std::vector<store::pending_group>{}
                               : std::vector<store::pending_group>{{1, {}, {}, {}}};
    }
    std::vector<std::vector<store::pending_delivery>> deliveries_of(
        const std::vector<store::pending_group>& groups
    ) override {
        return groups.empty() ? std::vector<std::vector<store::pending_delivery>>{}
                              : std::vector<std::vector<store::pending_delivery>>{std::exchange(pending, {})};
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
    std::vector<store::call_row> call_states(const std::vector<lifecycle::call_key>& keys) override {
        auto out = calls(keys);
        for (auto& row : out)
            row.record.clear();
        return out;
    }
    std::unique_ptr<store::row_writer<store::call_row>> new_calls() override {
        return std::make_unique<row_taker<store::call_row>>([this](const store::call_row& row) {
            if (!stored_calls.emplace(row.key, row).second)
                throw std::logic_error{"the call is stored already"};
        });
    }
    void update_calls(const std::vector<store::call_row>& rows) override {
        for (const auto& row : rows)
            stored_calls.at(row.key) = row;
    }
    void forget_due(const std::vector<lifecycle::call_key>& keys) override {
        for (const auto& key : keys)
            stored_calls.at(key).due_at.reset();
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
    std::vector<store::gap_report> untold_gaps(std::size_t most) override {
        std::vector<store::gap_report> out;
        for (const auto& gap : gaps) {
            if (!told_gaps.contains(gap.id) && out.size() < most) out.push_back(gap);
        }
        return out;
    }
    void mark_gap_told(const uuid& id, std::int64_t position) override {
        EXPECT_TRUE(told_gaps.emplace(id, position).second) << "told twice";
    }
    std::vector<store::announcement> take_announcements(std::size_t most) override {
        const auto count = std::min(most, announcements.size());
        const auto end = announcements.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<store::announcement> out{announcements.begin(), end};
        announcements.erase(announcements.begin(), end);
        return out;
    }
    void append_outcomes(const std::vector<store::outcome_row>& rows) override {
        outcomes.insert(outcomes.end(), rows.begin(), rows.end());
    }
    /// They are kept in the order of their positions.
    std::unique_ptr<store::row_writer<store::event_row>> new_events(utc_time) override {
        return std::make_unique<row_taker<store::event_row>>([this](const store::event_row& row) {
            const auto after = [](const auto& a, const auto& b) { return a.position < b.position; };
            events.insert(std::upper_bound(events.begin(), events.end(), row, after), row);
        });
    }
    void finish(const store::feed_head& head) override { head_ = head; }
    store::erasure_access& erasures() override { return people; }

    std::vector<store::pending_delivery> pending;
    std::map<lifecycle::call_key, store::call_row> stored_calls;
    std::map<uuid, store::message_row> stored_messages;
    std::vector<store::outcome_row> outcomes;
    std::vector<store::event_row> events;
    std::vector<store::gap_report> gaps;
    std::map<uuid, std::int64_t> told_gaps;
    std::vector<store::announcement> announcements;
    memory_erasures people;

    void erase_visitor(utc_time at) {
        head_.erasures = 1;
        people.who = identifier_hash("key", {lifecycle::identifier_kind::phone, "+48888888769"});
        people.at = at;
    }

private:
    store::feed_head head_{"0000000a", 0, 0, 0, {}};
};

constexpr utc_time now{1'473'340'000s};  // 2016-09-08T13:06:40Z

class batch_test : public ::testing::Test {
protected:
    void deliver(std::string body, utc_time at = now, lifecycle::origin from = lifecycle::origin::webhook) {
        uuid id;
        id.bytes[15] = static_cast<std::uint8_t>(++count_);
        tx.pending.push_back({id, "demo", from, at, std::move(body)});
    }
    /// What the vendor's API says of a call.
    void look_at(int id, const char* status, utc_time at = now) {
        deliver(
            R"({"id":)" + std::to_string(id) + R"(,"human_status":")" + status +
                R"(","to":"+48888888769","leadable_id":3,"created_at":"2016-09-08 15:00:00"})",
            at,
            lifecycle::origin::backfill
        );
    }
    json::object event(std::size_t n) const { return parse_json(tx.events.at(n).event).as_object(); }
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

TEST_F(batch_test, what_comes_late_of_an_erased_person_leaves_nothing_but_its_outcome) {
    tx.erase_visitor(now + 2h);  // after the call was ordered, at 13:00 UTC
    deliver(ordered(1), now + 3h);
    deliver(
        R"({"data":{"event":"call.missed","id":1,"status":"manager-failed","to":null,"widget_id":3}})",
        now + 3h
    );
    deliver(message("before"), now);
    deliver("phone=888+888+769", now);
    deliver(message("after"), now + 3h);
    deliver(R"({"data":{"event":"call.new","id":2,"status":"new","to":"+48888888760"}})", now);
    run();
    strings results;
    for (const auto& o : tx.outcomes)
        results.emplace_back(to_string(o.result));
    EXPECT_EQ(results, (strings{"erased", "erased", "erased", "erased", "applied", "applied"}));
    EXPECT_EQ(tx.people.emptied, 4U);
    EXPECT_EQ(tx.stored_calls.size(), 1U);
    EXPECT_TRUE(tx.people.refused.contains({"demo", 1})) << "for good";
    EXPECT_TRUE(tx.people.erased.empty()) << "there was nothing of it";
    EXPECT_EQ(tx.outcomes[0].call_id, 1);
    EXPECT_TRUE(tx.outcomes[0].reason.empty());
    EXPECT_EQ(types(), (strings{"new.message", "call.new"}));
    deliver(
        R"({"data":{"event":"call.completed","id":1,"status":"completed","to":null,"widget_id":3}})", now + 9h
    );
    run();
    EXPECT_EQ(tx.outcomes.back().result, store::verdict::erased) << "whatever it says";
}

TEST_F(batch_test, a_call_that_turns_out_to_be_an_erased_persons_goes_with_what_is_stored) {
    deliver(R"({"data":{"event":"call.missed","id":1,"status":"manager-failed","to":null,"widget_id":3}})");
    run();
    EXPECT_EQ(tx.stored_calls.size(), 1U);
    tx.erase_visitor(now + 2h);
    deliver(ordered(1), now + 1h);
    run();
    EXPECT_EQ(tx.people.erased, (std::vector<lifecycle::call_key>{{"demo", 1}}));
    EXPECT_EQ(types().back(), "subject.erased");
    EXPECT_EQ(event(tx.events.size() - 1).at("data").at("subjects"), (json::array{"calls/1"}));
}

TEST_F(batch_test, what_an_erased_person_does_later_is_kept_and_what_the_api_tells_of_before_is_not) {
    tx.erase_visitor(now - 24h);
    deliver(ordered(1));
    look_at(2, "completed");
    run();
    EXPECT_EQ(tx.stored_calls.size(), 2U);
    tx.erase_visitor(now);
    look_at(3, "completed", now + 48h);
    deliver(
        R"({"id":4,"human_status":"completed","to":"+48888888769","leadable_id":3})",
        now + 48h,
        lifecycle::origin::backfill
    );
    run();
    EXPECT_EQ(tx.stored_calls.size(), 2U);
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

TEST_F(batch_test, what_the_api_told_is_read_as_a_record_and_its_events_say_so) {
    deliver(ordered(1));
    look_at(1, "completed", now + 1min);
    look_at(2, "user-failed", now + 1min);
    const auto report = run(now + 2min);
    EXPECT_EQ(types(), (strings{"call.new", "call.completed", "call.new", "call.missed"}));
    EXPECT_EQ(event(0).at("origin").as_string(), "webhook");
    for (const std::size_t n : {1U, 2U, 3U})
        EXPECT_EQ(event(n).at("origin").as_string(), "backfill") << n;
    EXPECT_EQ(event(1).at("data").as_object().at("phase").as_string(), "completed");
    for (const auto& o : tx.outcomes)
        EXPECT_EQ(o.result, store::verdict::applied);
    EXPECT_EQ(report.deliveries.at({"demo", "record", "applied"}), 2U);
    EXPECT_EQ(report.deliveries.at({"demo", "call.new", "applied"}), 1U);
}

TEST_F(batch_test, a_record_that_is_looked_at_again_tells_nothing) {
    look_at(1, "completed");
    run();
    look_at(1, "completed", now + 1h);
    const auto report = run(now + 1h);
    EXPECT_EQ(tx.events.size(), 2U);
    EXPECT_EQ(tx.outcomes.back().result, store::verdict::duplicate);
    EXPECT_EQ(report.deliveries.at({"demo", "record", "duplicate"}), 1U);
}

TEST_F(batch_test, the_webhook_after_a_record_does_not_tell_the_outcome_again) {
    deliver(ordered(1));
    look_at(1, "user-failed");
    run();
    deliver(R"({"data":{"event":"call.missed","id":1,"status":"user-failed"}})");
    run();
    EXPECT_EQ(types(), (strings{"call.new", "call.missed", "call.updated"}));
}

TEST_F(batch_test, neither_is_read_as_the_other) {
    deliver(ordered(1), now, lifecycle::origin::backfill);
    deliver(R"({"id":2,"human_status":"completed"})");
    deliver("[]", now, lifecycle::origin::backfill);
    const auto report = run();
    ASSERT_EQ(tx.outcomes.size(), 3U);
    EXPECT_EQ(tx.outcomes[0].result, store::verdict::applied) << "an event is one more unknown key there";
    EXPECT_EQ(tx.outcomes[1].result, store::verdict::quarantined);
    EXPECT_EQ(tx.outcomes[2].result, store::verdict::quarantined);
    EXPECT_EQ(report.deliveries.at({"demo", "unknown", "quarantined"}), 2U);
}

TEST_F(batch_test, a_gap_is_told_once_and_remembers_its_position) {
    uuid id;
    id.bytes[15] = 200;
    store::gap_report gap{id, "demo", now - 1s, "sweep", now - 1h, now, {}};
    gap.missing = {{7, "call.new"}, {7, "call.completed"}, {9, "call.completed"}};
    tx.gaps.push_back(gap);
    deliver(ordered(1));
    const auto report = run();
    EXPECT_EQ(report.events, 2U);
    EXPECT_EQ(types(), (strings{"call.new", "gap.found"}));
    EXPECT_EQ(tx.told_gaps, (std::map<uuid, std::int64_t>{{id, 2}}));
    EXPECT_EQ(tx.head().position, 2);
    EXPECT_EQ(tx.events[1].position, 2);
    EXPECT_EQ(tx.events[1].source, "demo");
    EXPECT_EQ(tx.events[1].subject, "gaps/" + to_string(id));
    EXPECT_FALSE(tx.events[1].delivery_id);
    const auto told = event(1);
    EXPECT_EQ(told.at("type").as_string(), "gap.found");
    EXPECT_EQ(told.at("origin").as_string(), "backfill");
    EXPECT_EQ(told.at("time").as_string(), "2016-09-08T13:06:39Z");
    EXPECT_EQ(
        told.at("data"),
        parse_json(
            R"({"id":")" + to_string(id) +
            R"(","source":"demo","found_at":"2016-09-08T13:06:39Z",)"
            R"("found_by":"sweep","from":"2016-09-08T12:06:40Z","to":"2016-09-08T13:06:40Z","calls":2,)"
            R"("events":{"call.completed":2,"call.new":1},"call_ids":[7,9]})"
        )
    );
    run();
    EXPECT_EQ(tx.events.size(), 2U) << "told once";
}

TEST_F(batch_test, gaps_are_told_without_any_delivery_and_a_long_one_names_some_of_its_calls) {
    uuid id;
    id.bytes[15] = 200;
    store::gap_report gap{id, "demo", now, "command", now - 1h, now, {}};
    for (int call = 1; call <= 250; ++call)
        gap.missing.push_back({call, "call.new"});
    tx.gaps.push_back(gap);
    run();
    ASSERT_EQ(tx.events.size(), 1U);
    const auto data = event(0).at("data").as_object();
    EXPECT_EQ(data.at("calls").to_number<int>(), 250);
    EXPECT_EQ(data.at("call_ids").as_array().size(), 100U);
    EXPECT_EQ(tx.head().position, 1);
    EXPECT_TRUE(tx.outcomes.empty());
}

TEST_F(batch_test, recorded_time_never_goes_back) {
    deliver(ordered(1));
    run(now);
    deliver(ordered(2));
    run(now - 1h);
    EXPECT_EQ(tx.head().recorded_at, now);
}

TEST_F(batch_test, announcements_are_told_once_and_belong_to_no_source) {
    const auto when = now - 5min;
    tx.announcements.push_back(
        {uuid{},
         "subscription.paused",
         "",
         "subscriptions/crm",
         when,
         R"({"subscription":"crm","reason":"gone"})"}
    );
    run();
    ASSERT_EQ(tx.events.size(), 1U);
    EXPECT_EQ(tx.events[0].type, "subscription.paused");
    EXPECT_EQ(tx.events[0].source, "");
    const auto event = parse_json(tx.events[0].event).as_object();
    EXPECT_EQ(event.at("source"), "/callhook");
    EXPECT_EQ(event.at("subject"), "subscriptions/crm");
    EXPECT_EQ(event.at("origin"), "callhook");
    EXPECT_EQ(event.at("time"), to_rfc3339(when).c_str());
    EXPECT_EQ(event.at("data").at("reason"), "gone");
    run();
    EXPECT_EQ(tx.events.size(), 1U);
}

}  // namespace
}  // namespace callhook::pipeline
