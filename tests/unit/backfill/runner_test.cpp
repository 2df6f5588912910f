#include "backfill/runner.hpp"

#include "base/time_text.hpp"
#include "world.hpp"

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using ids = std::vector<std::int64_t>;
using kind = sources::api_failure::kind;

/// Answers all with one status.
class plain_transport final : public sources::transport {
public:
    asio::awaitable<sources::api_result<sources::api_answer>> get(sources::api_request) override {
        ++requests;
        co_return sources::api_answer{status, "", ""};
    }
    unsigned status = 200;
    int requests = 0;
};

/// What one daemon has: a runner with the way to its vendor.
struct daemon {
    std::unique_ptr<paced_transport> way;
    fake_api* api = nullptr;
    std::unique_ptr<reconciler> calls;
    std::unique_ptr<runner> work;
};

class runner_test : public world {
protected:
    runner_test() {
        how.detail_delay = 0ms;
        how.sweep_interval = 1h;
        how.widgets_interval = 1h;
        how.settle = 20ms;
        how.job_lease = 60s;
        how.jobs_at_once = 4;
        how.job_attempts = 3;
    }

    daemon make_daemon(fake_api& vendor) {
        pace p;
        p.key = "a hash";
        p.interval = 1us;
        p.burst = 10'000;
        p.at_once = 8;
        p.breaker = {3, 60s, 60s};
        daemon out;
        out.api = &vendor;
        out.way = std::make_unique<paced_transport>(loop.get_executor(), "main", inner, pool, p, metrics);
        vendor.way = out.way.get();
        out.calls = std::make_unique<reconciler>(
            loop.get_executor(), "main", vendor, decoder, pool, make_append(), how, clock, metrics
        );
        out.work = std::make_unique<runner>(
            loop.get_executor(),
            std::vector{account{out.calls.get(), out.way.get()}},
            pool,
            how,
            clock,
            metrics
        );
        return out;
    }
    void stop(daemon& d) {
        auto stopping = [](runner& r) -> asio::awaitable<bool> {
            co_await r.stop();
            co_return true;
        };
        EXPECT_TRUE(run(stopping(*d.work)));
    }
    /// The feed says so of a call.
    void event(const std::string& type, std::int64_t call, const std::string& source = "main") {
        db.exec(
            "UPDATE feed_head SET position = position + 1; "
            "INSERT INTO events (position, recorded_at, type, source, subject, event) SELECT position, " +
            store::sql_text(to_rfc3339(now())) + ", " + store::sql_text(type) + ", " +
            store::sql_text(source) + ", 'calls/" + std::to_string(call) + "', '{}' FROM feed_head"
        );
    }
    void add_call_job(std::int64_t call) {
        db.exec(
            "INSERT INTO jobs (source, kind, call_id, reason, due_at) VALUES ('main', 'call', " +
            std::to_string(call) + ", 'test', " + store::sql_text(to_rfc3339(now() - 1s)) + ")"
        );
    }
    /// Nothing but what the test asks for.
    void let_standing_jobs_wait() {
        db.exec(
            "UPDATE jobs SET leased_by = gen_random_uuid(), leased_until = 'infinity' WHERE kind <> 'call'"
        );
    }
    std::string job(const std::string& columns, const std::string& which = "kind = 'call'") {
        return db.text(
            "SELECT coalesce((SELECT concat_ws(' ', " + columns + ") FROM jobs WHERE " + which + "), 'none')"
        );
    }
    std::int64_t jobs(const std::string& which) {
        return db.number("SELECT count(*) FROM jobs WHERE " + which);
    }

    plain_transport inner;
};

TEST_F(runner_test, sweeps_and_lists_widgets_at_start_and_then_waits) {
    vendor_has(7, 2h);
    api.widget_list = {{3, "a", "u", true}};
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("looks = 1 AND leased_by IS NULL") == 2; });
    run_for(50ms);
    EXPECT_EQ(appended_ids(), ids{7});
    EXPECT_EQ(api.widgets_asked, 1);
    EXPECT_EQ(api.filters.size(), 1U);
    EXPECT_EQ(db.number("SELECT count(*) FROM widgets"), 1);
    EXPECT_EQ(db.number("SELECT count(*) FROM source_states WHERE swept_until IS NOT NULL"), 1);
    EXPECT_EQ(job("due_at > " + store::sql_text(to_rfc3339(now() + 59min)), "kind = 'sweep'"), "t");
    EXPECT_EQ(d.work->problems(), "");
    stop(d);
}

