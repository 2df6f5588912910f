#include "base/time_text.hpp"

#include <cstdio>
#include <cstdlib>

namespace callhook {

namespace {

using namespace std::chrono;

std::string civil(sys_seconds at) {
    const auto day = floor<days>(at);
    const year_month_day date{day};
    const hh_mm_ss time{at - day};
    char out[40];
    std::snprintf(
        out,
        sizeof out,
        "%04d-%02u-%02uT%02d:%02d:%02d",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()),
        static_cast<int>(time.seconds().count())
    );
    return out;
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

std::string to_rfc3339(utc_time at) {
    const auto whole = floor<seconds>(at);
    const auto rest = static_cast<int>((at - whole).count());
    std::string out = civil(whole);
    if (rest != 0) {
        char fraction[16];
        std::snprintf(fraction, sizeof fraction, ".%06d", rest);
        out += fraction;
    }
    out += 'Z';
    return out;
}

std::string to_rfc3339(sys_seconds at, seconds offset) {
    const auto total = std::abs(static_cast<int>(offset.count()) / 60);
    char suffix[32];
    std::snprintf(
        suffix, sizeof suffix, "%c%02d:%02d", offset.count() < 0 ? '-' : '+', total / 60, total % 60
    );
    return civil(at + offset) + suffix;
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
    return sys_days{date} + hours{h} + minutes{mi} + seconds{s} - offset + microseconds{micros};
}

}  // namespace callhook
