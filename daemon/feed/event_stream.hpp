#pragma once

#include "base/metrics.hpp"
#include "feed/feed_request.hpp"
#include "feed/log_reader.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace callhook::feed {

struct stream_settings {
    /// How long a stream may say nothing.
    std::chrono::milliseconds heartbeat_interval{15'000};
};

/// Streams of Server-Sent Events. Each costs a cursor while it waits. All that is there for it goes out in
/// one write, a piece of about 64 KiB at most; those that are at the same place share the piece, which is
/// rendered once. Loop thread.
class event_streams {
public:
    /// `log` must outlive it, and it must outlive the answers.
    event_streams(stream_settings how, log_reader& log, metrics_registry& metrics);

    /// An answer that tells every event after `from`, and goes on until the client leaves or takes too long,
    /// the daemon stops, or the log becomes another one. It begins with the place `from` itself, so that a
    /// client which is cut off before the first event comes back to the same place. `head` is one that `from`
    /// was resolved against.
    http::response answer(store::event_filter filter, cursor from, store::feed_head head);

private:
    struct follower;
    struct piece;
    using shared_piece = std::shared_ptr<const piece>;

    boost::asio::awaitable<void> run(follower one, http::body_stream& out);
    boost::asio::awaitable<bool> tell_next(follower& one, http::body_stream& out);
    boost::asio::awaitable<bool> tell_nothing(follower& one, http::body_stream& out);
    shared_piece piece_of(
        std::vector<shared_event> events,
        const std::string& epoch,
        const boost::asio::any_io_executor& executor
    );
    std::string goodbye();

    stream_settings how_;
    log_reader& log_;
    metric_gauge open_;
    /// What was rendered in this turn of the loop. Shared with a post that may outlive this.
    std::shared_ptr<std::vector<shared_piece>> rendered_ = std::make_shared<std::vector<shared_piece>>();
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace callhook::feed
