#pragma once

#include "async/wakeup.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace callhook::async {

/// One answer for any number of coroutines that wait for it: a question that many have at once is asked once.
/// One thread.
template <class T>
class shared_answer {
public:
    explicit shared_answer(const boost::asio::any_io_executor& executor) : given_{executor} {}

    /// Wakes all who wait. Once; whoever asks the question must give an answer some time.
    void give(T value) {
        value_.emplace(std::move(value));
        given_.close();
    }

    /// Returns once the answer is given.
    static boost::asio::awaitable<T> of(std::shared_ptr<shared_answer> self) {
        while (!self->value_)
            co_await self->given_.wait(std::chrono::steady_clock::time_point::max());
        co_return *self->value_;
    }

private:
    wakeup given_;
    std::optional<T> value_;
};

}  // namespace callhook::async
