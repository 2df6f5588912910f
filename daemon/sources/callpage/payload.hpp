#pragma once

#include "lifecycle/facts.hpp"

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace callhook::sources::callpage {

namespace dom = simdjson::dom;

/// The value of an element that is known to be a `T`. A copy, unlike what simdjson's own getters hand out: a
/// loop over their result would outlive it.
template <class T>
T as(dom::element element) noexcept {
    T out{};
    [[maybe_unused]] const auto failure = element.get(out);
    return out;
}

/// A vendor's id: an integer, never negative.
struct identifier {
    std::int64_t value = 0;
};

using raw_text = std::optional<std::string_view>;
using raw_id = std::optional<identifier>;
using raw_count = std::optional<std::int64_t>;
using raw_value = std::optional<dom::element>;

/// One entry of `fields` ("Webhooks, data.added") or `call_request_fields` ("Calls, Get History").
struct raw_form_field {
    raw_id id{};
    raw_text label{};
    raw_text slug{};
    raw_value field_value{};
    raw_value value{};
};

/// A call event or record as it was written, checked for types and ranges but not yet understood. What it
/// refers to lives in the thread's parser: good until the same thread reads the next body.
struct raw_call {
    lifecycle::fact_kind kind{};
    raw_id id{};
    raw_text status{};
    raw_value ref_id{};
    raw_text to{};
    raw_text email{};
    raw_id widget_id{};
    raw_text created_at{};
    raw_text scheduled_at{};
    raw_value request{};
    raw_count call_attempts_count{};

    raw_text direction{};
    raw_text queued_at{};
    raw_text started_at{};
    raw_text dialed_at_a{};
    raw_text dialed_at_b{};
    raw_text answered_at_a{};
    raw_text answered_at_b{};
    raw_text ended_at_a{};
    raw_text ended_at_b{};
    raw_count dialed_time_a{};
    raw_count answered_time_a{};
    raw_count dialed_time_b{};
    raw_count answered_time_b{};
    raw_count billing_time{};
    raw_value recording{};

    raw_id manager_id{};
    raw_text manager_name{};
    raw_text manager_tel{};
    raw_text manager_email{};

    std::vector<raw_form_field> fields{};

    // Of records only.
    raw_text widget_name{};
    raw_text cancelled_at{};
    raw_id widget_manager_id{};
    raw_id phone_call_id{};
    raw_text phone_call_sid{};
    raw_count phone_call_type{};
    raw_value transcribed{};
    raw_value scheduled_success{};
    raw_value rating{};
    raw_value feedback{};
    raw_value extension{};
    raw_value department{};
    raw_value tags{};
    raw_value notes{};
    raw_value utm{};
    raw_value referer{};
    raw_value visited_pages{};
};

/// A visitor's message likewise.
struct raw_message {
    raw_text email{};
    raw_text text{};
    raw_text number{};
    raw_id widget{};
    raw_id user{};
    raw_text url{};
    raw_text link{};
    raw_value call_request{};
};

/// An entry of "Widgets, Get All Widgets".
struct raw_widget {
    raw_id id{};
    raw_text description{};
    raw_text url{};
    raw_value enabled{};
};

/// An entry of "Users, Get All Users" or "Managers, Get All Managers".
struct raw_person {
    raw_id id{};
    raw_id user_id{};
    raw_text name{};
    raw_text tel{};
    raw_text email{};
};

/// What `meta` says of a list.
struct raw_meta {
    raw_count count{};
};

using raw_record = std::variant<raw_call, lifecycle::unreadable>;
using raw_payload = std::variant<raw_call, raw_message, lifecycle::unreadable>;

inline constexpr std::string_view message_event = "new.message";

}  // namespace callhook::sources::callpage
