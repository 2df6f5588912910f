#include "async/scope.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <stdexcept>

namespace callhook::async {
namespace {

namespace asio = boost::asio;

class scope_test : public testing::Test {
protected:
    scope_test() { log::set_level(log::level::off); }
    ~scope_test() override { log::set_level(log::level::info); }

    asio::awaitable<void> wait_for_gate() {
        co_await gate.wait(std::chrono::steady_clock::time_point::max());
        ++ended;
    }
    asio::awaitable<void> join() {
        co_await work.join();
        joined = true;
    }
    void start_joining() { asio::co_spawn(loop, join(), asio::detached); }
    void settle() {
        loop.restart();
        loop.poll();
    }

    asio::io_context loop;
    wakeup gate{loop.get_executor()};
    scope work{loop.get_executor(), "test"};
    int ended = 0;
    bool joined = false;
};

TEST_F(scope_test, join_returns_at_once_where_nothing_runs) {
    start_joining();
    settle();
    EXPECT_TRUE(joined);
}

TEST_F(scope_test, join_waits_for_all) {
    wakeup last{loop.get_executor()};
    auto longest = [&]() -> asio::awaitable<void> {
        co_await last.wait(std::chrono::steady_clock::time_point::max());
    };
    for (int i = 0; i < 3; ++i)
        work.spawn(wait_for_gate());
    work.spawn(longest());
    EXPECT_EQ(work.running(), 4U);
    start_joining();
    settle();
    EXPECT_FALSE(joined);
    gate.close();
    settle();
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(work.running(), 1U);
    EXPECT_FALSE(joined) << "one still runs";
    last.close();
    settle();
    EXPECT_TRUE(joined);
    EXPECT_EQ(work.running(), 0U);
}

TEST_F(scope_test, several_may_join) {
    work.spawn(wait_for_gate());
    start_joining();
    bool also = false;
    auto another = [&]() -> asio::awaitable<void> {
        co_await work.join();
        also = true;
    };
    asio::co_spawn(loop, another(), asio::detached);
    settle();
    gate.close();
    settle();
    EXPECT_TRUE(joined);
    EXPECT_TRUE(also);
}

TEST_F(scope_test, an_exception_ends_its_own_coroutine_alone) {
    auto broken = []() -> asio::awaitable<void> {
        throw std::runtime_error{"broken"};
        co_return;
    };
    auto breaks_later = [&]() -> asio::awaitable<void> {
        co_await gate.wait(std::chrono::steady_clock::time_point::max());
        throw 7;  // NOLINT: whatever it is
    };
    work.spawn(broken());
    work.spawn(wait_for_gate());
    work.spawn(breaks_later());
    start_joining();
    EXPECT_NO_THROW(settle());
    EXPECT_EQ(work.running(), 2U);
    gate.close();
    EXPECT_NO_THROW(settle());
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(joined);
}

TEST_F(scope_test, what_is_spawned_from_within_is_waited_for_too) {
    auto outer = [&]() -> asio::awaitable<void> {
        work.spawn(wait_for_gate());
        co_return;
    };
    work.spawn(outer());
    start_joining();
    settle();
    EXPECT_EQ(work.running(), 1U) << "the outer one has ended";
    EXPECT_FALSE(joined);
    gate.close();
    settle();
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(joined);
}

TEST_F(scope_test, it_can_be_used_again_after_a_join) {
    for (int round = 1; round <= 3; ++round) {
        auto quick = [&]() -> asio::awaitable<void> {
            ++ended;
            co_return;
        };
        work.spawn(quick());
        joined = false;
        start_joining();
        settle();
        EXPECT_TRUE(joined);
        EXPECT_EQ(ended, round);
    }
}

}  // namespace
}  // namespace callhook::async
