#pragma once

#include "app/settings.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "feed/log_reader.hpp"
#include "feed/outbound/dispatcher.hpp"
#include "feed/outbound/target_url.hpp"
#include "http/tls_trust.hpp"
#include "store/connection_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace callhook::app {

/// The daemon's outbound webhooks: the dispatcher, and what its senders are made of. Loop thread.
class outbound_webhooks {
public:
    /// `values` is used during the call only; the other references must outlive it. Throws `bad_result` where
    /// `outbound.ca_file` cannot be read.
    outbound_webhooks(
        const boost::asio::any_io_executor& executor,
        const settings& values,
        feed::log_reader& log,
        store::feed_pool& pool,
        const clock_source& clock,
        metrics_registry& metrics
    );

    void start() { dispatcher_.start(); }
    /// Looks at once whether an operator has changed something.
    void wake() { dispatcher_.wake(); }
    /// Takes the secrets of the configuration's subscriptions from these settings from now on.
    void use(const settings& values);
    boost::asio::awaitable<void> stop() { return dispatcher_.stop(); }

    /// What an operator should look at; empty where all is well.
    [[nodiscard]] std::string problems() const { return dispatcher_.problems(); }

private:
    [[nodiscard]] bool serves(const store::active_subscription& what) const;
    [[nodiscard]] std::unique_ptr<feed::outbound::sender> make_sender(const store::active_subscription& what);

    boost::asio::any_io_executor executor_;
    const outbound_settings how_;
    const feed::outbound::target_rules rules_;
    const clock_source& clock_;
    /// Of subscriptions that the configuration has, their secrets.
    std::map<std::string, std::vector<secret>, std::less<>> configured_;
    std::shared_future<std::shared_ptr<const http::tls_trust>> trust_;
    feed::outbound::dispatcher dispatcher_;
};

}  // namespace callhook::app
