#include "sources/callpage/local_time.hpp"

#include <date/tz.h>

namespace callhook::sources::callpage {

namespace {

/// Times outside these years are the nulls and infinities of somebody's database. They are no times to us: an
/// instant near the ends of the calendar has a year in UTC, or half an hour later, that neither RFC 3339 nor
/// a timestamptz can write, and a row that cannot be written would stop the feed.
constexpr int first_year = 1900;
constexpr int last_year = 9998;

/// The number that `text` has at `place`, `width` digits long; -1 where something else is there.
int digits(std::string_view text, std::size_t place, std::size_t width) {
    int value = 0;
    for (const char c : text.substr(place, width)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<date::local_seconds> parse(std::string_view text) {
    constexpr std::string_view form = "0000-00-00 00:00:00";
    if (text.size() != form.size()) return {};
    for (std::size_t i = 0; i < form.size(); ++i) {
        if (form[i] != '0' && text[i] != form[i]) return {};
    }
    const int year = digits(text, 0, 4);
    const int month = digits(text, 5, 2);
    const int day = digits(text, 8, 2);
    const int hour = digits(text, 11, 2);
    const int minute = digits(text, 14, 2);
    const int second = digits(text, 17, 2);
    if (month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0) return {};
    if (year < first_year || year > last_year) return {};
    if (hour > 23 || minute > 59 || second > 59) return {};
    const date::year_month_day on{
        date::year{year}, date::month{static_cast<unsigned>(month)}, date::day{static_cast<unsigned>(day)}};
    if (!on.ok()) return {};
    return date::local_days{on} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           std::chrono::seconds{second};
}

}  // namespace

result<local_zone> local_zone::find(const std::string& name) {
    try {
        const auto* zone = date::locate_zone(name);
        // The library reads a zone's file at its first use; a broken one shall show now, not at the first
        // delivery.
        static_cast<void>(zone->get_info(date::local_seconds{}));
        return local_zone{*zone};
    } catch (const std::exception& failure) {
        return error{errc::invalid_input, "unknown time zone \"" + name + "\"", failure.what()};
    }
}

lifecycle::local_time local_zone::read(std::string_view text) const {
    lifecycle::local_time out{.raw = std::string{text}};
    const auto wall = parse(text);
    if (!wall) return out;
    const auto info = zone_->get_info(*wall);
    // `first` is the stretch before the transition: of two instants the earlier, and the offset before a gap.
    out.offset = info.first.offset;
    out.at = std::chrono::sys_seconds{wall->time_since_epoch() - info.first.offset};
    if (info.result == date::local_info::ambiguous) out.fit = lifecycle::zone_fit::ambiguous;
    if (info.result == date::local_info::nonexistent) out.fit = lifecycle::zone_fit::nonexistent;
    return out;
}

}  // namespace callhook::sources::callpage
