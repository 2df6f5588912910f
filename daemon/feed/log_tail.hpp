#pragma once

#include "async/wakeup.hpp"
#include "base/metrics.hpp"
#include "store/queries.hpp"

#include <atomic>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

namespace callhook::feed {

struct tail_settings {
    /// Bound of the recent events kept in memory, by the size of their text.
    std::size_t bytes = 16 << 20;
    /// How often the log is looked at when no notification comes.
    std::chrono::milliseconds poll_interval{1'000};
};

/// The end of the event log in memory. One thread listens for commits and reads each new stretch once; all
/// readers that wait are woken and served from here, so that a thousand of them cost one query. All public
/// functions belong to the event loop's thread.
class log_tail {
public:
    log_tail(
        const boost::asio::any_io_executor& loop,
        const store::settings& where,
        const tail_settings& how,
        metrics_registry& metrics
    );
    /// Joins the thread.
    ~log_tail();
    log_tail(const log_tail&) = delete;
    log_tail& operator=(const log_tail&) = delete;

    /// The head as last seen; empty until the database was reached once.
    [[nodiscard]] const std::optional<store::feed_head>& head() const noexcept { return head_; }

    /// Whether every event after `position` is in memory, up to a head that is no older than `least`: one
    /// that the database told of may be ahead of what this daemon has heard.
    [[nodiscard]] bool covers(std::int64_t position, const store::feed_head& least) const noexcept;

    /// Events after `position` that the filter takes, at most `limit`; requires `covers`. `read_to`
    /// is set to the position up to which the log was looked through.
    [[nodiscard]] std::vector<store::event_row> read(
        std::int64_t position, const store::event_filter& filter, std::size_t limit, std::int64_t& read_to
    ) const;

    /// Wakes when the head moved.
    async::wakeup& grown() noexcept { return grown_; }

    /// Ends all waiting and the thread; blocks for at most a moment of listening.
    void stop();

private:
    void follow(const store::settings& where);
    void take(store::event_page page);
    void trim();

    const tail_settings how_;
    boost::asio::any_io_executor loop_;

    // The loop's own.
    async::wakeup grown_;
    std::optional<store::feed_head> head_;
    std::deque<store::event_row> recent_;
    std::size_t recent_bytes_ = 0;
    metric_gauge position_;

    std::atomic<bool> stopping_{false};
    /// Tells posts that outlive this object, after `stop`, not to touch it.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::thread thread_;
};

}  // namespace callhook::feed
