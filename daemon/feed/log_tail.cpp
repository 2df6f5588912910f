#include "feed/log_tail.hpp"

#include "base/log.hpp"
#include "store/erasures.hpp"
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
/// How long to wait for what was notified to be offered.
constexpr auto offer_delay = std::chrono::milliseconds{5};
/// How long a reader that is not waiting just now is still one.
constexpr auto interest = std::chrono::seconds{5};

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
      wanted_until_{std::chrono::steady_clock::now() + interest},
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

boost::asio::awaitable<void> log_tail::wait(std::chrono::steady_clock::time_point deadline) {
    want();
    const auto waiting = waiting_;
    ++*waiting;
    const struct guard {
        std::atomic<int>& count;
        ~guard() { --count; }
    } until_woken{*waiting};
    co_await grown_.wait(deadline);
}

void log_tail::want() const noexcept {
    wanted_until_.store(std::chrono::steady_clock::now() + interest, std::memory_order_relaxed);
}

bool log_tail::wanted() const noexcept {
    return *waiting_ > 0 || std::chrono::steady_clock::now() < wanted_until_.load(std::memory_order_relaxed);
}

bool log_tail::covers(std::int64_t position, const store::feed_head& least) const noexcept {
    want();
    if (!head_ || head_->epoch != least.epoch || head_->position < least.position) return false;
    if (position < std::max(head_->floor, least.floor)) return false;
    if (position >= head_->position) return true;
    return !recent_.empty() && recent_.front()->position <= position + 1;
}

std::vector<shared_event> log_tail::read(
    std::int64_t position, const store::event_filter& filter, std::size_t limit, std::int64_t& read_to
) const {
    std::vector<shared_event> out;
    auto at = std::upper_bound(recent_.begin(), recent_.end(), position, [](std::int64_t p, const auto& e) {
        return p < e->position;
    });
    read_to = position;
    for (; at != recent_.end() && out.size() < limit; ++at) {
        read_to = (*at)->position;
        if (filter.takes(**at)) out.push_back(*at);
    }
    return out;
}

void log_tail::offer(std::int64_t after, store::event_page page) {
    {
        const std::lock_guard lock{mutex_};
        if (!known_ || known_->epoch != page.head.epoch || known_->position != after) return;
        tell(std::move(page));
        offered_ = true;
    }
    heard_.notify_all();
}

/// The same of what the thread has read; false where something was offered meanwhile.
bool log_tail::pass_on(const std::optional<store::feed_head>& after, store::event_page page) {
    const std::lock_guard lock{mutex_};
    if (known_ != after) return false;
    tell(std::move(page));
    return true;
}

/// Under the mutex, so that pages come in order.
void log_tail::tell(store::event_page page) {
    auto head = page.head;
    boost::asio::post(loop_, [this, alive = alive_, page = std::move(page)]() mutable {
        if (*alive) take(std::move(page));
    });
    known_ = std::move(head);  // only now: what was not posted must be read again
}

std::optional<store::feed_head> log_tail::known() const {
    const std::lock_guard lock{mutex_};
    return known_;
}

/// Whether what was notified need not be read: the notification of a commit may be quicker than who made it.
bool log_tail::has_heard(const store::log_end& end) {
    std::unique_lock lock{mutex_};
    const auto there = [&] {
        return known_ && known_->epoch == end.epoch && known_->position >= end.position;
    };
    if (offered_) offered_ = heard_.wait_for(lock, offer_delay, there);
    return there();
}

/// The thread: reads the head once, then every new stretch after it.
void log_tail::follow(const store::settings& where) {
    store::queries log{where, "feed"};
    // When to look next, not when it was done last: a clock that counts from the machine's start makes
    // "never" look recent.
    auto look_at = std::chrono::steady_clock::time_point::min();
    while (!stopping_) {
        try {
            const auto told = log.await_feed(known() ? listen_slice : std::chrono::milliseconds{0});
            const auto now = std::chrono::steady_clock::now();
            if (known() && now < look_at && (!told || has_heard(*told))) continue;
            look_at = now + how_.poll_interval;
            for (bool more = true; more && !stopping_;) {
                const auto before = known();
                const auto from = before ? before->position : log.head().position;
                auto page = wanted()
                                ? log.events(from, std::numeric_limits<std::int64_t>::max(), {}, page_events)
                                : store::event_page{log.head(), {}};
                more = page.events.size() == page_events;
                if (more) page.head.position = page.events.back().position;
                if (before && page.head == *before && page.events.empty()) break;
                if (!pass_on(before, std::move(page))) more = true;
            }
        } catch (const store::failure& e) {
            if (log::enabled(log::level::debug))
                log::debug("the feed has no database", {{"reason", e.what()}});
            look_at = std::chrono::steady_clock::time_point::min();
            std::this_thread::sleep_for(retry_interval);
        } catch (const std::exception&) {
            // Breakage, lack of memory for one: what was not posted is read again.
            log::error("the feed broke; it will read on from where it was");
            look_at = std::chrono::steady_clock::time_point::min();
            std::this_thread::sleep_for(retry_interval);
        }
    }
}

void log_tail::take(store::event_page page) {
    // Another epoch, or a head that went back, is another history: nothing kept belongs to it.
    if (head_ && (head_->epoch != page.head.epoch || page.head.position < head_->position)) {
        forget_recent();
    }
    // A hole would be skipped without a word.
    if (!recent_.empty() && !page.events.empty() &&
        page.events.front().position != recent_.back()->position + 1) {
        forget_recent();
    }
    std::int64_t erased_at = 0;
    for (const auto& event : page.events) {
        if (event.type == store::erasure_event_type) erased_at = event.position;
    }
    // Nobody wanted to have the events.
    const bool passed_over = page.events.empty() && head_ && head_->position < page.head.position;
    if (passed_over && page.head.erasures != head_->erasures) erased_at = page.head.position;
    if (passed_over) {
        forget_recent();
    }
    // This page was read after the erasure, whatever is kept was not.
    if (erased_at > 0) {
        forget_recent();
    }
    head_ = page.head;
    // What has expired is told to nobody any more.
    while (!recent_.empty() && recent_.front()->position <= head_->floor) {
        recent_bytes_ -= recent_.front()->event.size();
        recent_.pop_front();
    }
    position_.set(static_cast<double>(page.head.position));
    for (auto& event : page.events) {
        recent_bytes_ += event.event.size();
        recent_.push_back(std::make_shared<const store::event_row>(std::move(event)));
    }
    trim();
    if (erased_at > 0 && forget_) forget_(erased_at);
    grown_.notify_all();
}

void log_tail::forget_recent() {
    recent_.clear();
    recent_bytes_ = 0;
}

void log_tail::trim() {
    while (recent_bytes_ > how_.bytes && recent_.size() > 1) {
        recent_bytes_ -= recent_.front()->event.size();
        recent_.pop_front();
    }
}

}  // namespace callhook::feed
