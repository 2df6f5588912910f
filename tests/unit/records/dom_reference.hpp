#pragma once

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "base/uuid.hpp"
#include "lifecycle/fold.hpp"

#include <optional>
#include <string>
#include <vector>

/// Records and facts as values of Boost.JSON, built member by member: what stored texts were first written
/// with, and so what the texts are held against.
namespace callhook::records::dom {

using namespace lifecycle;

inline void show(json::object& out, std::string_view name, const std::string& value) {
    out.emplace(name, value);
}
inline void show(json::object& out, std::string_view name, std::int64_t value) {
    out.emplace(name, value);
}

inline void show(json::object& out, std::string_view name, const raw_json& value) {
    out.emplace(name, parse_json(value.text));
}

inline void show(json::object& out, std::string_view name, const local_time& value) {
    if (value.at) out.emplace(name, to_rfc3339(*value.at, value.offset));
    out.emplace(std::string{name} + "_raw", value.raw);
}

inline void show(json::object& out, std::string_view name, const phone_number& value) {
    if (value.e164) out.emplace(name, *value.e164);
    out.emplace(std::string{name} + "_raw", value.raw);
}

inline void show(json::object& out, std::string_view name, const std::vector<form_field>& value);

template <class T>
inline void show(json::object& out, std::string_view name, const std::optional<T>& value) {
    if (value) show(out, name, *value);
}

inline void show(json::object& out, std::string_view name, const std::vector<form_field>& value) {
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

inline void show_extra(json::object& out, const extras& extra) {
    if (extra.empty()) return;
    json::object o;
    for (const auto& [pointer, raw] : extra)
        show(o, pointer, raw);
    out.emplace("extra", std::move(o));
}

inline json::object record_json(const call_record& record) {
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

inline json::value to_json(const std::string& value);
inline json::value to_json(std::int64_t value);
inline json::value to_json(const local_time& value);
inline json::value to_json(const phone_number& value);
inline json::value to_json(const raw_json& value);
inline json::value to_json(const std::vector<form_field>& value);
inline json::value to_json(const extras& value);

template <class T>
inline void put(json::object& out, std::string_view name, const std::optional<T>& value) {
    if (value) out.emplace(name, to_json(*value));
}

constexpr std::string_view kind_name(fact_kind kind) {
    constexpr std::string_view names[] = {
        "observed", "scheduled", "ordered", "missed", "completed", "data_added"};
    return names[static_cast<std::size_t>(kind)];
}

inline json::value to_json(const std::string& value) {
    return json::string{value};
}
inline json::value to_json(std::int64_t value) {
    return value;
}
inline json::value to_json(const raw_json& value) {
    return json::string{value.text};
}

inline json::value to_json(const phone_number& value) {
    json::object o{{"raw", value.raw}};
    put(o, "e164", value.e164);
    return o;
}

inline json::value to_json(const local_time& value) {
    json::object o{{"raw", value.raw}};
    if (value.at) {
        o.emplace("at", value.at->time_since_epoch().count());
        o.emplace("offset", value.offset.count());
    }
    if (value.fit != zone_fit::exact) o.emplace("fit", static_cast<int>(value.fit));
    return o;
}

inline json::value to_json(const std::vector<form_field>& value) {
    json::array out;
    for (const auto& f : value) {
        json::object o;
        put(o, "id", f.id);
        put(o, "label", f.label);
        put(o, "slug", f.slug);
        put(o, "value", f.value);
        out.emplace_back(std::move(o));
    }
    return out;
}

inline json::value to_json(const extras& value) {
    json::object o;
    for (const auto& [pointer, raw] : value)
        o.emplace(pointer, raw.text);
    return o;
}

inline std::string write_facts(const fact_set& facts) {
    json::array out;
    for (const auto& o : facts.observations()) {
        json::object item{
            {"kind", kind_name(o.fact.kind)},
            {"from", to_string(o.from)},
            {"observed_at", to_rfc3339(o.observed_at)},
            {"delivery", to_string(o.delivery)},
        };
        json::object fields;
        for_each_call_field([&](const char* name, auto member, field_rule) {
            put(fields, name, o.fact.fields.*member);
        });
        item.emplace("fields", std::move(fields));
        if (!o.fact.extra.empty()) item.emplace("extra", to_json(o.fact.extra));
        out.emplace_back(std::move(item));
    }
    return json::serialize(out);
}

}  // namespace callhook::records::dom
