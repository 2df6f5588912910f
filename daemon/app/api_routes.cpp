#include "app/api_routes.hpp"

#include "api/backfill.hpp"
#include "api/calls.hpp"
#include "api/guard.hpp"
#include "api/lists.hpp"
#include "api/metrics.hpp"
#include "api/openapi.hpp"
#include "app/rooms.hpp"
#include "feed/consumers/consumer_endpoints.hpp"
#include "feed/cross_origin.hpp"
#include "feed/outbound/subscription_endpoints.hpp"

namespace callhook::app {

namespace {

std::set<std::string, std::less<>> configured_names(const settings& values) {
    std::set<std::string, std::less<>> names;
    for (const auto& one : values.subscriptions)
        names.insert(one.name);
    return names;
}

}  // namespace

void add_api_routes(
    http::router& routes,
    const settings& values,
    const api_parts& parts,
    std::vector<api::readiness_part> readiness
) {
    using enum api::scope;
    const std::shared_ptr<const api::access_rules> access = parts.access;
    *parts.access = make_access(values);
    api::guarded_routes guarded{routes, access};
    const auto get = [&](api::scope needed, const char* pattern, std::shared_ptr<http::endpoint> endpoint) {
        guarded.add(needed, "GET", pattern, std::move(endpoint));
    };
    const auto get_open = [&](const char* pattern, std::shared_ptr<http::endpoint> endpoint) {
        guarded.add_open("GET", pattern, std::move(endpoint));
    };
    const auto page = values.api.page_limit;
    // Without an international prefix a number is read as the first source reads it.
    const auto region =
        values.sources.empty() ? source_settings{}.default_region : values.sources.front().default_region;
    const auto& origins = values.api.allowed_origins;
    const auto feed_get = [&](const char* pattern, std::shared_ptr<http::endpoint> endpoint) {
        get(feed_read, pattern, feed::readable_from(origins, std::move(endpoint)));
    };

    feed_get("/v1/events", std::make_shared<feed::events_endpoint>(parts.feed));
    feed_get("/v1/events/stream", std::make_shared<feed::stream_endpoint>(parts.feed));
    if (!origins.empty()) {
        for (const auto* pattern : {"/v1/events", "/v1/events/stream", "/v1/consumers/{name}/events"})
            guarded.add_open("OPTIONS", pattern, feed::preflight(origins));
    }
    feed::consumers::add_consumer_routes({parts.feed, parts.feed_writes}, origins, guarded.adder(feed_read));
    feed::outbound::add_subscription_routes(
        guarded.adder(admin),
        {parts.feed.log,
         parts.feed_writes,
         receiver_rules(values),
         configured_names(values),
         values.api.page_limit,
         parts.subscriptions_changed}
    );
    get(calls_read, "/v1/calls", std::make_shared<api::calls_endpoint>(parts.readers, page, region));
    get(calls_read, "/v1/calls/{source}/{id}", std::make_shared<api::call_endpoint>(parts.readers));
    get(calls_read, "/v1/messages", std::make_shared<api::messages_endpoint>(parts.readers, page));
    get(calls_read, "/v1/quarantine", std::make_shared<api::quarantine_endpoint>(parts.readers, page));
    get(calls_read, "/v1/gaps", std::make_shared<api::gaps_endpoint>(parts.readers, page));
    get(calls_read, "/v1/gaps/{id}", std::make_shared<api::gap_endpoint>(parts.readers));
    get(calls_read, "/v1/jobs", std::make_shared<api::jobs_endpoint>(parts.readers, page));
    get_open("/livez", std::make_shared<api::livez_endpoint>());
    get_open("/readyz", std::make_shared<api::readyz_endpoint>(readiness, access));
    get(metrics_read,
        "/metrics",
        std::make_shared<api::metrics_endpoint>(
            parts.metrics, parts.readers, parts.clock, std::move(readiness)
        ));
    get_open(
        "/openapi.yaml", std::make_shared<api::document_endpoint>("application/yaml", api::openapi_text)
    );
    get_open(
        "/schemas/events.json",
        std::make_shared<api::document_endpoint>("application/schema+json", api::event_schemas_text)
    );
}

}  // namespace callhook::app
