#include "feed/event_batch.hpp"

#include "feed/cloud_events.hpp"

#include <algorithm>

namespace callhook::feed {

namespace {

/// An answer is built in memory: it ends after this much, whatever `limit` says.
constexpr std::size_t answer_bytes = 8 << 20;
/// How long a log is looked through in which the filter takes little; the answer tells how far that was.
constexpr std::chrono::seconds scan_time{1};

}  // namespace

boost::asio::awaitable<http::response> answer_batch(
    log_reader& log, feed_request what, cursor from, store::feed_head head
) {
    const auto deadline = std::chrono::steady_clock::now() + what.timeout;
    const auto enough = std::max(deadline, std::chrono::steady_clock::now() + scan_time);
    std::vector<shared_event> events;
    std::size_t bytes = 0;
    for (;;) {
        auto found = co_await log.read(from, head, what.filter, what.limit - events.size());
        // What was found before stands; the next request meets the error.
        if (!found && events.empty()) co_return feed_refusal(found.error());
        if (!found) break;
        head = found->head;
        from.position = found->read_to;
        for (auto& event : found->events) {
            bytes += event->event.size();
            events.push_back(std::move(event));
            if (bytes > answer_bytes) {
                from.position = events.back()->position;
                break;
            }
        }
        if (bytes > answer_bytes || events.size() >= what.limit) break;
        const auto now = std::chrono::steady_clock::now();
        if (from.position < head.position && now < enough) continue;
        if (!events.empty() || log.closed() || now >= deadline) break;
        co_await log.wait(from.position, deadline);
    }
    http::response answer;
    const bool lines = what.form == feed_form::lines;
    answer.content_type = lines ? lines_media_type : batch_media_type;
    answer.body = lines ? render_lines(from.epoch, events) : render_batch(from.epoch, events);
    answer.fields.push_back({"Last-Event-ID", to_string(from)});
    co_return answer;
}

}  // namespace callhook::feed
