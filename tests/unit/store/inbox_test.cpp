#include "store/inbox.hpp"

#include "test_database.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <numeric>
#include <random>
#include <thread>

namespace callhook::store {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class inbox_test : public testing::Test {
protected:
    ~inbox_test() override {
        if (box) box->stop();
    }

    void open(const inbox_settings& bounds = {}) { open(db.where(), bounds); }
    void open(const settings& where, const inbox_settings& bounds) {
        box.emplace(where, bounds, metrics, [this](const std::vector<shared_delivery>& stored) {
            told += stored.size();
            ++commits;
        });
    }

    lifecycle::delivery make(std::string body = "{}") {
        lifecycle::delivery d;
        d.id = test_id(++made, this_month());
        d.source = "main";
        d.received_at = test_time();
        d.content_type = "application/json";
        d.body = std::move(body);
        return d;
    }

    /// Begins to append; its outcome is in `outcomes` once it is there.
    std::size_t start(lifecycle::delivery d, clock::duration patience = 20s) {
        outcomes.emplace_back();
        asio::co_spawn(loop, append(std::move(d), clock::now() + patience, outcomes.back()), asio::detached);
        settle();
        return outcomes.size() - 1;
    }

    asio::awaitable<void> append(
        lifecycle::delivery d, clock::time_point deadline, std::optional<result<void>>& into
    ) {
        into = co_await box->append(std::move(d), deadline);
    }

    /// Runs what the loop has to do now.
    void settle() {
        loop.restart();
        loop.poll();
    }

    /// Runs the loop until all that was started has its outcome.
    void finish() {
        const auto give_up = clock::now() + 30s;
        for (auto& outcome : outcomes) {
            while (!outcome && clock::now() < give_up) {
                loop.restart();
                loop.run_one_for(1s);
            }
            ASSERT_TRUE(outcome) << "an append never ended";
        }
    }

    /// Whether so many commits are announced, the last one of them after its outcomes were told.
    [[nodiscard]] bool announces(std::int64_t count) const {
        for (const auto give_up = clock::now() + 10s; commits < count && clock::now() < give_up;)
            std::this_thread::sleep_for(1ms);
        return commits == count;
    }

    result<void> append_now(lifecycle::delivery d, clock::duration patience = 20s) {
        const auto n = start(std::move(d), patience);
        finish();
        return outcomes[n].value_or(error{errc::cancelled, "no outcome", ""});
    }

    /// Keeps every writer of deliveries waiting until it goes.
    struct blockade {
        explicit blockade(test_database& db) : connection{db.connect()}, tx{*connection} {
            tx.exec("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE");
        }
        std::unique_ptr<pqxx::connection> connection;
        pqxx::work tx;
    };

    /// Waits until the writer stands before the blockade.
    void await_blocked_writer() {
        for (int i = 0; i < 1'000; ++i) {
            if (db.number("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM "
                          "pg_database WHERE datname = current_database())") > 0)
                return;
            std::this_thread::sleep_for(5ms);
        }
        FAIL() << "the writer does not wait";
    }

