#include "base/time_text.hpp"
#include "store/backfill_store.hpp"
#include "store/queries.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

class backfill_jobs_test : public testing::Test {
protected:
    static uuid owner(std::uint32_t n) { return test_id(n, test_time()); }

    /// Appends events as the sequencer does; positions run on.
    void event(const std::string& type, const std::string& subject, const std::string& source = "main") {
        db.exec(
            "UPDATE feed_head SET position = position + 1; "
            "INSERT INTO events (position, recorded_at, type, source, subject, event) "
            "SELECT position, '" +
            to_rfc3339(now) + "', " + sql_text(type) + ", " + sql_text(source) + ", " + sql_text(subject) +
            ", '{}' FROM feed_head"
        );
    }

    /// `count` jobs due now, about calls 1, 2, ...
    void add_jobs(int count) {
        db.exec(
            "INSERT INTO jobs (source, kind, call_id, reason, due_at) SELECT 'main', 'call', n, 'test', '" +
            to_rfc3339(now) +
            "'::timestamptz - make_interval(secs => n) "
            "FROM generate_series(1, " +
            std::to_string(count) + ") n"
        );
    }

    std::vector<job> lease(backfill_store& from, std::uint32_t who, std::size_t most = 100) {
        return from.lease(owner(who), {"main"}, now, now + 1min, most);
    }

