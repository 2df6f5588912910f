#include "store/queries.hpp"

#include "base/time_text.hpp"
#include "store/audit.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <ostream>
#include <set>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

constexpr auto no_end = std::numeric_limits<std::int64_t>::max();

utc_time at(const char* text) {
    return *parse_rfc3339(text);
}

class queries_test : public testing::Test {
protected:
    test_database db;
    queries read{db.where(), "test"};
};

// Events
// --------------------------------------------------------------------------------------------------------------

class event_queries : public queries_test {
protected:
    void SetUp() override {
        db.exec(
            "INSERT INTO events (position, recorded_at, type, source, subject, delivery_id, event) "
            "SELECT n, now(), CASE n % 3 WHEN 0 THEN 'call.new' WHEN 1 THEN 'call.missed' ELSE 'odd "
            "\"type\", {x}' END, "
            "CASE WHEN n <= 6 THEN 'main' ELSE 'other' END, 'calls/' || n % 2, "
            "CASE WHEN n % 2 = 0 THEN uuid_floor(now()) END, '{\"n\":' || n || '}' FROM generate_series(1, "
            "12) n; "
            "UPDATE feed_head SET position = 12, outcomes = 9, recorded_at = '2016-09-08T13:32:54.5Z'"
        );
    }

    std::vector<std::int64_t> positions(
        std::int64_t after, std::int64_t until, const event_filter& filter = {}, std::size_t limit = 100
    ) {
        std::vector<std::int64_t> out;
        for (const auto& event : read.events(after, until, filter, limit).events)
            out.push_back(event.position);
        return out;
    }
    using list = std::vector<std::int64_t>;
};

TEST_F(event_queries, a_page_comes_with_the_head) {
    const auto page = read.events(0, no_end, {}, 2);
    EXPECT_EQ(page.head.epoch, db.text("SELECT epoch FROM feed_head"));
    EXPECT_EQ(page.head.position, 12);
    EXPECT_EQ(page.head.floor, 0);
    EXPECT_EQ(page.head.outcomes, 9);
    EXPECT_EQ(page.head.recorded_at, at("2016-09-08T13:32:54.5Z"));
    EXPECT_EQ(read.head(), page.head);
    ASSERT_EQ(page.events.size(), 2U);
    EXPECT_EQ(page.events[0].position, 1);
    EXPECT_EQ(page.events[0].type, "call.missed");
    EXPECT_EQ(page.events[0].source, "main");
    EXPECT_EQ(page.events[0].subject, "calls/1");
    EXPECT_EQ(page.events[0].event, "{\"n\":1}");
    EXPECT_FALSE(page.events[0].delivery_id);
    EXPECT_TRUE(page.events[1].delivery_id);
}

TEST_F(event_queries, a_stretch_is_after_one_position_up_to_another) {
    EXPECT_EQ(positions(0, no_end).size(), 12U);
    EXPECT_EQ(positions(3, 6), (list{4, 5, 6}));
    EXPECT_EQ(positions(3, no_end, {}, 2), (list{4, 5}));
    EXPECT_EQ(positions(12, no_end), list{});
    EXPECT_EQ(positions(99, no_end), list{});
    EXPECT_EQ(read.events(99, no_end, {}, 1).head.position, 12) << "the head comes with nothing, too";
}

TEST_F(event_queries, filters_take_what_matches_all_of_them) {
    EXPECT_EQ(positions(0, no_end, {{"call.new"}, {}, {}}), (list{3, 6, 9, 12}));
    EXPECT_EQ(positions(0, no_end, {{"call.new", "call.missed"}, {"other"}, {}}), (list{7, 9, 10, 12}));
    EXPECT_EQ(positions(0, no_end, {{"call.new"}, {"main", "other"}, {"calls/1"}}), (list{3, 9}));
    EXPECT_EQ(positions(0, no_end, {{"odd \"type\", {x}"}, {"main"}, {}}), (list{2, 5}));
    EXPECT_EQ(positions(0, no_end, {{"none"}, {}, {}}), list{});
    EXPECT_EQ(positions(4, 10, {{"call.new"}, {}, {}}, 1), list{6});
}

TEST_F(event_queries, the_filter_of_the_database_is_that_of_the_memory) {
    const auto all = read.events(0, no_end, {}, 100).events;
    const event_filter filters[] = {
        {},
        {{"call.new"}, {}, {}},
        {{}, {"other"}, {}},
        {{}, {}, {"calls/0"}},
        {{"call.missed", "x"}, {"main"}, {"calls/1", "calls/0"}}};
    for (const auto& filter : filters) {
        list in_memory;
        for (const auto& event : all) {
            if (filter.takes(event)) in_memory.push_back(event.position);
        }
        EXPECT_EQ(positions(0, no_end, filter), in_memory);
    }
}

