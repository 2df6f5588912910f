#pragma once

#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "feed/log_reader.hpp"
#include "store/connection_pool.hpp"

#include <functional>
#include <string>
#include <vector>

namespace callhook::feed::outbound {

/// Brings the subscriptions of the configuration file into the database at start, as often as it takes until
/// the database answers. A row whose section has gone stays: nobody works on it, and a client can remove it.
/// Loop thread.
class configured_subscriptions {
public:
    struct wanted {
        store::subscription_draft what{};
        /// Where it starts where it is new, as `resolve_cursor` takes it.
        std::string start{};
    };

    /// `log` and `pool` must outlive it; `done` is called when all are there.
    configured_subscriptions(
        const boost::asio::any_io_executor& executor,
        log_reader& log,
        store::feed_pool& pool,
        std::vector<wanted> all,
        std::function<void()> done = [] {}
    );

    void start();
    boost::asio::awaitable<void> stop();

private:
    boost::asio::awaitable<void> run();
    /// Those that are not in the database after this try, for the next one.
    boost::asio::awaitable<std::vector<wanted>> put(std::vector<wanted> all);

    log_reader& log_;
    store::feed_pool& pool_;
    std::vector<wanted> all_;
    std::function<void()> done_;
    async::wakeup closing_;
    async::scope tasks_;
};

}  // namespace callhook::feed::outbound
