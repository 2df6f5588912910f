#include "sources/callpage/wrapper.hpp"

namespace callhook::sources::callpage {

namespace {

/// Takes one wrapper off.
bool unwrap(dom::element& value) {
    dom::object object;
    dom::element data;
    if (value.get(object) != simdjson::SUCCESS) return false;
    if (object.at_key("data").get(data) != simdjson::SUCCESS) return false;
    for (const auto member : object) {
        if (member.key == "data") continue;
        if (member.key != "id" || data.at_key("id").error() != simdjson::SUCCESS) return false;
    }
    value = data;
    return true;
}

}  // namespace

bool is_absent(dom::element value) {
    dom::object object;
    dom::array array;
    if (value.is_null()) return true;
    if (value.get(array) == simdjson::SUCCESS) return array.begin() == array.end();
    if (value.get(object) != simdjson::SUCCESS) return false;
    const auto first = object.begin();
    if (first == object.end()) return true;
    auto second = first;
    return ++second == object.end() && (*first).key == "data" && is_absent((*first).value);
}

dom::element without_wrapper(dom::element value) {
    while (unwrap(value)) {
    }
    return value;
}

}  // namespace callhook::sources::callpage
