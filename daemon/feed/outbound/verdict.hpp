#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace callhook::feed::outbound {

/// What became of one attempt at a delivery.
struct receipt {
    std::optional<unsigned> status{};  ///< empty where there was no answer
    std::string error{};               ///< why there was none; holds no URL, address or payload
    std::string body{};                ///< the beginning of the answer's body
    std::optional<std::chrono::seconds> retry_after{};
    bool cancelled = false;  ///< ended on our side: it counts as not tried
};

struct verdict {
    enum class outcome {
        delivered,
        retry,
        dead,
        gone,  ///< the receiver wants no more of anything
    };
    outcome what = outcome::retry;
    std::chrono::milliseconds delay{0};  ///< with `retry`
    std::string why{};                   ///< empty when delivered
};

/// Judges an attempt. `attempts` were made before it. Any 2xx is a delivery, 410 ends the subscription, all
/// else (redirects too: they are not followed) is tried again after the schedule's next delay, give or take a
/// tenth as `share` in [0, 1] settles, or when `Retry-After` says, where that is later; it is given up where
/// the schedule is used up. Pure.
verdict judge(
    const receipt& what,
    std::size_t attempts,
    const std::vector<std::chrono::milliseconds>& schedule,
    double share
);

}  // namespace callhook::feed::outbound
