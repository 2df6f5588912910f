#pragma once

#include "http/address_key.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>

namespace callhook::ingest {

/// How many requests each address may make: so many a minute in the long run, and as many at once after a
/// minute's rest. Addresses are remembered up to a bound, the most recent ones: one that is forgotten may
/// make all its requests again, so the bound errs on the side of letting in. One thread.
class request_rate {
public:
    using clock = std::chrono::steady_clock;

    /// `per_minute` 0: no limit, and nothing is remembered.
    explicit request_rate(std::size_t per_minute, std::size_t most_addresses = std::size_t{1} << 16);

    /// Counts a request. Nothing if it may be made, else how long until one may be.
    std::optional<std::chrono::seconds> take(const http::address_key& who, clock::time_point now);

    [[nodiscard]] std::size_t addresses() const noexcept { return by_address_.size(); }

private:
    struct account {
        http::address_key who;
        clock::time_point used_up_to;  ///< a minute's rest before this, all is used up
    };

    account& find(const http::address_key& who, clock::time_point now);

    clock::duration each_{};  ///< what one request uses up; 0: no limit
    std::size_t most_addresses_;
    std::list<account> recent_first_;
    std::map<http::address_key, std::list<account>::iterator> by_address_;
};

}  // namespace callhook::ingest
