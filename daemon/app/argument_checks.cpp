#include "app/argument_checks.hpp"

#include "api/tokens.hpp"
#include "app/named_sections.hpp"
#include "app/setting_value.hpp"
#include "app/settings_rules.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

namespace callhook::app {

bool read_call(const std::string& text, calls_show_command& into) {
    const auto slash = text.find('/');
    if (slash == std::string::npos || !is_source_name(text.substr(0, slash))) return false;
    const auto id = parse_integer<std::int64_t>(std::string_view{text}.substr(slash + 1));
    if (!id || *id < 0) return false;
    into.source = text.substr(0, slash);
    into.call = *id;
    return true;
}

std::string fault_of_call(const std::string& text) {
    calls_show_command ignored;
    return read_call(text, ignored) ? "" : text + " is not SOURCE/ID, for example main/4711";
}

std::string fault_of_delivery(const std::string& text) {
    return parse_uuid(text) ? "" : text + " is not a delivery's id, a UUID";
}

std::optional<utc_time> read_time(const std::string& text) {
    const auto time = parse_rfc3339(text);
    return time ? time : parse_rfc3339(text + "T00:00:00Z");
}

std::string fault_of_time(const std::string& text) {
    return read_time(text) ? ""
                           : text +
                                 " is no time, for example 2026-03-01T09:00:00+01:00 or 2026-03-01 "
                                 "(midnight UTC)";
}

std::string fault_of_source(const std::string& text) {
    return is_source_name(text) ? "" : text + " is not a source's name, for example main";
}

std::string fault_of_token_name(const std::string& text) {
    return is_section_name(text, find_named_section("tokens")->longest_name)
               ? ""
               : text + " is not a token's name, for example dashboard";
}

std::string fault_of_scope(const std::string& text) {
    return api::parse_scope(text) ? "" : text + " is not a scope";
}

std::string fault_of_job(const std::string& text) {
    const auto id = parse_integer<std::int64_t>(text);
    return id && *id > 0 ? "" : text + " is not a job's id, a whole number";
}

std::optional<std::chrono::milliseconds> read_timeout(const std::string& text) {
    using namespace std::chrono_literals;
    const auto time = parse_duration(text);
    return time && *time >= 10ms && *time <= 5min ? time : std::nullopt;
}

std::string fault_of_timeout(const std::string& text) {
    return read_timeout(text) ? "" : text + " is no time between 10ms and 5m, for example 3s";
}

}  // namespace callhook::app