TEST_F(runner_test, the_next_sweep_begins_where_the_last_one_ended_and_a_bit_before) {
    own_store.set_swept("main", now() - 2h, now());
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("kind = 'sweep' AND looks = 1") == 1; });
    stop(d);
    const auto from = now() - utc_time{*api.filters.at(0).from};
    EXPECT_GE(from, 3h);
    EXPECT_LT(from, 3h + 10s);
}

TEST_F(runner_test, every_outcome_is_looked_at) {
    const auto c = vendor_has(7, 30h, "user-failed");
    all_webhooks_came(c);
    vendor_has(8, 30h);
    vendor_has(9, 30h);
    how.first_sweep = 1h;
    event("call.missed", 7);
    event("call.updated", 9);
    event("call.completed", 9, "other");
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return api.asked.size() == 1 && jobs("kind = 'call'") == 0; });
    event("call.overdue", 8);
    run_until([&] { return api.asked.size() == 2 && jobs("kind = 'call'") == 0; });
    run_for(50ms);
    EXPECT_EQ(api.asked, (ids{7, 8}));
    EXPECT_EQ(appended_ids(), (ids{7, 8}));
    stop(d);
}

TEST_F(runner_test, a_part_that_is_missing_is_looked_for_again) {
    const auto c = vendor_has(7, 2min, "user-failed");
    all_webhooks_came(c);
    let_standing_jobs_wait();
    add_call_job(7);
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("kind = 'call' AND looks = 1 AND leased_by IS NULL") == 1; });
    EXPECT_EQ(job("due_at = " + store::sql_text(to_rfc3339(c.created_at + 1h))), "t");
    clock.move(1h);
    run_until([&] { return jobs("kind = 'call'") == 0; });
    EXPECT_EQ(api.asked, (ids{7, 7}));
    stop(d);
}

TEST_F(runner_test, a_failing_job_is_tried_again_and_finally_buried) {
    let_standing_jobs_wait();
    add_call_job(7);
    vendor_has(7, 2h);
    how.retry_first = 40ms;
    how.retry_longest = 1h;
    api.failures.assign(3, {kind::broken, "status 500", 500, {}});
    auto d = make_daemon(api);
    std::vector<std::chrono::steady_clock::time_point> times;
    d.work->start();
    for (std::size_t n = 1; n <= 3; ++n) {
        run_until([&] { return api.asked.size() >= n; });
        times.push_back(std::chrono::steady_clock::now());
    }
    run_until([&] { return jobs("dead_at IS NOT NULL") == 1; });
    EXPECT_GE(times[1] - times[0], 15ms);
    EXPECT_GE(times[2] - times[1], 35ms) << "the second wait is twice as long";
    run_for(200ms);
    EXPECT_EQ(api.asked.size(), 3U) << "dead";
    EXPECT_EQ(job("attempts, last_error, leased_by IS NULL"), "3 status 500 t");
    stop(d);
}

TEST_F(runner_test, a_call_that_the_api_does_not_know_yet_is_asked_for_again) {
    how.job_attempts = 1'000;
    let_standing_jobs_wait();
    add_call_job(7);
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("attempts > 0") == 1; });
    EXPECT_EQ(job("dead_at IS NULL, last_error"), "t no such call");
    vendor_has(7, 30h);
    run_until([&] { return jobs("kind = 'call'") == 0; });
    EXPECT_EQ(appended_ids(), ids{7});
    stop(d);
}

TEST_F(runner_test, what_cannot_be_read_is_buried_in_the_end_and_others_go_on) {
    let_standing_jobs_wait();
    for (const std::int64_t id : {7, 8})
        add_call_job(id);
    vendor_has(7, 2h).more = R"(,"to":"x")";  // a key twice
    vendor_has(8, 2h);
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("dead_at IS NOT NULL") == 1 && jobs("kind = 'call'") == 1; });
    EXPECT_EQ(job("call_id, attempts"), "7 3");
    EXPECT_EQ(appended_ids(), ids{8});
    stop(d);
}