    bool plan(std::size_t most = 1'000) { return store.plan_from_feed({"main"}, 60s, now, most); }

    /// Columns of the one job, as text.
    std::string job_row(const std::string& columns) {
        return db.text("SELECT concat_ws(' ', " + columns + ") FROM jobs");
    }

    utc_time now = test_time();
    test_database db;
    backfill_store store{db.where(), "test"};
};

// Planning ------------------------------------------------------------------------------------------------

TEST_F(backfill_jobs_test, every_outcome_and_overdue_call_becomes_a_job) {
    for (const auto* type : {"call.new", "call.scheduled", "call.updated", "gap.found"})
        event(type, "calls/1");
    event("call.completed", "calls/10");
    event("call.missed", "calls/11");
    event("call.cancelled", "calls/12");
    event("call.failed", "calls/9007199254740993");
    event("call.overdue", "calls/14");
    event("call.completed", "calls/15", "other");
    EXPECT_FALSE(plan());
    EXPECT_EQ(
        db.text("SELECT string_agg(concat_ws(' ', source, kind, call_id, reason, due_at, generation, looks, "
                "attempts), ', ' ORDER BY call_id) FROM jobs"),
        "main call 10 outcome 2016-09-08 13:33:54.123456+00 1 0 0, "
        "main call 11 outcome 2016-09-08 13:33:54.123456+00 1 0 0, "
        "main call 12 outcome 2016-09-08 13:33:54.123456+00 1 0 0, "
        "main call 14 overdue 2016-09-08 13:32:54.123456+00 1 0 0, "
        "main call 9007199254740993 outcome 2016-09-08 13:33:54.123456+00 1 0 0"
    );
    EXPECT_EQ(db.number("SELECT position FROM backfill_cursor"), 10);
    EXPECT_FALSE(plan());
    EXPECT_EQ(db.number("SELECT max(generation) FROM jobs"), 1) << "each event is read once";
}

TEST_F(backfill_jobs_test, a_stretch_at_a_time) {
    for (int i = 1; i <= 5; ++i)
        event("call.completed", "calls/" + std::to_string(i));
    EXPECT_TRUE(plan(2));
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs"), 2);
    EXPECT_TRUE(plan(2));
    EXPECT_FALSE(plan(2));
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs"), 5);
}

TEST_F(backfill_jobs_test, looking_in_vain_takes_no_lock) {
    event("call.completed", "calls/1");
    plan();
    auto other = db.connect();
    pqxx::work held{*other};
    held.exec("SELECT 1 FROM backfill_cursor FOR UPDATE");
    EXPECT_FALSE(plan());
}

TEST_F(backfill_jobs_test, events_of_one_call_are_one_job_at_the_earliest_time) {
    event("call.completed", "calls/7");
    event("call.overdue", "calls/7");
    event("call.missed", "calls/7");
    plan();
    EXPECT_EQ(job_row("reason, due_at, generation"), "overdue 2016-09-08 13:32:54.123456+00 1");
}

TEST_F(backfill_jobs_test, a_job_that_waits_becomes_due_earlier_but_never_later) {
    event("call.completed", "calls/7");
    plan();
    db.exec("UPDATE jobs SET looks = 3, attempts = 2");
    now += 10s;
    event("call.completed", "calls/7");
    plan();
    EXPECT_EQ(job_row("due_at, generation, looks, attempts"), "2016-09-08 13:33:54.123456+00 2 0 0");
    event("call.overdue", "calls/7");
    plan();
    EXPECT_EQ(job_row("reason, due_at, generation"), "overdue 2016-09-08 13:33:04.123456+00 3");
}

TEST_F(backfill_jobs_test, a_dead_job_comes_alive_at_its_new_time) {
    event("call.overdue", "calls/7");
    plan();
    store.bury(lease(store, 1).at(0), owner(1), "no such call", now);
    now += 1h;
    EXPECT_TRUE(lease(store, 1).empty());
    event("call.completed", "calls/7");
    plan();
    EXPECT_EQ(job_row("due_at, generation, attempts, dead_at"), "2016-09-08 14:33:54.123456+00 2 0");
}

TEST_F(backfill_jobs_test, what_is_asked_for_during_a_lease_is_not_forgotten_when_it_ends) {
    const std::map<std::string, std::function<void(const job&)>> endings{
        {"finish", [&](const job& j) { store.finish(j, owner(1)); }},
        {"repeat", [&](const job& j) { store.repeat(j, owner(1), now + 24h, "again"); }},
        {"postpone", [&](const job& j) { store.postpone(j, owner(1), now + 24h, "down", true); }},
        {"bury", [&](const job& j) { store.bury(j, owner(1), "down", now); }},
    };
    for (const auto& [name, end] : endings) {
        SCOPED_TRACE(name);
        db.exec("DELETE FROM jobs");
        event("call.overdue", "calls/7");
        plan();
        const auto held = lease(store, 1);
        ASSERT_EQ(held.size(), 1U);
        event("call.completed", "calls/7");
        plan();
        EXPECT_TRUE(store.extend(held[0], owner(1), now + 2min)) << "the lease itself goes on";
        end(held[0]);
        EXPECT_EQ(
            job_row("reason, due_at, generation, looks, attempts, leased_by, leased_until, dead_at"),
            "outcome 2016-09-08 13:33:54.123456+00 2 0 0"
        );
        // Without more news the next lease ends it.
        now += 60s;
        const auto next = lease(store, 1);
        ASSERT_EQ(next.size(), 1U);
        store.finish(next[0], owner(1));
        EXPECT_EQ(db.number("SELECT count(*) FROM jobs"), 0);
        now = test_time();
    }
}

/// The stretch that somebody else is reading is not read again, though it was there when this one began.
TEST_F(backfill_jobs_test, what_was_read_during_the_wait_for_the_lock_is_not_read_again) {
    for (int i = 1; i <= 3; ++i)
        event("call.completed", "calls/" + std::to_string(i));
    auto holder = db.connect();
    auto tx = std::make_unique<pqxx::work>(*holder);
    tx->exec("SELECT 1 FROM backfill_cursor FOR UPDATE");
    tx->exec("UPDATE backfill_cursor SET position = 2");
    std::thread waiting{[&] { plan(); }};
    for (int i = 0; i < 1'000; ++i) {
        if (db.number("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0) break;
        std::this_thread::sleep_for(5ms);
    }
    event("call.completed", "calls/4");
    tx->commit();
    tx.reset();
    waiting.join();
    EXPECT_EQ(db.text("SELECT string_agg(call_id::text, ' ' ORDER BY call_id) FROM jobs"), "3 4");
    EXPECT_EQ(db.number("SELECT position FROM backfill_cursor"), 4);
}

TEST_F(backfill_jobs_test, several_at_once_read_each_event_once) {
    constexpr int events = 400;
    std::atomic<bool> writing{true};
    const auto read_on = [&] {
        backfill_store own{db.where(), "test"};
        for (bool last = false; !last;) {
            last = !writing;
            while (own.plan_from_feed({"main"}, 60s, now, 7)) {
            }
        }
    };
    std::thread first{read_on};
    std::thread second{read_on};
    std::thread third{read_on};
    for (int i = 0; i < events; ++i)
        event("call.completed", "calls/" + std::to_string(i));
    writing = false;
    first.join();
    second.join();
    third.join();
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs"), events);
    EXPECT_EQ(db.number("SELECT max(generation) FROM jobs"), 1);
    EXPECT_EQ(db.number("SELECT position FROM backfill_cursor"), events);
}

// Leases --------------------------------------------------------------------------------------------------

TEST_F(backfill_jobs_test, a_lease_gives_the_whole_job_the_longest_due_first) {
    add_jobs(3);
    db.exec("UPDATE jobs SET last_error = 'status 500', attempts = 2, looks = 4 WHERE call_id = 3");
    const auto jobs = lease(store, 1, 2);
    ASSERT_EQ(jobs.size(), 2U);
    EXPECT_EQ(jobs[0].id, db.number("SELECT id FROM jobs WHERE call_id = 3"));
    EXPECT_EQ(jobs[0].source, "main");
    EXPECT_EQ(jobs[0].kind, "call");
    EXPECT_EQ(jobs[0].call_id, 3);
    EXPECT_EQ(jobs[0].reason, "test");
    EXPECT_EQ(jobs[0].due_at, now - 3s);
    EXPECT_EQ(jobs[0].generation, 1);
    EXPECT_EQ(jobs[0].looks, 4);
    EXPECT_EQ(jobs[0].attempts, 2);
    EXPECT_FALSE(jobs[0].dead_at);
    EXPECT_EQ(jobs[0].last_error, "status 500");
    EXPECT_EQ(jobs[1].call_id, 2);
    EXPECT_EQ(jobs[1].last_error, "");
}

TEST_F(backfill_jobs_test, sweeps_come_before_calls_and_each_source_gets_its_share) {
    add_jobs(50);
    store.open_sources({"main", "other"}, now);
    db.exec(
        "INSERT INTO jobs (source, kind, call_id, reason, due_at) SELECT 'other', 'call', n, 'test', '" +
        to_rfc3339(now) + "' FROM generate_series(1, 50) n"
    );
    const auto leased = store.lease(owner(1), {"main", "other"}, now, now + 1min, 10);
    std::map<std::string, int> count;
    for (const auto& one : leased)
        ++count[one.source + (one.kind == "call" ? " call" : " standing")];
    EXPECT_EQ(
        count,
        (std::map<std::string, int>{
            {"main call", 3}, {"main standing", 2}, {"other call", 3}, {"other standing", 2}})
    );
}

TEST_F(backfill_jobs_test, only_due_and_living_jobs_of_the_sources_are_leased) {
    add_jobs(4);
    db.exec(
        "UPDATE jobs SET due_at = '" + to_rfc3339(now + 1us) +
        "' WHERE call_id = 1; "
        "UPDATE jobs SET source = 'other' WHERE call_id = 2; UPDATE jobs SET dead_at = now() WHERE call_id = "
        "3"
    );
    const auto jobs = lease(store, 1);
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].call_id, 4);
    EXPECT_TRUE(store.lease(owner(1), {}, now, now + 1min, 10).empty());
    EXPECT_EQ(store.lease(owner(1), {"x", "other"}, now, now + 1min, 10).size(), 1U);
    now += 1us;
    EXPECT_EQ(lease(store, 1).size(), 1U) << "due is due at the very moment";
}

TEST_F(backfill_jobs_test, owners_at_once_never_share_a_job) {
    constexpr int count = 300;
    add_jobs(count);
    std::vector<std::vector<job>> leased(4);
    std::vector<std::thread> owners;
    for (std::uint32_t i = 0; i < leased.size(); ++i) {
        owners.emplace_back([&, i] {
            backfill_store own{db.where(), "test"};
            for (;;) {
                const auto some = lease(own, i + 1, 7);
                if (some.empty()) break;
                leased[i].insert(leased[i].end(), some.begin(), some.end());
            }
        });
    }
    for (auto& o : owners)
        o.join();
    std::map<std::int64_t, int> times;
    for (const auto& jobs : leased) {
        for (const auto& j : jobs)
            ++times[j.id];
    }
    // One that passes over what another is about to let go of may end early, so some may be left.
    for (const auto& j : lease(store, 9, count))
        ++times[j.id];
    EXPECT_EQ(times.size(), static_cast<std::size_t>(count));
    for (const auto& [id, n] : times)
        EXPECT_EQ(n, 1) << id;
}

TEST_F(backfill_jobs_test, an_expired_lease_is_taken_over_and_the_loser_does_nothing) {
    add_jobs(1);
    const auto lost = lease(store, 1).at(0);
    EXPECT_TRUE(lease(store, 2).empty());
    EXPECT_TRUE(store.extend(lost, owner(1), now + 2min));
    EXPECT_FALSE(store.extend(lost, owner(2), now + 2min));
    now += 1min;
    EXPECT_TRUE(lease(store, 2).empty()) << "it was extended";
    now += 1min;
    const auto won = lease(store, 2).at(0);
    EXPECT_EQ(won.id, lost.id);

    const auto before = db.text("SELECT jobs::text FROM jobs");
    EXPECT_FALSE(store.extend(lost, owner(1), now + 9min));
    store.finish(lost, owner(1));
    store.repeat(lost, owner(1), now, "again");
    store.postpone(lost, owner(1), now, "down", true);
    store.bury(lost, owner(1), "down", now);
    store.release(owner(1));
    EXPECT_EQ(db.text("SELECT jobs::text FROM jobs"), before);
    store.finish(won, owner(2));
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs"), 0);
    store.finish(won, owner(2));
}

TEST_F(backfill_jobs_test, a_lease_that_ended_once_does_not_end_again) {
    add_jobs(1);
    const auto held = lease(store, 1).at(0);
    store.repeat(held, owner(1), now + 1h, "again");
    store.repeat(held, owner(1), now + 2h, "again");
    store.postpone(held, owner(1), now + 2h, "down", true);
    EXPECT_EQ(job_row("due_at, looks, attempts"), "2016-09-08 14:32:54.123456+00 1 0");
}

TEST_F(backfill_jobs_test, looks_and_failures_are_counted) {
    add_jobs(1);
    const auto again = [&] {
        db.exec("UPDATE jobs SET due_at = '2000-01-01'");
        return lease(store, 1).at(0);
    };
    store.postpone(again(), owner(1), now + 5s, "status 500", true);
    EXPECT_EQ(
        job_row("due_at, looks, attempts, last_error, leased_by"),
        "2016-09-08 13:32:59.123456+00 0 1 status 500"
    );
    store.postpone(again(), owner(1), now + 6s, "the API is given a rest", false);
    EXPECT_EQ(job_row("looks, attempts, last_error"), "0 1 the API is given a rest");
    store.repeat(again(), owner(1), now + 1h, "no recording yet");
    EXPECT_EQ(
        job_row("due_at, reason, looks, attempts, last_error"),
        "2016-09-08 14:32:54.123456+00 no recording yet 1 0"
    );
    store.bury(again(), owner(1), "not found", now);
    EXPECT_EQ(
        job_row("dead_at, looks, attempts, last_error, leased_until"),
        "2016-09-08 13:32:54.123456+00 1 1 not found"
    );
}

TEST_F(backfill_jobs_test, release_lets_go_of_all_that_the_owner_holds) {
    add_jobs(5);
    EXPECT_EQ(lease(store, 1, 3).size(), 3U);
    EXPECT_EQ(lease(store, 2, 1).size(), 1U);
    store.release(owner(1));
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs WHERE leased_by IS NOT NULL"), 1);
    EXPECT_EQ(lease(store, 3).size(), 4U);
}

// Standing jobs -------------------------------------------------------------------------------------------

TEST_F(backfill_jobs_test, opening_sources_makes_their_standing_jobs_due) {
    const auto standing = [&] {
        return db.text(
            "SELECT string_agg(concat_ws(' ', source, kind, due_at, attempts, dead_at), ', ' ORDER BY "
            "source, kind) FROM jobs"
        );
    };
    store.open_sources({"main", "main"}, now);
    EXPECT_EQ(
        standing(), "main sweep 2016-09-08 13:32:54.123456+00 0, main widgets 2016-09-08 13:32:54.123456+00 0"
    );
    EXPECT_EQ(store.states({"main"}).at(0).known_since, now);

    // One waits for later, the other is dead.
    for (const auto& j : lease(store, 1)) {
        if (j.kind == "sweep")
            store.postpone(j, owner(1), now + 24h, "down", true);
        else
            store.bury(j, owner(1), "forbidden", now);
    }
    store.open_sources({"main"}, now + 1h);
    EXPECT_EQ(
        standing(), "main sweep 2016-09-08 14:32:54.123456+00 1, main widgets 2016-09-08 13:32:54.123456+00 0"
    );
    EXPECT_EQ(store.states({"main"}).at(0).known_since, now) << "what was known stays known";

    // Somebody is at them.
    now += 1h;
    EXPECT_EQ(lease(store, 1).size(), 2U);
    db.exec("UPDATE jobs SET due_at = '2020-01-01'");
    store.open_sources({"main"}, now);
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs WHERE due_at = '2020-01-01'"), 2);
    // Nobody is any more.
    store.open_sources({"main"}, now + 1min);
    EXPECT_EQ(db.number("SELECT count(*) FROM jobs WHERE due_at = '2020-01-01'"), 0);
    store.open_sources({}, now);
}

}  // namespace
}  // namespace callhook::store
