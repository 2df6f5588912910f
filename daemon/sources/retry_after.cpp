#include "sources/retry_after.hpp"

#include "base/text.hpp"

#include <date/date.h>

#include <algorithm>
#include <array>
#include <locale>
#include <sstream>
#include <string>

namespace callhook::sources {

namespace {

std::optional<std::chrono::sys_seconds> read_date(std::string_view text) {
    // RFC 9110 section 5.6.7: the one form that is sent today, and two that must still be understood.
    constexpr std::array forms{"%a, %d %b %Y %T GMT", "%A, %d-%b-%y %T GMT", "%a %b %d %T %Y"};
    for (const auto* form : forms) {
        std::istringstream in{std::string{text}};
        // Names of days and months are English, whatever the process's locale is.
        in.imbue(std::locale::classic());
        std::chrono::sys_seconds at{};
        date::from_stream(in, form, at);
        if (!in.fail() && in.peek() == std::istringstream::traits_type::eof()) return at;
    }
    return {};
}

}  // namespace

std::optional<std::chrono::seconds> read_retry_after(std::string_view field, utc_time now) {
    constexpr std::chrono::seconds none{0};
    field = trim(field);
    if (field.empty() || field.size() > 64) return {};
    if (std::all_of(field.begin(), field.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        const auto number = parse_integer<std::int64_t>(field);
        if (!number) return longest_retry_after;  // more digits than 64 bits hold
        return std::chrono::seconds{std::min<std::int64_t>(*number, longest_retry_after.count())};
    }
    const auto at = read_date(field);
    if (!at) return {};
    return std::clamp(std::chrono::ceil<std::chrono::seconds>(*at - now), none, longest_retry_after);
}

}  // namespace callhook::sources
