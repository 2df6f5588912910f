#include "records/record_json.hpp"

#include "base/time_text.hpp"
#include "base/uuid.hpp"

namespace callhook::records {

namespace {

using namespace lifecycle;

void show(json::object& out, std::string_view name, const std::string& value) {
    out.emplace(name, value);
}
void show(json::object& out, std::string_view name, std::int64_t value) {
    out.emplace(name, value);
}

void show(json::object& out, std::string_view name, const raw_json& value) {
    out.emplace(name, parse_json(value.text));
}

void show(json::object& out, std::string_view name, const local_time& value) {
    if (value.at) out.emplace(name, to_rfc3339(*value.at, value.offset));
    out.emplace(std::string{name} + "_raw", value.raw);
}

void show(json::object& out, std::string_view name, const phone_number& value) {
    if (value.e164) out.emplace(name, *value.e164);
    out.emplace(std::string{name} + "_raw", value.raw);
}

void show(json::object& out, std::string_view name, const std::vector<form_field>& value);

template <class T>
void show(json::object& out, std::string_view name, const std::optional<T>& value) {
    if (value) show(out, name, *value);
}

void show(json::object& out, std::string_view name, const std::vector<form_field>& value) {
    json::array list;
    for (const auto& f : value) {
        json::object o;
        show(o, "id", f.id);
        show(o, "label", f.label);
        show(o, "slug", f.slug);
        show(o, "value", f.value);
        list.emplace_back(std::move(o));
    }
    out.emplace(name, std::move(list));
}

void show_extra(json::object& out, const extras& extra) {
    if (extra.empty()) return;
    json::object o;
    for (const auto& [pointer, raw] : extra)
        show(o, pointer, raw);
    out.emplace("extra", std::move(o));
}

}  // namespace

json::object record_json(const call_record& record) {
    json::object out{
        {"source", record.key.source},
        {"id", record.key.id},
        {"phase", to_string(record.phase)},
        {"has_feedback", record.has_feedback},
    };
    json::array events;
    for (const auto kind : record.seen)
        events.emplace_back(event_name(kind));
    out.emplace("events", std::move(events));
    for_each_call_field([&](const char* name, auto member, field_rule) {
        show(out, name, record.fields.*member);
    });
    show_extra(out, record.extra);
    json::object clocks;
    show(clocks, "seconds_to_answer", record.clocks.seconds_to_answer);
    show(clocks, "talk_seconds", record.clocks.talk_seconds);
    show(clocks, "attempts", record.clocks.attempts);
    out.emplace("clocks", std::move(clocks));
    json::array anomalies;
    for (const auto& a : record.anomalies) {
        json::object o{{"code", a.code}};
        if (!a.field.empty()) o.emplace("field", a.field);
        anomalies.emplace_back(std::move(o));
    }
    out.emplace("anomalies", std::move(anomalies));
    return out;
}

json::object provenance_json(const provenance& from) {
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

json::object message_json(
    const message_fact& fact, const uuid& id, utc_time received_at, const message_tie& tie
) {
    json::object out{
        {"source", fact.source},
        {"id", to_string(id)},
        {"received_at", to_rfc3339(received_at)},
    };
    show(out, "text", fact.text);
    show(out, "email", fact.email);
    show(out, "phone", fact.phone);
    show(out, "widget_id", fact.widget_id);
    show(out, "user_id", fact.user_id);
    show(out, "url", fact.url);
    show(out, "link", fact.link);
    show(out, "call_request", fact.call_request);
    if (tie.call_id) out.emplace("call", json::object{{"id", *tie.call_id}, {"tied_by", tie.by}});
    show_extra(out, fact.extra);
    return out;
}

std::string write_event(cloud_event event) {
    json::object out{
        {"specversion", "1.0"},
        {"type", event.type},
        {"source", "/callhook/" + event.source},
        {"subject", event.subject},
        {"time", to_rfc3339(event.time)},
        {"recordedtime", to_rfc3339(event.recorded_at)},
        {"origin", event.origin},
    };
    if (event.delivery) out.emplace("deliveryid", to_string(*event.delivery));
    out.emplace("datacontenttype", "application/json");
    out.emplace("data", std::move(event.data));
    return json::serialize(out);
}

}  // namespace callhook::records
