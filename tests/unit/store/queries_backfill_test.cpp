#include "base/time_text.hpp"
#include "store/queries.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

class backfill_queries : public testing::Test {
protected:
    static uuid gap_id(std::uint32_t n) { return test_id(n, test_time()); }

    void report(std::uint32_t n, const char* source, std::vector<missing_webhook> missing) {
        gap_report r;
        r.id = gap_id(n);
        r.source = source;
        r.found_at = test_time() + std::chrono::minutes{n};
        r.found_by = "sweep";
        r.from = test_time() - 2h;
        r.to = test_time() - 1h;
        r.missing = std::move(missing);
        store.report_gap(r);
    }

    void outcome(int call, int second, const std::string& event, const char* origin) {
        const auto at = test_time() + std::chrono::seconds{second};
        const auto delivery = sql_text(to_string(test_id(static_cast<std::uint32_t>(call), at)));
        db.exec(
            "INSERT INTO deliveries (id, batch, source, origin, received_at, body) VALUES (" + delivery +
            ", " + delivery + ", 'main', " + sql_text(origin) + ", '" + to_rfc3339(at) +
            "', ''); INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) VALUES (" +
            delivery + ", " + std::to_string(second) + ", 'duplicate', 'main', " + sql_text(event) + ", " +
            std::to_string(call) + ")"
        );
    }

    std::vector<uuid> ids(
        const std::optional<std::string>& source, const std::optional<uuid>& before, std::size_t limit
    ) {
        std::vector<uuid> out;
        for (const auto& gap : read.gaps(source, before, limit))
            out.push_back(gap.id);
        return out;
    }
    using list = std::vector<uuid>;

    test_database db;
    backfill_store store{db.where(), "test"};
    queries read{db.where(), "test"};
};

TEST_F(backfill_queries, gaps_are_listed_newest_first_in_pages) {
    report(1, "main", {{1, "call.new"}, {1, "call.missed"}});
    report(2, "other", {{1, "call.new"}});
    report(3, "main", {{2, "call.new"}});
    EXPECT_EQ(ids({}, {}, 10), (list{gap_id(3), gap_id(2), gap_id(1)}));
    EXPECT_EQ(ids({}, {}, 2), (list{gap_id(3), gap_id(2)}));
    EXPECT_EQ(ids({}, gap_id(2), 10), list{gap_id(1)});
    EXPECT_EQ(ids("main", {}, 10), (list{gap_id(3), gap_id(1)}));
    EXPECT_EQ(ids("main", gap_id(3), 10), list{gap_id(1)});
    EXPECT_EQ(ids("none", {}, 10), list{});
}

TEST_F(backfill_queries, a_gap_counts_its_webhooks_and_those_that_came_late) {
    report(1, "main", {{1, "call.new"}, {2, "call.new"}, {1, "call.missed"}});
    outcome(1, 5, "call.new", "webhook");
    outcome(1, 3, "call.new", "webhook");
    outcome(1, 2, "call.new", "backfill");
    outcome(1, 4, "call.missed", "backfill");
    outcome(2, 4, "call.completed", "webhook");
    db.exec(
        "INSERT INTO calls (source, id, phase, at, record, facts) VALUES "
        "('main', 1, 'missed', now(), '{}', '[]'), ('other', 2, 'new', now(), '{}', '[]')"
    );
    const auto gap = read.gap(gap_id(1));
    ASSERT_TRUE(gap);
    EXPECT_EQ(gap->id, gap_id(1));
    EXPECT_EQ(gap->source, "main");
    EXPECT_EQ(gap->found_at, test_time() + 1min);
    EXPECT_EQ(gap->found_by, "sweep");
    EXPECT_EQ(gap->from, test_time() - 2h);
    EXPECT_EQ(gap->to, test_time() - 1h);
    EXPECT_EQ(gap->calls, 2);
    EXPECT_EQ(
        gap->events, (std::vector<std::pair<std::string, std::int64_t>>{{"call.missed", 1}, {"call.new", 2}})
    );
    EXPECT_EQ(gap->came_late, 1);
    EXPECT_EQ(read.gaps({}, {}, 10).at(0).came_late, 1);
    EXPECT_FALSE(read.gap(gap_id(2)));

    const auto calls = read.gap_calls(gap_id(1));
    ASSERT_EQ(calls.size(), 3U);
    EXPECT_EQ(calls[0].call_id, 1);
    EXPECT_EQ(calls[0].event, "call.missed");
    EXPECT_EQ(calls[0].phase, "missed");
    EXPECT_FALSE(calls[0].came_at);
    EXPECT_EQ(calls[1].event, "call.new");
    EXPECT_EQ(calls[1].came_at, test_time() + 3s) << "the first time that it came";
    EXPECT_EQ(calls[2].call_id, 2);
    EXPECT_EQ(calls[2].phase, "") << "another source's call is another call";
    EXPECT_FALSE(calls[2].came_at);
    EXPECT_TRUE(read.gap_calls(gap_id(2)).empty());
}

