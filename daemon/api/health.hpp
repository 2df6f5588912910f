#pragma once

#include "base/metrics.hpp"
#include "http/endpoint.hpp"
#include "store/reader_pool.hpp"

#include <functional>
#include <string>
#include <vector>

namespace callhook::api {

/// One part of readiness: a name and whether it is well, with a word of reason.
struct readiness_part {
    std::string name;
    /// Empty: well. Otherwise the reason, fit for anyone who may read the API.
    std::function<std::string()> trouble;
    /// Whether traffic must not come while it is not well; otherwise the part is shown only.
    bool required = true;
};

/// `GET /livez`: the process answers. Never asks the database, or an outage of it would restart every daemon.
class livez_endpoint final : public http::endpoint {
public:
    boost::asio::awaitable<http::response> handle(http::request whole) override;
};

/// `GET /readyz`: 200 where every required part is well, else 503; `?verbose` lists the parts.
class readyz_endpoint final : public http::endpoint {
public:
    explicit readyz_endpoint(std::vector<readiness_part> parts) : parts_{std::move(parts)} {}
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    std::vector<readiness_part> parts_;
};

/// `GET /metrics`: Prometheus text. Counts that only the database knows are asked for at each scrape, and
/// left as they were where it does not answer.
class metrics_endpoint final : public http::endpoint {
public:
    metrics_endpoint(metrics_registry& metrics, store::reader_pool& readers);
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    metrics_registry& metrics_;
    store::reader_pool& readers_;
    metric_gauge quarantined_;
};

}  // namespace callhook::api
