#pragma once

#include "base/secret.hpp"
#include "base/uuid.hpp"
#include "store/rows.hpp"
#include "store/subscriptions.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace callhook::store {

/// An active subscription as those need it who work on it.
struct active_subscription {
    subscription_draft what{};
    std::int64_t generation = 0;
    /// Tells it from a later one of the same name.
    utc_time created_at{};
    std::string epoch{};
    std::int64_t position = 0;
    std::optional<utc_time> failing_since{};
    /// What signs now, the newest first: one or two. Empty where the configuration has the secrets.
    std::vector<secret> secrets{};
};

/// A row of `outbound_messages` that is still to be tried.
struct waiting_message {
    std::int64_t position = 0;
    std::string source{};
    std::string subject{};
    std::int64_t attempts = 0;
    /// From now, by the database's clock; negative where it is past.
    std::chrono::milliseconds due_in{0};
    std::string last_error{};
    bool dead = false;
};

/// What a while of work on a subscription came to.
struct outbound_progress {
    /// The place as this worker wrote it last; another one means that somebody has moved it.
    std::int64_t from = 0;
    /// Every event up to here is delivered or in a row, once `undelivered` is written.
    std::int64_t position = 0;
    std::vector<waiting_message> undelivered{};  ///< made, or changed
    std::vector<std::int64_t> delivered{};       ///< their rows go, where there are any
    std::vector<outbound_attempt> attempts{};    ///< without their ids
    std::optional<utc_time> failing_since{};
};

/// Why callhook itself ends work on a subscription.
struct outbound_stop {
    subscription_state state = subscription_state::paused;
    std::string reason{};  ///< `failing`, `gone` or `history`
    announcement told{};
};

/// Who writes, and as of which change by an operator.
struct outbound_claim {
    std::string subscription{};
    std::string lease{};
    uuid owner{};
    std::string epoch{};
    std::int64_t generation = 0;
    utc_time created_at{};
};

}  // namespace callhook::store