    bool becomes_healthy() {
        for (int i = 0; i < 1'000 && !box->healthy(); ++i)
            std::this_thread::sleep_for(5ms);
        return box->healthy();
    }

    std::int64_t stored(const uuid& id) {
        return db.number("SELECT count(*) FROM deliveries WHERE id = '" + to_string(id) + "'");
    }

    /// Every delivery is one that its group's row of `pending` stands for.
    void expect_pending_to_match() {
        EXPECT_EQ(
            db.number("SELECT count(*) FROM deliveries"),
            db.number("SELECT coalesce(sum(deliveries), 0) FROM pending")
        );
        EXPECT_EQ(
            db.number(
                "SELECT count(*) FROM pending p WHERE deliveries <> (SELECT count(*) FROM deliveries d WHERE "
                "d.batch = p.batch AND d.id BETWEEN p.first_id AND p.last_id) OR batch <> first_id"
            ),
            0
        );
    }

    test_database db;
    asio::io_context loop;
    metrics_registry metrics;
    std::atomic<int> commits{0};
    std::atomic<std::size_t> told{0};
    std::optional<inbox> box;
    std::uint32_t made = 0;
    /// A deque: the coroutines refer to its elements.
    std::deque<std::optional<result<void>>> outcomes;
};

TEST_F(inbox_test, keeps_the_exact_bytes) {
    open();
    std::string every_byte(256, '\0');
    std::iota(every_byte.begin(), every_byte.end(), '\0');
    std::string large(1 << 20, '\0');
    std::mt19937 random{42};
    for (char& c : large)
        c = static_cast<char>(random());
    const std::string bodies[] = {
        every_byte,
        "",
        large,
        "\\N",
        "\\.",
        "\\x41",
        "\\x41 and more than that",
        "\\101",
        "\t\r\n\\t\\\\",
        "NULL",
        std::string(1, '\0'),
        "{\"name\":\"zażółć 🙂\"}"};
    for (const auto& body : bodies) {
        const auto d = make(body);
        const auto outcome = append_now(d);
        ASSERT_TRUE(outcome.has_value());
        const auto rows = db.exec("SELECT body FROM deliveries WHERE id = '" + to_string(d.id) + "'");
        ASSERT_EQ(rows.size(), 1U);
        EXPECT_TRUE(from_bytea(rows[0][0].c_str()) == body)
            << "a body of " << body.size() << " bytes differs";
    }
}

TEST_F(inbox_test, keeps_what_is_known_of_the_sender) {
    open();
    auto d = make();
    d.from = lifecycle::origin::backfill;
    d.source = "a \"quoted\" source, with {braces}";
    d.remote_address = "2001:db8::7";
    d.content_type = "text/plain; charset=\"utf-8\"\ttab";
    ASSERT_TRUE(append_now(d).has_value());
    auto bare = make();
    bare.content_type.clear();
    ASSERT_TRUE(append_now(bare).has_value());
    const auto rows = db.exec(
        "SELECT source, origin, host(remote_addr), content_type, received_at = "
        "'2016-09-08 13:32:54.123456+00' FROM deliveries ORDER BY id"
    );
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0][0].c_str(), d.source);
    EXPECT_STREQ(rows[0][1].c_str(), "backfill");
    EXPECT_STREQ(rows[0][2].c_str(), "2001:db8::7");
    EXPECT_EQ(rows[0][3].c_str(), d.content_type);
    EXPECT_STREQ(rows[0][4].c_str(), "t");
    EXPECT_STREQ(rows[1][1].c_str(), "webhook");
    EXPECT_TRUE(rows[1][2].is_null());
    EXPECT_TRUE(rows[1][3].is_null());
}

TEST_F(inbox_test, has_one_pending_row_a_group) {
    open();
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(append_now(make()).has_value());
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 3);
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        for (int i = 0; i < 50; ++i)
            start(make());
    }
    finish();
    EXPECT_EQ(db.text("SELECT string_agg(deliveries::text, ' ' ORDER BY seq) FROM pending"), "1 1 1 1 50")
        << "all that queued during a commit is the next one";
    EXPECT_TRUE(announces(5));
    expect_pending_to_match();
}

TEST_F(inbox_test, five_hundred_at_once_share_commits) {
    open();
    ASSERT_TRUE(becomes_healthy());
    // All of them at once, as from as many connections.
    asio::post(loop, [this] {
        for (int i = 0; i < 500; ++i) {
            outcomes.emplace_back();
            asio::co_spawn(
                loop, append(make(std::to_string(i)), clock::now() + 20s, outcomes.back()), asio::detached
            );
        }
    });
    settle();
    finish();
    ASSERT_EQ(outcomes.size(), 500U);
    for (const auto& outcome : outcomes)
        EXPECT_TRUE(outcome->has_value());
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 500);
    const auto rows = db.number("SELECT count(*) FROM pending");
    EXPECT_TRUE(announces(rows));
    EXPECT_LT(commits, 250);
    EXPECT_EQ(told, 500U) << "each of them was handed on once";
    expect_pending_to_match();
}

TEST_F(inbox_test, a_commit_is_bounded_by_rows) {
    inbox_settings bounds;
    bounds.group_items = 10;
    open(bounds);
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        for (int i = 0; i < 25; ++i)
            start(make());
    }
    finish();
    EXPECT_EQ(db.text("SELECT string_agg(deliveries::text, ' ' ORDER BY seq) FROM pending"), "1 10 10 5");
    expect_pending_to_match();
}

