#pragma once

#include "lifecycle/facts.hpp"
#include "lifecycle/identifier.hpp"

namespace callhook::records {

/// Shows the finder all that stored facts tell of the visitor, as `decoder::find_identifiers` does with a
/// body: for records whose deliveries have expired. What they tell of the manager is left out.
void find_identifiers(const lifecycle::call_fact& fact, lifecycle::identifier_finder& finder);
void find_identifiers(const lifecycle::message_fact& fact, lifecycle::identifier_finder& finder);

}  // namespace callhook::records
