#pragma once

#include "base/uuid.hpp"
#include "lifecycle/facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace callhook::store {

/// A delivery as it waits for the sequencer.
struct pending_delivery {
    uuid id{};
    std::string source{};
    lifecycle::origin from = lifecycle::origin::webhook;
    utc_time received_at{};
    std::string body{};
    std::string traceparent{};  ///< empty where its sender said none; `rebuild` does not read it
};

/// A group commit that waits for the sequencer: a row of `pending`.
struct pending_group {
    std::int64_t number = 0;  ///< rises in the order of commits, nearly
    uuid batch{};
    uuid first{};
    uuid last{};
};

/// A row of `calls`. The JSON texts are the pipeline's; the rest is what queries ask for. `record` is empty
/// where only the state was read.
struct call_row {
    lifecycle::call_key key{};
    std::string phase{};
    std::optional<std::string> phone{};
    std::optional<std::int64_t> widget_id{};
    std::optional<utc_time> created_at{};
    utc_time at{};
    std::optional<utc_time> due_at{};
    std::optional<utc_time> overdue_at{};
    std::string record{};
    std::string facts{};

    bool operator==(const call_row&) const = default;
};

/// A row of `messages`.
struct message_row {
    uuid id{};
    std::string source{};
    std::string content_hash{};  ///< 32 bytes
    utc_time received_at{};
    std::optional<std::string> phone{};
    std::optional<std::int64_t> widget_id{};
    std::optional<std::int64_t> linked_call{};
    std::optional<std::int64_t> call_id{};
    std::string fact{};
    std::string record{};

    bool operator==(const message_row&) const = default;
};

/// A row of `events`; its position is the sequencer's business.
struct event_row {
    std::int64_t position = 0;
    std::string type{};
    std::string source{};
    std::string subject{};
    std::optional<uuid> delivery_id{};
    /// The CloudEvent without `id` and `sequence`: a JSON object's text.
    std::string event{};
    /// The widget of the call or message, for filters.
    std::optional<std::int64_t> widget_id{};

    /// Whether its person was erased: it holds a position and is told to nobody.
    [[nodiscard]] bool erased() const noexcept { return event.empty(); }
};

/// An event about callhook itself that waits for its place in the log.
struct announcement {
    uuid id{};
    std::string type{};
    std::string source{};  ///< empty for what concerns no source
    std::string subject{};
    utc_time happened_at{};
    std::string data{};  ///< a JSON object

    bool operator==(const announcement&) const = default;
};

/// What became of a delivery.
enum class verdict : std::uint8_t { applied, duplicate, quarantined, erased };

std::string_view to_string(verdict v) noexcept;

/// A row of `outcomes`.
struct outcome_row {
    uuid delivery_id{};
    std::int64_t seq = 0;
    verdict result = verdict::applied;
    std::string source{};
    std::string event{};
    std::optional<std::int64_t> call_id{};
    std::optional<uuid> message_id{};
    std::string reason{};
};

/// How far the log has come.
struct log_end {
    std::string epoch{};
    std::int64_t position = 0;

    bool operator==(const log_end&) const = default;
};

/// The end of the event log.
struct feed_head {
    std::string epoch{};
    std::int64_t position = 0;
    std::int64_t floor = 0;
    std::int64_t outcomes = 0;
    utc_time recorded_at{};
    std::int64_t erasures = 0;  ///< how many there have been

    bool operator==(const feed_head&) const = default;
};

/// A call as far as tying messages to it needs.
struct call_time {
    lifecycle::call_key key{};
    std::string phone{};
    std::int64_t widget_id = 0;
    utc_time created_at{};
};

/// A visitor, as messages and calls of one source share them.
struct visitor_key {
    std::string source{};
    std::string phone{};
    std::int64_t widget_id = 0;

    auto operator<=>(const visitor_key&) const = default;
};

}  // namespace callhook::store
