#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace callhook::async {

/// Lets coroutines wait until something may have happened. A wake-up is a hint: whoever wakes looks again.
/// One thread.
class wakeup {
public:
    explicit wakeup(const boost::asio::any_io_executor& executor);

    /// Wakes everyone who waits now.
    void notify_all();

    /// Returns at the next `notify_all`, at the deadline, or at once after `close`.
    boost::asio::awaitable<void> wait(std::chrono::steady_clock::time_point deadline);

    /// Wakes everyone, now and from now on.
    void close();
    [[nodiscard]] bool closed() const noexcept { return closed_; }

private:
    /// Never expires; cancelling it is the signal.
    boost::asio::steady_timer signal_;
    bool closed_ = false;
};

}  // namespace callhook::async