TEST_F(runner_test, standing_jobs_are_never_buried) {
    how.job_attempts = 2;
    api.failures.assign(12, {kind::rejected, "status 400", 400, {}});
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return jobs("looks = 1 AND attempts = 0 AND dead_at IS NULL") == 2; });
    EXPECT_GE(api.filters.size() + static_cast<std::size_t>(api.widgets_asked), 14U);
    stop(d);
}

TEST_F(runner_test, an_open_breaker_leaves_attempts_untouched) {
    let_standing_jobs_wait();
    for (std::int64_t id = 1; id <= 8; ++id)
        add_call_job(id);
    inner.status = 503;
    how.job_attempts = 100;
    how.retry_first = 1ms;
    how.retry_longest = 2ms;
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return !d.way->ready(); });
    run_for(200ms);
    EXPECT_GE(inner.requests, 3);
    EXPECT_LE(inner.requests, 6) << "those under way when it opened";
    const auto before = inner.requests;
    run_for(100ms);
    EXPECT_EQ(inner.requests, before);
    EXPECT_LT(db.number("SELECT sum(attempts) FROM jobs"), inner.requests)
        << "what fails while it is open counts against nobody";
    EXPECT_EQ(jobs("dead_at IS NOT NULL"), 0);
    EXPECT_NE(d.work->problems(), "");
    stop(d);
}

TEST_F(runner_test, a_refused_key_uses_up_no_attempts_at_all) {
    let_standing_jobs_wait();
    add_call_job(7);
    inner.status = 401;
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return !d.way->ready(); });
    run_for(50ms);
    EXPECT_EQ(inner.requests, 3);
    EXPECT_EQ(job("attempts, dead_at IS NULL"), "0 t");
    EXPECT_NE(d.work->problems().find("the API key is refused"), std::string::npos) << d.work->problems();
    stop(d);
}

TEST_F(runner_test, where_ids_do_not_agree_nothing_is_asked) {
    own_store.set_identity("main", store::identity_check::mismatch, 7);
    add_call_job(7);
    auto d = make_daemon(api);
    d.work->start();
    run_for(200ms);
    EXPECT_EQ(inner.requests, 0);
    EXPECT_EQ(db.number("SELECT max(attempts) FROM jobs"), 0);
    EXPECT_NE(d.work->problems().find("do not name the same calls"), std::string::npos);
    stop(d);
}

TEST_F(runner_test, stop_ends_what_is_under_way_and_gives_back_the_leases) {
    let_standing_jobs_wait();
    for (std::int64_t id = 1; id <= 8; ++id)
        add_call_job(id);
    api.delay = 100ms;
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return api.under_way == 4; });
    EXPECT_EQ(jobs("kind = 'call' AND leased_by IS NOT NULL"), 4);
    const auto began = std::chrono::steady_clock::now();
    stop(d);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
    EXPECT_EQ(jobs("kind = 'call' AND leased_by IS NOT NULL"), 0);
    EXPECT_EQ(db.number("SELECT sum(attempts) FROM jobs"), 0);
    EXPECT_EQ(jobs("kind = 'call'"), 8) << "all wait for the next daemon";
    EXPECT_EQ(api.under_way, 0);
    EXPECT_EQ(api.most_under_way, 4) << "no more than so many at once";
}

TEST_F(runner_test, stop_during_a_sweep_does_not_say_that_it_was_swept) {
    db.exec("DELETE FROM jobs WHERE kind = 'widgets'");
    vendor_has(7, 2min);  // young: its webhooks are waited for
    how.settle = 60s;
    auto d = make_daemon(api);
    d.work->start();
    run_until([&] { return !appended.empty(); });
    stop(d);
    EXPECT_EQ(db.number("SELECT count(*) FROM source_states WHERE swept_until IS NOT NULL"), 0);
    EXPECT_EQ(job("looks, attempts, leased_by IS NULL", "kind = 'sweep'"), "0 0 t");
}

