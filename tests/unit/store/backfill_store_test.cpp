#include "store/backfill_store.hpp"

#include "base/time_text.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

constexpr const char* by_webhook = R"([{"kind":"ordered","from":"webhook"}])";
constexpr const char* by_api =
    R"([{"kind":"observed","from":"backfill","extra":{"/a":"\"from\":\"webhook\""}}])";

class backfill_store_test : public testing::Test {
protected:
    void call(
        int id, const char* facts, const std::string& created_at, const char* source = "main", int widget = 12
    ) {
        db.exec(
            "INSERT INTO calls (source, id, phase, widget_id, created_at, at, record, facts) "
            "VALUES (" +
            sql_text(source) + ", " + std::to_string(id) + ", 'new', " + std::to_string(widget) + ", " +
            (created_at.empty() ? "NULL" : sql_text(created_at)) + ", now(), '{}', " + sql_text(facts) + ")"
        );
    }

    /// A delivery of this second of `test_time`'s minute, and what became of it.
    void outcome(
        int id,
        int second,
        const std::string& event = "call.new",
        const char* origin = "webhook",
        const char* result = "applied"
    ) {
        const auto at = test_time() + std::chrono::seconds{second};
        const auto delivery = sql_text(to_string(test_id(static_cast<std::uint32_t>(id), at)));
        db.exec(
            "INSERT INTO deliveries (id, batch, source, origin, received_at, body) VALUES (" + delivery +
            ", " + delivery + ", 'main', " + sql_text(origin) + ", '" + to_rfc3339(at) +
            "', ''); INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) VALUES (" +
            delivery + ", " + std::to_string(second) + ", " + sql_text(result) + ", 'main', " +
            sql_text(event) + ", " + std::to_string(id) + ")"
        );
    }

    gap_report report(std::uint32_t n, std::vector<missing_webhook> missing) {
        return {
            test_id(n, test_time()),
            "main",
            test_time(),
            "sweep",
            test_time() - 2h,
            test_time() - 1h,
            std::move(missing)};
    }

    using list = std::vector<missing_webhook>;

    source_state state() { return store.states({"main"}).at(0); }

    test_database db;
    backfill_store store{db.where(), "test"};
};

// Sources -------------------------------------------------------------------------------------------------

TEST_F(backfill_store_test, a_new_source_knows_nothing) {
    EXPECT_TRUE(store.states({"main"}).empty());
    store.open_sources({"main", "another"}, test_time());
    const auto states = store.states({"main", "absent", "another"});
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0].source, "another");
    EXPECT_EQ(states[1].source, "main");
    EXPECT_EQ(states[1].known_since, test_time());
    EXPECT_FALSE(states[1].swept_until || states[1].swept_at || states[1].identity_call);
    EXPECT_FALSE(states[1].zone_error || states[1].first_webhook_call);
    EXPECT_EQ(states[1].identity, identity_check::unknown);
    EXPECT_TRUE(store.states({}).empty());
}

TEST_F(backfill_store_test, sweeping_only_goes_forwards) {
    store.open_sources({"main"}, test_time());
    store.set_swept("main", test_time(), test_time() + 1min);
    store.set_swept("main", test_time() - 1h, test_time() + 2min);
    EXPECT_EQ(state().swept_until, test_time());
    EXPECT_EQ(state().swept_at, test_time() + 2min);
    store.set_swept("main", test_time() + 1h, test_time() + 3min);
    EXPECT_EQ(state().swept_until, test_time() + 1h);
    // A clock that was ahead: what is yet to come cannot have been swept.
    store.set_swept("main", test_time() + 4min, test_time() + 4min);
    EXPECT_EQ(state().swept_until, test_time() + 4min);
}

