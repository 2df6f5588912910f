#include "http/serialize.hpp"

#include "base/text.hpp"
#include "http/framing.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace callhook::http {

namespace {

void append_number(std::string& out, std::size_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

/// The fields that tell how the message is framed and who sent it: the server's alone.
bool is_own(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 7> own{
        "content-length", "transfer-encoding", "connection", "keep-alive", "date", "server", "content-type"};
    return std::ranges::any_of(own, [&](auto known) { return equals_ignoring_case(known, name); });
}

}  // namespace

bool is_sendable(const response& answer) noexcept {
    return answer.status >= 200 && answer.status <= 599 && is_field_value(answer.content_type) &&
           std::ranges::all_of(answer.fields, [](const field& f) {
               return is_token(f.name) && is_field_value(f.value);
           });
}

void append_head(std::string& out, const response& answer, const wire_form& form, std::string_view date) {
    out.append("HTTP/1.1 ");
    append_number(out, answer.status);
    out.append(" ").append(reason_phrase(answer.status)).append("\r\n");
    append_field(out, "Date", date);
    append_field(out, "Server", "callhook");
    if (!answer.content_type.empty()) append_field(out, "Content-Type", answer.content_type);
    if (form.chunked) append_field(out, "Transfer-Encoding", "chunked");
    if (form.content_length) {
        out.append("Content-Length: ");
        append_number(out, *form.content_length);
        out.append("\r\n");
    }
    if (!form.keep_alive) append_field(out, "Connection", "close");
    if (form.keep_alive && form.version == 10) append_field(out, "Connection", "keep-alive");
    bool cache_named = false;
    for (const auto& f : answer.fields) {
        if (is_own(f.name)) continue;
        cache_named = cache_named || equals_ignoring_case(f.name, "cache-control");
        append_field(out, f.name, f.value);
    }
    if (!cache_named) append_field(out, "Cache-Control", "no-store");
    out.append("\r\n");
}

std::string http_date(std::time_t at) {
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    gmtime_r(&at, &parts);
    std::array<char, 64> text{};
    const auto size = std::snprintf(
        text.data(),
        text.size(),
        "%s, %02d %s %04d %02d:%02d:%02d GMT",
        days[static_cast<std::size_t>(parts.tm_wday)],
        parts.tm_mday,
        months[static_cast<std::size_t>(parts.tm_mon)],
        parts.tm_year + 1900,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec
    );
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace callhook::http
