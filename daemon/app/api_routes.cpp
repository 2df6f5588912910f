#include "app/api_routes.hpp"

#include "api/backfill.hpp"
#include "api/calls.hpp"
#include "api/lists.hpp"
#include "api/openapi.hpp"
#include "feed/events_endpoint.hpp"

namespace callhook::app {

void add_api_routes(
    http::router& routes,
    const settings& values,
    store::reader_pool& readers,
    feed::log_tail& tail,
    metrics_registry& metrics,
    std::vector<api::readiness_part> readiness
) {
    const auto get = [&](const char* pattern, std::shared_ptr<http::endpoint> endpoint) {
        routes.add("GET", pattern, std::move(endpoint));
    };
    const auto page = values.api.page_limit;
    // Without an international prefix a number is read as the first source reads it.
    const auto region =
        values.sources.empty() ? source_settings{}.default_region : values.sources.front().default_region;
    const feed::feed_settings feed_limits{page, values.api.long_poll_max};

    get("/v1/events", std::make_shared<feed::events_endpoint>(feed_limits, tail, readers));
    get("/v1/calls", std::make_shared<api::calls_endpoint>(readers, page, region));
    get("/v1/calls/{source}/{id}", std::make_shared<api::call_endpoint>(readers));
    get("/v1/messages", std::make_shared<api::messages_endpoint>(readers, page));
    get("/v1/quarantine", std::make_shared<api::quarantine_endpoint>(readers, page));
    get("/v1/gaps", std::make_shared<api::gaps_endpoint>(readers, page));
    get("/v1/gaps/{id}", std::make_shared<api::gap_endpoint>(readers));
    get("/v1/jobs", std::make_shared<api::jobs_endpoint>(readers, page));
    get("/livez", std::make_shared<api::livez_endpoint>());
    get("/readyz", std::make_shared<api::readyz_endpoint>(std::move(readiness)));
    get("/metrics", std::make_shared<api::metrics_endpoint>(metrics, readers));
    get("/openapi.yaml", std::make_shared<api::openapi_endpoint>());
}

}  // namespace callhook::app
