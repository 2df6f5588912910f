#pragma once

#include "api/health.hpp"
#include "app/hook_loop.hpp"
#include "app/outbound_webhooks.hpp"
#include "app/settings.hpp"
#include "app/vendor_accounts.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "feed/consumers/consumer_gauges.hpp"
#include "feed/event_stream.hpp"
#include "feed/events_endpoint.hpp"
#include "feed/log_reader.hpp"
#include "feed/log_tail.hpp"
#include "feed/nats/publisher.hpp"
#include "feed/outbound/configured_subscriptions.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "ingest/drainer.hpp"
#include "ingest/hook_endpoint.hpp"
#include "ingest/intake.hpp"
#include "pipeline/retention_keeper.hpp"
#include "pipeline/sequencer.hpp"
#include "sources/source.hpp"
#include "spool/local_store.hpp"
#include "store/connection_pool.hpp"
#include "store/inbox.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace callhook::app {

/// What every part is given; all of it outlives the parts.
struct surroundings {
    const settings& values;
    boost::asio::io_context& loop;
    /// What is between a webhook's connection and its answer runs here, all else on `loop`.
    hook_loop& hooks;
    const clock_source& clock;
    metrics_registry& metrics;
    /// Whether the daemon is on its way out.
    const bool& stopping;
};

/// The parts of the running daemon, built from the settings. Built in the order of the members, destroyed in
/// the reverse: what uses comes after what is used. The main loop's thread; what belongs to the loop of
/// webhooks (`inbox`, `spooled`, `intake`, `hook_endpoint` and `hooks`, but for what they say is for any
/// thread) is touched through `hook_loop::run` alone, or while that does not run.
struct service_parts {
    explicit service_parts(const surroundings& where);

    /// Lets everything that works by itself begin; the listeners are started apart.
    void start();
    /// In the order of the way of a webhook: nothing is accepted that would not be answered, nothing answered
    /// that would not be kept.
    boost::asio::awaitable<void> stop(std::chrono::steady_clock::time_point deadline);

    /// Puts in force what a reload takes in, and returns once it is. `wanted` is used until then.
    boost::asio::awaitable<void> use(const settings& wanted);

    hook_loop& loop_of_hooks;
    store::reader_pool readers;
    feed::log_tail tail;
    feed::log_reader log;
    store::feed_pool feed_writes;
    feed::event_streams streams;
    feed::consumers::consumer_gauges consumers;
    feed::outbound::configured_subscriptions subscriptions;
    std::optional<pipeline::sequencer> sequencer;
    std::optional<pipeline::retention_keeper> retention;
    store::inbox inbox;
    std::optional<spool::local_store> spooled;
    std::optional<ingest::drainer> drainer;
    ingest::intake intake;
    std::optional<vendor_accounts> vendors;
    std::optional<outbound_webhooks> outbound;
    std::optional<feed::nats::publisher> nats;
    std::shared_ptr<ingest::hook_endpoint> hook_endpoint;
    std::shared_ptr<api::access_rules> access = std::make_shared<api::access_rules>();
    std::vector<api::readiness_part> readiness;
    http::router hook_routes;
    http::router api_routes;
    http::server hooks;
    http::server api;

private:
    boost::asio::awaitable<void> renew_hooks(
        ingest::gatekeeper gate, std::shared_ptr<const http::tls_identity> identity
    );
    boost::asio::awaitable<void> stop_ingest();
    void wake_outbound();
    void wake_sequencer();
    spool::local_store* open_spool(const surroundings& where);
    void drain_spool(const surroundings& where);
    void open_vendor_accounts(const surroundings& where, const sources::decoder_table& decoders);
    void add_routes(const surroundings& where, const sources::decoder_table& decoders);
    std::vector<api::readiness_part> parts_to_look_at(const surroundings& where);
    api::trouble spool_trouble() const;
};

}  // namespace callhook::app
