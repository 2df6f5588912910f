#pragma once

#include <boost/json.hpp>

namespace callhook {

/// What callhook itself writes and reads as JSON (records, answers, stored facts) goes through Boost.JSON,
/// which keeps the order of keys. What a vendor sends is read by simdjson, in `sources/` only.
namespace json = boost::json;

}  // namespace callhook
