#include "feed/event_stream.hpp"

#include "feed/cloud_events.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace callhook::feed {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {

/// A piece ends with the event that makes it longer than this.
constexpr std::size_t piece_bytes = 64 << 10;
/// Events looked at for one piece.
constexpr std::size_t piece_events = 64;
/// Pieces that one turn of the loop has in memory so that others may share them.
constexpr std::size_t pieces_shared = 8;
/// How long to wait where the database does not answer.
constexpr std::chrono::milliseconds patience{500};
constexpr std::string_view first_retry = "retry: 1000\n";
/// When a daemon stops its clients come back spread over this, in milliseconds.
constexpr int soonest_retry = 500;
constexpr int latest_retry = 3'000;

/// An id without data: a browser dispatches no event, and knows where to go on from.
std::string place_frame(const cursor& at) {
    return "id: " + to_string(at) + "\n\n";
}

}  // namespace

/// What a stream costs while it waits.
struct event_streams::follower {
    store::event_filter filter{};
    cursor at{};
    /// The last place that the client was told of.
    std::int64_t told = 0;
    store::feed_head head{};
    steady::time_point heartbeat_at{};
    /// Whether there may be more to tell right away.
    bool behind = true;
};

/// The beginning of a stretch of events, as a stream tells it.
struct event_streams::piece {
    std::vector<shared_event> of;
    std::string epoch;
    std::string text{};
    std::size_t told = 0;  ///< so many of them are in the text
};

event_streams::event_streams(stream_settings how, log_reader& log, metrics_registry& metrics)
    : how_{how},
      log_{log},
      open_{metrics.gauge("callhook_feed_streams", "Open streams of Server-Sent Events.")} {}

http::response event_streams::answer(store::event_filter filter, cursor from, store::feed_head head) {
    http::response out;
    out.content_type = stream_media_type;
    // A proxy that collects what it passes on would hold events back.
    out.fields = {
        {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}, {"Last-Event-ID", to_string(from)}};
    follower one{std::move(filter), std::move(from), 0, std::move(head)};
    out.stream = [this, one = std::move(one)](http::body_stream& to) mutable {
        return run(std::move(one), to);
    };
    return out;
}

asio::awaitable<void> event_streams::run(follower one, http::body_stream& out) {
    open_.add(1);
    struct leave {
        const metric_gauge& open;
        ~leave() { open.add(-1); }
    } const guard{open_};
    const auto executor = co_await asio::this_coro::executor;
    one.told = one.at.position;
    one.heartbeat_at = steady::now() + how_.heartbeat_interval;
    const auto beginning = std::string{first_retry} + place_frame(one.at);
    if (!co_await out.write(beginning)) co_return;
    while (!log_.closed() && !out.stopping()) {
        if (!co_await tell_next(one, out)) co_return;
        if (steady::now() >= one.heartbeat_at && !co_await tell_nothing(one, out)) co_return;
        if (one.behind) {
            // Others come first: a client that takes all at once would keep the loop to itself.
            co_await asio::post(executor, asio::use_awaitable);
        } else {
            co_await log_.wait(one.at.position, one.heartbeat_at);
        }
    }
    const auto last = goodbye();
    co_await out.write(last);
}

/// Tells the next piece, where there is one; whether the stream goes on.
asio::awaitable<bool> event_streams::tell_next(follower& one, http::body_stream& out) {
    shared_piece next;
    {
        auto found = co_await log_.read(one.at, one.head, one.filter, piece_events);
        if (!found) {
            // A log that is no longer the client's: it hears so when it comes back.
            if (!found.error().retryable()) co_return false;
            co_await log_.pause(std::min(steady::now() + patience, one.heartbeat_at));
            co_return true;
        }
        one.head = std::move(found->head);
        if (!found->events.empty()) {
            next = piece_of(std::move(found->events), one.at.epoch, co_await asio::this_coro::executor);
            one.told = next->of[next->told - 1]->position;
        }
        const bool cut = next && next->told < next->of.size();
        one.at.position = cut ? one.told : found->read_to;
        one.behind = one.at.position < one.head.position;
    }
    if (!next) co_return true;
    // The client may take its time: what it waits with is this piece and nothing more.
    if (!co_await out.write(next->text)) co_return false;
    one.heartbeat_at = steady::now() + how_.heartbeat_interval;
    co_return true;
}

/// The piece that tells these events, at least one. Streams that are woken together come to their turns one
/// after the other and mostly want the same: what one has rendered is there for the others until all have had
/// theirs, and is forgotten then, since what is in it may be erased.
event_streams::shared_piece event_streams::piece_of(
    std::vector<shared_event> events, const std::string& epoch, const asio::any_io_executor& executor
) {
    const auto known = std::ranges::find_if(*rendered_, [&](const auto& one) {
        return one->of == events && one->epoch == epoch;
    });
    if (known != rendered_->end()) return *known;
    auto made = std::make_shared<piece>(piece{std::move(events), epoch});
    while (made->told < made->of.size() && made->text.size() < piece_bytes)
        append_frame(made->text, epoch, *made->of[made->told++]);
    if (rendered_->empty()) asio::post(executor, [rendered = rendered_] { rendered->clear(); });
    if (rendered_->size() < pieces_shared) rendered_->push_back(made);
    return made;
}

/// Shows that the stream lives, and how far it has got where the filter let nothing through.
asio::awaitable<bool> event_streams::tell_nothing(follower& one, http::body_stream& out) {
    std::string text = ": heartbeat\n";
    text += one.told < one.at.position ? place_frame(one.at) : "\n";
    one.told = one.at.position;
    one.heartbeat_at = steady::now() + how_.heartbeat_interval;
    co_return co_await out.write(text);
}

std::string event_streams::goodbye() {
    std::uniform_int_distribution<int> spread{soonest_retry, latest_retry};
    return "retry: " + std::to_string(spread(random_)) + "\n\n";
}

}  // namespace callhook::feed