TEST_F(backfill_queries, silent_widgets_are_listed_enabled_and_without_any_webhook) {
    db.exec(
        R"(INSERT INTO calls (source, id, phase, widget_id, at, record, facts) VALUES
           ('main', 1, 'new', 10, now(), '', '[{"from":"backfill"}]'),
           ('main', 2, 'new', 10, now(), '', '[{"from":"backfill"}]'),
           ('main', 3, 'new', 12, now(), '', '[{"from":"backfill"},{"from":"webhook"}]'))"
    );
    store.save_widgets("main", {{10, "gone", "u", true}, {9, "no longer", "u", true}}, test_time());
    store.save_widgets(
        "main",
        {{10, "quiet", "https://example.com", true},
         {11, "off", "u", false},
         {12, "heard", "u", true},
         {13, "new", "u", true},
         {14, "about to speak", "u", true},
         {15, "about to write", "u", true}},
        test_time() + 1h
    );
    store.save_widgets("other", {{10, "elsewhere", "u", true}}, test_time());
    db.exec(
        R"(INSERT INTO calls (source, id, phase, widget_id, at, record, facts) VALUES
           ('main', 4, 'new', 14, now(), '', '[{"from":"webhook"}]');
           INSERT INTO messages (id, source, content_hash, received_at, widget_id, fact, record)
           VALUES (uuid_floor(now()), 'main', '', now(), 15, '', ''))"
    );
    const auto silent = read.silent_widgets();
    ASSERT_EQ(silent.size(), 3U);
    EXPECT_EQ(silent[0].source, "main");
    EXPECT_EQ(silent[0].widget.id, 10);
    EXPECT_EQ(silent[0].widget.name, "quiet");
    EXPECT_EQ(silent[0].widget.url, "https://example.com");
    EXPECT_TRUE(silent[0].widget.enabled);
    EXPECT_EQ(silent[0].calls, 2);
    EXPECT_EQ(silent[1].widget.id, 13);
    EXPECT_EQ(silent[1].calls, 0);
    EXPECT_EQ(silent[2].source, "other");
}

TEST_F(backfill_queries, jobs_are_listed_the_dead_first_and_come_alive_when_retried) {
    db.exec(
        "INSERT INTO jobs (source, kind, call_id, reason, due_at, attempts, dead_at, last_error) VALUES "
        "('main', 'call', 1, 'outcome', '2016-01-01T00:00:03Z', 0, NULL, NULL),"
        "('main', 'call', 2, 'outcome', '2016-01-01T00:00:01Z', 1, NULL, 'status 500'),"
        "('main', 'call', 3, 'outcome', '2016-01-01T00:00:04Z', 9, '2016-01-02T00:00:00Z', 'not found'),"
        "('main', 'call', 4, 'outcome', '2016-01-01T00:00:02Z', 9, '2016-01-02T00:00:00Z', 'not found')"
    );
    const auto order = [&](bool dead_only, std::size_t limit) {
        std::string out;
        for (const auto& j : read.jobs(dead_only, limit))
            out += (out.empty() ? "" : " ") + std::to_string(j.call_id);
        return out;
    };
    EXPECT_EQ(order(false, 10), "4 3 2 1");
    EXPECT_EQ(order(false, 3), "4 3 2");
    EXPECT_EQ(order(true, 10), "4 3");
    const auto dead = read.jobs(true, 1).at(0);
    EXPECT_EQ(dead.dead_at, *parse_rfc3339("2016-01-02T00:00:00Z"));
    EXPECT_EQ(dead.last_error, "not found");
    EXPECT_EQ(dead.attempts, 9);

    const auto living = db.number("SELECT id FROM jobs WHERE call_id = 1");
    EXPECT_EQ(read.retry_jobs({dead.id, living, 0}, test_time()), 1U);
    EXPECT_EQ(
        db.text("SELECT concat_ws(' ', due_at, attempts, dead_at, generation) FROM jobs WHERE call_id = 4"),
        "2016-09-08 13:32:54.123456+00 0 2"
    );
    EXPECT_EQ(read.retry_jobs({}, test_time()), 1U) << "all that are dead";
    EXPECT_EQ(read.retry_jobs({}, test_time()), 0U);
    EXPECT_EQ(order(true, 10), "");
    EXPECT_EQ(db.text("SELECT due_at FROM jobs WHERE call_id = 1"), "2016-01-01 00:00:03+00");
}

}  // namespace
}  // namespace callhook::store
