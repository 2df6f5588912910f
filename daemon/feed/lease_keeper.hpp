#pragma once

#include "base/uuid.hpp"
#include "store/connection_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace callhook::feed {

/// The leases of one room's work: of any number of daemons on a database, one does what a lease names. Loop
/// thread.
class lease_keeper {
public:
    /// A lease that is not renewed ends after so long, and with it the work of a daemon that died. Ask at
    /// least three times within it.
    static constexpr std::chrono::milliseconds length{3'000};

    /// `pool` must outlive it.
    lease_keeper(store::feed_pool& pool, const uuid& owner) : pool_{pool}, owner_{owner} {}

    /// Takes what is free of these names, renews what is held of them, and lets go of everything else. Where
    /// the database does not answer, what is held runs out by itself.
    boost::asio::awaitable<void> ask(std::vector<std::string> names);

    /// Whether the lease is held for certain. It ends by this machine's steady clock before another daemon
    /// can take it.
    [[nodiscard]] bool holds(const std::string& name) const;

    /// Lets go of all. Call it when the work has ended.
    boost::asio::awaitable<void> release_all();

private:
    store::feed_pool& pool_;
    const uuid owner_;
    /// Until when each is held.
    std::map<std::string, std::chrono::steady_clock::time_point, std::less<>> held_;
};

}  // namespace callhook::feed
