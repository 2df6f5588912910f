#pragma once

#include "app/arguments.hpp"

#include <optional>
#include <string>

/// What the words of a command line may be.
namespace callhook::app {

/// `S/ID` taken apart; whether it is one.
bool read_call(const std::string& text, calls_show_command& into);
/// RFC 3339, or a date, which means its first moment in UTC.
std::optional<utc_time> read_time(const std::string& text);
/// A duration of a request, 10 ms to 5 minutes.
std::optional<std::chrono::milliseconds> read_timeout(const std::string& text);

// Each says what is wrong with a word; empty where nothing is.
std::string fault_of_call(const std::string& text);
std::string fault_of_delivery(const std::string& text);
std::string fault_of_time(const std::string& text);
std::string fault_of_source(const std::string& text);
std::string fault_of_token_name(const std::string& text);
std::string fault_of_scope(const std::string& text);
std::string fault_of_job(const std::string& text);
std::string fault_of_timeout(const std::string& text);

}  // namespace callhook::app
