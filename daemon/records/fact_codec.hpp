#pragma once

#include "lifecycle/fold.hpp"

#include <string>
#include <string_view>

namespace callhook::records {

/// A call's facts as the JSON text that `calls.facts` holds: canonical, so equal sets give equal texts.
std::string write_facts(const lifecycle::fact_set& facts);

/// Reads what `write_facts` wrote. `key` is the call's own, which the text does not repeat. Throws
/// std::exception on anything else: the table is ours.
lifecycle::fact_set read_facts(std::string_view text, const lifecycle::call_key& key);

/// A message fact as canonical JSON text, without its source.
std::string write_message_fact(const lifecycle::message_fact& fact);
lifecycle::message_fact read_message_fact(std::string_view text, const std::string& source);

}  // namespace callhook::records
