#pragma once

#include "base/metrics.hpp"
#include "spool/local_store.hpp"
#include "store/replay_store.hpp"

#include <functional>
#include <memory>

namespace callhook::ingest {

/// Moves what waits in the spool to the database once that takes events again, the oldest first, on a thread
/// and a connection of its own: new deliveries do not wait for it. A stretch of the spool is one transaction,
/// and is removed from the spool only after its commit, so that an end at any moment repeats and never loses;
/// what is in the database already is not added again. A delivery that the database refuses is set aside
/// alone.
class drainer {
public:
    struct surroundings {
        store::settings database;
        spool::local_store& spool;
        /// Whether it is worth trying. Any thread.
        std::function<bool()> database_works;
        /// Called on the drainer's thread after each commit.
        std::function<void()> committed;
    };

    drainer(surroundings where, metrics_registry& metrics);
    ~drainer();
    drainer(const drainer&) = delete;
    drainer& operator=(const drainer&) = delete;

    /// Ends after the transaction in hand. Blocks for it.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::ingest
