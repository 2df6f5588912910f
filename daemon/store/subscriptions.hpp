#pragma once

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "store/queries.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::store {

/// Who made a subscription: a client through the API, or the configuration file, which then has its secrets.
enum class subscription_origin : std::uint8_t { api, config };

/// `paused`: by hand or after failing for too long; `disabled`: the receiver said that it is gone.
enum class subscription_state : std::uint8_t { active, paused, disabled };

std::string_view to_string(subscription_origin origin) noexcept;
std::string_view to_string(subscription_state state) noexcept;

/// How many there may be that clients have made.
inline constexpr std::size_t most_subscriptions = 1'000;

/// What an operator says of a subscription. Whether it makes sense is for the caller to check.
struct subscription_draft {
    std::string name{};  ///< `[a-z0-9][a-z0-9_-]{0,63}`
    subscription_origin origin = subscription_origin::api;
    std::string url{};                ///< may hold what authorises: never log it
    std::string mode = "structured";  ///< or `binary`
    event_filter filter{};
    std::optional<std::chrono::milliseconds> timeout{};  ///< empty, like the next two: what [outbound] says
    std::vector<std::chrono::milliseconds> schedule{};
    std::optional<std::chrono::milliseconds> pause_after{};

    bool operator==(const subscription_draft&) const = default;
};

/// A row of `subscriptions`, and how far it is behind.
struct subscription {
    subscription_draft what{};
    subscription_state state = subscription_state::active;
    /// `operator`, `failing`, `gone` or `history` (its place is not in the log any more); empty while it is
    /// active.
    std::string state_reason{};
    utc_time state_at{};
    std::optional<utc_time> failing_since{};
    /// Every event up to here is delivered or stands in `outbound_messages`.
    std::string epoch{};
    std::int64_t position = 0;
    /// Grows with every change by an operator. Whoever works on the subscription writes only while it is the
    /// one that it has read: else it would undo the change.
    std::int64_t generation = 0;
    utc_time created_at{};
    /// Events of the log after the position, whether the filter takes them or not.
    std::int64_t lag_events = 0;
    /// The age of the first of them.
    std::chrono::milliseconds lag{0};
    /// Messages that the receiver has not taken: still to be tried, and given up.
    std::int64_t waiting = 0;
    std::int64_t dead = 0;
};

struct made_subscription {
    subscription what{};
    /// Whether it is new, with the secret that was given; else it was there and is now what the draft says.
    bool made = false;
};

/// A row of `outbound_attempts`.
struct outbound_attempt {
    std::int64_t id = 0;
    std::int64_t position = 0;
    std::int64_t attempt = 0;
    utc_time at{};
    std::chrono::milliseconds duration{0};
    std::optional<std::int64_t> status{};  ///< empty where there was no answer
    std::string error{};
    std::string response{};  ///< the beginning of the answer's body, any bytes
};

/// A row of `outbound_messages` that has been given up.
struct dead_letter {
    std::int64_t position = 0;
    std::string source{};
    std::string subject{};
    std::int64_t attempts = 0;
    utc_time dead_at{};
    std::string last_error{};
};

}  // namespace callhook::store
