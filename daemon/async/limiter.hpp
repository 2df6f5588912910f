#pragma once

#include "async/wakeup.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <utility>

namespace callhook::async {

/// Lets so many through at once; the others wait. One thread.
class limiter {
public:
    limiter(const boost::asio::any_io_executor& executor, std::size_t at_once)
        : free_{at_once}, freed_{executor} {}

    /// A place taken; it is given back when this goes. Requires that the limiter outlives it.
    class permit {
    public:
        permit() = default;
        explicit permit(limiter& of) : of_{&of} {}
        permit(permit&& other) noexcept : of_{std::exchange(other.of_, nullptr)} {}
        permit& operator=(permit&&) = delete;
        ~permit() {
            if (of_ != nullptr) of_->give_back();
        }

        explicit operator bool() const noexcept { return of_ != nullptr; }

    private:
        limiter* of_ = nullptr;
    };

    /// Waits for a place; an empty permit after `close`.
    boost::asio::awaitable<permit> acquire() {
        while (free_ == 0 && !freed_.closed())
            co_await freed_.wait(std::chrono::steady_clock::time_point::max());
        if (freed_.closed()) co_return permit{};
        --free_;
        co_return permit{*this};
    }

    /// Nobody gets a place from now on.
    void close() { freed_.close(); }

private:
    void give_back() {
        ++free_;
        freed_.notify_all();
    }

    std::size_t free_;
    wakeup freed_;
};

}  // namespace callhook::async
