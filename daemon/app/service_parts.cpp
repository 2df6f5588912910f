#include "app/service_parts.hpp"

#include "app/api_routes.hpp"
#include "app/rooms.hpp"
#include "spool/meters.hpp"

#include <utility>

namespace callhook::app {

namespace asio = boost::asio;

/// What consumers, subscriptions and publishers write are short transactions.
constexpr std::size_t feed_connections = 2;

service_parts::service_parts(const surroundings& s)
    : loop_of_hooks{s.hooks},
      readers{store_settings(s.values), s.values.database.readers, s.metrics},
      tail{
          s.loop.get_executor(),
          store_settings(s.values),
          {s.values.feed.tail_bytes, s.values.feed.poll_interval},
          s.metrics},
      log{tail, readers, s.metrics},
      feed_writes{store_settings(s.values), feed_connections, s.metrics},
      streams{{s.values.feed.heartbeat_interval}, log, s.metrics},
      consumers{s.loop.get_executor(), feed_writes, s.metrics},
      subscriptions{
          s.loop.get_executor(),
          log,
          feed_writes,
          wanted_subscriptions(s.values),
          [this] { wake_outbound(); }},
      inbox{
          store_settings(s.values),
          inbox_bounds(s.values),
          s.metrics,
          [this](const auto& stored) {
              if (sequencer) sequencer->hear(stored);
          }},
      intake{inbox, open_spool(s), spool_after(s.values)},
      hooks{s.hooks.context(), hooks_listener(s.values), hook_routes, s.metrics},
      api{s.loop, api_listener(s.values), api_routes, s.metrics} {
    const auto decoders = make_decoders(s.values);
    if (s.values.pipeline.enabled) {
        sequencer.emplace(
            store_settings(s.values),
            decoders,
            sequencer_settings(s.values),
            s.clock,
            s.metrics,
            pipeline::log_follower{
                [this] { return tail.wanted(); },
                [this](std::int64_t after, store::event_page page) { tail.offer(after, std::move(page)); }}
        );
        retention.emplace(
            store_settings(s.values),
            retention_bounds(s.values),
            [this] { return sequencer->leading(); },
            s.clock,
            s.metrics
        );
    }
    if (spooled) drain_spool(s);
    if (vendor_accounts::wanted(s.values)) open_vendor_accounts(s, decoders);
    if (s.values.outbound.enabled)
        outbound.emplace(s.loop.get_executor(), s.values, log, feed_writes, s.clock, s.metrics);
    if (!s.values.nats.servers.empty())
        nats.emplace(s.loop.get_executor(), nats_publishing(s.values), log, feed_writes, s.clock, s.metrics);
    readiness = parts_to_look_at(s);
    add_routes(s, decoders);
}

void service_parts::start() {
    if (vendors) vendors->start();
    subscriptions.start();
    if (outbound) outbound->start();
    consumers.start();
    if (nats) nats->start();
}

asio::awaitable<void> service_parts::use(const settings& wanted) {
    // What comes in for a new source could not be read before a restart.
    auto served = wanted;
    std::erase_if(served.sources, [this](const auto& source) { return !hook_endpoint->knows(source.name); });
    co_await loop_of_hooks.run(renew_hooks(make_gatekeeper(served), wanted.hooks.tls.identity));
    *access = make_access(wanted);
    if (outbound) outbound->use(wanted);
    api.use_tls(wanted.api.tls.identity);
}

/// Between two requests.
asio::awaitable<void> service_parts::renew_hooks(
    ingest::gatekeeper gate, std::shared_ptr<const http::tls_identity> identity
) {
    hook_endpoint->use(std::move(gate));
    hooks.use_tls(std::move(identity));
    co_return;
}

asio::awaitable<void> service_parts::stop(std::chrono::steady_clock::time_point deadline) {
    co_await loop_of_hooks.run(hooks.stop(deadline));
    tail.grown().close();
    co_await api.stop(deadline);
    if (outbound) co_await outbound->stop();
    if (vendors) co_await vendors->stop();
    co_await consumers.stop();
    if (nats) co_await nats->stop(deadline);
    co_await subscriptions.stop();
    co_await loop_of_hooks.run(stop_ingest());
    if (retention) retention->stop();
    if (sequencer) sequencer->stop();
    tail.stop();
    feed_writes.stop();
    readers.stop();
}

/// By now nobody waits for any of it.
asio::awaitable<void> service_parts::stop_ingest() {
    inbox.stop();
    if (drainer) drainer->stop();
    if (spooled) spooled->stop();
    co_return;
}

void service_parts::wake_outbound() {
    if (outbound) outbound->wake();
}

void service_parts::wake_sequencer() {
    if (sequencer) sequencer->wake();
}

spool::local_store* service_parts::open_spool(const surroundings& s) {
    if (s.values.spool.directory.empty()) {
        const spool::meters without_a_spool{s.metrics};
        return nullptr;
    }
    return &spooled.emplace(spool_settings(s.values), s.metrics);
}

void service_parts::drain_spool(const surroundings& s) {
    ingest::drainer::surroundings around{
        store_settings(s.values), *spooled, [this] { return inbox.healthy(); }, [this] { wake_sequencer(); }};
    drainer.emplace(std::move(around), s.metrics);
}

/// What the API tells goes the way of every webhook.
void service_parts::open_vendor_accounts(const surroundings& s, const sources::decoder_table& decoders) {
    const auto append = [this, timeout = s.values.hooks.answer_timeout](lifecycle::delivery d) {
        return loop_of_hooks.run(inbox.append(std::move(d), std::chrono::steady_clock::now() + timeout));
    };
    vendors.emplace(s.loop.get_executor(), s.values, decoders, append, s.clock, s.metrics);
}

void service_parts::add_routes(const surroundings& s, const sources::decoder_table& decoders) {
    hook_endpoint = std::make_shared<ingest::hook_endpoint>(
        hook_settings(s.values), make_gatekeeper(s.values), decoders, intake, s.clock, s.metrics
    );
    hook_routes.add("POST", "/hooks/{source}/{secret}", hook_endpoint);
    const feed::feed_parts feed{{s.values.api.page_limit, s.values.api.long_poll_max}, log, streams};
    add_api_routes(
        api_routes,
        s.values,
        {readers, feed_writes, feed, s.metrics, s.clock, [this] { wake_outbound(); }, access},
        readiness
    );
}

api::trouble service_parts::spool_trouble() const {
    using weight = api::trouble::weight;
    if (!spooled) return {};
    if (auto why = spooled->trouble(); !why.empty()) return {std::move(why), weight::degraded};
    if (const auto waiting = spooled->waiting(); waiting > 0)
        return {"events wait for the database: " + std::to_string(waiting), weight::degraded};
    if (spooled->damaged() + spooled->corrupt_files() > 0)
        return {"something in it was set aside: see callhookd spool", weight::shown};
    return {};
}

std::vector<api::readiness_part> service_parts::parts_to_look_at(const surroundings& s) {
    using weight = api::trouble::weight;
    const auto when = [](bool well, const char* trouble, weight how = weight::unready) {
        return well ? api::trouble{} : api::trouble{trouble, how};
    };
    return {
        {"shutdown", [&stopping = s.stopping, when] { return when(!stopping, "stopping"); }},
        {"intake",
         [this] {
             return loop_of_hooks.alive() ? api::trouble{intake.trouble()}
                                          : api::trouble{"the thread that takes webhooks stands still"};
         }},
        {"inbox",
         [this, when] {
             return when(inbox.healthy(), "the database does not take events", weight::degraded);
         }},
        {"spool", [this] { return spool_trouble(); }},
        // A standby or a stuck pipeline still accepts: that is shown, but no reason to keep webhooks
        // away.
        {"pipeline",
         [this, when] {
             return when(
                 !sequencer || sequencer->healthy(),
                 "the database does not answer the pipeline",
                 weight::shown
             );
         }},
        // Webhooks that go to the spool need no feed.
        {"feed",
         [this, when] {
             const auto how = inbox.healthy() ? weight::unready : weight::degraded;
             return when(tail.head().has_value(), "the event log has not been read yet", how);
         }},
        // The vendor's trouble is no reason to keep its webhooks away.
        {"backfill",
         [this] {
             return api::trouble{vendors ? vendors->problems() : "", weight::shown};
         }},
        {"outbound",
         [this] {
             return api::trouble{outbound ? outbound->problems() : "", weight::shown};
         }},
        // Events wait in the log for as long as it takes.
        {"nats",
         [this] {
             return api::trouble{nats ? nats->trouble() : "", weight::shown};
         }},
    };
}

}  // namespace callhook::app
