#include "sources/callpage/reader.hpp"

#include "base/text.hpp"

namespace callhook::sources::callpage {

namespace {

std::string_view name_of(dom::element_type type) {
    switch (type) {
        case dom::element_type::OBJECT:
            return "an object";
        case dom::element_type::ARRAY:
            return "an array";
        case dom::element_type::STRING:
            return "a string";
        case dom::element_type::INT64:
            return "an integer";
        case dom::element_type::DOUBLE:
            return "a fraction";
        case dom::element_type::BOOL:
            return "a boolean";
        default:
            return "another value";
    }
}

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool reader::fail(std::string_view what) {
    failure = at.shown();
    failure += ": ";
    failure += what;
    return false;
}

bool reader::wrong_type(std::string_view expected, dom::element found) {
    std::string what{"expected "};
    what += expected;
    what += ", found ";
    what += name_of(found.type());
    return fail(what);
}

bool reader::take(raw_text& out, dom::element value) {
    if (value.is_null()) return true;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return wrong_type("a string", value);
    out = text;
    return true;
}

bool reader::take_integer(std::int64_t& out, dom::element value) {
    if (value.get(out) == simdjson::SUCCESS) return true;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return wrong_type("an integer", value);
    if (!all_digits(text.starts_with('-') ? text.substr(1) : text)) return wrong_type("an integer", value);
    const auto number = parse_integer<std::int64_t>(text);
    if (!number) return fail("an integer beyond 64 bits");
    out = *number;
    return true;
}

bool reader::take(raw_id& out, dom::element value) {
    if (value.is_null()) return true;
    identifier id;
    if (!take_integer(id.value, value)) return false;
    if (id.value < 0) return fail("an id below 0");
    out = id;
    return true;
}

bool reader::take(raw_count& out, dom::element value) {
    // A negative duration is kept: clocks that disagree may make one, and it is no reason to lose a call.
    if (value.is_null()) return true;
    std::int64_t number = 0;
    if (!take_integer(number, value)) return false;
    out = number;
    return true;
}

bool reader::take(raw_value& out, dom::element value) {
    if (!is_absent(value)) out = value;
    return true;
}

void reader::take_siblings_of_data(dom::element wrapper) {
    if (extra_ == nullptr) return;
    for (const auto member : as<dom::object>(wrapper)) {
        if (member.key == "data") continue;
        const path::step down{at, member.key};
        keep(member.value);
    }
}

}  // namespace callhook::sources::callpage
