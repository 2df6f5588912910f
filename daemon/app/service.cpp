#include "app/service.hpp"

#include "app/exit_codes.hpp"
#include "app/process.hpp"
#include "app/rooms.hpp"
#include "app/service_manager.hpp"
#include "app/service_parts.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "store/migrations.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace callhook::app {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using steady = std::chrono::steady_clock;

namespace {

/// A process may stand still for a while where the machine is busy.
constexpr std::chrono::seconds signal_patience{5};

}  // namespace

void log_schema_problem(const store::schema_status& status) {
    const auto mismatch = status.mismatch();
    log::error(
        mismatch.empty() ? "the schema is behind this binary" : mismatch,
        {{"hint",
          mismatch.empty() ? "run callhookd migrate, or serve --migrate" : "see callhookd migrate --status"}}
    );
}

service::service(const settings& values, const load_request& from, handed_sockets sockets)
    : values_{values},
      sockets_{std::move(sockets)},
      parts_{
          std::make_unique<service_parts>(surroundings{values_, loop_, hooks_, clock_, metrics_, stopping_})},
      reloader_{from, values_, *parts_, clock_, metrics_} {}

/// No part is gone before the thread that uses it.
service::~service() {
    hooks_.stop();
}

int service::run() {
    std::signal(SIGPIPE, SIG_IGN);
    if (!hears_signals()) {
        log::error("signals do not reach the event loop, so that nothing could stop it");
        return exit_code::unavailable;
    }
    if (!listen()) return exit_code::unavailable;
    asio::co_spawn(loop_, watch_signals(), asio::detached);
    asio::co_spawn(loop_, watch_reloads(), asio::detached);
    asio::co_spawn(loop_, watch_certificates(), asio::detached);
    asio::co_spawn(loop_, watch_schema(), asio::detached);
    asio::co_spawn(loop_, show_life(), asio::detached);
    asio::co_spawn(loop_, watch_log(), asio::detached);
    parts_->start();
    hooks_.start();
    give_way_to_other_threads();
    loop_.run();
    return exit_code_;
}

/// Asio says nothing of it where the system refuses it a part of what signals come through. So one is sent,
/// of a kind that nobody sends and that would change nothing.
bool service::hears_signals() {
    asio::signal_set probe{loop_, SIGURG};
    bool heard = false;
    probe.async_wait([&heard](const boost::system::error_code& failed, int) { heard = !failed; });
    std::raise(SIGURG);
    for (const auto until = steady::now() + signal_patience; !heard && steady::now() < until;)
        loop_.run_one_until(until);
    loop_.restart();
    return heard;
}

bool service::listen() {
    const bool hooks_handed = sockets_.has("hooks");
    const bool api_handed = sockets_.has("api");
    if (!open(parts_->hooks, "hooks") || !open(parts_->api, "api")) return false;
    log::info(
        "listening",
        {{"listener", "hooks"},
         {"address", values_.hooks.address},
         {"port", parts_->hooks.port()},
         {"tls", values_.hooks.tls.identity != nullptr},
         {"handed_over", hooks_handed}}
    );
    log::info(
        "listening",
        {{"listener", "api"},
         {"address", values_.api.address},
         {"port", parts_->api.port()},
         {"tls", values_.api.tls.identity != nullptr},
         {"handed_over", api_handed}}
    );
    log::info("callhookd started", {{"version", version}, {"sources", values_.sources.size()}});
    return true;
}

bool service::open(http::server& server, const char* name) {
    const auto handed = sockets_.take(name);
    const auto bound = handed ? server.listen_on(*handed) : server.listen();
    if (!bound) {
        log::error(bound.error().message);
        return false;
    }
    server.start();
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

asio::awaitable<void> service::watch_reloads() {
    for (asio::signal_set hangup{loop_, SIGHUP}; !stopping_;) {
        co_await hangup.async_wait(asio::use_awaitable);
        if (stopping_) co_return;
        service_manager::reloading();
        co_await reloader_.reload();
        service_manager::ready(in_a_line());
    }
}

asio::awaitable<void> service::watch_certificates() {
    for (asio::steady_timer pause{loop_}; !stopping_;) {
        reloader_.look_at_certificates();
        pause.expires_after(std::chrono::hours{1});
        co_await pause.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> service::watch_log() {
    for (asio::steady_timer pause{loop_}; !stopping_;) {
        pause.expires_after(std::chrono::seconds{10});
        co_await pause.async_wait(asio::use_awaitable);
        log::tell_left_out();
    }
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

/// Tells the service manager how the daemon is, and that it lives: that this coroutine comes to its turn
/// shows it of the main loop. A loop of webhooks or a writer that does not turn keeps the sign of life back,
/// a writer that waits for the database does not: events go to the spool meanwhile, and a restart would bring
/// no database back.
asio::awaitable<void> service::show_life() {
    const auto within = service_manager::watchdog();
    const auto pause =
        within ? std::min<milliseconds>(*within / 4, std::chrono::seconds{1}) : milliseconds{1000};
    auto told = in_a_line();
    service_manager::ready(told);
    bool turned = true;
    bool wrote = true;
    for (asio::steady_timer wait{loop_};;) {
        const bool turns = hooks_.alive();
        const bool writes = parts_->inbox.alive();
        if (turns && writes && within) service_manager::alive();
        if (turned && !turns) log::error("the thread that takes webhooks stands still");
        if (wrote && !writes) log::error("the inbox's writer does not come back");
        turned = turns;
        wrote = writes;
        hooks_.ask();
        if (auto line = in_a_line(); !stopping_ && line != told)
            service_manager::status(told = std::move(line));
        wait.expires_after(pause);
        co_await wait.async_wait(asio::use_awaitable);
    }
}

std::string service::in_a_line() const {
    return api::in_a_line(api::look_at(parts_->readiness));
}

asio::awaitable<void> service::stop(int code) {
    if (stopping_) co_return;
    stopping_ = true;
    exit_code_ = code;
    log::info("stopping");
    const auto deadline = steady::now() + values_.shutdown.deadline;
    const auto longest = values_.shutdown.deadline + milliseconds{500};
    service_manager::stopping(longest + milliseconds{500});
    overrun_.emplace(longest);
    co_await parts_->stop(deadline);
    hooks_.stop();
    log::tell_left_out(true);
    log::info("stopped");
    loop_.stop();
}

}  // namespace callhook::app
