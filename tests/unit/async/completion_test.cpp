#include "async/completion.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace callhook::async {
namespace {

namespace asio = boost::asio;

/// Suspends, leaves its completion in `held` and what it was resumed with in `got`.
template <class T>
asio::awaitable<void> wait_for(completion<T>& held, std::vector<T>& got) {
    got.push_back(co_await suspend<T>([&](completion<T> done) { held = std::move(done); }));
}

TEST(completion, resumes_once_and_ignores_what_comes_later) {
    asio::io_context loop;
    completion<int> held;
    std::vector<int> got;
    asio::co_spawn(loop, wait_for(held, got), asio::detached);
    loop.poll();
    EXPECT_TRUE(got.empty());
    EXPECT_FALSE(held.done());

    const auto copy = held;
    asio::post(loop, [&] {
        held(7);
        EXPECT_TRUE(held.done());
        EXPECT_TRUE(copy.done()) << "copies share the one coroutine";
        copy(8);
        held(9);
    });
    loop.run();
    EXPECT_EQ(got, std::vector{7});
}

TEST(completion, may_be_called_again_from_within_the_resumed_coroutine) {
    asio::io_context loop;
    completion<int> held;
    int sum = 0;
    auto twice = [&]() -> asio::awaitable<void> {
        sum += co_await suspend<int>([&](completion<int> done) { held = std::move(done); });
        held(100);
        sum += co_await suspend<int>([&](completion<int> done) { held = std::move(done); });
    };
    asio::co_spawn(loop, twice(), asio::detached);
    loop.poll();
    for (const int value : {1, 2}) {
        asio::post(loop, [&, value] { held(value); });
        loop.poll();
    }
    EXPECT_EQ(sum, 3);
    EXPECT_TRUE(loop.stopped()) << "nothing is left to do";
}

TEST(completion, may_be_called_before_suspend_returns) {
    asio::io_context loop;
    std::string got;
    auto at_once = [&]() -> asio::awaitable<void> {
        got = co_await suspend<std::string>([](completion<std::string> done) {
            asio::post(done.executor(), [done] { done("at once"); });
        });
    };
    asio::co_spawn(loop, at_once(), asio::detached);
    loop.run();
    EXPECT_EQ(got, "at once");
}

TEST(completion, carries_values_that_can_only_be_moved) {
    asio::io_context loop;
    completion<std::unique_ptr<int>> held;
    std::vector<std::unique_ptr<int>> got;
    asio::co_spawn(loop, wait_for(held, got), asio::detached);
    loop.poll();
    asio::post(loop, [&] { held(std::make_unique<int>(5)); });
    loop.run();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(*got.front(), 5);
}

TEST(completion, a_call_posted_by_another_thread_resumes_on_the_coroutines_own) {
    asio::io_context loop;
    std::thread::id resumed_on;
    std::thread other;
    int got = 0;
    auto wait = [&]() -> asio::awaitable<void> {
        got = co_await suspend<int>([&](completion<int> done) {
            other = std::thread{[done] {
                // Long enough that the loop has nothing else to do: the completion alone must keep it
                // running.
                std::this_thread::sleep_for(std::chrono::milliseconds{20});
                asio::post(done.executor(), [done] { done(42); });
            }};
        });
        resumed_on = std::this_thread::get_id();
    };
    asio::co_spawn(loop, wait(), asio::detached);
    loop.run();
    other.join();
    EXPECT_EQ(got, 42);
    EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST(completion, many_threads_resume_many_coroutines_once_each) {
    asio::io_context loop;
    std::vector<std::thread> others;
    std::vector<int> got;
    // Outlives the loop's run: the coroutines refer to it.
    const auto wait = [&](int n) -> asio::awaitable<void> {
        got.push_back(co_await suspend<int>([&](completion<int> done) {
            others.emplace_back([done, n] {
                for (int repeat = 0; repeat < 3; ++repeat)
                    asio::post(done.executor(), [done, n] { done(n); });
            });
        }));
    };
    for (int n = 0; n < 20; ++n)
        asio::co_spawn(loop, wait(n), asio::detached);
    loop.run();
    for (auto& t : others)
        t.join();
    std::sort(got.begin(), got.end());
    ASSERT_EQ(got.size(), 20U);
    for (int n = 0; n < 20; ++n)
        EXPECT_EQ(got[static_cast<std::size_t>(n)], n);
}

TEST(completion, a_coroutine_whose_completion_is_dropped_is_unwound) {
    struct on_exit {
        bool& flag;
        ~on_exit() { flag = true; }
    };
    asio::io_context loop;
    bool unwound = false;
    std::optional<completion<int>> held;
    auto wait = [&]() -> asio::awaitable<void> {
        const on_exit guard{unwound};
        co_await suspend<int>([&](completion<int> done) { held = std::move(done); });
        ADD_FAILURE() << "nobody called the completion";
    };
    asio::co_spawn(loop, wait(), asio::detached);
    loop.poll();
    held.reset();
    loop.restart();
    loop.run();
    EXPECT_TRUE(unwound);
}

}  // namespace
}  // namespace callhook::async
