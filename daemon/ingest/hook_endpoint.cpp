#include "ingest/hook_endpoint.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "lifecycle/traceparent.hpp"

#include <cstdint>
#include <vector>

namespace callhook::ingest {

namespace {

using steady = std::chrono::steady_clock;

/// A sender that is refused for load or an outage should come back soon: CallPage documents no retries, but
/// proxies and tests have them.
constexpr const char* retry_after_seconds = "2";

constexpr std::chrono::minutes excess_told_every{1};

/// A larger body is stored without a look, since nobody else is served meanwhile: one made for it keeps the
/// loop for 20 ms at this size, and for seconds at the most that a body may have.
constexpr std::size_t longest_look = std::size_t{1} << 20;

metric_histogram request_duration(metrics_registry& metrics, const char* result) {
    return metrics.histogram(
        "callhook_hook_request_duration_seconds",
        "Time from a webhook's last byte to its answer.",
        metrics_registry::duration_buckets(),
        {{"result", result}}
    );
}

metric_gauge last_webhook(metrics_registry& metrics, const std::string& source) {
    return metrics.gauge(
        "callhook_last_webhook_timestamp_seconds",
        "When a source's last webhook was stored, as Unix time; where none was, when the daemon started.",
        {{"source", source}}
    );
}

double seconds_of(utc_time at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

/// Fit for a text column and for people, whatever bytes the header held.
std::string printable(std::string_view text) {
    std::string out{text.substr(0, 200)};
    for (char& c : out) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return out;
}

std::int64_t microseconds(double seconds) {
    return static_cast<std::int64_t>(seconds * 1e6);
}

/// One line a delivery, whatever else there is to say of it.
void tell(
    const std::string& id,
    const std::string& source,
    const std::string& traceparent,
    const sources::glimpse& glimpse,
    double took
) {
    const auto level = glimpse.readable() ? log::level::info : log::level::warn;
    if (!log::enabled(level)) return;
    std::vector<log::field> fields{{"delivery", id}, {"source", source}};
    if (!glimpse.event.empty()) fields.emplace_back("event", glimpse.event);
    if (glimpse.call_id) fields.emplace_back("call", *glimpse.call_id);
    if (!traceparent.empty()) fields.emplace_back("trace_id", lifecycle::trace_id(traceparent));
    fields.emplace_back("duration_us", microseconds(took));
    if (!glimpse.readable()) fields.emplace_back("reason", glimpse.quarantine_reason);
    log::record(level, glimpse.readable() ? "delivery accepted" : "delivery quarantined", fields);
}

http::response accepted(std::string_view id) {
    constexpr std::string_view before = R"({"status":"accepted","delivery":")";
    constexpr std::string_view after = R"("})";
    std::string body;
    body.reserve(before.size() + id.size() + after.size());
    body += before;
    body += id;
    body += after;
    return http::json_response(200, std::move(body));
}

double since(steady::time_point start) {
    return std::chrono::duration<double>(steady::now() - start).count();
}

}  // namespace

hook_endpoint::hook_endpoint(
    hook_settings how,
    gatekeeper gate,
    const sources::decoder_table& decoders,
    intake& into,
    const clock_source& clock,
    metrics_registry& metrics
)
    : how_{std::move(how)},
      rate_{how_.requests_per_minute},
      gate_{std::move(gate)},
      intake_{into},
      clock_{clock},
      next_id_{clock},
      accepted_{request_duration(metrics, "accepted")},
      quarantined_{request_duration(metrics, "quarantined")},
      refused_{request_duration(metrics, "refused")} {
    const auto now = seconds_of(clock.now());
    for (const auto& [name, decoder] : decoders) {
        const source one{decoder, last_webhook(metrics, name)};
        // Silence counts from the start on, so that a restart does not hide it for good.
        one.last.set(now);
        sources_.emplace(name, one);
    }
}

std::optional<http::response> hook_endpoint::admit(const http::request_head& head) {
    const auto client = client_address(head, how_.trusted_proxies);
    // Whatever the secret, so that this tells nothing of it and slows down who tries some.
    if (auto refused = refuse_in_excess(client)) return refused;
    if (gate_.admits(head.path_parameter("source"), head.path_parameter("secret"), head, client)) return {};
    return http::problem(404, "");  // the same as for a path that does not exist
}

std::optional<http::response> hook_endpoint::refuse_in_excess(const std::string& client) {
    if (how_.requests_per_minute == 0) return {};
    const auto address = http::parse_address(client);
    if (!address || how_.uncounted.contains(*address)) return {};
    const auto now = steady::now();
    const auto wait = rate_.take(http::key_of(*address), now);
    if (!wait) return {};
    // Each may be a webhook lost, and which address it was must not stand in a log.
    if (!told_of_excess_ || now - *told_of_excess_ >= excess_told_every) {
        told_of_excess_ = now;
        log::warn("requests over hooks.requests_per_minute are refused");
    }
    auto answer = http::problem(429, "too many requests from this address");
    answer.fields.push_back({"Retry-After", std::to_string(wait->count())});
    return answer;
}

boost::asio::awaitable<http::response> hook_endpoint::handle(http::request whole) {
    const auto started = steady::now();
    lifecycle::delivery d;
    d.id = next_id_();
    d.source = whole.path_parameter("source");
    d.received_at = clock_.now();
    d.remote_address = client_address(whole, how_.trusted_proxies);
    d.content_type = printable(whole.header("Content-Type"));
    // More than one is none (W3C Trace Context, section 3.2).
    const auto traces = whole.header_values("traceparent");
    if (traces.size() == 1) d.traceparent = lifecycle::read_traceparent(traces.front());
    d.body = std::move(whole.body);

    const auto id = to_string(d.id);
    const auto& [name, from] = *sources_.find(d.source);
    sources::glimpse glimpse;
    if (d.body.size() <= longest_look) glimpse = from.decoder->look(d.body);
    const auto received = d.received_at;
    const auto traceparent = d.traceparent;
    const auto stored = co_await intake_.keep(std::move(d), started + how_.answer_timeout);
    const bool readable = glimpse.readable();
    const auto took = since(started);
    (!stored ? refused_ : readable ? accepted_ : quarantined_).observe(took);
    if (!stored) {
        log::warn(
            "delivery refused",
            {{"delivery", id},
             {"source", name},
             {"duration_us", microseconds(took)},
             {"reason", stored.error().message}}
        );
        auto answer = http::problem(503, stored.error().message);
        answer.fields.push_back({"Retry-After", retry_after_seconds});
        co_return answer;
    }
    from.last.set(seconds_of(received));
    tell(id, name, traceparent, glimpse, took);
    if (readable) co_return accepted(id);
    const json::object body{
        {"status", "quarantined"}, {"delivery", id}, {"reason", glimpse.quarantine_reason}};
    co_return http::json_response(202, json::serialize(body));
}

}  // namespace callhook::ingest