TEST_F(backfill_store_test, identity_is_settled_once_until_it_is_forgotten) {
    store.open_sources({"main", "other"}, test_time());
    const auto is = [&](identity_check expected, std::optional<std::int64_t> call) {
        return state().identity == expected && state().identity_call == call;
    };
    store.set_identity("main", identity_check::unknown, 1);
    EXPECT_TRUE(is(identity_check::unknown, {}));
    store.set_identity("main", identity_check::confirmed, 2);
    store.set_identity("main", identity_check::mismatch, 3);
    EXPECT_TRUE(is(identity_check::confirmed, 2));
    store.forget_identity("main");
    EXPECT_TRUE(is(identity_check::unknown, {}));
    store.set_identity("main", identity_check::mismatch, 4);
    store.set_identity("main", identity_check::confirmed, 5);
    store.set_identity("main", identity_check::unknown, 6);
    EXPECT_TRUE(is(identity_check::mismatch, 4));
    EXPECT_EQ(store.states({"other"}).at(0).identity, identity_check::unknown);
}

TEST_F(backfill_store_test, a_zone_error_may_be_of_either_sign) {
    store.open_sources({"main"}, test_time());
    store.set_zone_error("main", -3600s, test_time());
    EXPECT_EQ(state().zone_error, -3600s);
    store.set_zone_error("main", 0s, test_time());
    EXPECT_EQ(state().zone_error, 0s);
    EXPECT_EQ(db.text("SELECT zone_checked_at FROM source_states"), "2016-09-08 13:32:54.123456+00");
}

TEST_F(backfill_store_test, the_first_call_of_a_webhook_is_the_earliest_that_one_told_of) {
    store.open_sources({"main"}, test_time());
    call(1, by_api, "2016-01-01T00:00:00Z");
    call(2, by_webhook, "");
    call(3, by_webhook, "2015-01-01T00:00:00Z", "other");
    EXPECT_FALSE(state().first_webhook_call);
    call(4, by_webhook, "2016-03-01T00:00:00Z");
    call(5, by_webhook, "2016-02-01T00:00:00Z");
    EXPECT_EQ(state().first_webhook_call, *parse_rfc3339("2016-02-01T00:00:00Z"));
    db.exec("UPDATE calls SET facts = " + sql_text(by_webhook) + " WHERE id = 1");
    EXPECT_EQ(state().first_webhook_call, *parse_rfc3339("2016-01-01T00:00:00Z"));
}

TEST_F(backfill_store_test, looking_for_the_first_call_reads_no_history) {
    db.exec(
        "INSERT INTO calls (source, id, phase, created_at, at, record, facts) "
        "SELECT 'main', n, 'missed', now() - n * interval '1 minute', now(), '{}', " +
        sql_text(by_api) + " FROM generate_series(1, 20000) n; ANALYZE calls"
    );
    EXPECT_NE(
        db.text("EXPLAIN (FORMAT JSON) SELECT created_at FROM calls WHERE source = 'main' AND by_webhook AND "
                "created_at IS NOT NULL ORDER BY created_at LIMIT 1")
            .find("\"calls_by_webhook\""),
        std::string::npos
    );
}

TEST_F(backfill_store_test, arrivals_are_the_latest_calls_first_webhooks) {
    call(1, by_webhook, "2016-09-08T13:00:01Z");
    outcome(1, 1);
    call(2, by_webhook, "2016-09-08T13:00:02Z");
    outcome(2, 2, "call.scheduled");
    outcome(2, 9);
    call(3, by_webhook, "2016-09-08T13:00:03Z");
    outcome(3, 3, "call.missed");
    call(4, by_webhook, "2016-09-08T13:00:04Z");
    outcome(4, 4, "call.new", "backfill");
    outcome(4, 8, "call.new", "webhook", "duplicate");
    call(5, by_api, "2016-09-08T13:00:05Z");
    call(6, by_webhook, "");
    outcome(6, 6);
    const auto all = store.arrivals("main", 10);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].received_at, test_time() + 2s);
    EXPECT_EQ(all[0].created_at, *parse_rfc3339("2016-09-08T13:00:02Z"));
    EXPECT_EQ(all[1].received_at, test_time() + 1s);
    ASSERT_EQ(store.arrivals("main", 1).size(), 1U);
    EXPECT_EQ(store.arrivals("main", 1)[0].received_at, test_time() + 2s);
    EXPECT_TRUE(store.arrivals("other", 10).empty());
}

