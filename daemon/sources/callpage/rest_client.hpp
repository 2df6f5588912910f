#pragma once

#include "base/clock.hpp"
#include "sources/api.hpp"

#include <memory>

namespace callhook::sources::callpage {

/// How many entries a page of widgets, users or managers asks for: the documented default, since no section
/// says how many are allowed.
inline constexpr std::size_t page_limit = 100;

/// Where a list of widgets, users or managers is given up: no account has that many, so the API repeats
/// itself.
inline constexpr std::size_t most_pages = 100;

/// Asks CallPage's REST API ("CallPage REST and webhook documentation") over `by`. Lists end with the number
/// of entries that the vendor promised, a page that brings nothing new, or, where nothing was promised, a
/// page that is not full; a list beyond `most_pages` is `unreadable`. Entries that shift from one page to the
/// next come once. Names of operations: greet, call, history, widgets, users, managers. `by` and `clock` must
/// outlive it.
std::unique_ptr<call_api> make_api(transport& by, const clock_source& clock);

}  // namespace callhook::sources::callpage
