#pragma once

#include "async/wakeup.hpp"
#include "base/result.hpp"
#include "feed/nats/connection.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace callhook::feed::nats {

/// A thread that blocks on a connection in place of the event loop. One call at a time. Loop thread.
///
/// The library cannot be interrupted everywhere, so nobody waits for the thread: whoever lets go of the
/// session leaves it behind, and it ends as soon as the library lets go of it. `left_behind` tells whether it
/// has.
class session {
public:
    explicit session(const boost::asio::any_io_executor& executor);
    /// Leaves the thread behind, told to end.
    ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// Runs `work(connection&)`, which returns a `result<T>`, and waits for it: `timed_out` after the
    /// deadline and `cancelled` after `cancel`, with which the session is of no more use. `work` must own
    /// what it uses.
    template <class T>
    boost::asio::awaitable<result<T>> call(
        std::function<result<T>(connection&)> work, std::chrono::steady_clock::time_point deadline
    ) {
        auto answer = std::make_shared<std::optional<result<T>>>();
        submit([work = std::move(work), answer](connection& link) -> std::function<void()> {
            auto got = std::make_shared<result<T>>(work(link));
            return [got, answer] { *answer = std::move(*got); };
        });
        const auto answered = answered_;
        while (!*answer && !answered->closed() && std::chrono::steady_clock::now() < deadline)
            co_await answered->wait(deadline);
        if (*answer) co_return std::move(**answer);
        if (answered->closed()) co_return error{errc::cancelled, "stopped", ""};
        co_return error{errc::timed_out, "the NATS server does not answer", ""};
    }

    /// Ends all waiting.
    void cancel();

    /// Expires when the thread has ended.
    [[nodiscard]] std::weak_ptr<const void> thread() const;

private:
    struct shared;
    /// Runs on the thread; what it returns runs on the loop's.
    using job = std::function<std::function<void()>(connection&)>;
    void submit(job what);

    std::shared_ptr<async::wakeup> answered_;
    std::shared_ptr<shared> shared_;
};

}  // namespace callhook::feed::nats
