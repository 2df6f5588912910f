#pragma once

#include "async/shared_answer.hpp"
#include "base/metrics.hpp"
#include "feed/cursor.hpp"
#include "feed/log_tail.hpp"
#include "feed/page_cache.hpp"
#include "store/connection_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace callhook::feed {

/// A stretch of the log as one reader sees it.
struct log_stretch {
    store::feed_head head{};
    /// What the filter takes, in order of position.
    std::vector<shared_event> events{};
    /// How far the log was looked through: the position to read on from.
    std::int64_t read_to = 0;
};

/// The event log for everyone who follows it: out of memory where the tail reaches back so far, else out of
/// the database, a page at a time that all who go through this part of the log share. Loop thread.
class log_reader {
public:
    /// `tail` and `readers` must outlive it, and it must outlive the loop's last turn.
    log_reader(log_tail& tail, store::reader_pool& readers, metrics_registry& metrics);

    /// The head as the database has it now. What this daemon remembers may be a moment old, and a reader may
    /// come from another daemon. Those who ask at the same time share a query that begins after they asked.
    boost::asio::awaitable<result<store::feed_head>> head();

    /// Events after `from`, at most `limit`, that are there now; none may be, and fewer than `limit` may be
    /// though there are more: `read_to` tells how far it looked. `least` is a head that the caller knows of;
    /// nothing older is answered. `gone` or `conflict` as `resolve_cursor` says, where the log is no longer
    /// the one that `from` is in.
    boost::asio::awaitable<result<log_stretch>> read(
        const cursor& from,
        const store::feed_head& least,
        const store::event_filter& filter,
        std::size_t limit
    );

    /// Waits until the log goes on after `position`, as far as this daemon has heard, or becomes another one,
    /// or until the deadline or `closed`.
    boost::asio::awaitable<void> wait(std::int64_t position, std::chrono::steady_clock::time_point deadline);

    /// Lets a while pass, after an error of `read`; less where the daemon is stopping.
    boost::asio::awaitable<void> pause(std::chrono::steady_clock::time_point until);

    /// Grows whenever an erasure is heard of: what was read before may hold what is not to be told any more,
    /// and must be read again.
    [[nodiscard]] std::uint64_t erasures() const noexcept { return erasures_; }

    /// Whether the daemon is stopping, and nobody is to wait any more.
    [[nodiscard]] bool closed() const noexcept { return tail_.grown().closed(); }

private:
    using head_answer = async::shared_answer<result<store::feed_head>>;
    using page_answer = async::shared_answer<result<shared_page>>;
    /// What a page is read with, and after which position.
    using page_key = std::pair<store::event_filter, std::int64_t>;

    boost::asio::awaitable<void> answer_heads();
    boost::asio::awaitable<result<shared_page>> page(
        const cursor& from, const store::feed_head& least, const store::event_filter& filter
    );
    void forget(std::int64_t erased_at);
    [[nodiscard]] bool outdated(const store::feed_head& head) const;
    boost::asio::awaitable<void> load(page_key what, std::shared_ptr<page_answer> answer);

    log_tail& tail_;
    store::reader_pool& readers_;
    page_cache pages_;
    std::map<page_key, std::shared_ptr<page_answer>> loading_;
    /// The query that has not begun yet.
    std::shared_ptr<head_answer> next_head_;
    bool asks_for_head_ = false;
    std::uint64_t erasures_ = 0;
    /// The latest event that told of an erasure, and the epoch that it is in.
    std::int64_t erased_at_ = 0;
    std::string erased_in_;
    metric_counter pages_read_;
};

}  // namespace callhook::feed
