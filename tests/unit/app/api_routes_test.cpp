#include "app/api_routes.hpp"

#include "api/openapi.hpp"
#include "base/text.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <set>

namespace callhook::app {
namespace {

/// The `METHOD path` pairs of an OpenAPI document, as this project writes one: paths indented by two, methods
/// by four.
std::set<std::string> described() {
    std::set<std::string> out;
    std::string path;
    for (const auto line : split(api::openapi_text, '\n')) {
        if (line.starts_with("  /") && line.ends_with(':')) path = line.substr(2, line.size() - 3);
        for (const auto* method : {"get", "post", "put", "delete"}) {
            if (line == "    " + std::string{method} + ":") out.insert(std::string{method} + ' ' + path);
        }
    }
    return out;
}

TEST(api_routes, the_description_names_the_same_routes) {
    boost::asio::io_context loop;
    metrics_registry metrics;
    const system_clock_source clock;
    settings values;
    // Nothing listens there: only the routes are looked at.
    const store::settings nowhere{secret{"host=/nonexistent dbname=none"}, {}, {}};
    store::reader_pool readers{nowhere, 1, metrics};
    feed::log_tail tail{loop.get_executor(), nowhere, {}, metrics};
    feed::log_reader log{tail, readers, metrics};
    feed::event_streams streams{{}, log, metrics};
    store::feed_pool feed_writes{nowhere, 1, metrics};
    http::router routes;
    add_api_routes(routes, values, {readers, feed_writes, {{}, log, streams}, metrics, clock}, {});

    std::set<std::string> real;
    for (const auto& route : routes.routes())
        real.insert(to_lower(route.method) + ' ' + route.pattern);
    EXPECT_EQ(described(), real);
    EXPECT_FALSE(real.empty());
}

}  // namespace
}  // namespace callhook::app
