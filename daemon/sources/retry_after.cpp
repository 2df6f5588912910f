#include "sources/retry_after.hpp"

#include "base/text.hpp"

#include <date/date.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace callhook::sources {

namespace {

using names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 7> days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> long_days{
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> months{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads a date from its front; what does not fit sticks. The library's own from_stream will not do: where a
/// time is cut short it converts a number that it has not read.
class date_reader {
public:
    explicit date_reader(std::string_view text) : rest_{text} {}

    date_reader& literal(std::string_view expected) {
        if (!rest_.starts_with(expected)) return fail();
        rest_.remove_prefix(expected.size());
        return *this;
    }

    date_reader& number(unsigned& to, std::size_t width) {
        const auto read = parse_integer<unsigned>(rest_.substr(0, width));
        if (!read || rest_.size() < width) return fail();
        to = *read;
        rest_.remove_prefix(width);
        return *this;
    }

    date_reader& blank_padded_day() {
        return rest_.starts_with(' ') ? literal(" ").number(day, 1) : number(day, 2);
    }

    /// Puts the place of the name in the list, from 1.
    date_reader& one_of(names list, unsigned& to) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (!rest_.starts_with(list[i])) continue;
            to = static_cast<unsigned>(i + 1);
            return literal(list[i]);
        }
        return fail();
    }

    date_reader& time() {
        return number(hour, 2).literal(":").number(minute, 2).literal(":").number(second, 2);
    }

    [[nodiscard]] std::optional<std::chrono::sys_seconds> whole() const {
        const date::year_month_day on{date::year{static_cast<int>(year)}, date::month{month}, date::day{day}};
        if (failed_ || !rest_.empty() || !on.ok() || hour > 23 || minute > 59 || second > 60) return {};
        return date::sys_days{on} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
               std::chrono::seconds{second};
    }

    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, weekday = 0;

private:
    date_reader& fail() {
        failed_ = true;
        rest_ = {};
        return *this;
    }

    std::string_view rest_;
    bool failed_ = false;
};

/// RFC 9110 section 5.6.7: the one form that is sent today, and two that must still be understood.
std::optional<std::chrono::sys_seconds> read_date(std::string_view text) {
    date_reader today{text};
    today.one_of(days, today.weekday)
        .literal(", ")
        .number(today.day, 2)
        .literal(" ")
        .one_of(months, today.month);
    today.literal(" ").number(today.year, 4).literal(" ").time().literal(" GMT");
    if (const auto at = today.whole()) return at;

    date_reader rfc850{text};
    rfc850.one_of(long_days, rfc850.weekday).literal(", ").number(rfc850.day, 2).literal("-");
    rfc850.one_of(months, rfc850.month)
        .literal("-")
        .number(rfc850.year, 2)
        .literal(" ")
        .time()
        .literal(" GMT");
    rfc850.year += rfc850.year < 69 ? 2000 : 1900;
    if (const auto at = rfc850.whole()) return at;

    date_reader asctime{text};
    asctime.one_of(days, asctime.weekday).literal(" ").one_of(months, asctime.month).literal(" ");
    asctime.blank_padded_day();
    asctime.literal(" ").time().literal(" ").number(asctime.year, 4);
    return asctime.whole();
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
