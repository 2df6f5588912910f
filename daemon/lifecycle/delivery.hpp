#pragma once

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "lifecycle/facts.hpp"

#include <string>

namespace callhook::lifecycle {

/// What an authentic sender brought, as it is kept.
struct delivery {
    uuid id{};
    std::string source{};
    origin from = origin::webhook;
    utc_time received_at{};
    /// The sender's address as far as it is trusted; empty where it is not known.
    std::string remote_address{};
    std::string content_type{};
    /// The exact bytes.
    std::string body{};
    /// Where the sender's trace is, as W3C Trace Context writes it (`lifecycle/traceparent.hpp`); empty where
    /// it said none. It is a help to people: the spool does not keep it.
    std::string traceparent{};
};

}  // namespace callhook::lifecycle
