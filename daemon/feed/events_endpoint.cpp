#include "feed/events_endpoint.hpp"

#include "feed/event_batch.hpp"

namespace callhook::feed {

namespace asio = boost::asio;

namespace {

asio::awaitable<http::response> answer_from_id(feed_parts parts, result<feed_request> what) {
    if (!what) co_return feed_refusal(what.error());
    const auto head = co_await parts.log.head();
    if (!head) co_return feed_refusal(head.error());
    const auto from = resolve_cursor(what->last_event_id, *head);
    if (!from) co_return feed_refusal(from.error());
    co_return co_await answer_events(parts, std::move(*what), *from, *head);
}

}  // namespace

asio::awaitable<http::response> answer_events(
    feed_parts parts, feed_request what, cursor from, store::feed_head head
) {
    if (what.form == feed_form::stream)
        co_return parts.streams.answer(std::move(what.filter), std::move(from), std::move(head));
    co_return co_await answer_batch(parts.log, std::move(what), std::move(from), std::move(head));
}

asio::awaitable<http::response> events_endpoint::handle(http::request whole) {
    return answer_from_id(parts_, read_feed_request(whole, parts_.how));
}

asio::awaitable<http::response> stream_endpoint::handle(http::request whole) {
    auto what = read_feed_request(whole, parts_.how, {"lastEventId", "type", "source", "subject", "widget"});
    if (what) what->form = feed_form::stream;
    return answer_from_id(parts_, std::move(what));
}

}  // namespace callhook::feed
