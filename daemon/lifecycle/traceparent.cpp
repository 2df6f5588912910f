#include "lifecycle/traceparent.hpp"

#include <algorithm>

namespace callhook::lifecycle {

namespace {

constexpr std::size_t length = 55;

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

bool is_zero(std::string_view text) {
    return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::string read_traceparent(std::string_view field) {
    if (field.size() < length) return {};
    const auto version = field.substr(0, 2);
    const auto trace = field.substr(3, 32);
    const auto parent = field.substr(36, 16);
    const auto flags = field.substr(53, 2);
    const bool shaped = field[2] == '-' && field[35] == '-' && field[52] == '-' && is_hex(version) &&
                        is_hex(trace) && is_hex(parent) && is_hex(flags);
    if (!shaped || is_zero(trace) || is_zero(parent) || version == "ff") return {};
    // Later versions may say more behind a further dash.
    if (field.size() > length && (version == "00" || field[length] != '-')) return {};
    return "00" + std::string{field.substr(2, length - 2)};
}

std::string_view trace_id(std::string_view traceparent) noexcept {
    return traceparent.size() == length ? traceparent.substr(3, 32) : std::string_view{};
}

}  // namespace callhook::lifecycle
