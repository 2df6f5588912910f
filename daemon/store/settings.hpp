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

}  // namespace callhook::store
