#include "store/sequencer_store.hpp"

#include "base/time_text.hpp"
#include "store/failure.hpp"
#include "store/queries.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

class sequencer_store_test : public testing::Test {
protected:
    static uuid id(std::uint32_t n) { return test_id(n, this_month_once()); }

    /// Ids rise with their number alone.
    static utc_time this_month_once() {
        static const auto at = this_month();
        return at;
    }

    /// A group of deliveries with these numbers; each body tells its own.
    void group(std::initializer_list<std::uint32_t> numbers) {
        std::vector<test_delivery> deliveries;
        for (const auto n : numbers)
            deliveries.push_back({id(n), std::to_string(n)});
        put_group(db, deliveries);
    }

    static std::string bodies(const std::vector<pending_delivery>& taken) {
        std::string out;
        for (const auto& d : taken)
            out += (out.empty() ? "" : " ") + d.body;
        return out;
    }

    std::string take(std::size_t enough) {
        std::string out;
        store.sequence([&](sequencer_transaction& tx) { out = bodies(take_deliveries(tx, enough)); });
        return out;
    }

    /// Writes one event and one outcome for each delivery taken, as the pipeline does.
    static void decide_all(sequencer_transaction& tx) {
        auto head = tx.head();
        std::vector<outcome_row> outcomes;
        std::vector<event_row> events;
        for (const auto& d : take_deliveries(tx, 1'000)) {
            outcomes.push_back({d.id, ++head.outcomes, verdict::applied, d.source, "call.new", 7, {}, ""});
            events.push_back(
                {++head.position, "call.new", d.source, "calls/7", d.id, R"({"type":"call.new"})"}
            );
        }
        head.recorded_at = test_time();
        call_row call;
        call.key = {"main", 7};
        call.phase = "new";
        call.at = test_time();
        call.record = call.facts = "{}";
        if (tx.call_states({call.key}).empty())
            tx.new_calls()->add_all({call});
        else
            tx.update_calls({call});
        tx.append_outcomes(outcomes);
        tx.new_events(head.recorded_at)->add_all(events);
        tx.finish(head);
    }

    std::string positions() {
        return db.text("SELECT coalesce(string_agg(position::text, ' ' ORDER BY position), '') FROM events");
    }

    test_database db;
    sequencer_store store{db.where()};
};

/// The server notices the end of a connection, and frees what it held, a moment later.
bool comes_to_lead(sequencer_store& store) {
    for (int i = 0; i < 1'000; ++i) {
        if (store.lead()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

TEST_F(sequencer_store_test, only_one_leads) {
    sequencer_store other{db.where()};
    EXPECT_TRUE(store.lead());
    EXPECT_TRUE(store.lead()) << "it is already";
    EXPECT_FALSE(other.lead());
    store.resign();
    EXPECT_TRUE(comes_to_lead(other));
    EXPECT_FALSE(store.lead());
}

TEST_F(sequencer_store_test, the_lead_goes_with_its_store) {
    auto first = std::make_unique<sequencer_store>(db.where());
    EXPECT_TRUE(first->lead());
    EXPECT_FALSE(store.lead());
    first.reset();
    EXPECT_TRUE(comes_to_lead(store));
}

TEST_F(sequencer_store_test, losing_the_connection_loses_the_lead) {
    sequencer_store other{db.where()};
    ASSERT_TRUE(store.lead());
    db.disconnect_others();
    EXPECT_TRUE(comes_to_lead(other));
    EXPECT_THROW((void)store.read_backlog(test_time()), failure);
    // The next call connects again, which does not bring the lead back.
    EXPECT_EQ(store.read_backlog(test_time()).deliveries, 0U);
    EXPECT_FALSE(store.lead());
}

TEST_F(sequencer_store_test, takes_whole_groups_in_order_up_to_enough) {
    group({1, 2, 3});
    group({4, 5});
    group({6, 7, 8, 9});
    EXPECT_EQ(store.read_backlog(test_time()).deliveries, 9U);
    EXPECT_EQ(take(4), "1 2 3 4 5");
    EXPECT_EQ(store.read_backlog(test_time()).deliveries, 4U);
    EXPECT_EQ(take(1), "6 7 8 9") << "a group is never split";
    EXPECT_EQ(take(1), "");
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 0);
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 9);
}

TEST_F(sequencer_store_test, exactly_enough_takes_no_group_more) {
    group({1, 2});
    group({3});
    group({4});
    EXPECT_EQ(take(2), "1 2");
    EXPECT_EQ(take(1'000), "3 4");
}

TEST_F(sequencer_store_test, takes_no_more_bytes_than_are_fit_to_hold) {
    group({1, 2});
    group({3});
    group({4});
    db.exec("UPDATE pending SET bytes = 40000000 WHERE seq = (SELECT min(seq) FROM pending)");
    EXPECT_EQ(take(1'000), "1 2");
    EXPECT_EQ(take(1'000), "3 4");
}

TEST_F(sequencer_store_test, the_order_is_that_of_the_commits_not_of_the_ids) {
    group({21, 22});
    group({1, 2});
    EXPECT_EQ(take(1'000), "21 22 1 2");
}

/// Two daemons' ids interleave: a range alone would take what the other has not committed as its own.
TEST_F(sequencer_store_test, a_group_is_its_own_deliveries_only) {
    group({1, 3, 5});
    group({2, 4, 6});
    EXPECT_EQ(take(1), "1 3 5");
    EXPECT_EQ(take(1), "2 4 6");
}

TEST_F(sequencer_store_test, takes_from_the_default_partition_too) {
    put_group(db, {{test_id(1, test_time()), "old"}, {id(2), "new"}});
    EXPECT_EQ(take(1), "old new");
}

TEST_F(sequencer_store_test, what_waits_behind_a_batch_can_be_read_without_its_lock) {
    group({1, 2});
    group({3});
    group({4, 5});
    group({6});
    backlog_reader ahead{db.where()};
    store.sequence([&](sequencer_transaction& tx) {
        const auto taken = tx.take_pending(3);
        ASSERT_EQ(taken.size(), 2U);
        std::vector<std::string> found;
        std::vector<std::int64_t> numbers;
        const auto next = ahead.groups(taken.back().number, 2);
        for (const auto& group : next)
            numbers.push_back(group.number);
        for (const auto& deliveries : ahead.deliveries_of(next))
            found.push_back(bodies(deliveries));
        EXPECT_EQ(found, std::vector<std::string>{"4 5"}) << "whole groups, until there are enough";
        EXPECT_GT(numbers.at(0), taken.back().number);
        EXPECT_EQ(ahead.groups(taken.back().number, 3).size(), 2U);
        EXPECT_TRUE(ahead.groups(numbers.at(0) + 1, 3).empty());
    });
}

TEST_F(sequencer_store_test, gives_deliveries_as_they_were_stored) {
    std::string body;
    for (int i = 0; i < 256; ++i)
        body += static_cast<char>(i);
    put_group(db, {{id(1), body, "a source"}});
    store.sequence([&](sequencer_transaction& tx) {
        const auto taken = take_deliveries(tx, 1);
        ASSERT_EQ(taken.size(), 1U);
        EXPECT_EQ(taken[0].id, id(1));
        EXPECT_EQ(taken[0].source, "a source");
        EXPECT_EQ(taken[0].from, lifecycle::origin::webhook);
        EXPECT_EQ(taken[0].received_at, test_time());
        EXPECT_TRUE(taken[0].body == body);
    });
}

TEST_F(sequencer_store_test, an_exception_takes_everything_back_and_positions_return) {
    group({1, 2});
    group({3});
    store.sequence(decide_all);
    group({4, 5});
    const auto head_before = db.text("SELECT feed_head::text FROM feed_head");

    // `work` fails after the last of its writes, in its own words.
    EXPECT_THROW(
        store.sequence([](sequencer_transaction& tx) {
            decide_all(tx);
            throw std::runtime_error{"broken"};
        }),
        std::runtime_error
    );
    EXPECT_EQ(db.text("SELECT feed_head::text FROM feed_head"), head_before);
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 1);
    EXPECT_EQ(db.number("SELECT count(*) FROM outcomes"), 3);
    EXPECT_EQ(positions(), "1 2 3");

    // The database refuses a statement: nothing of the transaction stays either.
    try {
        store.sequence([](sequencer_transaction& tx) {
            const auto taken = take_deliveries(tx, 1'000);
            const outcome_row twice{taken[0].id, 4, verdict::applied, "main", "call.new", {}, {}, ""};
            tx.append_outcomes({twice, twice});
        });
        FAIL() << "a delivery is decided once";
    } catch (const failure& e) {
        EXPECT_EQ(e.sqlstate(), "23505");
    }
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 1);

    store.sequence(decide_all);
    EXPECT_EQ(positions(), "1 2 3 4 5") << "a rollback leaves no hole";
    EXPECT_EQ(db.number("SELECT position FROM feed_head"), 5);
    EXPECT_EQ(db.number("SELECT outcomes FROM feed_head"), 5);
    EXPECT_EQ(db.text("SELECT recorded_at FROM feed_head"), "2016-09-08 13:32:54.123456+00");
}

TEST_F(sequencer_store_test, a_lost_connection_takes_everything_back) {
    group({1, 2});
    ASSERT_TRUE(store.lead());
    EXPECT_THROW(
        store.sequence([&](sequencer_transaction& tx) {
            decide_all(tx);
            db.disconnect_others();
        }),
        failure
    );
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 1);
    EXPECT_EQ(positions(), "");
    store.sequence(decide_all);
    EXPECT_EQ(positions(), "1 2");
}

TEST_F(sequencer_store_test, the_heads_lock_lets_one_sequence_at_a_time) {
    constexpr int rounds = 40;
    const auto sequence_many = [&] {
        sequencer_store own{db.where()};
        for (int i = 0; i < rounds; ++i) {
            own.sequence([](sequencer_transaction& tx) {
                auto head = tx.head();
                const event_row event{++head.position, "x", "main", "calls/1", {}, "{}"};
                tx.new_events(test_time())->add_all({event});
                tx.finish(head);
            });
        }
    };
    std::thread other{sequence_many};
    sequence_many();
    other.join();
    EXPECT_EQ(db.number("SELECT count(DISTINCT position) FROM events"), 2 * rounds);
    EXPECT_EQ(db.number("SELECT max(position) FROM events"), 2 * rounds);
    EXPECT_EQ(db.number("SELECT position FROM feed_head"), 2 * rounds);
}

/// A group that was committed while the lock was waited for must be seen: the read is a later statement.
TEST_F(sequencer_store_test, what_was_committed_during_the_wait_for_the_lock_is_seen) {
    auto holder = db.connect();
    auto tx = std::make_unique<pqxx::work>(*holder);
    tx->exec("SELECT 1 FROM feed_head FOR UPDATE");
    std::string taken;
    std::thread waiting{[&] { taken = take(1'000); }};
    for (int i = 0; i < 1'000; ++i) {
        if (db.number("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0) break;
        std::this_thread::sleep_for(5ms);
    }
    group({1, 2});
    tx.reset();
    waiting.join();
    EXPECT_EQ(taken, "1 2");
}

TEST_F(sequencer_store_test, a_commit_that_moves_the_feed_is_notified) {
    queries log{db.where(), "feed"};
    EXPECT_FALSE(log.await_feed(0ms));
    group({1});
    store.sequence(decide_all);
    EXPECT_EQ(log.await_feed(5s), store.read_end()) << "with how far it is";
    db.exec("NOTIFY callhook_feed");
    EXPECT_EQ(log.await_feed(5s), log_end{}) << "as an older version tells it";
    store.sequence([](sequencer_transaction& tx) { tx.finish(tx.head()); });
    group({2});
    EXPECT_THROW(
        store.sequence([](sequencer_transaction& tx) {
            decide_all(tx);
            throw std::runtime_error{"broken"};
        }),
        std::runtime_error
    );
    EXPECT_FALSE(log.await_feed(100ms)) << "nothing came of either";
}

TEST_F(sequencer_store_test, the_epoch_changes_with_the_place_of_the_log_only) {
    const auto first = db.text("SELECT epoch FROM feed_head");
    EXPECT_EQ(store.renew_epoch(), "");
    EXPECT_EQ(db.text("SELECT epoch FROM feed_head"), first);

    db.exec("UPDATE feed_head SET system_identifier = '1', position = 42, floor = 7");
    const auto second = store.renew_epoch();
    EXPECT_EQ(second.size(), 8U);
    EXPECT_NE(second, first);
    EXPECT_EQ(db.text("SELECT epoch FROM feed_head"), second);
    EXPECT_EQ(store.renew_epoch(), "") << "once is enough";

    db.exec("UPDATE feed_head SET timeline = timeline + 1");
    const auto third = store.renew_epoch();
    EXPECT_NE(third, "");
    EXPECT_NE(third, second);
    EXPECT_EQ(store.renew_epoch(), "");

    // A dump brings its own row, and not the table's place.
    db.exec("UPDATE feed_head SET place = '1/2'");
    const auto fourth = store.renew_epoch();
    EXPECT_NE(fourth, "");
    EXPECT_NE(fourth, third);
    EXPECT_EQ(store.renew_epoch(), "");

    // Somebody remembers more of it than there is.
    EXPECT_EQ(store.read_end(), (log_end{fourth, 42}));
    EXPECT_EQ(store.renew_epoch(fourth, 42), "");
    EXPECT_EQ(store.renew_epoch(third, 43), "") << "that is of another history";
    const auto fifth = store.renew_epoch(fourth, 43);
    EXPECT_NE(fifth, "");
    EXPECT_EQ(store.renew_epoch(fourth, 43), "");
    EXPECT_EQ(db.text("SELECT position || ' ' || floor FROM feed_head"), "42 7");
}

TEST_F(sequencer_store_test, calls_are_read_as_they_were_written) {
    call_row full;
    full.key = {"main", 7};
    full.phase = "completed";
    full.phone = "+48123123123";
    full.widget_id = 12;
    full.created_at = test_time() - 1h;
    full.at = test_time();
    full.due_at = test_time() + 1h;
    full.overdue_at = test_time() + 2h;
    full.record = "{\"a\":\"{x,y} \\\"quoted\\\" \\\\ back\\nslash 'single' NULL zażółć\"}";
    full.facts = "[]";
    call_row bare;
    bare.key = {"a \"source\", {odd}", 9'007'199'254'740'993};
    bare.phase = "new";
    bare.record = bare.facts = "{}";
    bare.at = *parse_rfc3339("1999-12-31T23:59:59.999999Z");
    const auto sorted = [](std::vector<call_row> rows) {
        std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
        return rows;
    };
    store.sequence([&](sequencer_transaction& tx) {
        tx.new_calls()->add_all({full, bare});
        EXPECT_EQ(sorted(tx.calls({full.key, bare.key, {"main", 8}, {"other", 7}})), sorted({full, bare}));
        EXPECT_TRUE(tx.calls({}).empty());
        tx.new_calls()->add_all({});
        tx.update_calls({});
        tx.forget_due({});
    });
    // The next state replaces every column, also by null.
    auto next = full;
    next.phone.reset();
    next.widget_id.reset();
    next.due_at.reset();
    next.overdue_at.reset();
    next.created_at.reset();
    next.record = "{}";
    store.sequence([&](sequencer_transaction& tx) {
        tx.update_calls({next, bare});
        EXPECT_EQ(tx.calls({full.key}), std::vector{next});
        EXPECT_EQ(tx.calls({bare.key}), std::vector{bare});
        auto state = next;
        state.record.clear();
        EXPECT_EQ(tx.call_states({full.key, {"main", 8}}), std::vector{state});
    });
    EXPECT_EQ(db.number("SELECT count(*) FROM calls"), 2);
}

TEST_F(sequencer_store_test, due_calls_come_longest_due_first) {
    std::vector<call_row> rows;
    for (const int due : {30, 10, 20, 41}) {
        call_row row;
        row.key = {"main", due};
        row.phase = "scheduled";
        row.at = test_time();
        row.due_at = test_time() + std::chrono::minutes{due};
        row.record = row.facts = "{}";
        rows.push_back(row);
    }
    rows.back().key.id = 99;
    rows.back().due_at.reset();
    EXPECT_FALSE(store.read_backlog(test_time()).overdue);
    store.sequence([&](sequencer_transaction& tx) {
        tx.new_calls()->add_all(rows);
        const auto due = [&](std::chrono::minutes after, std::size_t most) {
            std::vector<std::int64_t> ids;
            for (const auto& row : tx.due_calls(test_time() + after, most))
                ids.push_back(row.key.id);
            return ids;
        };
        EXPECT_EQ(due(9min, 10), std::vector<std::int64_t>{});
        EXPECT_EQ(due(20min, 10), (std::vector<std::int64_t>{10, 20})) << "due is due at the very moment";
        EXPECT_EQ(due(24h, 2), (std::vector<std::int64_t>{10, 20}));
        EXPECT_EQ(due(24h, 10), (std::vector<std::int64_t>{10, 20, 30}));
    });
    store.sequence([&](sequencer_transaction& tx) {
        tx.forget_due({{"main", 10}, {"main", 99}});
        EXPECT_EQ(tx.due_calls(test_time() + 24h, 10).size(), 2U);
    });
    EXPECT_FALSE(store.read_backlog(test_time() + 19min).overdue);
    EXPECT_TRUE(store.read_backlog(test_time() + 20min).overdue);
}

message_row make_message(std::uint32_t n) {
    message_row row;
    row.id = test_id(n, test_time());
    row.source = "main";
    row.content_hash = std::string(32, '\xfe');
    row.received_at = test_time() + std::chrono::minutes{n};
    row.fact = "{\"text\":\"a 'fact' with \\\"quotes\\\" {,}\"}";
    row.record = "{}";
    return row;
}

TEST_F(sequencer_store_test, messages_are_read_as_they_were_written) {
    auto tied = make_message(1);
    tied.phone = "+48123123123";
    tied.widget_id = 12;
    tied.call_id = 7;
    auto linked = make_message(2);
    linked.phone = "+48123123123";
    linked.widget_id = 12;
    linked.linked_call = 8;
    linked.call_id = 8;
    auto bare = make_message(3);
    bare.content_hash[5] = '\0';
    auto elsewhere = make_message(4);
    elsewhere.source = "other";
    elsewhere.phone = "+48123123123";
    elsewhere.widget_id = 12;
    const visitor_key visitor{"main", "+48123123123", 12};
    store.sequence([&](sequencer_transaction& tx) {
        tx.write_messages({linked, tied, bare, elsewhere});
        EXPECT_EQ(tx.messages_like("main", tied.content_hash), (std::vector{tied, linked})) << "oldest first";
        EXPECT_EQ(tx.messages_like("main", bare.content_hash), std::vector{bare});
        EXPECT_TRUE(tx.messages_like("main", std::string(32, 'x')).empty());
        EXPECT_EQ(tx.messages_of({visitor}), std::vector{tied}) << "a link is not guessed anew";
        EXPECT_TRUE(tx.messages_of({{"main", "+48123123123", 13}, {"main", "+48000000000", 12}}).empty());
        EXPECT_TRUE(tx.messages_of({}).empty());
        tx.write_messages({});
    });
    tied.call_id = 9;
    tied.record = "{\"call\":9}";
    store.sequence([&](sequencer_transaction& tx) {
        tx.write_messages({tied});
        EXPECT_EQ(tx.messages_of({visitor}), std::vector{tied});
    });
}

TEST_F(sequencer_store_test, calls_of_a_visitor_are_those_with_a_time) {
    call_row row;
    row.key = {"main", 1};
    row.phase = "new";
    row.phone = "+48123123123";
    row.widget_id = 12;
    row.created_at = test_time();
    row.at = test_time();
    row.record = row.facts = "{}";
    auto timeless = row;
    timeless.key.id = 2;
    timeless.created_at.reset();
    auto other_widget = row;
    other_widget.key.id = 3;
    other_widget.widget_id = 13;
    store.sequence([&](sequencer_transaction& tx) {
        tx.new_calls()->add_all({row, timeless, other_widget});
        const auto calls = tx.calls_of({{"main", "+48123123123", 12}, {"other", "+48123123123", 12}});
        ASSERT_EQ(calls.size(), 1U);
        EXPECT_EQ(calls[0].key, row.key);
        EXPECT_EQ(calls[0].phone, *row.phone);
        EXPECT_EQ(calls[0].widget_id, 12);
        EXPECT_EQ(calls[0].created_at, test_time());
        EXPECT_TRUE(tx.calls_of({}).empty());
    });
}

}  // namespace
}  // namespace callhook::store
