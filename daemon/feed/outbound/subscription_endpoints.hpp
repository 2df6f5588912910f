#pragma once

#include "feed/log_reader.hpp"
#include "feed/outbound/target_url.hpp"
#include "http/router.hpp"
#include "store/connection_pool.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>

namespace callhook::feed::outbound {

/// What the endpoints of subscriptions share.
struct subscription_parts {
    log_reader& log;         ///< outlives them
    store::feed_pool& pool;  ///< outlives them
    target_rules rules{};
    /// Names of those that the configuration file has: they are changed there and nowhere else.
    std::set<std::string, std::less<>> configured{};
    std::size_t page_limit = 1'000;  ///< the largest `limit`
    /// Called when an operator has changed something, so that whoever works on it need not wait for its next
    /// look. A hint: other daemons are not told.
    std::function<void()> changed = [] {};
};

/// Adds everything below `/v1/subscriptions`.
void add_subscription_routes(const http::route_adder& add, subscription_parts parts);

}  // namespace callhook::feed::outbound
