#include "feed/log_tail.hpp"

#include "base/log.hpp"
#include "store/failure.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <limits>

namespace callhook::feed {

namespace {

/// How long one wait for a notification lasts at most: what `stop` may have to wait for.
constexpr auto listen_slice = std::chrono::milliseconds{200};
constexpr auto retry_interval = std::chrono::milliseconds{250};
constexpr std::size_t page_events = 1'000;

}  // namespace

log_tail::log_tail(
    const boost::asio::any_io_executor& loop,
    const store::settings& where,
    const tail_settings& how,
    metrics_registry& metrics
)
    : how_{how},
      loop_{loop},
      grown_{loop},
      position_{metrics.gauge("callhook_feed_position", "The feed's last position.")},
      thread_{[this, where] { follow(where); }} {}

log_tail::~log_tail() {
    stop();
}

void log_tail::stop() {
    stopping_ = true;
    *alive_ = false;
    grown_.close();
    if (thread_.joinable()) thread_.join();
}

bool log_tail::covers(std::int64_t position, const store::feed_head& least) const noexcept {
    if (!head_ || head_->epoch != least.epoch || head_->position < least.position) return false;
    if (position >= head_->position) return true;
    return !recent_.empty() && recent_.front().position <= position + 1;
}

std::vector<store::event_row> log_tail::read(
    std::int64_t position, const store::event_filter& filter, std::size_t limit, std::int64_t& read_to
) const {
    std::vector<store::event_row> out;
    auto at = std::upper_bound(recent_.begin(), recent_.end(), position, [](std::int64_t p, const auto& e) {
        return p < e.position;
    });
    read_to = position;
    for (; at != recent_.end() && out.size() < limit; ++at) {
        read_to = at->position;
        if (filter.takes(*at)) out.push_back(*at);
    }
    return out;
}

/// The thread: reads the head once, then every new stretch after it.
void log_tail::follow(const store::settings& where) {
    store::queries log{where, "feed"};
    std::optional<store::feed_head> known;
    auto last_look = std::chrono::steady_clock::time_point{};
    while (!stopping_) {
        try {
            const bool notified = log.await_feed(known ? listen_slice : std::chrono::milliseconds{0});
            const auto now = std::chrono::steady_clock::now();
            if (known && !notified && now - last_look < how_.poll_interval) continue;
            last_look = now;
            for (bool more = true; more && !stopping_;) {
                const auto from = known ? known->position : log.head().position;
                auto page = log.events(from, std::numeric_limits<std::int64_t>::max(), {}, page_events);
                more = page.events.size() == page_events;
                if (more) page.head.position = page.events.back().position;
                if (known && page.head == *known && page.events.empty()) break;
                auto read = page.head;
                boost::asio::post(loop_, [this, alive = alive_, page = std::move(page)]() mutable {
                    if (*alive) take(std::move(page));
                });
                known = std::move(read);  // only now: what was not posted must be read again
            }
        } catch (const store::failure& e) {
            if (log::enabled(log::level::debug))
                log::debug("the feed has no database", {{"reason", e.what()}});
            last_look = {};
            std::this_thread::sleep_for(retry_interval);
        } catch (const std::exception&) {
            // Breakage, lack of memory for one: what was not posted is read again.
            log::error("the feed broke; it will read on from where it was");
            last_look = {};
            std::this_thread::sleep_for(retry_interval);
        }
    }
}

void log_tail::take(store::event_page page) {
    // Another epoch, or a head that went back, is another history: nothing kept belongs to it.
    if (head_ && (head_->epoch != page.head.epoch || page.head.position < head_->position)) {
        recent_.clear();
        recent_bytes_ = 0;
    }
    // A hole would be skipped without a word.
    if (!recent_.empty() && !page.events.empty() &&
        page.events.front().position != recent_.back().position + 1) {
        recent_.clear();
        recent_bytes_ = 0;
    }
    head_ = page.head;
    position_.set(static_cast<double>(page.head.position));
    for (auto& event : page.events) {
        recent_bytes_ += event.event.size();
        recent_.push_back(std::move(event));
    }
    trim();
    grown_.notify_all();
}

void log_tail::trim() {
    while (recent_bytes_ > how_.bytes && recent_.size() > 1) {
        recent_bytes_ -= recent_.front().event.size();
        recent_.pop_front();
    }
}

}  // namespace callhook::feed
