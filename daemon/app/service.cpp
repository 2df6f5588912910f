#include "app/service.hpp"

#include "app/api_routes.hpp"
#include "app/exit_codes.hpp"
#include "app/rooms.hpp"
#include "app/vendor_accounts.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "store/migrations.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <cstdlib>
#include <optional>

namespace callhook::app {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

/// Built in this order, destroyed in the reverse: what uses comes after what is used.
struct service::parts {
    parts(service& s, const store::settings& where, const sources::decoder_table& decoders)
        : readers{where, s.values_.database.readers, s.metrics_},
          tail{
              s.loop_.get_executor(),
              where,
              {s.values_.feed.tail_bytes, s.values_.feed.poll_interval},
              s.metrics_},
          inbox{where, inbox_bounds(s.values_), s.metrics_, [this] { wake_sequencer(); }},
          hooks{s.loop_, hooks_listener(s.values_), hook_routes, s.metrics_},
          api{s.loop_, api_listener(s.values_), api_routes, s.metrics_} {
        if (s.values_.pipeline.enabled) {
            sequencer.emplace(where, decoders, sequencer_settings(s.values_), s.clock_, s.metrics_);
        }
        if (vendor_accounts::wanted(s.values_)) open_vendor_accounts(s, decoders);
        add_hook_routes(s, decoders);
        add_api_routes(api_routes, s.values_, readers, tail, s.metrics_, readiness(s));
    }

    void wake_sequencer() {
        if (sequencer) sequencer->wake();
    }

    /// What the API tells goes the way of every webhook.
    void open_vendor_accounts(service& s, const sources::decoder_table& decoders) {
        const auto append = [this, timeout = s.values_.hooks.answer_timeout](store::delivery d) {
            return inbox.append(std::move(d), steady::now() + timeout);
        };
        vendors.emplace(s.loop_.get_executor(), s.values_, decoders, append, s.clock_, s.metrics_);
    }

    void add_hook_routes(service& s, const sources::decoder_table& decoders) {
        hook_routes.add(
            "POST",
            "/hooks/{source}/{secret}",
            std::make_shared<ingest::hook_endpoint>(
                hook_settings(s.values_), make_gatekeeper(s.values_), decoders, inbox, s.clock_, s.metrics_
            )
        );
    }

    std::vector<api::readiness_part> readiness(service& s) {
        const auto when = [](bool well, const char* trouble) {
            return well ? std::string{} : std::string{trouble};
        };
        return {
            {"shutdown", [&s, when] { return when(!s.stopping_, "stopping"); }},
            {"inbox", [this, when] { return when(inbox.healthy(), "the database does not take events"); }},
            // A standby or a stuck pipeline still accepts: that is shown, but no reason to keep webhooks
            // away.
            {"pipeline",
             [this, when] {
                 return when(!sequencer || sequencer->healthy(), "the database does not answer the pipeline");
             },
             false},
            {"feed",
             [this, when] { return when(tail.head().has_value(), "the event log has not been read yet"); }},
            // The vendor's trouble is no reason to keep its webhooks away.
            {"backfill", [this] { return vendors ? vendors->problems() : std::string{}; }, false},
        };
    }

    store::reader_pool readers;
    feed::log_tail tail;
    std::optional<pipeline::sequencer> sequencer;
    store::inbox inbox;
    std::optional<vendor_accounts> vendors;
    http::router hook_routes;
    http::router api_routes;
    http::server hooks;
    http::server api;
};

void log_schema_problem(const store::schema_status& status) {
    const auto mismatch = status.mismatch();
    log::error(
        mismatch.empty() ? "the schema is behind this binary" : mismatch,
        {{"hint",
          mismatch.empty() ? "run callhookd migrate, or serve --migrate" : "see callhookd migrate --status"}}
    );
}

service::service(const settings& values) : values_{values} {
    const auto decoders = make_decoders(values_);
    parts_ = std::make_unique<parts>(*this, store_settings(values_), decoders);
}

service::~service() = default;

int service::run() {
    std::signal(SIGPIPE, SIG_IGN);
    if (!listen()) return exit_code::unavailable;
    asio::co_spawn(loop_, watch_signals(), asio::detached);
    asio::co_spawn(loop_, watch_schema(), asio::detached);
    if (parts_->vendors) parts_->vendors->start();
    loop_.run();
    return exit_code_;
}

bool service::listen() {
    for (auto* server : {&parts_->hooks, &parts_->api}) {
        const auto bound = server->listen();
        if (!bound) {
            log::error(bound.error().message);
            return false;
        }
        server->start();
    }
    log::info(
        "listening",
        {{"listener", "hooks"}, {"address", values_.hooks.address}, {"port", parts_->hooks.port()}}
    );
    log::info(
        "listening", {{"listener", "api"}, {"address", values_.api.address}, {"port", parts_->api.port()}}
    );
    log::info("callhookd started", {{"version", version}, {"sources", values_.sources.size()}});
    return true;
}

asio::awaitable<void> service::watch_signals() {
    asio::signal_set signals{loop_, SIGTERM, SIGINT};
    co_await signals.async_wait(asio::use_awaitable);
    asio::co_spawn(loop_, stop(exit_code::fine), asio::detached);
    boost::system::error_code ignored;
    // Stays while the rest stops: whoever asks twice means it.
    signals.async_wait([](boost::system::error_code failed, int) {
        if (!failed) std::_Exit(exit_code::unavailable);
    });
    asio::steady_timer until_stopped{loop_, steady::time_point::max()};
    co_await until_stopped.async_wait(asio::use_awaitable);
}

/// A daemon that started while the database was away learns of the schema when it comes back.
asio::awaitable<void> service::watch_schema() {
    const auto where = store_settings(values_);
    for (asio::steady_timer pause{loop_}; !stopping_;) {
        auto read = [where](store::queries&) { return store::read_schema_status(where); };
        const auto status = co_await parts_->readers.run(std::move(read));
        if (status && !status->up_to_date()) {
            log_schema_problem(*status);
            co_await stop(exit_code::configuration);
            co_return;
        }
        if (status) co_return;
        pause.expires_after(std::chrono::seconds{1});
        co_await pause.async_wait(asio::use_awaitable);
    }
}

/// In the order of the way of a webhook: nothing is accepted that would not be answered, nothing answered
/// that would not be kept.
asio::awaitable<void> service::stop(int code) {
    if (stopping_) co_return;
    stopping_ = true;
    exit_code_ = code;
    log::info("stopping");
    const auto deadline = steady::now() + values_.shutdown.deadline;
    overrun_.emplace(values_.shutdown.deadline + std::chrono::milliseconds{500});
    co_await parts_->hooks.stop(deadline);
    parts_->tail.grown().close();
    co_await parts_->api.stop(deadline);
    if (parts_->vendors) co_await parts_->vendors->stop();
    parts_->inbox.stop();
    if (parts_->sequencer) parts_->sequencer->stop();
    parts_->tail.stop();
    parts_->readers.stop();
    log::info("stopped");
    loop_.stop();
}

}  // namespace callhook::app
