#pragma once

#include "base/result.hpp"
#include "http/address_guard.hpp"
#include "http/client.hpp"

#include <string>
#include <string_view>

namespace callhook::feed::outbound {

/// A receiver's URL in its two parts.
struct target_url {
    http::origin origin{};
    std::string target{};  ///< path and query, as in the request line
};

/// Reads `https://host[:port][/path][?query]` (or `http://`), of at most 2048 visible ASCII characters,
/// without user, password and fragment. `invalid_input` says what is wrong, and holds nothing of the text: a
/// URL may hold what authorises.
result<target_url> parse_target_url(std::string_view url);

/// What a receiver's URL may be, out of `[outbound]`.
struct target_rules {
    bool allow_http = false;
    http::address_guard may_call{};
};

/// The same, and `invalid_input` for http:// that is not allowed and for an address that must not be called.
/// A name is let through: what it means is asked at each connection, and judged then.
result<target_url> check_target_url(std::string_view url, const target_rules& rules);

}  // namespace callhook::feed::outbound
