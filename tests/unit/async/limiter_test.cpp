#include "async/limiter.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <deque>
#include <optional>

namespace callhook::async {
namespace {

namespace asio = boost::asio;

class limiter_test : public testing::Test {
protected:
    static constexpr std::size_t at_once = 2;

    /// Asks for a place and keeps it; a refusal is counted.
    asio::awaitable<void> take() {
        auto got = co_await gate.acquire();
        if (got)
            held.push_back(std::move(got));
        else
            ++refused;
    }
    void start(int how_many) {
        for (int i = 0; i < how_many; ++i)
            asio::co_spawn(loop, take(), asio::detached);
        settle();
    }
    /// Runs what is ready without waiting for time to pass.
    void settle() {
        loop.restart();
        loop.poll();
    }

    asio::io_context loop;
    limiter gate{loop.get_executor(), at_once};
    std::deque<limiter::permit> held;
    int refused = 0;
};

TEST_F(limiter_test, lets_no_more_through_at_once) {
    start(5);
    EXPECT_EQ(held.size(), 2U);
    for (int left = 4; left >= 0; --left) {
        held.pop_front();
        settle();
        EXPECT_EQ(held.size(), std::min<std::size_t>(at_once, static_cast<std::size_t>(left)));
    }
    EXPECT_EQ(refused, 0);
}

TEST_F(limiter_test, a_place_given_back_with_nobody_waiting_is_there_for_the_next) {
    start(2);
    held.clear();
    settle();
    start(3);
    EXPECT_EQ(held.size(), 2U);
}

TEST_F(limiter_test, close_sends_away_who_waits_and_who_comes) {
    start(4);
    gate.close();
    settle();
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(held.size(), 2U) << "who is in stays in";
    start(1);
    EXPECT_EQ(refused, 3);
    held.clear();
    start(1);
    EXPECT_EQ(refused, 4) << "a free place is nobody's either";
}

TEST_F(limiter_test, a_permit_moves_and_is_given_back_once) {
    start(2);
    std::optional<limiter::permit> moved{std::move(held.front())};
    EXPECT_TRUE(*moved);
    EXPECT_FALSE(held.front());
    held.pop_front();  // empty by now: gives nothing back
    start(1);
    EXPECT_EQ(held.size(), 1U);
    moved.reset();
    settle();
    EXPECT_EQ(held.size(), 2U);
    start(1);
    EXPECT_EQ(held.size(), 2U) << "one place was given back, not two";
    gate.close();
    settle();
}

TEST_F(limiter_test, an_exception_gives_the_place_back) {
    auto throwing = [&]() -> asio::awaitable<void> {
        const auto place = co_await gate.acquire();
        throw std::runtime_error{"broken"};
    };
    for (int i = 0; i < 5; ++i)
        asio::co_spawn(loop, throwing(), [](const std::exception_ptr&) {});
    settle();
    start(2);
    EXPECT_EQ(held.size(), 2U);
}

}  // namespace
}  // namespace callhook::async
