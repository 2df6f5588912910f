#pragma once

#include "base/metrics.hpp"
#include "http/endpoint.hpp"
#include "ingest/gatekeeper.hpp"
#include "sources/source.hpp"
#include "store/inbox.hpp"

namespace callhook::ingest {

struct hook_settings {
    network_list trusted_proxies{};
    /// The longest wait for the commit; then 503.
    std::chrono::milliseconds answer_timeout{5'000};
};

/// `POST /hooks/{source}/{secret}`: admits authentic senders, makes what they bring durable, and only then
/// answers.
class hook_endpoint final : public http::endpoint {
public:
    /// What is passed by reference must outlive it.
    hook_endpoint(
        hook_settings how,
        gatekeeper gate,
        sources::decoder_table decoders,
        store::inbox& inbox,
        const clock_source& clock,
        metrics_registry& metrics
    );

    std::optional<http::response> admit(const http::request_head& head) override;
    boost::asio::awaitable<http::response> handle(http::request whole) override;

private:
    hook_settings how_;
    gatekeeper gate_;
    sources::decoder_table decoders_;
    store::inbox& inbox_;
    const clock_source& clock_;
    uuid_v7_generator next_id_;
    metric_histogram accepted_;
    metric_histogram quarantined_;
    metric_histogram refused_;
};

}  // namespace callhook::ingest
