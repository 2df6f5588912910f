#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace callhook::feed::outbound {

/// How events go out; where a subscription says otherwise, that counts.
struct settings {
    std::vector<std::chrono::milliseconds> schedule{};
    std::chrono::milliseconds pause_after{std::chrono::hours{120}};
    std::size_t concurrency = 8;
    std::chrono::milliseconds keep_attempts{std::chrono::hours{168}};
};

/// The most messages of one subscription that wait for another attempt: beyond it the log is not read on, so
/// that a receiver that is away costs a place in the log and no more.
inline constexpr std::size_t most_waiting = 10'000;

}  // namespace callhook::feed::outbound
