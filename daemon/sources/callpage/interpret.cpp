#include "sources/callpage/interpret.hpp"

#include "base/phone.hpp"
#include "base/text.hpp"
#include "sources/callpage/canonical.hpp"

namespace callhook::sources::callpage {

namespace {

std::optional<std::string> text(const raw_text& value) {
    return value ? std::optional<std::string>{*value} : std::nullopt;
}

std::optional<std::int64_t> id(const raw_id& value) {
    return value ? std::optional<std::int64_t>{value->value} : std::nullopt;
}

std::optional<lifecycle::raw_json> json(const raw_value& value) {
    return value ? std::optional<lifecycle::raw_json>{{canonical_json(*value, wrappers::dropped)}}
                 : std::nullopt;
}

/// What the visitor answered. The documentation shows strings only; an answer of another type is kept as its
/// JSON text.
std::optional<std::string> answer(const raw_form_field& field) {
    const auto& value = field.field_value ? field.field_value : field.value;
    if (!value) return {};
    std::string_view plain;
    if (value->get(plain) == simdjson::SUCCESS) return std::string{plain};
    return canonical_json(*value, wrappers::dropped);
}

std::optional<std::vector<lifecycle::form_field>> form(const std::vector<raw_form_field>& fields) {
    if (fields.empty()) return {};
    std::vector<lifecycle::form_field> out;
    out.reserve(fields.size());
    for (const auto& field : fields)
        out.push_back({id(field.id), text(field.label), text(field.slug), answer(field)});
    return out;
}

}  // namespace

std::optional<lifecycle::local_time> interpreter::time(const raw_text& text) const {
    return text ? std::optional{zone_.read(*text)} : std::nullopt;
}

std::optional<lifecycle::phone_number> interpreter::phone(const raw_text& text) const {
    if (!text) return {};
    return lifecycle::phone_number{std::string{*text}, to_e164(*text, region_)};
}

lifecycle::call_fact interpreter::fact(const raw_call& call, lifecycle::extras extra) const {
    lifecycle::call_fact out{
        {std::string{source_}, call.id.value_or(identifier{}).value}, call.kind, {}, std::move(extra)};
    auto& fields = out.fields;
    fields.status = text(call.status);
    fields.ref_id = json(call.ref_id);
    fields.to = phone(call.to);
    fields.email = text(call.email);
    fields.widget_id = id(call.widget_id);
    fields.created_at = time(call.created_at);
    fields.scheduled_at = time(call.scheduled_at);
    fields.request = json(call.request);
    fields.direction = text(call.direction);
    fields.queued_at = time(call.queued_at);
    fields.started_at = time(call.started_at);
    fields.dialed_at_a = time(call.dialed_at_a);
    fields.dialed_at_b = time(call.dialed_at_b);
    fields.answered_at_a = time(call.answered_at_a);
    fields.answered_at_b = time(call.answered_at_b);
    fields.ended_at_a = time(call.ended_at_a);
    fields.ended_at_b = time(call.ended_at_b);
    fields.dialed_time_a = call.dialed_time_a;
    fields.answered_time_a = call.answered_time_a;
    fields.dialed_time_b = call.dialed_time_b;
    fields.answered_time_b = call.answered_time_b;
    fields.billing_time = call.billing_time;
    fields.recording = json(call.recording);
    fields.manager_id = id(call.manager_id);
    fields.manager_name = text(call.manager_name);
    if (call.manager_tel) {
        fields.manager_phone = lifecycle::phone_number{
            std::string{*call.manager_tel}, to_e164_again(*call.manager_tel, region_)};
    }
    fields.manager_email = text(call.manager_email);
    fields.call_attempts_count = call.call_attempts_count;
    fields.fields = form(call.fields);
    fields.widget_name = text(call.widget_name);
    fields.cancelled_at = time(call.cancelled_at);
    fields.widget_manager_id = id(call.widget_manager_id);
    fields.phone_call_id = id(call.phone_call_id);
    fields.phone_call_sid = text(call.phone_call_sid);
    fields.phone_call_type = call.phone_call_type;
    fields.transcribed = json(call.transcribed);
    fields.scheduled_success = json(call.scheduled_success);
    fields.rating = json(call.rating);
    fields.feedback = json(call.feedback);
    fields.extension = json(call.extension);
    fields.department = json(call.department);
    fields.tags = json(call.tags);
    fields.notes = json(call.notes);
    fields.utm = json(call.utm);
    fields.referer = json(call.referer);
    fields.visited_pages = json(call.visited_pages);
    return out;
}

lifecycle::message_fact interpreter::fact(const raw_message& message, lifecycle::extras extra) const {
    lifecycle::message_fact out;
    out.source = source_;
    out.email = text(message.email);
    out.text = text(message.text);
    out.phone = phone(message.number);
    out.widget_id = id(message.widget);
    out.user_id = id(message.user);
    out.url = text(message.url);
    out.link = text(message.link);
    if (message.link) out.linked_call = call_of_link(*message.link);
    out.call_request = json(message.call_request);
    out.extra = std::move(extra);
    return out;
}

std::optional<std::int64_t> call_of_link(std::string_view link) {
    constexpr std::string_view scheme_end = "://";
    constexpr std::string_view calls = "/calls/";
    link = link.substr(0, link.find_first_of("?#"));
    const auto host = link.find(scheme_end);
    if (host == std::string_view::npos) return {};
    const auto path = link.find('/', host + scheme_end.size());
    if (path == std::string_view::npos || !link.substr(path).starts_with(calls)) return {};
    const auto number = parse_integer<std::int64_t>(link.substr(path + calls.size()));
    return number && *number > 0 ? number : std::nullopt;
}

}  // namespace callhook::sources::callpage
