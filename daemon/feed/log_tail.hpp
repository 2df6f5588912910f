#pragma once

#include "async/wakeup.hpp"
#include "base/metrics.hpp"
#include "feed/shared_event.hpp"
#include "store/queries.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
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

/// The end of the event log in memory. One thread listens for commits and reads each new stretch once, unless
/// the sequencer of this daemon hands it over; all readers that wait are woken and served from here, so that
/// a thousand of them cost one query. All public functions belong to the event loop's thread, but for
/// `wanted` and `offer`.
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
    [[nodiscard]] std::vector<shared_event> read(
        std::int64_t position, const store::event_filter& filter, std::size_t limit, std::int64_t& read_to
    ) const;

    /// Calls `forget` with its position whenever an event tells of an erasure: what was read before it may
    /// hold what is not to be told any more. The tail itself forgets, too. Once, by whoever lives until the
    /// loop's last turn.
    void on_erasure(std::function<void(std::int64_t)> forget) { forget_ = std::move(forget); }

    /// Waits until the head moved, or to the deadline. Only while somebody waits, or has read within the last
    /// seconds, does the thread read events and not just the head.
    boost::asio::awaitable<void> wait(std::chrono::steady_clock::time_point deadline);

    /// Wakes when the head moved.
    async::wakeup& grown() noexcept { return grown_; }
    [[nodiscard]] const async::wakeup& grown() const noexcept { return grown_; }

    /// Whether somebody waits, or has read within the last seconds. Any thread.
    [[nodiscard]] bool wanted() const noexcept;
    /// The stretch that was committed right after the position `after`, with its events or, where nobody
    /// wants them, without. Does nothing where the tail has not come as far or is ahead: it reads by itself.
    /// Any thread.
    void offer(std::int64_t after, store::event_page page);

    /// Ends all waiting and the thread; blocks for at most a moment of listening.
    void stop();

private:
    void follow(const store::settings& where);
    [[nodiscard]] std::optional<store::feed_head> known() const;
    bool pass_on(const std::optional<store::feed_head>& after, store::event_page page);
    void tell(store::event_page page);
    bool has_heard(const store::log_end& end);
    void want() const noexcept;
    void take(store::event_page page);
    void forget_recent();
    void trim();

    const tail_settings how_;
    boost::asio::any_io_executor loop_;

    // The loop's own.
    async::wakeup grown_;
    std::optional<store::feed_head> head_;
    std::deque<shared_event> recent_;
    std::size_t recent_bytes_ = 0;
    std::function<void(std::int64_t)> forget_;
    metric_gauge position_;

    // Guarded by the mutex: how far the loop was told, and whether that was by `offer`.
    mutable std::mutex mutex_;
    std::condition_variable heard_;
    std::optional<store::feed_head> known_;
    bool offered_ = false;

    std::atomic<bool> stopping_{false};
    /// Shared with those who wait: they may outlive this.
    std::shared_ptr<std::atomic<int>> waiting_ = std::make_shared<std::atomic<int>>(0);
    mutable std::atomic<std::chrono::steady_clock::time_point> wanted_until_;
    /// Tells posts that outlive this object, after `stop`, not to touch it.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::thread thread_;
};

}  // namespace callhook::feed
