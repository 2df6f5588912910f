#pragma once

#include "app/metric_text.hpp"
#include "base/json.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What `callhookd status` shows, out of what the API says. Pure.
namespace callhook::app {

/// What somebody who follows the feed, or who is told of it, is behind.
struct follower_view {
    std::string name{};
    std::int64_t lag_events = 0;
    std::optional<double> lag_seconds{};    ///< of a consumer
    std::optional<std::int64_t> waiting{};  ///< of a subscription, like the next two
    std::optional<std::int64_t> dead{};
    bool paused = false;
};

struct source_view {
    std::string name{};
    std::int64_t gap_calls = 0;
    bool breaker_open = false;
    std::optional<std::chrono::sys_seconds> swept_until{};
};

/// One look at a daemon. What it does not tell is empty: not everything is measured by every daemon.
struct overview {
    std::string status{};                                      ///< `ok`, `degraded` or `not ready`
    std::vector<std::pair<std::string, std::string>> parts{};  ///< of readiness, each with `ok` or why not
    std::string version{};
    double deliveries = 0;                    ///< received since the daemon started
    std::map<std::string, double> results{};  ///< of these: `accepted`, `quarantined`, …
    std::optional<std::int64_t> quarantined{};
    std::optional<double> pipeline_lag_events{};
    std::optional<double> pipeline_lag_seconds{};
    std::optional<bool> leads{};
    std::optional<std::int64_t> feed_position{};
    std::optional<std::int64_t> streams{};
    std::optional<std::int64_t> spooled{};
    std::optional<std::int64_t> spool_bytes{};
    std::optional<std::chrono::sys_seconds> spool_oldest{};
    std::optional<bool> nats_connected{};
    std::optional<std::int64_t> nats_published{};
    std::vector<source_view> sources{};
    std::vector<follower_view> consumers{};
    std::vector<follower_view> subscriptions{};
};

/// Puts together what `/metrics` and the body of `/readyz?verbose` say.
overview read_overview(const metric_text& metrics, const json::value& readiness);

/// What happened between two looks, a second; nothing where the daemon was restarted between.
struct rates {
    std::optional<double> deliveries{};
    std::optional<double> events{};
    std::optional<double> published{};
};
rates rates_between(const overview& before, const overview& after, std::chrono::duration<double> time);

json::object to_json(const overview& seen, const rates& pace, const std::string& url);

/// As lines for people, without control characters.
std::vector<std::string> to_lines(
    const overview& seen, const rates& pace, const std::string& url, std::chrono::sys_seconds now
);

}  // namespace callhook::app
