#include "base/time_text.hpp"

#include <cstdio>
#include <cstdlib>

namespace callhook {

namespace {

using namespace std::chrono;

/// What lies outside has no text in UTC: RFC 3339 ends with the year 9999, and PostgreSQL knows no year 0.
constexpr utc_time earliest = sys_days{year{1} / January / 1};
constexpr utc_time too_late = sys_days{year{10'000} / January / 1};

char* put_digits(char* at, unsigned value, int width) {
    for (int i = width - 1; i >= 0; --i) {
        at[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

/// Where "2026-11-21T07:41:02" ends. By hand: each event holds some thirty times.
char* put_civil(char* at, sys_seconds time) {
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const auto second = static_cast<unsigned>((time - day).count());
    const auto year = static_cast<int>(date.year());
    at = year >= 0 && year <= 9999 ? put_digits(at, static_cast<unsigned>(year), 4)
                                   : at + std::snprintf(at, 8, "%04d", year);
    *at++ = '-';
    at = put_digits(at, static_cast<unsigned>(date.month()), 2);
    *at++ = '-';
    at = put_digits(at, static_cast<unsigned>(date.day()), 2);
    *at++ = 'T';
    at = put_digits(at, second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second / 60 % 60, 2);
    *at++ = ':';
    return put_digits(at, second % 60, 2);
}

/// Takes exactly `width` digits from the front of `text`; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return -1;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

void append_rfc3339(std::string& out, utc_time at) {
    char text[40];
    const auto whole = floor<seconds>(at);
    char* end = put_civil(text, whole);
    if (const auto rest = (at - whole).count(); rest != 0) {
        *end++ = '.';
        end = put_digits(end, static_cast<unsigned>(rest), 6);
    }
    *end++ = 'Z';
    out.append(text, end);
}

std::string to_rfc3339(utc_time at) {
    std::string out;
    append_rfc3339(out, at);
    return out;
}

std::string to_rfc3339(sys_seconds at, seconds offset) {
    char text[40];
    const auto minutes = static_cast<unsigned>(std::abs(static_cast<int>(offset.count()) / 60));
    char* end = put_civil(text, at + offset);
    *end++ = offset.count() < 0 ? '-' : '+';
    end = put_digits(end, minutes / 60, 2);
    *end++ = ':';
    end = put_digits(end, minutes % 60, 2);
    return {text, end};
}

std::optional<utc_time> parse_rfc3339(std::string_view text) {
    const int y = take_digits(text, 4);
    if (y < 0 || !take(text, '-')) return {};
    const int mo = take_digits(text, 2);
    if (mo < 0 || !take(text, '-')) return {};
    const int d = take_digits(text, 2);
    if (d < 0 || !(take(text, 'T') || take(text, 't'))) return {};
    const int h = take_digits(text, 2);
    if (h < 0 || h > 23 || !take(text, ':')) return {};
    const int mi = take_digits(text, 2);
    if (mi < 0 || mi > 59 || !take(text, ':')) return {};
    const int s = take_digits(text, 2);
    if (s < 0 || s > 59) return {};
    const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
    if (!date.ok()) return {};
    int micros = 0;
    if (take(text, '.')) {
        int scale = 100'000;
        std::size_t digits = 0;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            if (++digits > 6) return {};
            micros += (text.front() - '0') * scale;
            scale /= 10;
            text.remove_prefix(1);
        }
        if (digits == 0) return {};
    }
    seconds offset{0};
    if (!take(text, 'Z') && !take(text, 'z')) {
        const bool negative = take(text, '-');
        if (!negative && !take(text, '+')) return {};
        const int oh = take_digits(text, 2);
        if (oh < 0 || oh > 23 || !take(text, ':')) return {};
        const int om = take_digits(text, 2);
        if (om < 0 || om > 59) return {};
        offset = hours{oh} + minutes{om};
        if (negative) offset = -offset;
    }
    if (!text.empty()) return {};
    const utc_time at = sys_days{date} + hours{h} + minutes{mi} + seconds{s} - offset + microseconds{micros};
    if (at < earliest || at >= too_late) return {};
    return at;
}

}  // namespace callhook