TEST_F(runner_test, stop_before_start_and_without_sources) {
    auto d = make_daemon(api);
    stop(d);
    daemon none;
    none.work =
        std::make_unique<runner>(loop.get_executor(), std::vector<account>{}, pool, how, clock, metrics);
    none.work->start();
    stop(none);
}

TEST_F(runner_test, two_daemons_never_do_the_same_job_at_once) {
    let_standing_jobs_wait();
    constexpr int count = 40;
    for (std::int64_t id = 1; id <= count; ++id) {
        vendor_has(id, 30h);
        add_call_job(id);
    }
    api.delay = 5ms;
    fake_api second;
    second.history = api.history;
    second.delay = 5ms;
    auto a = make_daemon(api);
    auto b = make_daemon(second);
    a.work->start();
    b.work->start();
    run_until([&] { return jobs("kind = 'call'") == 0; });
    stop(a);
    stop(b);
    EXPECT_FALSE(api.asked.empty());
    EXPECT_FALSE(second.asked.empty());
    auto all = api.asked;
    all.insert(all.end(), second.asked.begin(), second.asked.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
    EXPECT_EQ(appended.size(), static_cast<std::size_t>(count));
}

TEST_F(runner_test, a_lease_that_expired_is_taken_over) {
    let_standing_jobs_wait();
    vendor_has(7, 30h);
    add_call_job(7);
    db.exec(
        "UPDATE jobs SET leased_by = gen_random_uuid(), leased_until = " +
        store::sql_text(to_rfc3339(now() + 10min)) + " WHERE kind = 'call'"
    );
    auto d = make_daemon(api);
    d.work->start();
    run_for(100ms);
    EXPECT_TRUE(api.asked.empty()) << "somebody else is at it";
    clock.move(10min);
    run_until([&] { return jobs("kind = 'call'") == 0; });
    EXPECT_EQ(api.asked, ids{7});
    stop(d);
}

TEST_F(runner_test, a_sweep_whose_lease_was_lost_ends) {
    db.exec("DELETE FROM jobs WHERE kind = 'widgets'");
    for (int i = 1; i <= 100; ++i)
        vendor_has(i, 1h + i * 1min);
    how.job_lease = 100ms;
    how.poll_interval = 10s;  // it must not take the job back itself
    api.delay = 40ms;
    auto d = make_daemon(api);
    api.before_page = [&](int page) {
        if (page == 2) db.exec("UPDATE jobs SET leased_by = gen_random_uuid(), leased_until = 'infinity'");
    };
    d.work->start();
    run_until([&] { return api.pages >= 2; });
    run_for(300ms);
    EXPECT_LT(api.pages, 6);
    EXPECT_EQ(db.number("SELECT count(*) FROM source_states WHERE swept_until IS NOT NULL"), 0);
    EXPECT_EQ(job("looks, attempts, leased_by IS NULL", "kind = 'sweep'"), "0 0 f") << "it is another's now";
    stop(d);
}

TEST_F(runner_test, what_takes_longer_than_a_lease_is_done_once) {
    how.job_lease = 150ms;
    how.poll_interval = 20ms;
    vendor_has(7, 30h);
    db.exec("UPDATE jobs SET leased_by = gen_random_uuid(), leased_until = 'infinity'");
    db.exec(
        "INSERT INTO jobs (source, kind, call_id, reason, due_at) VALUES ('main', 'call', 7, 'outcome', " +
        store::sql_text(to_rfc3339(now() - 1s)) + ")"
    );
    api.delay = 600ms;
    auto d = make_daemon(api);
    d.work->start();
    run_for(550ms);
    EXPECT_EQ(api.most_under_way, 1);
    stop(d);
}

TEST_F(runner_test, an_outage_of_the_database_passes) {
    let_standing_jobs_wait();
    vendor_has(7, 30h);
    auto d = make_daemon(api);
    d.work->start();
    run_for(50ms);
    db.shut_out();
    run_for(100ms);
    db.let_in();
    add_call_job(7);
    run_until([&] { return jobs("kind = 'call'") == 0; });
    EXPECT_EQ(api.asked, ids{7});
    EXPECT_EQ(inner.requests, 1);
    stop(d);
}

}  // namespace
}  // namespace callhook::backfill
