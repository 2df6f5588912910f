#include "records/record_json.hpp"

#include "base/json_writer.hpp"
#include "base/time_text.hpp"
#include "base/uuid.hpp"

#include <algorithm>

namespace callhook::records {

namespace {

using namespace lifecycle;

void show_text(json_writer& out, std::string_view name, std::string_view value) {
    out.key(name);
    out.text(value);
}

/// What the vendor wrote, beside what it means.
void show_raw(json_writer& out, std::string_view name, std::string_view value) {
    show_text(out, std::string{name} + "_raw", value);
}

void show(json_writer& out, std::string_view name, const std::string& value) {
    show_text(out, name, value);
}

void show(json_writer& out, std::string_view name, std::int64_t value) {
    out.key(name);
    out.number(value);
}

void show(json_writer& out, std::string_view name, const raw_json& value) {
    out.key(name);
    out.normalised(value.text);
}

void show(json_writer& out, std::string_view name, const local_time& value) {
    if (value.at) show_text(out, name, to_rfc3339(*value.at, value.offset));
    show_raw(out, name, value.raw);
}

void show(json_writer& out, std::string_view name, const phone_number& value) {
    if (value.e164) show_text(out, name, *value.e164);
    show_raw(out, name, value.raw);
}

void show(json_writer& out, std::string_view name, const std::vector<form_field>& value);

template <class T>
void show(json_writer& out, std::string_view name, const std::optional<T>& value) {
    if (value) show(out, name, *value);
}

void show(json_writer& out, std::string_view name, const std::vector<form_field>& value) {
    out.key(name);
    out.open_array();
    for (const auto& f : value) {
        out.open_object();
        show(out, "id", f.id);
        show(out, "label", f.label);
        show(out, "slug", f.slug);
        show(out, "value", f.value);
        out.close_object();
    }
    out.close_array();
}

void show_extra(json_writer& out, const extras& extra) {
    if (extra.empty()) return;
    out.key("extra");
    out.open_object();
    for (const auto& [pointer, raw] : extra)
        show(out, pointer, raw);
    out.close_object();
}

void show_clocks(json_writer& out, const lead_clocks& clocks) {
    out.key("clocks");
    out.open_object();
    show(out, "seconds_to_answer", clocks.seconds_to_answer);
    show(out, "talk_seconds", clocks.talk_seconds);
    show(out, "attempts", clocks.attempts);
    out.close_object();
}

void show_anomalies(json_writer& out, const std::set<anomaly>& anomalies) {
    out.key("anomalies");
    out.open_array();
    for (const auto& a : anomalies) {
        out.open_object();
        show(out, "code", a.code);
        if (!a.field.empty()) show(out, "field", a.field);
        out.close_object();
    }
    out.close_array();
}

/// Room for a record or an event as nearly all are, so that their text is allocated once.
constexpr std::size_t usual_size = 2048;

}  // namespace

std::string write_record(const call_record& record) {
    std::string text;
    text.reserve(usual_size);
    json_writer out{text};
    out.open_object();
    show(out, "source", record.key.source);
    show(out, "id", record.key.id);
    show_text(out, "phase", to_string(record.phase));
    out.key("has_feedback");
    out.boolean(record.has_feedback);
    out.key("events");
    out.open_array();
    for (const auto kind : record.seen)
        out.text(event_name(kind));
    out.close_array();
    for_each_call_field([&](const char* name, auto member, field_rule) {
        show(out, name, record.fields.*member);
    });
    show_extra(out, record.extra);
    show_clocks(out, record.clocks);
    show_anomalies(out, record.anomalies);
    out.close_object();
    return text;
}

std::string with_changed(std::string record, const std::vector<std::string>& names) {
    record.back() = ',';  // a record has members
    json_writer out{record};
    out.key("changed");
    out.open_array();
    for (const auto& name : names)
        out.text(name);
    out.close_array();
    out.close_object();
    return record;
}

json::object provenance_json(provenance from) {
    std::sort(from.begin(), from.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    json::object out;
    for (const auto& [name, source] : from) {
        json::object o{{"origin", to_string(source.from)}};
        if (source.kind != fact_kind::observed) o.emplace("event", event_name(source.kind));
        o.emplace("delivery", to_string(source.delivery));
        o.emplace("observed_at", to_rfc3339(source.observed_at));
        out.emplace(name, std::move(o));
    }
    return out;
}

std::string write_message(
    const message_fact& fact, const uuid& id, utc_time received_at, const message_tie& tie
) {
    std::string text;
    json_writer out{text};
    out.open_object();
    show(out, "source", fact.source);
    show(out, "id", to_string(id));
    show(out, "received_at", to_rfc3339(received_at));
    show(out, "text", fact.text);
    show(out, "email", fact.email);
    show(out, "phone", fact.phone);
    show(out, "widget_id", fact.widget_id);
    show(out, "user_id", fact.user_id);
    show(out, "url", fact.url);
    show(out, "link", fact.link);
    show(out, "call_request", fact.call_request);
    if (tie.call_id) {
        out.key("call");
        out.open_object();
        show(out, "id", *tie.call_id);
        show_text(out, "tied_by", tie.by);
        out.close_object();
    }
    show_extra(out, fact.extra);
    out.close_object();
    return text;
}

std::string write_event(const cloud_event& event) {
    std::string text;
    text.reserve(usual_size / 4 + event.data.size());
    json_writer out{text};
    out.open_object();
    show_text(out, "specversion", "1.0");
    show(out, "type", event.type);
    show(out, "source", event.source.empty() ? "/callhook" : "/callhook/" + event.source);
    show(out, "subject", event.subject);
    show(out, "time", to_rfc3339(event.time));
    show(out, "recordedtime", to_rfc3339(event.recorded_at));
    show_text(out, "origin", event.origin);
    if (event.delivery) show(out, "deliveryid", to_string(*event.delivery));
    if (!event.traceparent.empty()) show(out, "traceparent", event.traceparent);
    show_text(out, "datacontenttype", "application/json");
    out.key("data");
    out.written(event.data);
    out.close_object();
    return text;
}

}  // namespace callhook::records
