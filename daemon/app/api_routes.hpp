#pragma once

#include "api/health.hpp"
#include "app/settings.hpp"
#include "base/metrics.hpp"
#include "feed/log_tail.hpp"
#include "http/router.hpp"
#include "store/reader_pool.hpp"

#include <vector>

namespace callhook::app {

/// Every route of the API listener; `daemon/api/openapi.yaml` describes the same ones, and a test holds the
/// two together. What is passed by reference must outlive the router.
void add_api_routes(
    http::router& routes,
    const settings& values,
    store::reader_pool& readers,
    feed::log_tail& tail,
    metrics_registry& metrics,
    std::vector<api::readiness_part> readiness
);

}  // namespace callhook::app
