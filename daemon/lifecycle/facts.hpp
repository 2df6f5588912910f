#pragma once

#include "base/uuid.hpp"
#include "lifecycle/values.hpp"

#include <string_view>
#include <variant>

namespace callhook::lifecycle {

/// Where a fact came from.
enum class origin : std::uint8_t { webhook, backfill };

std::string_view to_string(origin o) noexcept;

/// What a fact about a call says happened. The order is the rank by which facts outweigh each other: a later
/// entry knows more. `observed` is a full record read from the vendor's API: a state, not an event.
enum class fact_kind : std::uint8_t { observed, scheduled, ordered, missed, completed, data_added };

/// The vendor's event name (`call.new` for `ordered`); empty for `observed`.
std::string_view event_name(fact_kind kind) noexcept;
std::optional<fact_kind> fact_kind_of_event(std::string_view event_name) noexcept;

/// A call as one source numbers it.
struct call_key {
    std::string source{};
    std::int64_t id = 0;

    auto operator<=>(const call_key&) const = default;
};

/// All that may be known of a call. Every field is optional: an absent one says nothing. Durations are whole
/// seconds; side `a` is the manager, side `b` the visitor.
struct call_fields {
    std::optional<std::string> status{};
    std::optional<raw_json> ref_id{};
    std::optional<phone_number> to{};
    std::optional<std::string> email{};
    std::optional<std::int64_t> widget_id{};
    std::optional<local_time> created_at{};
    std::optional<local_time> scheduled_at{};
    std::optional<raw_json> request{};
    std::optional<std::string> direction{};
    std::optional<local_time> queued_at{};
    std::optional<local_time> started_at{};
    std::optional<local_time> dialed_at_a{};
    std::optional<local_time> dialed_at_b{};
    std::optional<local_time> answered_at_a{};
    std::optional<local_time> answered_at_b{};
    std::optional<local_time> ended_at_a{};
    std::optional<local_time> ended_at_b{};
    std::optional<std::int64_t> dialed_time_a{};
    std::optional<std::int64_t> answered_time_a{};
    std::optional<std::int64_t> dialed_time_b{};
    std::optional<std::int64_t> answered_time_b{};
    std::optional<std::int64_t> billing_time{};
    std::optional<raw_json> recording{};
    std::optional<std::int64_t> manager_id{};
    std::optional<std::string> manager_name{};
    std::optional<phone_number> manager_phone{};
    std::optional<std::string> manager_email{};
    std::optional<std::int64_t> call_attempts_count{};
    std::optional<std::vector<form_field>> fields{};

    // What the vendor's API alone tells.
    std::optional<std::string> widget_name{};
    std::optional<local_time> cancelled_at{};
    std::optional<std::int64_t> widget_manager_id{};
    std::optional<std::int64_t> phone_call_id{};
    std::optional<std::string> phone_call_sid{};
    std::optional<std::int64_t> phone_call_type{};
    std::optional<raw_json> transcribed{};
    std::optional<raw_json> scheduled_success{};
    std::optional<raw_json> rating{};
    std::optional<raw_json> feedback{};
    std::optional<raw_json> extension{};
    std::optional<raw_json> department{};
    std::optional<raw_json> tags{};
    std::optional<raw_json> notes{};
    std::optional<raw_json> utm{};
    std::optional<raw_json> referer{};
    std::optional<raw_json> visited_pages{};

