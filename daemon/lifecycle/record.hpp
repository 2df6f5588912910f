#pragma once

#include "lifecycle/facts.hpp"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callhook::lifecycle {

/// Where a call stands. The order is the one in which phases outweigh each other: `completed` is never taken
/// back.
enum class phase : std::uint8_t { scheduled, fresh, in_progress, failed, cancelled, missed, completed };

/// `fresh` is written `new`.
std::string_view to_string(phase p) noexcept;
std::optional<phase> phase_of_text(std::string_view text) noexcept;
bool is_outcome(phase p) noexcept;

/// The phase that a vendor status stands for (CallPage REST and webhook documentation, "Call Statuses");
/// nothing for an unknown one.
std::optional<phase> phase_of_status(std::string_view status) noexcept;

/// What did not fit together, as a code and the field that it is about (empty where it is about the whole
/// call).
struct anomaly {
    std::string code{};
    std::string field{};

    auto operator<=>(const anomaly&) const = default;
};

/// What a sales team measures. All in whole seconds or counts, absent where it cannot be known.
struct lead_clocks {
    /// From the moment the visitor asked for (the order, or the slot chosen) to the conversation.
    std::optional<std::int64_t> seconds_to_answer{};
    std::optional<std::int64_t> talk_seconds{};
    std::optional<std::int64_t> attempts{};

    auto operator<=>(const lead_clocks&) const = default;
};

/// Which observation a field's value came from.
struct field_source {
    origin from = origin::webhook;
    fact_kind kind = fact_kind::observed;
    utc_time observed_at{};
    uuid delivery{};

    bool operator==(const field_source&) const = default;
};

/// All that is known of a call: a function of the *set* of facts received, never of their order or
/// repetition.
struct call_record {
    call_key key{};
    lifecycle::phase phase = phase::scheduled;
    bool has_feedback = false;
    /// The kinds of webhook that have been seen.
    std::set<fact_kind> seen{};
    call_fields fields{};
    extras extra{};
    lead_clocks clocks{};
    std::set<anomaly> anomalies{};

    bool operator==(const call_record&) const = default;
};

/// What tells of arrival and is therefore kept beside the record: which delivery each field came from. By the
/// names of `for_each_call_field`, in its order.
using provenance = std::vector<std::pair<std::string_view, field_source>>;

}  // namespace callhook::lifecycle