TEST_F(queries_test, an_empty_log_has_a_head) {
    const auto page = read.events(0, no_end, {}, 10);
    EXPECT_TRUE(page.events.empty());
    EXPECT_EQ(page.head.position, 0);
    EXPECT_EQ(page.head.recorded_at, utc_time::min());
}

// Calls
// ---------------------------------------------------------------------------------------------------------------

struct call_case {
    const char* what;
    call_query query;
    std::vector<std::int64_t> expected;
};

std::ostream& operator<<(std::ostream& out, const call_case& c) {
    return out << c.what;
}

class call_queries : public queries_test {
protected:
    void SetUp() override {
        db.exec(
            "INSERT INTO calls (source, id, phase, phone, widget_id, at, overdue_at, record, facts) VALUES "
            "('main',  1, 'missed',    '+48111', 10, '2026-01-01T10:00:00Z', NULL, '{\"id\":1}', '[]'),"
            "('main',  2, 'completed', '+48111', 10, '2026-01-01T11:00:00Z', NULL, '{\"id\":2}', '[]'),"
            "('main',  3, 'missed',    '+48222', 11, '2026-01-01T12:00:00Z', NULL, '{\"id\":3}', '[]'),"
            "('main',  4, 'missed',    NULL,     11, '2026-01-01T13:00:00Z', NULL, '{\"id\":4}', '[]'),"
            "('other', 5, 'completed', '+48222', NULL, '2026-01-01T14:00:00Z', NULL, '{\"id\":5}', '[]'),"
            "('main',  6, 'missed',    '+48111', 10, '2026-01-01T15:00:00Z', NULL, '{\"id\":6}', '[]'),"
            "('main',  7, 'scheduled', '+48333', 12, '2026-01-01T16:00:00.000001Z', '2026-01-02T00:00:00Z', "
            "'{\"id\":7}', '[]')"
        );
    }

    std::vector<std::int64_t> ids(const call_query& query) {
        std::vector<std::int64_t> out;
        for (const auto& call : read.calls(query))
            out.push_back(call.place.id);
        return out;
    }
};

TEST_F(call_queries, every_filter_narrows_the_list) {
    const auto with = [](auto set) {
        call_query q;
        set(q);
        return q;
    };
    const call_case cases[] = {
        {"all, newest first", {}, {7, 6, 5, 4, 3, 2, 1}},
        {"phase", with([](auto& q) { q.phase = "missed"; }), {6, 4, 3, 1}},
        {"no such phase", with([](auto& q) { q.phase = "x"; }), {}},
        {"widget", with([](auto& q) { q.widget_id = 11; }), {4, 3}},
        {"phone", with([](auto& q) { q.phone = "+48111"; }), {6, 2, 1}},
        {"since, inclusive", with([](auto& q) { q.since = at("2026-01-01T14:00:00Z"); }), {7, 6, 5}},
        {"since to the microsecond", with([](auto& q) { q.since = at("2026-01-01T16:00:00.000002Z"); }), {}},
        {"never called back", with([](auto& q) { q.never_called_back = true; }), {6, 3}},
        {"all filters at once",
         with([](auto& q) {
             q.phase = "missed";
             q.widget_id = 10;
             q.phone = "+48111";
             q.since = at("2026-01-01T11:00:00Z");
             q.never_called_back = true;
         }),
         {6}},
        {"limit", with([](auto& q) { q.limit = 2; }), {7, 6}},
        {"after a place",
         with([](auto& q) {
             q.before = call_query::place{at("2026-01-01T12:00:00Z"), "main", 3};
         }),
         {2, 1}},
        {"after a place with a filter",
         with([](auto& q) {
             q.before = call_query::place{at("2026-01-01T15:00:00Z"), "main", 6};
             q.phase = "missed";
             q.limit = 2;
         }),
         {4, 3}},
    };
    for (const auto& c : cases)
        EXPECT_EQ(ids(c.query), c.expected) << c;
}

TEST_F(call_queries, a_missed_call_is_called_back_by_a_later_completed_one_of_the_same_visitor) {
    std::set<std::int64_t> never;
    for (const auto& call : read.calls({})) {
        if (call.never_called_back) never.insert(call.place.id);
    }
    // 1 was called back by 2; 2 and 5 were not missed; 4 has no number; 5 is another source's; 6 came
    // after 2.
    EXPECT_EQ(never, (std::set<std::int64_t>{3, 6}));
}

