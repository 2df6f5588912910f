#pragma once

#include "base/metrics.hpp"
#include "http/endpoint.hpp"
#include "ingest/gatekeeper.hpp"
#include "ingest/intake.hpp"
#include "ingest/request_rate.hpp"
#include "sources/source.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace callhook::ingest {

struct hook_settings {
    http::network_list trusted_proxies{};
    /// The longest wait for a delivery to become durable; then 503.
    std::chrono::milliseconds answer_timeout{5'000};
    /// Of each client address, IPv6 by /64; over it: 429. 0: no limit.
    std::size_t requests_per_minute = 0;
    /// Addresses that it does not hold for: of proxies, behind which are many.
    http::network_list uncounted{};
};

/// `POST /hooks/{source}/{secret}`: admits authentic senders, makes what they bring durable, and only then
/// answers. One thread, that of the loop of webhooks.
class hook_endpoint final : public http::endpoint {
public:
    /// What is passed by reference must outlive it.
    hook_endpoint(
        hook_settings how,
        gatekeeper gate,
        const sources::decoder_table& decoders,
        intake& into,
        const clock_source& clock,
        metrics_registry& metrics
    );

    /// Whether it can read what comes from a source. Any thread.
    [[nodiscard]] bool knows(std::string_view source) const { return sources_.contains(source); }

    /// Who may deliver from now on: to sources that it knows.
    void use(gatekeeper gate) { gate_ = std::move(gate); }

    std::optional<http::response> admit(const http::request_head& head) override;
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    struct source {
        std::shared_ptr<const sources::decoder> decoder;
        metric_gauge last;  ///< when its last webhook came in
    };

    std::optional<http::response> refuse_in_excess(const std::string& client);

    hook_settings how_;
    request_rate rate_;
    gatekeeper gate_;
    std::map<std::string, source, std::less<>> sources_;
    intake& intake_;
    const clock_source& clock_;
    uuid_v7_generator next_id_;
    std::optional<std::chrono::steady_clock::time_point> told_of_excess_;
    metric_histogram accepted_;
    metric_histogram quarantined_;
    metric_histogram refused_;
};

}  // namespace callhook::ingest
