#pragma once

#include "feed/events_endpoint.hpp"
#include "http/router.hpp"
#include "store/connection_pool.hpp"

#include <string>
#include <vector>

namespace callhook::feed::consumers {

/// What the endpoints of consumers share. All must outlive them.
struct consumer_parts {
    feed_parts feed;
    store::feed_pool& pool;
};

/// Adds everything below `/v1/consumers`. Scripts of `origins` may read a consumer's events.
void add_consumer_routes(
    const consumer_parts& parts, const std::vector<std::string>& origins, const http::route_adder& add
);

}  // namespace callhook::feed::consumers
