#pragma once

#include "async/group_writer.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "store/fresh_deliveries.hpp"
#include "store/settings.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace callhook::store {

/// Bounds of what waits for a commit, and of one commit.
using inbox_settings = async::group_bounds;

/// Makes deliveries durable in groups (`async::group_writer`): each is one `COPY` into `deliveries`, one row
/// of `pending`, and one commit.
///
/// `append` and `stop` belong to one event loop's thread: who works on another has them done there.
class inbox {
public:
    using listener = std::function<void(const std::vector<shared_delivery>&)>;

    /// `committed` is called on the writer's thread after each commit, with what it stored.
    inbox(const settings& where, const inbox_settings& bounds, metrics_registry& metrics, listener committed);
    /// Requires that `stop` was called and nobody waits in `append`.
    ~inbox();
    inbox(const inbox&) = delete;
    inbox& operator=(const inbox&) = delete;

    /// Returns success once the delivery is committed with its WAL flushed: no crash loses it from then on.
    /// `overloaded`: the queue is full. `unavailable`: the commit failed or is in doubt. `timed_out`: it had
    /// not ended by the deadline. After each of the last two the delivery may be stored all the same; the
    /// same id stored again would be the same delivery.
    boost::asio::awaitable<result<void>> append(
        shared_delivery d, std::chrono::steady_clock::time_point deadline
    );
    boost::asio::awaitable<result<void>> append(
        lifecycle::delivery d, std::chrono::steady_clock::time_point deadline
    ) {
        return append(std::make_shared<const lifecycle::delivery>(std::move(d)), deadline);
    }

    /// Whether the last commit, or the probe since, succeeded, and none hangs. A server that answers but took
    /// no events is given some seconds before it is tried again. Any thread.
    [[nodiscard]] bool healthy() const noexcept;

    /// Whether the writer's thread turns. One that waits for a database that says nothing does, for as long
    /// as that wait may last; one that has not come back by then never will. Any thread.
    [[nodiscard]] bool alive() const noexcept;

    /// Writes what is queued, then ends the writer; refuses new deliveries. Blocks for at most one commit;
    /// call it after the last request has been answered.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