// Pace ----------------------------------------------------------------------------------------------------

TEST_F(backfill_store_test, a_burst_goes_at_once_and_the_rest_evenly) {
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(store.take_slot("key", 1h, 3), 0us);
    for (int i = 1; i <= 3; ++i) {
        const auto wait = store.take_slot("key", 1h, 3);
        EXPECT_LE(wait, i * 1h);
        EXPECT_GT(wait, i * 1h - 1min);
    }
    EXPECT_EQ(store.take_slot("another", 1h, 1), 0us);
    // Two intervals later there are two places again.
    db.exec("UPDATE api_paces SET next_at = next_at - interval '5 hours' WHERE key = 'key'");
    EXPECT_EQ(store.take_slot("key", 1h, 3), 0us);
    EXPECT_EQ(store.take_slot("key", 1h, 3), 0us);
    EXPECT_GT(store.take_slot("key", 1h, 3), 0us);
    // Rest is not saved up beyond the burst.
    db.exec("UPDATE api_paces SET next_at = next_at - interval '1 year' WHERE key = 'key'");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(store.take_slot("key", 1h, 3), 0us);
    EXPECT_GT(store.take_slot("key", 1h, 3), 0us);
}

TEST_F(backfill_store_test, several_together_keep_the_rate) {
    constexpr int threads = 4;
    constexpr int each = 15;
    constexpr int burst = 5;
    constexpr auto interval = 20ms;
    using steady = std::chrono::steady_clock;
    std::mutex mutex;
    std::vector<steady::time_point> slots;
    const auto start = steady::now();
    std::vector<std::thread> askers;
    for (int i = 0; i < threads; ++i) {
        askers.emplace_back([&] {
            backfill_store own{db.where(), "test"};
            for (int k = 0; k < each; ++k) {
                const auto wait = own.take_slot("key", interval, burst);
                const std::lock_guard lock{mutex};
                slots.push_back(steady::now() + wait);
            }
        });
    }
    for (auto& a : askers)
        a.join();
    std::sort(slots.begin(), slots.end());
    ASSERT_EQ(slots.size(), static_cast<std::size_t>(threads * each));
    for (int k = burst; k < threads * each; ++k) {
        // The database's wall clock and this steady one differ by next to nothing in a second.
        EXPECT_GE(slots[static_cast<std::size_t>(k)] - start, (k - burst + 1) * interval - 2ms) << k;
    }
}

TEST_F(backfill_store_test, holding_back_stops_everybody_and_is_never_shortened) {
    EXPECT_EQ(store.take_slot("key", 1s, 5), 0us);
    store.hold_back("key", 1h);
    store.hold_back("key", 1min);
    const auto first = store.take_slot("key", 1s, 5);
    const auto second = store.take_slot("key", 1s, 5);
    EXPECT_LE(first, 1h);
    EXPECT_GT(first, 59min);
    EXPECT_GT(second, first) << "no burst after it";
    store.hold_back("fresh", 1h);
    EXPECT_GT(store.take_slot("fresh", 1s, 5), 59min);
}

// Comparing -----------------------------------------------------------------------------------------------

TEST_F(backfill_store_test, sequenced_until_looks_at_what_waits) {
    EXPECT_TRUE(store.sequenced_until(test_time()));
    put_group(db, {{test_id(1, test_time())}, {test_id(2, test_time())}});
    EXPECT_TRUE(store.sequenced_until(test_time() - 1ms));
    EXPECT_FALSE(store.sequenced_until(test_time())) << "the same millisecond may have been before";
    EXPECT_FALSE(store.sequenced_until(test_time() + 1h));
    db.exec("DELETE FROM pending");
    EXPECT_TRUE(store.sequenced_until(test_time() + 1h));
}

TEST_F(backfill_store_test, calls_are_read_by_their_keys) {
    call(1, by_webhook, "2016-09-08T13:00:01Z");
    call(2, by_api, "", "other");
    auto rows = store.calls({{"main", 1}, {"other", 2}, {"main", 2}});
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].key, (lifecycle::call_key{"main", 1}));
    EXPECT_EQ(rows[0].facts, by_webhook);
    EXPECT_EQ(rows[1].key, (lifecycle::call_key{"other", 2}));
    EXPECT_TRUE(store.calls({}).empty());
}

