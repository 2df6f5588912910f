#pragma once

#include "pipeline/batch.hpp"
#include "store/settings.hpp"

#include <cstdint>
#include <functional>

namespace callhook::pipeline {

struct rebuild_report {
    std::int64_t deliveries = 0;
    std::int64_t calls = 0;
    std::int64_t calls_changed = 0;
    std::int64_t messages = 0;
    std::int64_t messages_changed = 0;
    /// Records of which deliveries have expired: they stay as they are.
    std::int64_t calls_final = 0;
    std::int64_t messages_final = 0;
    /// Deliveries that were applied once and cannot be read now: the decoder changed, or their source is
    /// gone. Their facts are missing from what was rebuilt, so nothing is written where there are any.
    std::int64_t unreadable = 0;
};

/// Derives every call and message that is not final anew from the stored deliveries and writes what differs,
/// in one transaction, while the sequencer waits. Events are history and stay as they are. `progress(done,
/// all)` is called now and then. Throws `store::failure`.
rebuild_report rebuild(
    const store::settings& where,
    const sources::decoder_table& decoders,
    const settings& how,
    const std::function<void(std::int64_t, std::int64_t)>& progress
);

}  // namespace callhook::pipeline
