#pragma once

#include "base/result.hpp"
#include "sources/api.hpp"

#include <string>

namespace callhook::backfill {

/// Why something that was to be asked, compared or stored was not. `message` may be shown to anyone.
struct trouble {
    std::string message{};
    /// Whether it may work later without anyone changing anything.
    bool retryable = true;
    /// Whether it says something against the job itself; trouble of the database or of the API as a whole
    /// does not use up a job's attempts.
    bool counts = true;
};

template <class T>
using outcome = boost::system::result<T, trouble>;

inline trouble of_api(const sources::api_failure& failure) {
    using kind = sources::api_failure::kind;
    const bool whole_api = failure.what == kind::unreachable || failure.what == kind::unauthorized ||
                           failure.what == kind::paused || failure.what == kind::throttled;
    return {failure.message, true, !whole_api};
}

inline trouble of_store(const error& failure) {
    return {failure.message, true, false};
}

/// Found by argument-dependent lookup from boost::system::result.
[[noreturn]] inline void throw_exception_from_error(const trouble& cause, const boost::source_location&) {
    throw bad_result{{errc::unavailable, cause.message, ""}};
}

}  // namespace callhook::backfill
