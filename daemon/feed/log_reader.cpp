#include "feed/log_reader.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace callhook::feed {

namespace asio = boost::asio;

namespace {

/// Events in a page at most.
constexpr std::int64_t page_events = 250;
/// How many positions one query with a filter looks through at most.
constexpr std::int64_t scan_positions = 20'000;
constexpr std::size_t cache_bytes = 8 << 20;

/// A page without a filter begins at a multiple of its length, so that readers who come from anywhere meet.
std::int64_t page_start(std::int64_t position, const store::event_filter& filter) {
    return filter.empty() ? position - position % page_events : position;
}

store::feed_head newer(const store::feed_head& a, const store::feed_head& b) {
    auto out = a.epoch == b.epoch && a.position > b.position ? a : b;
    if (a.epoch == b.epoch) out.floor = std::max(a.floor, b.floor);
    return out;
}

/// Whether what comes after the place has expired, as far as the head tells.
bool expired(const cursor& place, const store::feed_head& head) {
    return head.epoch == place.epoch && place.position < head.floor;
}

/// What one reader takes of a page.
log_stretch part_of(
    const log_page& page, std::int64_t after, const store::event_filter& filter, std::size_t limit
) {
    log_stretch out;
    auto at =
        std::upper_bound(page.events.begin(), page.events.end(), after, [](std::int64_t p, const auto& e) {
            return p < e->position;
        });
    for (; at != page.events.end() && out.events.size() < limit; ++at) {
        if (filter.takes(**at)) out.events.push_back(*at);
    }
    const bool cut = at != page.events.end();
    out.read_to = std::max(after, cut ? (*(at - 1))->position : page.read_to);
    return out;
}

shared_page made_page(store::event_page found, std::int64_t after, std::int64_t until) {
    log_page out;
    out.head = std::move(found.head);
    out.after = after;
    for (auto& event : found.events)
        out.events.push_back(std::make_shared<const store::event_row>(std::move(event)));
    const bool cut = out.events.size() == static_cast<std::size_t>(page_events);
    out.read_to = cut ? out.events.back()->position : std::max(after, std::min(until, out.head.position));
    return std::make_shared<const log_page>(std::move(out));
}

}  // namespace

log_reader::log_reader(log_tail& tail, store::reader_pool& readers, metrics_registry& metrics)
    : tail_{tail},
      readers_{readers},
      pages_{cache_bytes},
      pages_read_{metrics.counter(
          "callhook_feed_pages_read_total",
          "Pages of the log that were read from the database, because the tail did not reach back so far."
      )} {
    tail_.on_erasure([this](std::int64_t position) { forget(position); });
}

/// Queries that are under way may have begun before it: nobody joins them any more.
void log_reader::forget(std::int64_t erased_at) {
    ++erasures_;
    erased_at_ = erased_at;
    erased_in_ = tail_.head()->epoch;
    pages_.clear();
    loading_.clear();
}

/// Whether a page with this head was read before the latest erasure.
bool log_reader::outdated(const store::feed_head& head) const {
    return head.epoch == erased_in_ && head.position < erased_at_;
}

asio::awaitable<result<store::feed_head>> log_reader::head() {
    const auto executor = co_await asio::this_coro::executor;
    // Never a query that is under way: the caller may have seen what came after it began.
    if (!next_head_) next_head_ = std::make_shared<head_answer>(executor);
    const auto mine = next_head_;
    if (!std::exchange(asks_for_head_, true)) asio::co_spawn(executor, answer_heads(), asio::detached);
    co_return co_await head_answer::of(mine);
}

asio::awaitable<void> log_reader::answer_heads() {
    while (const auto asked = std::exchange(next_head_, nullptr)) {
        auto read = [](store::queries& q) { return q.head(); };
        asked->give(co_await readers_.run(std::move(read)));
    }
    asks_for_head_ = false;
}

