#pragma once

#include "feed/event_stream.hpp"
#include "feed/feed_request.hpp"
#include "feed/log_reader.hpp"
#include "http/endpoint.hpp"

namespace callhook::feed {

/// What endpoints that tell events share. All must outlive them.
struct feed_parts {
    feed_settings how{};
    log_reader& log;
    event_streams& streams;
};

/// The answer to a request whose place has been resolved, in the form that it asks for.
boost::asio::awaitable<http::response> answer_events(
    feed_parts parts, feed_request what, cursor from, store::feed_head head
);

/// `GET /v1/events`: the events after `lastEventId`, as a batch, as lines or as a stream.
class events_endpoint final : public http::endpoint {
public:
    explicit events_endpoint(feed_parts parts) : parts_{parts} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    feed_parts parts_;
};

/// `GET /v1/events/stream`: the same as a stream, whatever the client accepts.
class stream_endpoint final : public http::endpoint {
public:
    explicit stream_endpoint(feed_parts parts) : parts_{parts} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    feed_parts parts_;
};

}  // namespace callhook::feed
