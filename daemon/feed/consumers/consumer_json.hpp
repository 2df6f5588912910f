#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "store/consumers.hpp"

#include <string>
#include <string_view>

namespace callhook::feed::consumers {

/// What a client says of a consumer that it makes or changes.
struct consumer_wish {
    store::event_filter filter{};
    /// Where a new one starts, as `resolve_cursor` takes it.
    std::string start = "0";
};

/// Reads the body of a PUT, which may be empty; `invalid_input` for unknown members, other types than those
/// of the API's description, and lists that are too long.
result<consumer_wish> read_wish(std::string_view body);

/// Reads the one member `position` of the body of an ack or a reset.
result<std::string> read_position(std::string_view body);

/// A consumer as the API shows it.
json::object to_json(const store::consumer& of);

}  // namespace callhook::feed::consumers