TEST_F(call_queries, a_listed_call_has_its_record_and_clocks) {
    const auto calls = read.calls({});
    EXPECT_EQ(calls[0].record, "{\"id\":7}");
    EXPECT_EQ(calls[0].place.source, "main");
    EXPECT_EQ(calls[0].place.at, at("2026-01-01T16:00:00.000001Z"));
    EXPECT_EQ(calls[0].overdue_at, at("2026-01-02T00:00:00Z"));
    EXPECT_FALSE(calls[1].overdue_at);
}

TEST_F(queries_test, pages_over_equal_times_miss_and_repeat_nothing) {
    db.exec(
        "INSERT INTO calls (source, id, phase, at, record, facts) "
        "SELECT s, n, 'new', '2026-01-01T10:00:00.123456Z', '{}', '[]' "
        "FROM generate_series(1, 10) n, unnest(ARRAY['a', 'b']) s"
    );
    for (const std::size_t limit : {1U, 3U, 7U, 20U}) {
        std::vector<std::pair<std::string, std::int64_t>> seen;
        call_query query;
        query.limit = limit;
        for (;;) {
            const auto page = read.calls(query);
            for (const auto& call : page)
                seen.emplace_back(call.place.source, call.place.id);
            if (page.size() < limit) break;
            query.before = page.back().place;
        }
        EXPECT_EQ(seen.size(), 20U) << limit;
        EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend())) << limit;
        EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << limit;
    }
}

TEST_F(call_queries, one_call_has_its_timeline_and_messages) {
    const auto first = test_id(1, this_month());
    const auto second = test_id(2, this_month());
    put_group(db, {{second}, {first}, {test_id(3, this_month())}});
    db.exec(
        "DELETE FROM pending; UPDATE deliveries SET received_at = '2026-01-01T10:00:00Z'; "
        "UPDATE deliveries SET received_at = '2026-01-01T09:00:00Z', origin = 'backfill' WHERE id = '" +
        to_string(second) +
        "'; "
        "INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) VALUES "
        "('" +
        to_string(first) + "', 1, 'applied', 'main', 'call.new', 1), ('" + to_string(second) +
        "', 2, 'duplicate', 'main', NULL, 1), ('" + to_string(test_id(3, this_month())) +
        "', 3, 'applied', 'other', 'call.new', 1); "
        "INSERT INTO messages (id, source, content_hash, received_at, call_id, fact, record) VALUES "
        "(uuid_floor('2026-01-02'), 'main', '', now(), 1, '', '{\"m\":2}'), (uuid_floor('2026-01-01'), "
        "'main', '', now(), 1, '', '{\"m\":1}'), "
        "(uuid_floor('2026-01-03'), 'other', '', now(), 1, '', '{}'), (uuid_floor('2026-01-04'), 'main', '', "
        "now(), 2, '', '{}')"
    );
    const auto found = read.call({"main", 1});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->call.record, "{\"id\":1}");
    EXPECT_EQ(found->facts, "[]");
    EXPECT_EQ(found->messages, (std::vector<std::string>{"{\"m\":1}", "{\"m\":2}"}));
    ASSERT_EQ(found->timeline.size(), 2U) << "in the order of receipt";
    EXPECT_EQ(found->timeline[0].delivery_id, second);
    EXPECT_EQ(found->timeline[0].origin, "backfill");
    EXPECT_EQ(found->timeline[0].event, "");
    EXPECT_EQ(found->timeline[0].result, "duplicate");
    EXPECT_EQ(found->timeline[1].received_at, at("2026-01-01T10:00:00Z"));
    EXPECT_EQ(found->timeline[1].event, "call.new");

    EXPECT_FALSE(read.call({"main", 5})) << "that one is another source's";
    EXPECT_FALSE(read.call({"nobody", 1}));
}

TEST_F(queries_test, messages_come_newest_first_page_by_page) {
    db.exec(
        "INSERT INTO messages (id, source, content_hash, received_at, fact, record) "
        "SELECT uuid_floor('2026-01-01'::timestamptz + make_interval(secs => n)), 'main', '\\x00ff', now(), "
        "'f', n::text "
        "FROM generate_series(1, 5) n"
    );
    std::string seen;
    std::optional<uuid> before;
    for (int page = 0; page < 3; ++page) {
        const auto rows = read.messages(before, 2);
        ASSERT_EQ(rows.size(), page < 2 ? 2U : 1U);
        for (const auto& row : rows)
            seen += row.record;
        before = rows.back().id;
    }
    EXPECT_EQ(seen, "54321");
    EXPECT_TRUE(read.messages(before, 2).empty());
    EXPECT_EQ(read.messages({}, 1)[0].content_hash, std::string("\0\xff", 2));
}

