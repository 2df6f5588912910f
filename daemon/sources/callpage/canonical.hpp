#pragma once

#include "sources/callpage/payload.hpp"

#include <string>

namespace callhook::sources::callpage {

/// What becomes of `{"data": ...}` around values ("Calls, Get History" has them at every level).
enum class wrappers : std::uint8_t { kept, dropped };

/// The element as JSON text that depends on its content alone: no spaces, keys in byte order, escapes only
/// where JSON asks for them, each number in its shortest form. So two spellings of one payload make equal
/// facts. Recursion is bounded by `max_depth`, which the document was checked for.
std::string canonical_json(dom::element value, wrappers how = wrappers::kept);

}  // namespace callhook::sources::callpage
