#include "store/connection_pool.hpp"
#include "test_database.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace callhook::store {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class reader_pool_test : public testing::Test {
protected:
    template <class Query>
    auto run(Query query) {
        auto outcome = asio::co_spawn(loop, pool.run(std::move(query)), asio::use_future);
        loop.restart();
        loop.run();
        return outcome.get();
    }

    test_database db;
    asio::io_context loop;
    metrics_registry metrics;
    reader_pool pool{db.where(), 3, metrics};
};

TEST_F(reader_pool_test, resumes_with_what_the_query_returns) {
    const auto head = run([](queries& q) { return q.head(); });
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->epoch, db.text("SELECT epoch FROM feed_head"));
}

TEST_F(reader_pool_test, a_failure_of_the_store_comes_back_as_its_error) {
    db.exec("ALTER TABLE feed_head RENAME TO elsewhere");
    const auto head = run([](queries& q) { return q.head(); });
    ASSERT_TRUE(head.has_error());
    EXPECT_EQ(head.error().code, errc::mismatch);
    db.exec("ALTER TABLE elsewhere RENAME TO feed_head");
}

TEST_F(reader_pool_test, breakage_comes_back_without_its_words) {
    const auto broken = run([](queries&) -> int { throw std::runtime_error{"a row's own text"}; });
    ASSERT_TRUE(broken.has_error());
    EXPECT_EQ(broken.error().code, errc::unavailable);
    EXPECT_EQ(broken.error().message.find("row"), std::string::npos);
    EXPECT_TRUE(run([](queries& q) { return q.head(); }).has_value()) << "the thread lives on";
}

TEST_F(reader_pool_test, comes_back_after_an_outage) {
    EXPECT_TRUE(run([](queries& q) { return q.head(); }).has_value());
    db.shut_out();
    for (int i = 0; i < 6; ++i) {
        const auto head = run([](queries& q) { return q.head(); });
        ASSERT_TRUE(head.has_error());
        EXPECT_EQ(head.error().code, errc::unavailable);
    }
    db.let_in();
    // A thread that was not asked meanwhile learns of its lost connection now.
    int failures = 0;
    for (int i = 0; i < 20; ++i)
        failures += run([](queries& q) { return q.head(); }).has_error() ? 1 : 0;
    EXPECT_LE(failures, 3);
}

TEST_F(reader_pool_test, many_at_once_run_on_its_threads_and_resume_on_the_loop) {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::vector<std::future<result<int>>> answers;
    for (int i = 0; i < 100; ++i) {
        const auto query = [&, i](queries& q) {
            (void)q.head();
            const std::lock_guard lock{mutex};
            threads.insert(std::this_thread::get_id());
            return i;
        };
        answers.push_back(asio::co_spawn(loop, pool.run(query), asio::use_future));
    }
    loop.run();
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(answers[static_cast<std::size_t>(i)].get().value(), i);
    EXPECT_LE(threads.size(), 3U);
    EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST_F(reader_pool_test, stop_finishes_what_waits_and_refuses_the_rest) {
    std::vector<std::future<result<int>>> answers;
    for (int i = 0; i < 10; ++i) {
        const auto query = [i](queries&) {
            std::this_thread::sleep_for(5ms);
            return i;
        };
        answers.push_back(asio::co_spawn(loop, pool.run(query), asio::use_future));
    }
    loop.poll();
    pool.stop();
    loop.restart();
    loop.run();
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(answers[static_cast<std::size_t>(i)].get().value(), i);
    const auto late = run([](queries&) { return 1; });
    ASSERT_TRUE(late.has_error());
    EXPECT_EQ(late.error().code, errc::overloaded);
    pool.stop();
}

TEST_F(reader_pool_test, backfill_has_a_pool_of_its_own) {
    backfill_pool writers{db.where(), 1, metrics};
    const auto ask = [&](auto work) {
        auto outcome = asio::co_spawn(loop, writers.run(std::move(work)), asio::use_future);
        loop.restart();
        loop.run();
        return outcome.get();
    };
    EXPECT_TRUE(ask([](backfill_store& store) { store.open_sources({"main"}, test_time()); }).has_value())
        << "work may return nothing";
    const auto states = ask([](backfill_store& store) { return store.states({"main"}); });
    ASSERT_TRUE(states.has_value());
    EXPECT_EQ(states->at(0).known_since, test_time());
    EXPECT_EQ(
        db.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                  "application_name = 'callhook-backfill'"),
        1
    );
    // Its connection breaks while nobody uses it: writing goes on all the same.
    db.disconnect_others();
    EXPECT_TRUE(ask([](backfill_store& store) { store.hold_back("key", 1h); }).has_value());
    EXPECT_EQ(db.number("SELECT count(*) FROM api_paces"), 1);
    // A thread counts itself out after it has answered.
    writers.stop();
    pool.stop();
    const auto shown = metrics.render();
    EXPECT_NE(shown.find("callhook_db_pool_in_use{pool=\"reader\"} 0"), std::string::npos) << shown;
    EXPECT_NE(shown.find("callhook_db_pool_in_use{pool=\"backfill\"} 0"), std::string::npos) << shown;
}

TEST_F(reader_pool_test, too_many_are_refused_at_once) {
    std::mutex gate;
    std::unique_lock closed{gate};
    std::vector<std::future<result<int>>> answers;
    for (int i = 0; i < 4'200; ++i) {
        const auto query = [&gate](queries&) {
            const std::lock_guard pass{gate};
            return 1;
        };
        answers.push_back(asio::co_spawn(loop, pool.run(query), asio::use_future));
    }
    loop.poll();
    std::size_t refused = 0;
    for (auto& answer : answers)
        refused += answer.wait_for(0s) == std::future_status::ready ? 1 : 0;
    // Those that run no longer wait.
    EXPECT_GE(refused, 4'200U - 4'096U - 3U);
    EXPECT_LE(refused, 4'200U - 4'096U);
    closed.unlock();
    loop.restart();
    loop.run();
    std::size_t answered = 0;
    for (auto& answer : answers) {
        const auto outcome = answer.get();
        if (outcome.has_value())
            ++answered;
        else
            EXPECT_EQ(outcome.error().code, errc::overloaded);
    }
    EXPECT_EQ(answered + refused, 4'200U);
}

}  // namespace
}  // namespace callhook::store
