#pragma once

#include <string>
#include <string_view>

namespace callhook::lifecycle {

/// Reads a `traceparent` field (W3C Trace Context, section 3.2) and gives it as version 00, which is all that
/// is understood of later ones: 55 characters of 0-9, a-f and -. Empty where it is none.
std::string read_traceparent(std::string_view field);

/// The 32 hexadecimal digits of the trace in what `read_traceparent` gave.
std::string_view trace_id(std::string_view traceparent) noexcept;

}  // namespace callhook::lifecycle
