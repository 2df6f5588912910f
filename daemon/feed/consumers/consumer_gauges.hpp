#pragma once

#include "async/scope.hpp"
#include "base/metrics.hpp"
#include "store/connection_pool.hpp"

#include <chrono>
#include <set>
#include <string>

namespace callhook::feed::consumers {

/// Keeps the metrics of how far consumers are behind, of as many series as there are consumers. Loop thread.
class consumer_gauges {
public:
    /// `pool` and `metrics` must outlive it.
    consumer_gauges(
        const boost::asio::any_io_executor& executor,
        store::feed_pool& pool,
        metrics_registry& metrics,
        std::chrono::milliseconds interval = std::chrono::seconds{3}
    );

    void start();
    boost::asio::awaitable<void> stop();

private:
    boost::asio::awaitable<void> run();
    void show(const std::vector<store::consumer>& all);

    store::feed_pool& pool_;
    metrics_registry& metrics_;
    std::chrono::milliseconds interval_;
    async::wakeup closing_;
    async::scope tasks_;
    /// Whose series are there.
    std::set<std::string> shown_;
};

}  // namespace callhook::feed::consumers
