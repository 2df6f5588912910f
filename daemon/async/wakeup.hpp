#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <list>
#include <memory>

namespace callhook::async {

/// Lets coroutines wait until something may have happened. A wake-up is a hint: whoever wakes looks again.
/// A thousand may wait at once: each costs a timer. One thread.
class wakeup {
public:
    explicit wakeup(const boost::asio::any_io_executor& executor);
    /// Wakes everyone.
    ~wakeup();
    wakeup(const wakeup&) = delete;
    wakeup& operator=(const wakeup&) = delete;

    /// Wakes everyone who waits now.
    void notify_all();

    /// Returns at the next `notify_all`, at the deadline, or at once after `close`.
    boost::asio::awaitable<void> wait(std::chrono::steady_clock::time_point deadline);

    /// Returns at the deadline, whatever `notify_all` says, or at once after `close`; whether it is not
    /// closed.
    boost::asio::awaitable<bool> sleep_until(std::chrono::steady_clock::time_point deadline);

    /// Wakes everyone, now and from now on.
    void close();
    [[nodiscard]] bool closed() const noexcept { return closed_; }

private:
    using timers = std::list<boost::asio::steady_timer*>;

    boost::asio::any_io_executor executor_;
    /// Of those who wait now; shared with them, because a coroutine may outlive this.
    std::shared_ptr<timers> waiting_ = std::make_shared<timers>();
    bool closed_ = false;
};

}  // namespace callhook::async
