#pragma once

#include "api/health.hpp"
#include "api/process_gauges.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "http/endpoint.hpp"
#include "store/connection_pool.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace callhook::api {

/// `GET /metrics`: Prometheus text. Counts that only the database knows are asked for at each scrape, once
/// for all that are under way, and left as they were where it does not answer within a second: metrics matter
/// most while the database does not.
class metrics_endpoint final : public http::endpoint {
public:
    /// `parts` are those of readiness. What is passed by reference must outlive it.
    metrics_endpoint(
        metrics_registry& metrics,
        store::reader_pool& readers,
        const clock_source& clock,
        std::vector<readiness_part> parts
    );
    ~metrics_endpoint() override;
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    struct counts;

    void look_at_parts();
    void look_at_log();

    metrics_registry& metrics_;
    store::reader_pool& readers_;
    std::vector<readiness_part> parts_;
    std::vector<metric_gauge> part_gauges_;
    metric_gauge ready_;
    process_gauges process_;
    metric_counter warnings_;
    metric_counter errors_;
    std::shared_ptr<counts> counts_;
};

}  // namespace callhook::api
