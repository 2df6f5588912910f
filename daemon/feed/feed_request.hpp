#pragma once

#include "base/result.hpp"
#include "http/message.hpp"
#include "http/query.hpp"
#include "store/queries.hpp"

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>

namespace callhook::feed {

/// Bounds of what a reader may ask for.
struct feed_settings {
    /// The largest `limit`, and the one without it.
    std::size_t page_limit = 1'000;
    /// The longest `timeout`.
    std::chrono::milliseconds long_poll_max{60'000};
};

/// How events are told: a JSON array, a line each, or Server-Sent Events.
enum class feed_form { batch, lines, stream };

/// What a reader of the feed asks for.
struct feed_request {
    feed_form form = feed_form::batch;
    /// As `resolve_cursor` takes it.
    std::string last_event_id{};
    store::event_filter filter{};
    /// Neither bears on a stream.
    std::size_t limit = 0;
    std::chrono::milliseconds timeout{0};
};

/// The request's query, of which any parameter that is not `known` is `invalid_input`: a misspelt filter must
/// not answer with everything.
result<http::query_parameters> read_query(
    const http::request_head& request, std::initializer_list<std::string_view> known
);

/// Whether the request names this media type as one that it accepts.
bool accepts(const http::request_head& request, std::string_view media_type);

/// What is asked for by the request's `Accept`, `Last-Event-ID` and query. Of the parameters `lastEventId`
/// (which the header field outweighs: it is where a client that comes again has got to), `timeout`, `limit`,
/// `type`, `source`, `subject` and `widget` only those in `known` are; any other is `invalid_input`.
result<feed_request> read_feed_request(
    const http::request_head& request,
    const feed_settings& how,
    std::initializer_list<std::string_view> known =
        {"lastEventId", "timeout", "limit", "type", "source", "subject", "widget"}
);

/// The name of a source out of what an event's `source` says, `/callhook/NAME`; a name alone is one already.
std::string source_name(std::string_view source);

/// The answer to a request that cannot be served, before any event was told.
http::response feed_refusal(const error& e);

}  // namespace callhook::feed
