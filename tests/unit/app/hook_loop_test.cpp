#include "app/hook_loop.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>

namespace callhook::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<std::thread::id> where() {
    co_return std::this_thread::get_id();
}

asio::awaitable<void> breaks() {
    throw std::out_of_range{"broken"};
    co_return;
}

class hook_loop_test : public testing::Test {
protected:
    template <class T>
    T from_main(asio::awaitable<T> work) {
        auto done = asio::co_spawn(main, std::move(work), asio::use_future);
        main.restart();
        main.run();
        return done.get();
    }

    asio::io_context main;
    hook_loop hooks{main, 50ms};
};

TEST_F(hook_loop_test, does_work_on_its_own_thread_and_returns_on_the_callers) {
    hooks.start();
    const auto there_and_back = [this]() -> asio::awaitable<bool> {
        const auto before = std::this_thread::get_id();
        const auto there = co_await hooks.run(where());
        co_return there != before&& std::this_thread::get_id() == before;
    };
    EXPECT_TRUE(from_main(there_and_back()));
}

TEST_F(hook_loop_test, what_work_throws_reaches_who_asked_for_it) {
    hooks.start();
    EXPECT_THROW(from_main(hooks.run(breaks())), std::out_of_range);
    EXPECT_NE(from_main(hooks.run(where())), std::this_thread::get_id()) << "the loop goes on";
}

TEST_F(hook_loop_test, what_breaks_the_loop_breaks_the_main_loop) {
    hooks.start();
    const auto until_broken = asio::make_work_guard(main);
    asio::post(hooks.context(), [] { throw std::out_of_range{"broken"}; });
    EXPECT_THROW(main.run(), std::out_of_range);
}

TEST_F(hook_loop_test, a_loop_that_stands_still_is_noticed_and_so_is_that_it_goes_on) {
    hooks.start();
    EXPECT_TRUE(hooks.alive()) << "nobody has asked yet";
    std::promise<void> released;
    asio::post(hooks.context(), [held = released.get_future().share()] { held.wait(); });
    hooks.ask();
    EXPECT_TRUE(hooks.alive()) << "a turn may take a moment";
    const auto until = [this](bool wanted) {
        const auto give_up = std::chrono::steady_clock::now() + 10s;
        while (hooks.alive() != wanted && std::chrono::steady_clock::now() < give_up) {
            hooks.ask();
            std::this_thread::sleep_for(1ms);
        }
        return hooks.alive() == wanted;
    };
    EXPECT_TRUE(until(false));
    released.set_value();
    EXPECT_TRUE(until(true));
}

TEST_F(hook_loop_test, after_a_stop_nothing_runs_there_any_more) {
    hooks.start();
    hooks.stop();
    bool ran = false;
    asio::post(hooks.context(), [&] { ran = true; });
    hooks.stop();
    EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace callhook::app
