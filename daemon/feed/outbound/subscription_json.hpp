#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "feed/outbound/target_url.hpp"
#include "store/subscriptions.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace callhook::feed::outbound {

/// What a client says of a subscription that it makes or changes: all of it, what is left out goes back to
/// its default. The name and the origin are the endpoint's.
struct subscription_wish {
    store::subscription_draft what{};
    /// Where a new one starts, as `resolve_cursor` takes it.
    std::string start = "$";
};

/// Reads the body of a PUT; `invalid_input` for unknown members, other types than those of the API's
/// description, values out of range, and a URL that the rules do not allow.
result<subscription_wish> read_subscription_wish(std::string_view body, const target_rules& rules);

/// Reads the body of a rotation: for how long the secret before stays live, a day unless said.
result<std::chrono::seconds> read_overlap(std::string_view body);

/// The dead letters that are to be sent again, each place as `resolve_cursor` takes it.
struct redrive_range {
    std::string from{};
    std::string to{};
};

result<redrive_range> read_redrive_range(std::string_view body);

/// As the API shows them; never with a signing secret. `configured`: whether the configuration file of this
/// daemon has it.
json::object to_json(const store::subscription& of, bool configured);
json::object to_json(const store::outbound_attempt& of, const std::string& epoch);
json::object to_json(const store::dead_letter& of, const std::string& epoch);

}  // namespace callhook::feed::outbound