TEST_F(inbox_test, a_commit_is_bounded_by_bytes_but_takes_one_of_any_size) {
    inbox_settings bounds;
    bounds.group_bytes = 1'000;
    open(bounds);
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        for (const std::size_t size : {400U, 600U, 1U, 5'000U, 1'000U})
            start(make(std::string(size, 'x')));
    }
    finish();
    EXPECT_EQ(db.text("SELECT string_agg(deliveries::text, ' ' ORDER BY seq) FROM pending"), "1 2 1 1 1");
}

TEST_F(inbox_test, a_full_queue_refuses_at_once) {
    inbox_settings bounds;
    bounds.queue_items = 4;
    open(bounds);
    std::size_t refused = 0;
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        for (int i = 0; i < 4; ++i)
            start(make());
        refused = start(make());
        ASSERT_TRUE(outcomes[refused]) << "while the writer still waits";
        ASSERT_TRUE(outcomes[refused]->has_error());
        EXPECT_EQ(outcomes[refused]->error().code, errc::overloaded);
        EXPECT_TRUE(outcomes[refused]->error().retryable());
    }
    finish();
    for (std::size_t i = 0; i < refused; ++i)
        EXPECT_TRUE(outcomes[i]->has_value());
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 5);
    EXPECT_TRUE(append_now(make()).has_value()) << "there is room again";
}

TEST_F(inbox_test, the_queue_is_bounded_by_bytes_but_takes_one_of_any_size) {
    inbox_settings bounds;
    bounds.queue_bytes = 1'000;
    open(bounds);
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        const auto large = start(make(std::string(5'000, 'x')));
        EXPECT_FALSE(outcomes[large]) << "it waits: alone, it may be of any size";
        const auto refused = start(make("x"));
        ASSERT_TRUE(outcomes[refused]);
        EXPECT_EQ(outcomes[refused]->error().code, errc::overloaded);
    }
    finish();
    // What left the queue no longer counts.
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(append_now(make(std::string(900, 'x'))).has_value());
}

TEST_F(inbox_test, comes_back_by_itself_after_an_outage) {
    open();
    ASSERT_TRUE(append_now(make()).has_value());
    EXPECT_TRUE(box->healthy());

    db.shut_out();
    const auto during = make();
    for (int i = 0; i < 2; ++i) {
        const auto outcome = append_now(i == 0 ? during : make());
        ASSERT_TRUE(outcome.has_error());
        EXPECT_EQ(outcome.error().code, errc::unavailable);
        EXPECT_TRUE(outcome.error().retryable());
        EXPECT_EQ(outcome.error().message.find("callhook"), std::string::npos);
    }
    EXPECT_FALSE(box->healthy());

    db.let_in();
    EXPECT_TRUE(append_now(make()).has_value());
    EXPECT_TRUE(box->healthy());
    EXPECT_EQ(stored(during.id), 0);
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 2);
    expect_pending_to_match();
}

TEST_F(inbox_test, readiness_comes_back_though_nobody_asks) {
    db.shut_out();
    open();
    const auto outcome = append_now(make());
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code, errc::unavailable);
    EXPECT_FALSE(box->healthy());
    db.let_in();
    EXPECT_TRUE(becomes_healthy());
}

TEST_F(inbox_test, a_lost_connection_costs_one_answer_at_most) {
    open();
    ASSERT_TRUE(append_now(make()).has_value());
    db.disconnect_others();
    (void)append_now(make());
    EXPECT_TRUE(append_now(make()).has_value());
    expect_pending_to_match();
}

TEST_F(inbox_test, what_was_acknowledged_survives_the_servers_death) {
    if (!test_cluster::is_private()) GTEST_SKIP() << "needs a server that may be killed";
    open();
    for (int i = 0; i < 10; ++i)
        ASSERT_TRUE(append_now(make(std::to_string(i))).has_value());
    test_cluster::kill();
    const auto outcome = append_now(make());
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code, errc::unavailable);
    test_cluster::start();
    EXPECT_TRUE(append_now(make()).has_value());
    EXPECT_THROW(db.exec("SELECT 1"), pqxx::failure) << "the test's own connection is gone too";
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 11);
    expect_pending_to_match();
}

