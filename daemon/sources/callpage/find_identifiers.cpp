#include "sources/callpage/find_identifiers.hpp"

#include "sources/callpage/document.hpp"

#include <string>

namespace callhook::sources::callpage {

namespace {

/// "Webhooks, call.completed": `call_attempt.manager`; the API's records have the same, and a `user` in it.
constexpr std::string_view staff_key = "manager";

void walk(dom::element value, lifecycle::identifier_finder& finder) {
    if (finder.done()) return;
    switch (value.type()) {
        case dom::element_type::STRING:
            finder.look_in(as<std::string_view>(value));
            break;
        case dom::element_type::INT64:
            finder.look_at_number(std::to_string(as<std::int64_t>(value)));
            break;
        case dom::element_type::ARRAY:
            for (const auto item : as<dom::array>(value))
                walk(item, finder);
            break;
        case dom::element_type::OBJECT:
            for (const auto member : as<dom::object>(value)) {
                if (member.key == staff_key) continue;
                finder.look_in(member.key);
                walk(member.value, finder);
            }
            break;
        default:
            break;
    }
}

}  // namespace

void find_identifiers(std::string_view body, lifecycle::identifier_finder& finder) {
    const auto whole = parse_document(body);
    if (whole.failure.empty())
        walk(whole.root, finder);
    else
        finder.look_in(body);
}

}  // namespace callhook::sources::callpage
