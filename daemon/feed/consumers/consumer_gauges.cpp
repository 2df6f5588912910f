#include "feed/consumers/consumer_gauges.hpp"

namespace callhook::feed::consumers {

namespace {

using steady = std::chrono::steady_clock;

constexpr const char* lag_events = "callhook_feed_consumer_lag_events";
constexpr const char* lag_seconds = "callhook_feed_consumer_lag_seconds";

}  // namespace

consumer_gauges::consumer_gauges(
    const boost::asio::any_io_executor& executor,
    store::feed_pool& pool,
    metrics_registry& metrics,
    std::chrono::milliseconds interval
)
    : pool_{pool},
      metrics_{metrics},
      interval_{interval},
      closing_{executor},
      tasks_{executor, "consumer gauges"} {}

void consumer_gauges::start() {
    tasks_.spawn(run());
}

boost::asio::awaitable<void> consumer_gauges::stop() {
    closing_.close();
    co_await tasks_.join();
}

boost::asio::awaitable<void> consumer_gauges::run() {
    do {
        const auto all = co_await pool_.run([](store::feed_store& db) { return db.list_consumers(); });
        // Without a database the last word stands.
        if (all) show(*all);
    } while (co_await closing_.sleep_until(steady::now() + interval_));
}

void consumer_gauges::show(const std::vector<store::consumer>& all) {
    std::set<std::string> gone;
    gone.swap(shown_);
    for (const auto& one : all) {
        const metrics_registry::labels of{{"consumer", one.name}};
        metrics_.gauge(lag_events, "Events of the log after what a consumer has acknowledged.", of)
            .set(static_cast<double>(one.lag_events));
        metrics_.gauge(lag_seconds, "Age of the first event after what a consumer has acknowledged.", of)
            .set(std::chrono::duration<double>(one.lag).count());
        shown_.insert(one.name);
        gone.erase(one.name);
    }
    for (const auto& name : gone) {
        metrics_.remove_gauge(lag_events, {{"consumer", name}});
        metrics_.remove_gauge(lag_seconds, {{"consumer", name}});
    }
}

}  // namespace callhook::feed::consumers
