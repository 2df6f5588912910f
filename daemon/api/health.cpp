#include "api/health.hpp"

#include "base/json.hpp"
#include "base/version.hpp"

namespace callhook::api {

boost::asio::awaitable<http::response> livez_endpoint::handle(http::request) {
    co_return http::json_response(200, R"({"status":"ok"})");
}

boost::asio::awaitable<http::response> readyz_endpoint::handle(http::request whole) {
    bool ready = true;
    json::object parts;
    for (const auto& part : parts_) {
        const auto trouble = part.trouble();
        if (!trouble.empty() && part.required) ready = false;
        parts.emplace(part.name, trouble.empty() ? "ok" : trouble);
    }
    json::object body{{"status", ready ? "ok" : "not ready"}};
    if (whole.query.starts_with("verbose")) body.emplace("parts", std::move(parts));
    co_return http::json_response(ready ? 200 : 503, json::serialize(body));
}

metrics_endpoint::metrics_endpoint(metrics_registry& metrics, store::reader_pool& readers)
    : metrics_{metrics},
      readers_{readers},
      quarantined_{metrics.gauge("callhook_quarantined", "Deliveries in quarantine.")} {
    metrics.gauge(
               "callhook_build_info", "Always 1; the label tells the version.", {{"version", version}}
    ).set(1);
}

boost::asio::awaitable<http::response> metrics_endpoint::handle(http::request) {
    const auto counts = co_await readers_.run([](store::queries& q) { return q.counts(); });
    if (counts) quarantined_.set(static_cast<double>(counts->quarantined));
    http::response answer;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = metrics_.render();
    co_return answer;
}

}  // namespace callhook::api