TEST_F(backfill_store_test, a_missing_webhook_is_reported_once) {
    const list first{{7, "call.new"}, {7, "call.missed"}, {9, "call.new"}, {7, "call.new"}};
    EXPECT_EQ(
        store.report_gap(report(1, first)), (list{{7, "call.missed"}, {7, "call.new"}, {9, "call.new"}})
    );
    EXPECT_EQ(db.number("SELECT calls FROM gaps"), 2);
    EXPECT_EQ(store.report_gap(report(1, first)), list{}) << "the same again, as after a lost answer";
    EXPECT_EQ(store.report_gap(report(2, first)), list{});
    EXPECT_EQ(store.report_gap(report(3, {})), list{});
    EXPECT_EQ(db.number("SELECT count(*) FROM gaps"), 1) << "no report without a call";
    EXPECT_EQ(store.report_gap(report(4, {{9, "call.new"}, {9, "call.missed"}})), (list{{9, "call.missed"}}));
    EXPECT_EQ(
        db.text("SELECT string_agg(concat_ws(' ', source, found_at, found_by, from_at, to_at, calls, "
                "position), ', ' ORDER BY id) FROM gaps"),
        "main 2016-09-08 13:32:54.123456+00 sweep 2016-09-08 11:32:54.123456+00 2016-09-08 "
        "12:32:54.123456+00 2, "
        "main 2016-09-08 13:32:54.123456+00 sweep 2016-09-08 11:32:54.123456+00 2016-09-08 "
        "12:32:54.123456+00 1"
    );
}

TEST_F(backfill_store_test, reports_at_once_share_the_webhooks_out) {
    list missing;
    for (int i = 0; i < 200; ++i)
        missing.push_back({i, "call.new"});
    std::vector<list> told(4);
    std::vector<std::thread> reporters;
    for (std::uint32_t i = 0; i < told.size(); ++i) {
        reporters.emplace_back([&, i] {
            auto mine = missing;
            if (i % 2 == 1) std::reverse(mine.begin(), mine.end());
            backfill_store own{db.where(), "test"};
            told[i] = own.report_gap(report(i + 1, mine));
        });
    }
    for (auto& r : reporters)
        r.join();
    std::size_t sum = 0;
    for (const auto& t : told)
        sum += t.size();
    EXPECT_EQ(sum, missing.size());
    EXPECT_EQ(db.number("SELECT sum(calls) FROM gaps"), 200);
}

TEST_F(backfill_store_test, the_sequencer_tells_of_each_report_once) {
    sequencer_store sequencer{db.where()};
    EXPECT_FALSE(sequencer.read_backlog(test_time()).untold);
    store.report_gap(report(2, {{7, "call.new"}, {7, "call.missed"}, {9, "call.new"}}));
    store.report_gap(report(1, {{8, "call.missed"}}));
    EXPECT_TRUE(sequencer.read_backlog(test_time()).untold);
    const auto tell = [&](std::size_t most) {
        std::vector<gap_report> told;
        sequencer.sequence([&](sequencer_transaction& tx) {
            auto head = tx.head();
            std::vector<event_row> events;
            told = tx.untold_gaps(most);
            for (const auto& gap : told) {
                const event_row event{
                    ++head.position, "gap.found", gap.source, "gaps/" + to_string(gap.id), {}, "{}"};
                events.push_back(event);
                tx.mark_gap_told(gap.id, event.position);
            }
            tx.new_events(test_time())->add_all(events);
            tx.finish(head);
        });
        return told;
    };
    const auto first = tell(1);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].id, report(1, {}).id) << "the oldest first";
    EXPECT_EQ(first[0].missing, (list{{8, "call.missed"}}));
    const auto second = tell(10);
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second[0].id, report(2, {}).id);
    EXPECT_EQ(second[0].source, "main");
    EXPECT_EQ(second[0].found_at, test_time());
    EXPECT_EQ(second[0].found_by, "sweep");
    EXPECT_EQ(second[0].from, test_time() - 2h);
    EXPECT_EQ(second[0].to, test_time() - 1h);
    EXPECT_EQ(second[0].missing, (list{{7, "call.missed"}, {7, "call.new"}, {9, "call.new"}}));
    EXPECT_TRUE(tell(10).empty());
    EXPECT_FALSE(sequencer.read_backlog(test_time()).untold);
    EXPECT_EQ(db.text("SELECT string_agg(position::text, ' ' ORDER BY id) FROM gaps"), "1 2");
}

