#pragma once

#include "feed/cursor.hpp"
#include "store/consumers.hpp"

#include <optional>
#include <string_view>

namespace callhook::feed::consumers {

/// `not_found` for none.
result<store::consumer> known(std::optional<store::consumer> found);

/// The same, and `conflict` for one whose place is callhook's own.
result<store::consumer> readers_own(std::optional<store::consumer> found);

/// `gone` for a consumer whose place lies in another epoch than this one.
result<store::consumer> within(result<store::consumer> one, std::string_view epoch);

/// How far a client says that it has got. Any id of this epoch up to the head will do, also one that has
/// expired: who says it has read it.
result<cursor> acknowledged(std::string_view id, const store::feed_head& head);

/// Where the reading of a consumer's events goes on: at its place, or at `last_event_id` where the client
/// names one that is further. Errors as `resolve_cursor` has them.
result<cursor> reading_from(
    const store::consumer& one, std::string_view last_event_id, const store::feed_head& head
);

}  // namespace callhook::feed::consumers
