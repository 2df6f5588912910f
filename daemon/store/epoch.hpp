#pragma once

#include "store/settings.hpp"

#include <cstdint>
#include <string>

namespace callhook::store {

/// The event log's epoch, and how far the log goes.
struct epoch_status {
    std::string epoch{};
    std::int64_t position = 0;
    /// The database is not where the epoch began (a restored backup, a promoted standby, a copy): the daemon
    /// that leads next begins a new one.
    bool moved = false;
};

/// Reads it without changing anything. Throws `failure`.
epoch_status read_epoch(const settings& where);

/// Begins a new epoch, wherever the database is: every reader has to say anew where it goes on. Safe beside
/// running daemons. Throws `failure`.
epoch_status begin_epoch(const settings& where);

/// Lets the epoch go on where the database is now: for one that was moved without losing anything. Throws
/// `failure`.
epoch_status keep_epoch(const settings& where);

}  // namespace callhook::store
