#include "feed/json_body.hpp"

#include "base/text.hpp"
#include "feed/feed_request.hpp"

#include <algorithm>
#include <utility>

namespace callhook::feed {

namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t list_entries = 100;
constexpr std::size_t longest_entry = 256;

error bad(std::string message) {
    return {errc::invalid_input, std::move(message), ""};
}

const json::value* member(const json::object& body, std::string_view name) {
    return body.if_contains(json::string_view{name.data(), name.size()});
}

bool fits(const json::string& text) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; };
    return !text.empty() && text.size() <= longest_entry && std::ranges::none_of(text, is_control);
}

/// Gives each element of an optional list to `take`, which says whether it is one.
template <class Take>
result<void> read_list(const json::object& body, std::string_view name, const char* of, Take take) {
    const auto* value = member(body, name);
    if (value == nullptr) return {};
    const auto* list = value->if_array();
    if (list != nullptr && list->size() <= list_entries && std::ranges::all_of(*list, take)) return {};
    return bad(std::string{name} + " is a list of at most 100 " + of);
}

result<void> read_texts(const json::object& body, std::string_view name, std::vector<std::string>& into) {
    return read_list(body, name, "texts of 1 to 256 bytes", [&](const json::value& one) {
        const auto* text = one.if_string();
        if (text == nullptr || !fits(*text)) return false;
        into.emplace_back(text->data(), text->size());
        return true;
    });
}

template <class Values>
json::array list_of(const Values& values) {
    return json::array(values.begin(), values.end());
}

/// How many bytes of valid UTF-8 begin here that are one character; 0 if none (RFC 3629).
std::size_t character_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                               : first >= 0xe0 && first <= 0xef ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return 0;
    }
    const auto second = byte(1);
    // Longer than need be, surrogates, beyond the last character.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return length;
}

}  // namespace

bool is_follower_name(std::string_view name) {
    const auto is_start = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= longest_name && is_start(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return is_start(c) || c == '_' || c == '-'; });
}

result<json::object> read_object(std::string_view body, std::initializer_list<std::string_view> known) {
    if (trim(body).empty()) return json::object{};
    boost::system::error_code failure;
    const auto value = json::parse(json::string_view{body.data(), body.size()}, failure);
    if (failure) return bad("the body is no JSON");
    if (!value.is_object()) return bad("the body is no JSON object");
    for (const auto& one : value.get_object()) {
        const std::string_view name{one.key().data(), one.key().size()};
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string message = "the body has an unknown member";
        for (const auto each : known)
            message.append(each == *known.begin() ? "; known are " : ", ").append(each);
        return bad(std::move(message));
    }
    return value.get_object();
}

result<std::optional<std::string>> read_text(const json::object& body, std::string_view name) {
    const auto* value = member(body, name);
    if (value == nullptr) return std::optional<std::string>{};
    if (!value->is_string()) return bad(std::string{name} + " is a text");
    return std::optional{std::string{value->get_string()}};
}

result<std::optional<std::int64_t>> read_number(
    const json::object& body, std::string_view name, std::int64_t lowest, std::int64_t highest
) {
    const auto* value = member(body, name);
    if (value == nullptr || value->is_null()) return std::optional<std::int64_t>{};
    if (!value->is_int64() || value->get_int64() < lowest || value->get_int64() > highest) {
        return bad(
            std::string{name} + " is a whole number from " + std::to_string(lowest) + " to " +
            std::to_string(highest)
        );
    }
    return std::optional{value->get_int64()};
}

result<store::event_filter> read_filter(const json::object& body) {
    store::event_filter filter;
    if (const auto read = read_texts(body, "types", filter.types); !read) return read.error();
    if (const auto read = read_texts(body, "sources", filter.sources); !read) return read.error();
    if (const auto read = read_texts(body, "subjects", filter.subjects); !read) return read.error();
    const auto numbers = read_list(body, "widgets", "widgets' numbers", [&](const json::value& one) {
        if (!one.is_int64()) return false;
        filter.widgets.push_back(one.get_int64());
        return true;
    });
    if (!numbers) return numbers.error();
    for (auto& source : filter.sources)
        source = source_name(source);
    return filter;
}

void add_filter(json::object& to, const store::event_filter& filter) {
    to["types"] = list_of(filter.types);
    to["sources"] = list_of(filter.sources);
    to["subjects"] = list_of(filter.subjects);
    to["widgets"] = list_of(filter.widgets);
}

result<std::string> read_place(const json::object& body, std::string_view name) {
    const auto text = read_text(body, name);
    if (!text) return text.error();
    if (!*text || (*text)->empty()) return bad("the body names the " + std::string{name} + ": an event's id");
    return **text;
}

std::string as_utf8(std::string_view bytes) {
    std::string out;
    while (!bytes.empty()) {
        const auto length = character_length(bytes);
        out += length == 0 ? "\xef\xbf\xbd" : bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

}  // namespace callhook::feed
