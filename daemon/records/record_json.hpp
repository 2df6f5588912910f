#pragma once

#include "base/json.hpp"
#include "lifecycle/record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace callhook::records {

/// A call record as users see it, as the text of a JSON object: typed values, times as RFC 3339 with their
/// offset and the vendor's own text beside them as `NAME_raw`, phone numbers as E.164 with `NAME_raw` beside
/// them. What is not known is absent. Throws std::exception where a piece of the vendor's JSON is none.
std::string write_record(const lifecycle::call_record& record);

/// The same with `changed` at its end: the names of the fields that an update changed.
std::string with_changed(std::string record, const std::vector<std::string>& names);

/// Field name to `{origin, event, delivery, observed_at}`, sorted by name.
json::object provenance_json(lifecycle::provenance from);

/// How a message was tied to its call.
struct message_tie {
    std::optional<std::int64_t> call_id{};
    /// `link`, `visitor`, or empty.
    std::string_view by{};
};

/// A message as users see it, likewise.
std::string write_message(
    const lifecycle::message_fact& fact, const uuid& id, utc_time received_at, const message_tie& tie
);

/// What the feed says of one happening. `data` is the record after it.
struct cloud_event {
    std::string type{};
    std::string source{};  ///< a configured source's name; empty for what is about callhook itself
    std::string subject{};
    utc_time time{};
    utc_time recorded_at{};
    std::string_view origin{};
    std::optional<uuid> delivery{};
    std::string data{};         ///< a JSON object's text, as `json_writer` or `json::serialize` gives it
    std::string traceparent{};  ///< of the delivery, where its sender said one
};

/// CloudEvents 1.0 JSON format, without `id` and `sequence`: those follow from epoch and position when it is
/// read.
std::string write_event(const cloud_event& event);

}  // namespace callhook::records
