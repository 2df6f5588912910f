#pragma once

#include "lifecycle/identifier.hpp"

#include <string_view>

namespace callhook::sources::callpage {

/// Shows the finder every text, key and number of a body but what stands under `manager`: that is about who
/// took the call, not about who asked for it. A body that is no sound JSON is shown as it is.
void find_identifiers(std::string_view body, lifecycle::identifier_finder& finder);

}  // namespace callhook::sources::callpage
