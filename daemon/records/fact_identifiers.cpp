#include "records/fact_identifiers.hpp"

#include "base/json.hpp"

#include <type_traits>

namespace callhook::records {

namespace {

using namespace lifecycle;

void walk(const json::value& value, identifier_finder& finder) {
    if (finder.done()) return;
    if (const auto* text = value.if_string()) {
        finder.look_in({text->data(), text->size()});
    } else if (const auto* number = value.if_int64()) {
        finder.look_at_number(std::to_string(*number));
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array)
            walk(item, finder);
    } else if (const auto* object = value.if_object()) {
        for (const auto& [key, inner] : *object) {
            if (key == "manager") continue;
            finder.look_in({key.data(), key.size()});
            walk(inner, finder);
        }
    }
}

void show(const std::string& text, identifier_finder& finder) {
    finder.look_in(text);
}
void show(std::int64_t, identifier_finder&) {}
void show(const local_time&, identifier_finder&) {}
void show(const raw_json& value, identifier_finder& finder) {
    try {
        walk(parse_json(value.text), finder);
    } catch (const std::exception&) {
        finder.look_in(value.text);
    }
}
void show(const phone_number& number, identifier_finder& finder) {
    finder.look_in(number.raw);
    if (number.e164) finder.look_in(*number.e164);
}
void show(const std::vector<form_field>& fields, identifier_finder& finder) {
    for (const auto& field : fields) {
        for (const auto& text : {field.label, field.slug, field.value}) {
            if (text) finder.look_in(*text);
        }
    }
}
void show(const extras& values, identifier_finder& finder) {
    for (const auto& [pointer, value] : values) {
        if ((pointer + '/').find("/manager/") == std::string::npos) show(value, finder);
    }
}

}  // namespace

void find_identifiers(const call_fact& fact, identifier_finder& finder) {
    for_each_call_field([&](std::string_view name, auto member, field_rule) {
        const auto& value = fact.fields.*member;
        if (value && !name.starts_with("manager_")) show(*value, finder);
    });
    show(fact.extra, finder);
}

void find_identifiers(const message_fact& fact, identifier_finder& finder) {
    for (const auto& text : {fact.email, fact.text, fact.url, fact.link}) {
        if (text) show(*text, finder);
    }
    if (fact.phone) show(*fact.phone, finder);
    if (fact.call_request) show(*fact.call_request, finder);
    show(fact.extra, finder);
}

}  // namespace callhook::records