TEST_F(inbox_test, a_deadline_passes_while_the_commit_waits) {
    open();
    ASSERT_TRUE(becomes_healthy());
    const auto in_commit = make();
    const auto in_queue = make();
    const auto patient = make();
    {
        blockade held{db};
        start(in_commit, 200ms);
        await_blocked_writer();
        const auto started = clock::now();
        start(in_queue, 200ms);
        const auto last = start(patient);
        while (!outcomes[0] || !outcomes[1])
            loop.run_one_for(1s);
        EXPECT_GE(clock::now() - started, 190ms);
        EXPECT_LT(clock::now() - started, 5s);
        for (int i = 0; i < 2; ++i) {
            ASSERT_TRUE(outcomes[static_cast<std::size_t>(i)]->has_error());
            EXPECT_EQ(outcomes[static_cast<std::size_t>(i)]->error().code, errc::timed_out);
        }
        EXPECT_FALSE(outcomes[last]);
    }
    finish();
    EXPECT_TRUE(outcomes.back()->has_value());
    EXPECT_EQ(stored(in_commit.id), 1) << "its commit was under way";
    EXPECT_EQ(stored(in_queue.id), 0) << "nobody waits for it any more";
    EXPECT_TRUE(append_now(make()).has_value());
    expect_pending_to_match();
}

TEST_F(inbox_test, the_server_ends_a_statement_that_takes_too_long) {
    open(db.with_statement_timeout(100ms), {});
    ASSERT_TRUE(append_now(make()).has_value());
    {
        blockade held{db};
        const auto outcome = append_now(make());
        ASSERT_TRUE(outcome.has_error());
        EXPECT_EQ(outcome.error().code, errc::timed_out);
    }
    EXPECT_TRUE(append_now(make()).has_value());
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 2);
    expect_pending_to_match();
}

TEST_F(inbox_test, all_of_a_group_share_its_failure) {
    open();
    const auto twice = make();
    {
        blockade held{db};
        start(make());
        await_blocked_writer();
        start(twice);
        start(twice);
        start(make());
    }
    finish();
    EXPECT_TRUE(outcomes[0]->has_value());
    for (std::size_t i = 1; i < 4; ++i)
        EXPECT_TRUE(outcomes[i]->has_error()) << i;
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 1);
    expect_pending_to_match();
    EXPECT_TRUE(append_now(make()).has_value());
}

TEST_F(inbox_test, stop_writes_what_is_queued_and_refuses_the_rest) {
    open();
    std::thread release;
    {
        auto held = std::make_unique<blockade>(db);
        for (int i = 0; i < 5; ++i)
            start(make());
        await_blocked_writer();
        release = std::thread{[held = std::move(held)]() mutable {
            std::this_thread::sleep_for(50ms);
            held.reset();
        }};
    }
    box->stop();
    release.join();
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 5);
    finish();
    for (const auto& outcome : outcomes)
        EXPECT_TRUE(outcome->has_value());
    const auto late = append_now(make());
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, errc::overloaded);
    box->stop();
}

/// The sweep for deadlines may be on its way when the inbox goes: taken from the timer already, behind other
/// handlers. How many of them is the loop's business, so that several numbers are tried; the address
/// sanitizer tells.
TEST_F(inbox_test, nothing_of_it_runs_once_it_is_gone) {
    for (int before = 0; before < 4; ++before) {
        open();
        (void)append_now(make(), 100ms);
        std::this_thread::sleep_for(120ms);
        loop.restart();
        for (int i = 0; i < before; ++i)
            asio::post(loop, [] {});
        asio::post(loop, [this] {
            box->stop();
            box.reset();
        });
        loop.poll();
        EXPECT_FALSE(box);
    }
}

TEST_F(inbox_test, measures_its_commits) {
    open();
    ASSERT_TRUE(append_now(make()).has_value());
    ASSERT_TRUE(append_now(make()).has_value());
    const auto text = metrics.render();
    EXPECT_NE(text.find("callhook_inbox_batch_size_count 2"), std::string::npos) << text;
    EXPECT_NE(text.find("callhook_inbox_batch_size_sum 2"), std::string::npos);
    EXPECT_NE(text.find("callhook_inbox_commit_duration_seconds_count 2"), std::string::npos);
}

}  // namespace
}  // namespace callhook::store
