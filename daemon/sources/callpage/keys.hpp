#pragma once

#include "sources/callpage/payload.hpp"

#include <algorithm>
#include <array>

namespace callhook::sources::callpage {

/// A documented key that holds one value, and where that value goes. The type of the member is the type that
/// is asked for.
template <class Raw>
struct known_key {
    std::string_view name;
    std::variant<raw_text Raw::*, raw_id Raw::*, raw_count Raw::*, raw_value Raw::*> where;
};

/// "Webhooks, call.scheduled" to "Webhooks, data.added": the payload's own keys.
inline constexpr auto call_request_keys = std::to_array<known_key<raw_call>>({
    {"id", &raw_call::id},
    {"status", &raw_call::status},
    {"ref_id", &raw_call::ref_id},
    {"to", &raw_call::to},
    {"email", &raw_call::email},
    {"widget_id", &raw_call::widget_id},
    {"created_at", &raw_call::created_at},
    {"scheduled_at", &raw_call::scheduled_at},
    {"request", &raw_call::request},
    {"call_attempts_count", &raw_call::call_attempts_count},
});

/// "Webhooks, call.completed": the object `call`.
inline constexpr auto call_keys = std::to_array<known_key<raw_call>>({
    {"direction", &raw_call::direction},
    {"queued_at", &raw_call::queued_at},
    {"started_at", &raw_call::started_at},
    {"dialed_at_a", &raw_call::dialed_at_a},
    {"dialed_at_b", &raw_call::dialed_at_b},
    {"answered_at_a", &raw_call::answered_at_a},
    {"answered_at_b", &raw_call::answered_at_b},
    {"ended_at_a", &raw_call::ended_at_a},
    {"ended_at_b", &raw_call::ended_at_b},
    {"dialed_time_a", &raw_call::dialed_time_a},
    {"answered_time_a", &raw_call::answered_time_a},
    {"dialed_time_b", &raw_call::dialed_time_b},
    {"answered_time_b", &raw_call::answered_time_b},
    {"billing_time", &raw_call::billing_time},
    {"recording", &raw_call::recording},
});

/// "Webhooks, call.completed": the object `call_attempt.manager`.
inline constexpr auto manager_keys = std::to_array<known_key<raw_call>>({
    {"id", &raw_call::manager_id},
    {"name", &raw_call::manager_name},
    {"tel", &raw_call::manager_tel},
    {"email", &raw_call::manager_email},
});

/// "Webhooks, data.added": an entry of `fields`. `placeholder` and `hint` are how the form looks, so they
/// stay extras.
inline constexpr auto form_field_keys = std::to_array<known_key<raw_form_field>>({
    {"id", &raw_form_field::id},
    {"label", &raw_form_field::label},
    {"slug", &raw_form_field::slug},
    {"field_value", &raw_form_field::field_value},
    {"value", &raw_form_field::value},
});

/// "Webhooks, new.message".
inline constexpr auto message_keys = std::to_array<known_key<raw_message>>({
    {"email", &raw_message::email},
    {"message_from_client", &raw_message::text},
    {"number", &raw_message::number},
    {"widget", &raw_message::widget},
    {"user", &raw_message::user},
    {"url", &raw_message::url},
    {"link", &raw_message::link},
    {"call_request", &raw_message::call_request},
});

template <class Keys>
constexpr auto find_key(const Keys& keys, std::string_view name) noexcept {
    return std::find_if(keys.begin(), keys.end(), [name](const auto& key) { return key.name == name; });
}

/// Whether the documentation has this key anywhere, so that naming it tells nothing about a person.
constexpr bool is_documented_key(std::string_view name) noexcept {
    constexpr auto others = std::to_array<std::string_view>(
        {"data", "event", "call", "call_attempt", "manager", "fields", "placeholder", "hint"}
    );
    const auto in = [name](const auto& keys) { return find_key(keys, name) != keys.end(); };
    return std::find(others.begin(), others.end(), name) != others.end() || in(call_request_keys) ||
           in(call_keys) || in(manager_keys) || in(form_field_keys) || in(message_keys);
}

}  // namespace callhook::sources::callpage
