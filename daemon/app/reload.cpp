#include "app/reload.hpp"

#include "app/networks.hpp"
#include "app/service_parts.hpp"
#include "app/settings_difference.hpp"
#include "base/log.hpp"

#include <string>
#include <utility>

namespace callhook::app {

namespace {

constexpr std::chrono::hours soon{14 * 24};
constexpr std::chrono::hours warned_every{24};

}  // namespace

reloader::reloader(
    load_request from,
    const settings& started_with,
    service_parts& parts,
    const clock_source& clock,
    metrics_registry& metrics
)
    : from_{std::move(from)},
      started_with_{started_with},
      parts_{parts},
      clock_{clock},
      current_{started_with},
      successful_{metrics.gauge(
          "callhook_config_last_reload_successful",
          "Whether the configuration that was read last is in force; 0: the one before still is"
      )},
      at_{metrics.gauge(
          "callhook_config_last_reload_timestamp_seconds", "When the configuration in force was read"
      )} {
    say(true);
}

void reloader::say(bool successful) {
    successful_.set(successful ? 1 : 0);
    if (successful) at_.set(std::chrono::duration<double>(clock_.now().time_since_epoch()).count());
}

boost::asio::awaitable<void> reloader::reload() {
    const bool taken = co_await take_in();
    say(taken);
    if (taken) {
        log::info("configuration reloaded");
        warned_at_ = {};
        look_at_certificates();
    } else {
        log::error("the configuration was not reloaded; the one before stays in force");
    }
}

boost::asio::awaitable<bool> reloader::take_in() {
    auto outcome = load_settings(from_);
    for (const auto& problem : outcome.problems)
        log::error("error in the configuration", {{"key", problem.key}, {"reason", problem.reason}});
    if (!outcome.ok() || would_open_the_api(outcome.values)) co_return false;
    for (const auto& key : keys_that_need_a_restart(started_with_, outcome.values))
        log::warn("a changed setting needs a restart", {{"key", key}});
    co_await parts_.use(outcome.values);
    log::set_level(outcome.values.log.level);
    current_ = std::move(outcome.values);
    co_return true;
}

/// The listener stays where it is until a restart, whatever the new configuration says of its address.
bool reloader::would_open_the_api(const settings& wanted) const {
    if (!wanted.tokens.empty() || is_loopback_address(started_with_.api.address)) return false;
    log::error(
        "error in the configuration",
        {{"key", "tokens"},
         {"reason", "there are none, and until a restart the API listens on no loopback address"}}
    );
    return true;
}

void reloader::look_at_certificates() {
    const auto now = clock_.now();
    if (now - warned_at_ < warned_every) return;
    const std::pair<const char*, const listener_tls&> listeners[]{
        {"hooks", current_.hooks.tls}, {"api", current_.api.tls}};
    for (const auto& [name, tls] : listeners) {
        if (!tls.identity || tls.identity->expires_at() - now > soon) continue;
        warned_at_ = now;
        const auto left = std::chrono::duration_cast<std::chrono::hours>(tls.identity->expires_at() - now);
        const bool over = tls.identity->expires_at() <= now;
        log::warn(
            over ? "a TLS certificate has expired" : "a TLS certificate expires soon",
            {{"listener", name}, {"days_left", left.count() / 24}}
        );
    }
}

}  // namespace callhook::app
