#pragma once

#include "async/wakeup.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>

namespace callhook::async {

/// Where background coroutines run, so that somebody knows when all have ended. It cannot interrupt them:
/// whoever stops closes what they wait on, then awaits `join`. One thread.
class scope {
public:
    /// `name` is what a coroutine's breakage is logged under.
    scope(const boost::asio::any_io_executor& executor, std::string name);

    /// Requires that `join` has returned.
    ~scope() = default;
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

    /// Starts it. An exception that leaves it is breakage: logged, without its text, and it ends alone.
    void spawn(boost::asio::awaitable<void> work);

    [[nodiscard]] std::size_t running() const noexcept { return running_; }

    /// Returns when nothing runs any more.
    boost::asio::awaitable<void> join();

private:
    boost::asio::any_io_executor executor_;
    std::string name_;
    wakeup ended_;
    std::size_t running_ = 0;
};

}  // namespace callhook::async
