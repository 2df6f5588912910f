#pragma once

#include "base/json.hpp"
#include "lifecycle/record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace callhook::records {

/// A call record as users see it: typed values, times as RFC 3339 with their offset and the vendor's own text
/// beside them as `NAME_raw`, phone numbers as E.164 with `NAME_raw` beside them. What is not known is
/// absent.
json::object record_json(const lifecycle::call_record& record);

/// Field name to `{origin, event, delivery, observed_at}`.
json::object provenance_json(const lifecycle::provenance& from);

/// How a message was tied to its call.
struct message_tie {
    std::optional<std::int64_t> call_id{};
    /// `link`, `visitor`, or empty.
    std::string_view by{};
};

/// A message as users see it.
json::object message_json(
    const lifecycle::message_fact& fact, const uuid& id, utc_time received_at, const message_tie& tie
);

/// What the feed says of one happening. `data` is the record after it.
struct cloud_event {
    std::string type{};
    std::string source{};
    std::string subject{};
    utc_time time{};
    utc_time recorded_at{};
    std::string_view origin{};
    std::optional<uuid> delivery{};
    json::object data{};
};

/// CloudEvents 1.0 JSON format, without `id` and `sequence`: those follow from epoch and position when it is
/// read.
std::string write_event(cloud_event event);

}  // namespace callhook::records