asio::awaitable<result<log_stretch>> log_reader::read(
    const cursor& from, const store::feed_head& least, const store::event_filter& filter, std::size_t limit
) {
    if (from.epoch == least.epoch && tail_.covers(from.position, least)) {
        log_stretch out;
        out.head = *tail_.head();
        out.events = tail_.read(from.position, filter, limit, out.read_to);
        co_return out;
    }
    // Where the log has become another one, the database says what of it is left.
    const bool rewritten = tail_.head() && tail_.head()->epoch != from.epoch;
    // A page that is remembered may have expired since: then the database is asked.
    const bool old = expired(from, least) || (tail_.head() && expired(from, *tail_.head()));
    const auto known = rewritten || old ? nullptr : pages_.find(filter, from.epoch, from.position);
    if (known && !expired(from, known->head)) {
        auto out = part_of(*known, from.position, filter, limit);
        out.head = newer(least, known->head);
        co_return out;
    }
    const auto loaded = co_await page(from, least, filter);
    if (!loaded) co_return loaded.error();
    const auto& head = (*loaded)->head;
    if (head.epoch != from.epoch || head.floor > from.position) {
        const auto refused = resolve_cursor(to_string(from), head);
        if (refused.has_error()) co_return refused.error();
    }
    auto out = part_of(**loaded, from.position, filter, limit);
    out.head = head;
    co_return out;
}

/// The page in which what comes after `from` lies, out of the database as it is now. Whoever needs one that
/// is being read already waits for that.
asio::awaitable<result<shared_page>> log_reader::page(
    const cursor& from, const store::feed_head& least, const store::event_filter& filter
) {
    const page_key what{filter, page_start(from.position, filter)};
    const auto executor = co_await asio::this_coro::executor;
    for (int tries = 0;; ++tries) {
        auto& place = loading_[what];
        const bool joined = place != nullptr;
        if (!joined) {
            place = std::make_shared<page_answer>(executor);
            asio::co_spawn(executor, load(what, place), asio::detached);
        }
        const auto mine = place;
        const auto loaded = co_await page_answer::of(mine);
        // A query that was under way may have begun before `least` was true; the next one has not.
        if (tries == 0 && joined && loaded) {
            const auto& head = (*loaded)->head;
            if (head.epoch != least.epoch || head.position < least.position || head.floor < least.floor)
                continue;
        }
        // A replica that lags behind what this daemon has heard would have it try for ever.
        if (tries < 3 && loaded && outdated((*loaded)->head)) continue;
        co_return loaded;
    }
}

asio::awaitable<void> log_reader::load(page_key what, std::shared_ptr<page_answer> answer) {
    result<shared_page> outcome = error{errc::unavailable, "the page could not be read", ""};
    try {
        const auto& [filter, after] = what;
        const auto until = after + (filter.empty() ? page_events : scan_positions);
        auto query = [after = after, until, filter = filter](store::queries& q) {
            return q.events(after, until, filter, static_cast<std::size_t>(page_events));
        };
        pages_read_.add();
        auto found = co_await readers_.run(std::move(query));
        if (found) {
            outcome = made_page(std::move(*found), after, until);
            if ((*outcome)->read_to > after && !outdated((*outcome)->head)) pages_.put(filter, *outcome);
        } else {
            outcome = found.error();
        }
    } catch (const std::exception&) {
        log::error("a page of the log could not be kept");
    }
    if (const auto mine = loading_.find(what); mine != loading_.end() && mine->second == answer)
        loading_.erase(mine);
    answer->give(std::move(outcome));
}

asio::awaitable<void> log_reader::wait(
    std::int64_t position, std::chrono::steady_clock::time_point deadline
) {
    const auto& head = tail_.head();
    const auto epoch = head ? head->epoch : std::string{};
    while (!closed() && std::chrono::steady_clock::now() < deadline &&
           (!head || (head->position <= position && head->epoch == epoch)))
        co_await tail_.wait(deadline);
}

asio::awaitable<void> log_reader::pause(std::chrono::steady_clock::time_point until) {
    co_await tail_.grown().sleep_until(until);
}

}  // namespace callhook::feed