TEST_F(backfill_store_test, widgets_are_remembered_with_their_first_webhook) {
    call(1, by_webhook, "", "main", 10);
    call(2, by_api, "", "main", 11);
    call(3, by_webhook, "", "other", 11);
    db.exec(
        "INSERT INTO messages (id, source, content_hash, received_at, widget_id, fact, record) "
        "VALUES (uuid_floor(now()), 'main', '', now(), 12, '', ''), "
        "(uuid_floor(now() + interval '1 s'), 'main', '', now(), NULL, '', '')"
    );
    const auto rows = [&] {
        return db.text(
            "SELECT string_agg(concat_ws(' ', id, name, url, enabled, listed_at, first_webhook_at), ', ' "
            "ORDER BY id) FROM widgets"
        );
    };
    const auto silent = store.save_widgets(
        "main",
        {{12, "c", "u", true},
         {10, "a \"b\", {c}", "u", true},
         {11, "b", "", true},
         {10, "a", "u", true},
         {13, "d", "u", false}},
        *parse_rfc3339("2016-09-08T13:00:00Z")
    );
    EXPECT_EQ(silent, std::vector<std::int64_t>{11}) << "one that is off is not missed";
    EXPECT_EQ(db.number("SELECT count(*) FROM widgets WHERE first_webhook_at IS NOT NULL"), 2);
    EXPECT_EQ(
        db.number("SELECT count(*) FROM widgets WHERE id IN (10, 12) AND first_webhook_at = listed_at"), 2
    );

    db.exec("DELETE FROM calls; DELETE FROM messages");
    call(2, by_webhook, "", "main", 11);
    EXPECT_TRUE(
        store.save_widgets("main", {{11, "b", "new", true}}, *parse_rfc3339("2016-09-08T14:00:00Z")).empty()
    );
    EXPECT_NE(
        rows().find("11 b new t 2016-09-08 14:00:00+00 2016-09-08 14:00:00+00, 12 c u t 2016-09-08 "
                    "13:00:00+00 2016-09-08 13:00:00+00, 13 d u f 2016-09-08 13:00:00+00"),
        std::string::npos
    ) << rows();
    EXPECT_TRUE(store.save_widgets("main", {}, test_time()).empty());
}

// Runs ----------------------------------------------------------------------------------------------------

TEST_F(backfill_store_test, a_run_goes_on_where_it_was) {
    auto run = store.begin_run("main", test_time(), test_time() + 24h);
    EXPECT_EQ(run.source, "main");
    EXPECT_EQ(run.from, test_time());
    EXPECT_EQ(run.to, test_time() + 24h);
    EXPECT_EQ(run.done_until, test_time());
    EXPECT_EQ(run.calls + run.appended, 0);
    run.done_until += 1h;
    run.calls = 100;
    run.appended = 7;
    store.advance_run(run);
    const auto again = store.begin_run("main", test_time(), test_time() + 24h);
    EXPECT_EQ(again.done_until, test_time() + 1h);
    EXPECT_EQ(again.calls, 100);
    EXPECT_EQ(again.appended, 7);
    EXPECT_EQ(store.begin_run("main", test_time(), test_time() + 25h).calls, 0) << "another range";
    store.end_run(again);
    EXPECT_EQ(db.number("SELECT count(*) FROM backfill_runs"), 1);
    EXPECT_EQ(store.begin_run("main", test_time(), test_time() + 24h).calls, 0);
}

}  // namespace
}  // namespace callhook::store
