#include "async/wakeup.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>

namespace callhook::async {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class wakeup_test : public testing::Test {
protected:
    /// Waits on the wake-up in a coroutine of its own and counts its return.
    void start_waiter(clock::duration patience) {
        asio::co_spawn(loop, wait(clock::now() + patience), asio::detached);
    }

    asio::awaitable<void> wait(clock::time_point deadline) {
        co_await signal.wait(deadline);
        ++woken;
    }

    /// Runs what is ready without waiting for time to pass.
    void settle() {
        loop.restart();
        loop.poll();
    }

    asio::io_context loop;
    wakeup signal{loop.get_executor()};
    int woken = 0;
};

TEST_F(wakeup_test, notify_wakes_everyone_who_waits) {
    for (int i = 0; i < 3; ++i)
        start_waiter(1h);
    settle();
    EXPECT_EQ(woken, 0);
    signal.notify_all();
    settle();
    EXPECT_EQ(woken, 3);
    EXPECT_FALSE(signal.closed());
}

TEST_F(wakeup_test, it_can_be_waited_for_again_after_a_notify) {
    for (int round = 1; round <= 3; ++round) {
        start_waiter(1h);
        settle();
        EXPECT_EQ(woken, round - 1);
        signal.notify_all();
        settle();
        EXPECT_EQ(woken, round);
    }
}

/// Whoever looked, found nothing and then waits must not miss what happens right after: the wait begins
/// before any other handler of the loop runs.
TEST_F(wakeup_test, a_notify_by_the_next_handler_is_not_lost) {
    asio::post(loop, [&] {
        start_waiter(1h);
        asio::post(loop, [&] { signal.notify_all(); });
    });
    settle();
    EXPECT_EQ(woken, 1);
}

TEST_F(wakeup_test, a_close_by_the_next_handler_is_not_lost) {
    asio::post(loop, [&] {
        start_waiter(1h);
        asio::post(loop, [&] { signal.close(); });
    });
    settle();
    EXPECT_EQ(woken, 1);
}

TEST_F(wakeup_test, a_wait_ends_at_its_deadline) {
    const auto started = clock::now();
    start_waiter(30ms);
    start_waiter(1h);
    loop.run_one_for(10ms);
    EXPECT_EQ(woken, 0);
    while (woken == 0)
        loop.run_one_for(1s);
    EXPECT_GE(clock::now() - started, 30ms);
    EXPECT_LT(clock::now() - started, 1s);
    EXPECT_EQ(woken, 1) << "the deadline of one is none of the other's business";
}

TEST_F(wakeup_test, a_deadline_in_the_past_ends_the_wait_at_once) {
    start_waiter(-1s);
    loop.run_for(5s);
    EXPECT_EQ(woken, 1);
    EXPECT_TRUE(loop.stopped());
}

TEST_F(wakeup_test, a_notify_is_not_remembered) {
    signal.notify_all();
    start_waiter(1h);
    settle();
    EXPECT_EQ(woken, 0);
}

TEST_F(wakeup_test, close_wakes_now_and_from_now_on) {
    start_waiter(1h);
    settle();
    signal.close();
    EXPECT_TRUE(signal.closed());
    settle();
    EXPECT_EQ(woken, 1);
    start_waiter(1h);
    settle();
    EXPECT_EQ(woken, 2);
    signal.close();
    EXPECT_TRUE(signal.closed());
}

}  // namespace
}  // namespace callhook::async
