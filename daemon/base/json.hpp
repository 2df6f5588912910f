#pragma once

#include <boost/json.hpp>

#include <string_view>
#include <utility>

namespace callhook {

/// What callhook itself writes and reads as JSON (records, answers, stored facts) goes through Boost.JSON,
/// which keeps the order of keys. What a vendor sends is read by simdjson, in `sources/` only.
namespace json = boost::json;

/// How deep what callhook wrote may nest. A record may nest a little deeper than the payload whose unknown
/// parts it keeps, so the bound lies well above the decoders' one.
inline constexpr std::size_t max_json_depth = 128;

/// Reads JSON that callhook wrote, into `memory`. Throws std::exception on what is no JSON.
inline json::value parse_json(std::string_view text, json::storage_ptr memory = {}) {
    json::parse_options deep;
    deep.max_depth = max_json_depth;
    return json::parse(json::string_view{text.data(), text.size()}, std::move(memory), deep);
}

}  // namespace callhook
