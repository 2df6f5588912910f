#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace callhook::app {

/// The event loop of webhooks, from their connection to their answer, on a thread of its own: whatever
/// readers ask of the main loop, no webhook waits for it. All calls from the main loop's thread.
class hook_loop {
public:
    /// What breaks on the thread is thrown out of `main`'s run, as if it had broken there.
    /// A loop that has not come to its turn for `patience` stands still.
    explicit hook_loop(
        boost::asio::io_context& main, std::chrono::milliseconds patience = std::chrono::seconds{5}
    );
    ~hook_loop();
    hook_loop(const hook_loop&) = delete;
    hook_loop& operator=(const hook_loop&) = delete;

    /// Until `start` all that belongs to the loop may be touched from here.
    [[nodiscard]] boost::asio::io_context& context() noexcept { return loop_; }

    void start();

    /// Lets the loop end the turn in hand, and joins the thread: from then on this thread may touch what
    /// belongs to it. What waits on the loop is never resumed.
    void stop();

    /// Does it on the loop's thread and returns here with what it returned, or throws what it threw.
    template <class T>
    boost::asio::awaitable<T> run(boost::asio::awaitable<T> work) {
        co_return co_await boost::asio::co_spawn(loop_, std::move(work), boost::asio::use_awaitable);
    }

    /// Asks the loop for a sign of life. Call it every second or so.
    void ask();

    /// Whether the loop turns, as far as it was asked.
    [[nodiscard]] bool alive() const noexcept;

private:
    boost::asio::io_context& main_;
    const std::chrono::milliseconds patience_;
    boost::asio::io_context loop_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::atomic<bool> answered_{true};
    std::chrono::steady_clock::time_point asked_at_{};
    std::thread thread_;
};

}  // namespace callhook::app
