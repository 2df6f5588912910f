#pragma once

#include "async/completion.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "lifecycle/facts.hpp"
#include "store/settings.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace callhook::store {

/// What an authentic sender brought, as it is kept.
struct delivery {
    uuid id{};
    std::string source{};
    lifecycle::origin from = lifecycle::origin::webhook;
    utc_time received_at{};
    /// The sender's address as far as it is trusted; empty where it is not known.
    std::string remote_address{};
    std::string content_type{};
    /// The exact bytes.
    std::string body{};
};

struct inbox_settings {
    /// Bounds of what waits for the next commit; beyond them `append` refuses at once.
    std::size_t queue_deliveries = 8'192;
    std::size_t queue_bytes = 64 << 20;
    /// Bounds of one commit.
    std::size_t batch_deliveries = 512;
    std::size_t batch_bytes = 8 << 20;
};

/// Makes deliveries durable: group commit by natural batching. One writer thread takes all that queued during
/// the last commit, copies it into `deliveries` with one row of `pending`, and commits; everyone in the group
/// gets the same outcome. No timer is waited for.
///
/// All public functions belong to the event loop's thread.
class inbox {
public:
    /// `committed` is called on the writer's thread after each commit.
    inbox(
        const settings& where,
        const inbox_settings& bounds,
        metrics_registry& metrics,
        std::function<void()> committed
    );
    /// Requires that `stop` was called and nobody waits in `append`.
    ~inbox();
    inbox(const inbox&) = delete;
    inbox& operator=(const inbox&) = delete;

    /// Returns success once the delivery is committed with its WAL flushed: no crash loses it from then on.
    /// `overloaded`: the queue is full. `unavailable`: the commit failed or is in doubt. `timed_out`: it had
    /// not ended by the deadline. After each of the last two the delivery may be stored all the same; the
    /// same id stored again would be the same delivery.
    boost::asio::awaitable<result<void>> append(delivery d, std::chrono::steady_clock::time_point deadline);

    /// Whether the last commit, or the probe since, succeeded, and none hangs. Any thread.
    [[nodiscard]] bool healthy() const noexcept;

    /// Writes what is queued, then ends the writer; refuses new deliveries. Blocks for at most one commit;
    /// call it after the last request has been answered.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
