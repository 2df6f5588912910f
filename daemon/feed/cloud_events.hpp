#pragma once

#include "store/rows.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace callhook::feed {

inline constexpr std::string_view batch_media_type = "application/cloudevents-batch+json";
inline constexpr std::string_view lines_media_type = "application/x-ndjson";

/// One event as CloudEvents 1.0 JSON: the stored text with `id` and `sequence`, which follow from epoch and
/// position.
std::string render(const std::string& epoch, const store::event_row& event);

/// A JSON array of events (CloudEvents JSON Batch Format), `[]` for none.
std::string render_batch(const std::string& epoch, const std::vector<store::event_row>& events);

/// An event a line.
std::string render_lines(const std::string& epoch, const std::vector<store::event_row>& events);

}  // namespace callhook::feed
