#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "store/queries.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::feed {

/// Whether a consumer or a subscription can have this name: `[a-z0-9][a-z0-9_-]{0,63}`.
bool is_follower_name(std::string_view name);

/// A request's body as a JSON object; an empty one where there is no body. `invalid_input`, here and below,
/// for anything else, and for members that are not `known`: a misspelt one must not be passed over.
result<json::object> read_object(std::string_view body, std::initializer_list<std::string_view> known);

/// The member as text; nothing where there is none.
result<std::optional<std::string>> read_text(const json::object& body, std::string_view name);

/// The member as a whole number in a range; nothing where there is none, or null.
result<std::optional<std::int64_t>> read_number(
    const json::object& body, std::string_view name, std::int64_t lowest, std::int64_t highest
);

/// The members `types`, `sources` (as names, or as events have them), `subjects` and `widgets`.
result<store::event_filter> read_filter(const json::object& body);

/// Adds these members.
void add_filter(json::object& to, const store::event_filter& filter);

/// A place in the feed under this name, which must be there: `0`, `$` or an event's id, not looked at yet.
result<std::string> read_place(const json::object& body, std::string_view name);

/// Any bytes as text: what is no UTF-8 becomes U+FFFD.
std::string as_utf8(std::string_view bytes);

}  // namespace callhook::feed
