#include "feed/cursor.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace callhook::feed {

namespace {

constexpr std::size_t epoch_digits = 8;
constexpr std::size_t position_digits = 20;

bool is_epoch(std::string_view text) {
    return text.size() == epoch_digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= position_digits &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string padded(std::int64_t position) {
    const auto digits = std::to_string(position);
    return std::string(position_digits - digits.size(), '0') + digits;
}

std::string to_string(const cursor& at) {
    return at.epoch + '.' + padded(at.position);
}

result<cursor> resolve_cursor(std::string_view text, const store::feed_head& head) {
    if (text == "$") return cursor{head.epoch, head.position};
    // From the beginning means all there is; the beginning that is kept is as far back as anyone can ask.
    if (text.empty() || text == "0") return cursor{head.epoch, head.floor};
    const auto dot = text.find('.');
    const auto digits = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
    const auto position = is_number(digits) ? parse_integer<std::int64_t>(digits) : std::nullopt;
    if (!position || !is_epoch(text.substr(0, dot))) {
        return error{
            errc::invalid_input,
            "this is not an event id of this feed; take one from an event, or 0 or $",
            ""};
    }
    if (text.substr(0, dot) != head.epoch) {
        return error{
            errc::gone,
            "this id belongs to another epoch of the feed: its history may have been rewritten; start over "
            "from the beginning, 0",
            ""};
    }
    if (*position < head.floor) {
        return error{
            errc::gone, "the events after this id have expired; start over from the beginning, 0", ""};
    }
    if (*position > head.position) {
        return error{
            errc::conflict,
            "this id is ahead of the feed: the feed has lost events that were read before; start over from "
            "the beginning, 0",
            ""};
    }
    return cursor{head.epoch, *position};
}

}  // namespace callhook::feed