    auto operator<=>(const call_fields&) const = default;
};

/// How two sources of one field are settled: `fixed` by content alone, `changeable` (the vendor may edit it)
/// by who looked last.
enum class field_rule : std::uint8_t { fixed, changeable };

/// Calls `visit(name, pointer to member, rule)` for each field, in the order in which records show them. This
/// is the one list of fields: the fold, the codec and the provenance all go through it.
template <class Visitor>
void for_each_call_field(Visitor&& visit) {
    using f = call_fields;
    constexpr auto fixed = field_rule::fixed;
    constexpr auto changeable = field_rule::changeable;
    visit("status", &f::status, fixed);
    visit("ref_id", &f::ref_id, fixed);
    visit("to", &f::to, fixed);
    visit("email", &f::email, fixed);
    visit("widget_id", &f::widget_id, fixed);
    visit("created_at", &f::created_at, fixed);
    visit("scheduled_at", &f::scheduled_at, fixed);
    visit("request", &f::request, fixed);
    visit("direction", &f::direction, fixed);
    visit("queued_at", &f::queued_at, fixed);
    visit("started_at", &f::started_at, fixed);
    visit("dialed_at_a", &f::dialed_at_a, fixed);
    visit("dialed_at_b", &f::dialed_at_b, fixed);
    visit("answered_at_a", &f::answered_at_a, fixed);
    visit("answered_at_b", &f::answered_at_b, fixed);
    visit("ended_at_a", &f::ended_at_a, fixed);
    visit("ended_at_b", &f::ended_at_b, fixed);
    visit("dialed_time_a", &f::dialed_time_a, fixed);
    visit("answered_time_a", &f::answered_time_a, fixed);
    visit("dialed_time_b", &f::dialed_time_b, fixed);
    visit("answered_time_b", &f::answered_time_b, fixed);
    visit("billing_time", &f::billing_time, fixed);
    visit("recording", &f::recording, changeable);
    visit("manager_id", &f::manager_id, fixed);
    visit("manager_name", &f::manager_name, fixed);
    visit("manager_phone", &f::manager_phone, fixed);
    visit("manager_email", &f::manager_email, fixed);
    visit("call_attempts_count", &f::call_attempts_count, fixed);
    visit("fields", &f::fields, changeable);
    visit("widget_name", &f::widget_name, changeable);
    visit("cancelled_at", &f::cancelled_at, fixed);
    visit("widget_manager_id", &f::widget_manager_id, fixed);
    visit("phone_call_id", &f::phone_call_id, fixed);
    visit("phone_call_sid", &f::phone_call_sid, fixed);
    visit("phone_call_type", &f::phone_call_type, fixed);
    visit("transcribed", &f::transcribed, changeable);
    visit("scheduled_success", &f::scheduled_success, changeable);
    visit("rating", &f::rating, changeable);
    visit("feedback", &f::feedback, changeable);
    visit("extension", &f::extension, changeable);
    visit("department", &f::department, changeable);
    visit("tags", &f::tags, changeable);
    visit("notes", &f::notes, changeable);
    visit("utm", &f::utm, fixed);
    visit("referer", &f::referer, fixed);
    visit("visited_pages", &f::visited_pages, changeable);
}

/// One thing that a source said about one call. Two facts are the same when they are equal; who brought them,
/// and when, is not part of it.
struct call_fact {
    call_key key{};
    fact_kind kind = fact_kind::observed;
    call_fields fields{};
    extras extra{};

    auto operator<=>(const call_fact&) const = default;
};

/// A message that a visitor left. It has no id and no time of its own.
struct message_fact {
    std::string source{};
    std::optional<std::string> email{};
    std::optional<std::string> text{};
    std::optional<phone_number> phone{};
    std::optional<std::int64_t> widget_id{};
    std::optional<std::int64_t> user_id{};
    std::optional<std::string> url{};
    std::optional<std::string> link{};
    /// The call that `link` names, where it names one.
    std::optional<std::int64_t> linked_call{};
    std::optional<raw_json> call_request{};
    extras extra{};

    auto operator<=>(const message_fact&) const = default;
};

/// Why a delivery cannot be read: a sentence that names the place by JSON pointer and never holds a value
/// from the payload.
struct unreadable {
    std::string reason{};

    bool operator==(const unreadable&) const = default;
};

using decoded = std::variant<call_fact, message_fact, unreadable>;

/// A call fact together with who brought it and when. For a webhook `observed_at` is when its first copy was
/// received, for a backfilled record when it was last fetched with this content.
struct observation {
    call_fact fact{};
    origin from = origin::webhook;
    utc_time observed_at{};
    uuid delivery{};

    auto operator<=>(const observation&) const = default;
};

}  // namespace callhook::lifecycle
