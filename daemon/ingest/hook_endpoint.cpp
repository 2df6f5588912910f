#include "ingest/hook_endpoint.hpp"

#include "base/json.hpp"
#include "base/log.hpp"

namespace callhook::ingest {

namespace {

using steady = std::chrono::steady_clock;

/// A sender that is refused for load or an outage should come back soon: CallPage documents no retries, but
/// proxies and tests have them.
constexpr const char* retry_after_seconds = "2";

metric_histogram request_duration(metrics_registry& metrics, const char* result) {
    return metrics.histogram(
        "callhook_hook_request_duration_seconds",
        "Time from a webhook's last byte to its answer.",
        metrics_registry::duration_buckets(),
        {{"result", result}}
    );
}

/// Fit for a text column and for people, whatever bytes the header held.
std::string printable(std::string_view text) {
    std::string out{text.substr(0, 200)};
    for (char& c : out) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return out;
}

double since(steady::time_point start) {
    return std::chrono::duration<double>(steady::now() - start).count();
}

}  // namespace

hook_endpoint::hook_endpoint(
    hook_settings how,
    gatekeeper gate,
    sources::decoder_table decoders,
    store::inbox& inbox,
    const clock_source& clock,
    metrics_registry& metrics
)
    : how_{std::move(how)},
      gate_{std::move(gate)},
      decoders_{std::move(decoders)},
      inbox_{inbox},
      clock_{clock},
      next_id_{clock},
      accepted_{request_duration(metrics, "accepted")},
      quarantined_{request_duration(metrics, "quarantined")},
      refused_{request_duration(metrics, "refused")} {}

std::optional<http::response> hook_endpoint::admit(const http::request_head& head) {
    const auto client = client_address(head, how_.trusted_proxies);
    if (gate_.admits(head.path_parameter("source"), head.path_parameter("secret"), head, client)) return {};
    return http::problem(404, "");  // the same as for a path that does not exist
}

boost::asio::awaitable<http::response> hook_endpoint::handle(http::request whole) {
    const auto started = steady::now();
    store::delivery d;
    d.id = next_id_();
    d.source = whole.path_parameter("source");
    d.received_at = clock_.now();
    d.remote_address = client_address(whole, how_.trusted_proxies);
    d.content_type = printable(whole.header("Content-Type"));
    d.body = std::move(whole.body);

    const auto id = to_string(d.id);
    const auto glimpse = decoders_.find(d.source)->second->look(d.body);
    const auto stored = co_await inbox_.append(std::move(d), started + how_.answer_timeout);
    if (!stored) {
        refused_.observe(since(started));
        auto answer = http::problem(503, stored.error().message);
        answer.fields.push_back({"Retry-After", retry_after_seconds});
        co_return answer;
    }
    if (glimpse.readable()) {
        accepted_.observe(since(started));
        co_return http::json_response(200, R"({"status":"accepted","delivery":")" + id + R"("})");
    }
    quarantined_.observe(since(started));
    log::warn("delivery quarantined", {{"delivery", id}, {"reason", glimpse.quarantine_reason}});
    const json::object body{
        {"status", "quarantined"}, {"delivery", id}, {"reason", glimpse.quarantine_reason}};
    co_return http::json_response(202, json::serialize(body));
}

}  // namespace callhook::ingest
