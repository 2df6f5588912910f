#pragma once

#include "sources/callpage/payload.hpp"

#include <string>

namespace callhook::sources::callpage {

/// The element as JSON text that depends on its content alone: no spaces, keys in byte order, escapes only
/// where JSON asks for them, each number in its shortest form. So two spellings of one payload make equal
/// facts. Recursion is bounded by `max_depth`, which the document was checked for.
std::string canonical_json(dom::element value);

}  // namespace callhook::sources::callpage