// Quarantine
// ----------------------------------------------------------------------------------------------------------

class quarantine : public queries_test {
protected:
    void SetUp() override {
        put_group(db, {{ids[0], "not json"}, {ids[1], std::string("\0\xff", 2)}, {ids[2], "{}"}});
        db.exec("DELETE FROM pending; UPDATE feed_head SET outcomes = 3, position = 1");
        const char* results[] = {"quarantined", "quarantined", "applied"};
        for (std::size_t i = 0; i < 3; ++i) {
            db.exec(
                "INSERT INTO outcomes (delivery_id, seq, result, source, reason) VALUES ('" +
                to_string(ids[i]) + "', " + std::to_string(i + 1) + ", '" + results[i] + "', 'main', 'why')"
            );
        }
        db.exec(
            "INSERT INTO events (position, recorded_at, type, source, subject, delivery_id, event) VALUES "
            "(1, now(), "
            "'call.new', 'main', 'calls/7', '" +
            to_string(ids[2]) + "', '{}')"
        );
        ASSERT_TRUE(audit(db.where()).balanced());
    }

    const utc_time now = this_month();
    const uuid ids[3] = {test_id(1, now), test_id(2, now), test_id(3, now)};
};

TEST_F(quarantine, is_listed_newest_first) {
    const auto all = read.quarantine({}, 10);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].id, ids[1]);
    EXPECT_EQ(all[1].id, ids[0]);
    EXPECT_EQ(all[0].source, "main");
    EXPECT_EQ(all[0].reason, "why");
    EXPECT_EQ(all[0].content_type, "application/json");
    EXPECT_EQ(all[0].received_at, test_time());
    EXPECT_EQ(all[0].size, 2U);
    EXPECT_EQ(read.quarantine({}, 1).size(), 1U);
    const auto next = read.quarantine(ids[1], 10);
    ASSERT_EQ(next.size(), 1U);
    EXPECT_EQ(next[0].id, ids[0]);
    EXPECT_EQ(read.counts().quarantined, 2);
    EXPECT_EQ(read.counts().pending, 0);
    EXPECT_FALSE(read.counts().oldest_pending);
}

TEST_F(quarantine, one_is_shown_with_its_bytes) {
    const auto found = read.quarantined(ids[1]);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->first.id, ids[1]);
    EXPECT_EQ(found->second, std::string("\0\xff", 2));
    EXPECT_FALSE(read.quarantined(ids[2])) << "it was applied";
    EXPECT_FALSE(read.quarantined(test_id(9, now)));
}

TEST_F(quarantine, retry_puts_back_those_named_and_the_ledger_stays_balanced) {
    // One that is in quarantine, one that is not, one that is not known.
    EXPECT_EQ(read.retry_quarantined({ids[1], ids[2], test_id(9, now)}), 1U);
    EXPECT_TRUE(audit(db.where()).balanced());
    EXPECT_EQ(read.counts().quarantined, 1);
    EXPECT_EQ(read.counts().pending, 1);
    EXPECT_EQ(read.counts().oldest_pending, callhook::time_of(ids[1]));
    EXPECT_EQ(read.retry_quarantined({ids[1]}), 0U) << "it waits already";
    sequencer_store store{db.where()};
    store.sequence([&](sequencer_transaction& tx) {
        const auto taken = take_deliveries(tx, 100);
        ASSERT_EQ(taken.size(), 1U);
        EXPECT_EQ(taken[0].id, ids[1]);
        EXPECT_EQ(taken[0].body, std::string("\0\xff", 2));
        tx.append_outcomes({{ids[1], 4, verdict::quarantined, "main", "", {}, {}, "again"}});
        auto head = tx.head();
        head.outcomes = 4;
        tx.finish(head);
    });
    EXPECT_TRUE(audit(db.where()).balanced());
    EXPECT_EQ(read.quarantined(ids[1])->first.reason, "again");
}

TEST_F(quarantine, retry_without_names_puts_back_all) {
    EXPECT_EQ(read.retry_quarantined({}), 2U);
    EXPECT_TRUE(audit(db.where()).balanced());
    EXPECT_EQ(read.counts().quarantined, 0);
    sequencer_store store{db.where()};
    store.sequence([&](sequencer_transaction& tx) { EXPECT_EQ(take_deliveries(tx, 100).size(), 2U); });
}

}  // namespace
}  // namespace callhook::store
