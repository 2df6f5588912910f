#pragma once

#include "api/health.hpp"
#include "app/settings.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "feed/events_endpoint.hpp"
#include "http/router.hpp"
#include "store/connection_pool.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace callhook::app {

/// What the routes need of the running daemon; all must outlive the router.
struct api_parts {
    store::reader_pool& readers;
    store::feed_pool& feed_writes;
    feed::feed_parts feed;
    metrics_registry& metrics;
    const clock_source& clock;
    /// An operator has changed a subscription.
    std::function<void()> subscriptions_changed = [] {};
    /// Filled from the settings; who keeps it can let others in later.
    std::shared_ptr<api::access_rules> access = std::make_shared<api::access_rules>();
};

/// Every route of the API listener; `daemon/api/openapi.yaml` describes the same ones, and a test holds the
/// two together.
void add_api_routes(
    http::router& routes,
    const settings& values,
    const api_parts& parts,
    std::vector<api::readiness_part> readiness
);

}  // namespace callhook::app
