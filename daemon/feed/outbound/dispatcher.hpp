#pragma once

#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "feed/lease_keeper.hpp"
#include "feed/outbound/settings.hpp"
#include "feed/outbound/subscription_worker.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace callhook::feed::outbound {

/// What makes senders.
struct sender_maker {
    /// Whether this daemon can serve a subscription at all: the configuration that has its secrets may be
    /// another daemon's.
    std::function<bool(const store::active_subscription&)> serves{};
    /// Null where the subscription's URL or secrets are of no use.
    std::function<std::unique_ptr<sender>(const store::active_subscription&)> make{};
};

/// Serves the subscriptions of a database: leases the active ones, runs a worker for each lease, and ends it
/// when something changes. Any number of daemons may do so. Loop thread.
class dispatcher {
public:
    /// The references must outlive it.
    dispatcher(
        const boost::asio::any_io_executor& executor,
        log_reader& log,
        store::feed_pool& pool,
        settings how,
        sender_maker senders,
        const clock_source& clock,
        metrics_registry& metrics
    );

    void start();

    /// Looks at once whether something has changed: after a change by an operator.
    void wake() { changed_.notify_all(); }

    /// Makes a subscription's sender anew, for its secrets are others now. What is under way ends first.
    void renew(const std::string& name);

    /// Ends all workers, remembers how far they are, and lets go of the leases.
    boost::asio::awaitable<void> stop();

    /// What an operator should look at; empty where all is well.
    [[nodiscard]] std::string problems() const;

private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> turn();
    boost::asio::awaitable<void> keep_house();
    boost::asio::awaitable<void> look_around();
    boost::asio::awaitable<void> expire_attempts();
    void leave_unusable(std::map<std::string, store::active_subscription>& active);
    void start_worker(store::active_subscription what);
    void end_outdated(const std::map<std::string, store::active_subscription>& active);

    boost::asio::any_io_executor executor_;
    log_reader& log_;
    store::feed_pool& pool_;
    const settings how_;
    const sender_maker senders_;
    const clock_source& clock_;
    metrics_registry& metrics_;
    uuid_v7_generator ids_;
    const uuid owner_;
    lease_keeper leases_;
    const worker_parts shared_;
    async::scope tasks_;
    async::wakeup changed_;
    std::map<std::string, std::shared_ptr<subscription_worker>, std::less<>> workers_;
    /// For which no sender could be made.
    std::map<std::string, store::active_subscription, std::less<>> unusable_;
    /// Whom the metrics tell of.
    std::set<std::string> shown_;
    std::chrono::steady_clock::time_point expire_at_{};
    std::size_t paused_ = 0;
    bool started_ = false;
};

}  // namespace callhook::feed::outbound
