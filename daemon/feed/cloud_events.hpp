#pragma once

#include "feed/shared_event.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace callhook::feed {

inline constexpr std::string_view batch_media_type = "application/cloudevents-batch+json";
inline constexpr std::string_view lines_media_type = "application/x-ndjson";
inline constexpr std::string_view stream_media_type = "text/event-stream";

/// One event as CloudEvents 1.0 JSON: the stored text with `id` and `sequence`, which follow from epoch and
/// position.
std::string render(const std::string& epoch, const store::event_row& event);

/// A JSON array of events (CloudEvents JSON Batch Format), `[]` for none.
std::string render_batch(const std::string& epoch, const std::vector<shared_event>& events);

/// Appends an event as one of Server-Sent Events: `id` and `data`, no `event`, because a browser hands only
/// those without a name to `onmessage`.
void append_frame(std::string& out, const std::string& epoch, const store::event_row& event);

/// An event a line.
std::string render_lines(const std::string& epoch, const std::vector<shared_event>& events);

}  // namespace callhook::feed
