#pragma once

#include "lifecycle/correlator.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::backfill {

/// How a call's record from the API and what is stored of the call stand to each other.
enum class difference : std::uint8_t {
    none,          ///< it tells nothing new
    unknown_call,  ///< nothing is stored of the call
    untold,        ///< something happened to the call that nobody told of
    changed,       ///< fields differ
    another_call,  ///< the id is the same, but the visitor is not
};

std::string_view to_string(difference d) noexcept;

struct finding {
    difference what = difference::none;
    /// The events that the feed will carry when the record is merged.
    std::vector<lifecycle::emitted> events{};
    /// The webhooks that such a call sends and that are not among the stored facts, as event names.
    std::vector<std::string> missing{};
    /// Whether a webhook is stored that shows the same visitor under this id.
    bool confirms_identity = false;
};

/// Compares a record fetched at `at` with the stored facts of the call that its id names (none for an unknown
/// call). Pure.
///
/// Expected of a call are the webhook of its beginning, call.new or call.scheduled, and that of its outcome,
/// call.missed or call.completed; for a call that was cancelled or failed, and for feedback, CallPage
/// documents none that must come (REST and webhook documentation, "Webhooks, Events").
finding compare(const lifecycle::fact_set& stored, const lifecycle::call_fact& record, utc_time at);

/// Those of the events whose webhook is not among the stored facts. A call begins once, by call.new or
/// call.scheduled, so either stands for both.
std::vector<std::string> missing_webhooks(
    const lifecycle::fact_set& stored, const std::vector<std::string_view>& events
);

}  // namespace callhook::backfill
