#pragma once

#include "base/secret.hpp"

#include <chrono>
#include <cstddef>

namespace callhook::store {

/// How to reach the database.
struct settings {
    /// A libpq connection string or URI; it may hold a password.
    secret url{};
    std::chrono::milliseconds connect_timeout{5'000};
    /// The server ends a statement that runs longer.
    std::chrono::milliseconds statement_timeout{10'000};
};

/// The same for the work of a command: a whole table takes its time, and another command may be at it.
inline settings with_patience(settings where) {
    where.statement_timeout = std::chrono::minutes{30};
    return where;
}

}  // namespace callhook::store
