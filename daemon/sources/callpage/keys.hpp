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

/// Two lists as one.
template <class Raw, std::size_t A, std::size_t B>
constexpr auto joined(const std::array<known_key<Raw>, A>& a, const std::array<known_key<Raw>, B>& b) {
    std::array<known_key<Raw>, A + B> out{};
    std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), out.begin()));
    return out;
}

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

/// "Calls, Get History": what a record must have right to be read at all.
inline constexpr auto record_keys = std::to_array<known_key<raw_call>>({
    {"id", &raw_call::id},
    {"human_status", &raw_call::status},
    {"to", &raw_call::to},
    {"created_at", &raw_call::created_at},
    {"scheduled_at", &raw_call::scheduled_at},
});

/// The same for what a widget's call belongs to.
inline constexpr auto record_widget_keys = std::to_array<known_key<raw_call>>({
    {"leadable_id", &raw_call::widget_id},
});

/// Not documented: what webhooks call `human_status`.
inline constexpr auto record_status_keys = std::to_array<known_key<raw_call>>({
    {"status", &raw_call::status},
});

/// "Calls, Get History": the rest of a record. `ref_id`, `email` and `call_attempts_count` are documented of
/// webhooks only.
inline constexpr auto record_detail_keys = std::to_array<known_key<raw_call>>({
    {"ref_id", &raw_call::ref_id},
    {"email", &raw_call::email},
    {"call_attempts_count", &raw_call::call_attempts_count},
    {"leadable_description", &raw_call::widget_name},
    {"cancelled_at", &raw_call::cancelled_at},
    {"request", &raw_call::request},
    {"scheduled_success", &raw_call::scheduled_success},
    {"feedback", &raw_call::feedback},
    {"extension", &raw_call::extension},
    {"department", &raw_call::department},
    {"tags", &raw_call::tags},
    {"notes", &raw_call::notes},
    {"traceroutes", &raw_call::visited_pages},
});

/// "Calls, Get Single Call": the object `call`, which may grow what webhooks have there.
inline constexpr auto record_call_keys = joined(
    call_keys,
    std::to_array<known_key<raw_call>>({
        {"id", &raw_call::phone_call_id},
        {"sid", &raw_call::phone_call_sid},
        {"type", &raw_call::phone_call_type},
        {"transcribed", &raw_call::transcribed},
        {"rating", &raw_call::rating},
    })
);

/// "Calls, Get Single Call": the object `call.call_attempt.manager.user`. The id of a webhook's manager is a
/// user's: "Webhooks, call.completed" shows 4 for the person whom "Managers, Get All Managers" shows as user
/// 4 of manager 22.
inline constexpr auto record_user_keys = std::to_array<known_key<raw_call>>({
    {"id", &raw_call::manager_id},
    {"name", &raw_call::manager_name},
    {"tel", &raw_call::manager_tel},
    {"email", &raw_call::manager_email},
});

/// "Widgets, Get All Widgets".
inline constexpr auto widget_keys = std::to_array<known_key<raw_widget>>({
    {"id", &raw_widget::id},
    {"description", &raw_widget::description},
    {"url", &raw_widget::url},
    {"enabled", &raw_widget::enabled},
});

/// "Users, Get All Users"; a manager has the same beside its `user`.
inline constexpr auto person_keys = std::to_array<known_key<raw_person>>({
    {"id", &raw_person::id},
    {"name", &raw_person::name},
    {"tel", &raw_person::tel},
    {"email", &raw_person::email},
});

/// "Managers, Get All Managers": the object `user`.
inline constexpr auto manager_user_keys = std::to_array<known_key<raw_person>>({
    {"id", &raw_person::user_id},
    {"name", &raw_person::name},
    {"tel", &raw_person::tel},
    {"email", &raw_person::email},
});

/// "Calls, Get History": the object `meta`.
inline constexpr auto meta_keys = std::to_array<known_key<raw_meta>>({
    {"count", &raw_meta::count},
});

template <class Keys>
constexpr auto find_key(const Keys& keys, std::string_view name) noexcept {
    return std::find_if(keys.begin(), keys.end(), [name](const auto& key) { return key.name == name; });
}

/// Finds one key after the other. They mostly come in the order in which they are documented, so each is
/// looked for behind the last one first.
template <class Keys>
class key_finder {
public:
    explicit constexpr key_finder(const Keys& keys) noexcept : keys_{keys}, next_{keys.begin()} {}

    /// Null where there is no such key.
    constexpr const typename Keys::value_type* find(std::string_view name) noexcept {
        const auto at = next_ != keys_.end() && next_->name == name ? next_ : find_key(keys_, name);
        if (at == keys_.end()) return nullptr;
        next_ = at + 1;
        return &*at;
    }

private:
    const Keys& keys_;
    typename Keys::const_iterator next_;
};

/// Whether the documentation has this key anywhere, so that naming it tells nothing about a person.
constexpr bool is_documented_key(std::string_view name) noexcept {
    constexpr auto others = std::to_array<std::string_view>(
        {"data",
         "event",
         "call",
         "call_attempt",
         "manager",
         "user",
         "fields",
         "placeholder",
         "hint",
         "call_request_fields",
         "leadable_type",
         "utm",
         "referer",
         "meta"}
    );
    const auto in = [name](const auto& keys) { return find_key(keys, name) != keys.end(); };
    return std::find(others.begin(), others.end(), name) != others.end() || in(call_request_keys) ||
           in(manager_keys) || in(form_field_keys) || in(message_keys) || in(record_keys) ||
           in(record_widget_keys) || in(record_detail_keys) || in(record_call_keys) || in(widget_keys) ||
           in(meta_keys);
}

}  // namespace callhook::sources::callpage
