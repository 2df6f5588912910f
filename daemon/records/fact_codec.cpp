#include "records/fact_codec.hpp"

#include "base/time_text.hpp"

#include <stdexcept>

namespace callhook::records {

namespace {

using namespace lifecycle;

template <class T>
void put(json::object& out, std::string_view name, const std::optional<T>& value) {
    if (value) out.emplace(name, to_json(*value));
}

void read_into(const json::value& from, std::string& to) {
    to = json::value_to<std::string>(from);
}
void read_into(const json::value& from, std::int64_t& to) {
    to = from.to_number<std::int64_t>();
}

void read_into(const json::value& from, raw_json& to) {
    to.text = json::value_to<std::string>(from);
}

void read_into(const json::value& from, phone_number& to) {
    const auto& o = from.as_object();
    to.raw = json::value_to<std::string>(o.at("raw"));
    if (const auto* e164 = o.if_contains("e164")) to.e164 = json::value_to<std::string>(*e164);
}

void read_into(const json::value& from, local_time& to) {
    const auto& o = from.as_object();
    to.raw = json::value_to<std::string>(o.at("raw"));
    if (const auto* at = o.if_contains("at")) {
        to.at = std::chrono::sys_seconds{std::chrono::seconds{at->to_number<std::int64_t>()}};
        to.offset = std::chrono::seconds{o.at("offset").to_number<std::int64_t>()};
    }
    if (const auto* fit = o.if_contains("fit")) to.fit = static_cast<zone_fit>(fit->to_number<int>());
}

void read_into(const json::value& from, std::vector<form_field>& to);

template <class T>
void take(const json::object& from, std::string_view name, std::optional<T>& to) {
    if (const auto* value = from.if_contains(name)) read_into(*value, to.emplace());
}

void read_into(const json::value& from, std::vector<form_field>& to) {
    for (const auto& item : from.as_array()) {
        const auto& o = item.as_object();
        auto& f = to.emplace_back();
        take(o, "id", f.id);
        take(o, "label", f.label);
        take(o, "slug", f.slug);
        take(o, "value", f.value);
    }
}

void read_into(const json::value& from, extras& to) {
    for (const auto& [pointer, text] : from.as_object())
        to[std::string{pointer}].text = json::value_to<std::string>(text);
}

constexpr std::string_view kind_name(fact_kind kind) {
    constexpr std::string_view names[] = {
        "observed", "scheduled", "ordered", "missed", "completed", "data_added"};
    return names[static_cast<std::size_t>(kind)];
}

fact_kind kind_of(std::string_view name) {
    for (int i = 0; i <= static_cast<int>(fact_kind::data_added); ++i) {
        if (kind_name(static_cast<fact_kind>(i)) == name) return static_cast<fact_kind>(i);
    }
    throw std::runtime_error{"unknown kind of fact"};
}

}  // namespace

json::value to_json(const std::string& value) {
    return json::string{value};
}
json::value to_json(std::int64_t value) {
    return value;
}
json::value to_json(const raw_json& value) {
    return json::string{value.text};
}

json::value to_json(const phone_number& value) {
    json::object o{{"raw", value.raw}};
    put(o, "e164", value.e164);
    return o;
}

json::value to_json(const local_time& value) {
    json::object o{{"raw", value.raw}};
    if (value.at) {
        o.emplace("at", value.at->time_since_epoch().count());
        o.emplace("offset", value.offset.count());
    }
    if (value.fit != zone_fit::exact) o.emplace("fit", static_cast<int>(value.fit));
    return o;
}

json::value to_json(const std::vector<form_field>& value) {
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

json::value to_json(const extras& value) {
    json::object o;
    for (const auto& [pointer, raw] : value)
        o.emplace(pointer, raw.text);
    return o;
}

std::string write_facts(const fact_set& facts) {
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

fact_set read_facts(std::string_view text, const call_key& key) {
    const auto parsed = parse_json(text);
    std::vector<observation> out;
    for (const auto& item : parsed.as_array()) {
        const auto& o = item.as_object();
        auto& seen = out.emplace_back();
        seen.fact.key = key;
        seen.fact.kind = kind_of(json::value_to<std::string>(o.at("kind")));
        seen.from = o.at("from").as_string() == "backfill" ? origin::backfill : origin::webhook;
        const auto at = parse_rfc3339(json::value_to<std::string>(o.at("observed_at")));
        const auto id = parse_uuid(json::value_to<std::string>(o.at("delivery")));
        if (!at || !id) throw std::runtime_error{"unreadable stored fact"};
        seen.observed_at = *at;
        seen.delivery = *id;
        const auto& fields = o.at("fields").as_object();
        for_each_call_field([&](const char* name, auto member, field_rule) {
            take(fields, name, seen.fact.fields.*member);
        });
        if (const auto* extra = o.if_contains("extra")) read_into(*extra, seen.fact.extra);
    }
    return fact_set{std::move(out)};
}

std::string write_message_fact(const message_fact& fact) {
    json::object o;
    put(o, "email", fact.email);
    put(o, "text", fact.text);
    put(o, "phone", fact.phone);
    put(o, "widget_id", fact.widget_id);
    put(o, "user_id", fact.user_id);
    put(o, "url", fact.url);
    put(o, "link", fact.link);
    put(o, "linked_call", fact.linked_call);
    put(o, "call_request", fact.call_request);
    if (!fact.extra.empty()) o.emplace("extra", to_json(fact.extra));
    return json::serialize(o);
}

message_fact read_message_fact(std::string_view text, const std::string& source) {
    const auto parsed = parse_json(text);
    const auto& o = parsed.as_object();
    message_fact fact;
    fact.source = source;
    take(o, "email", fact.email);
    take(o, "text", fact.text);
    take(o, "phone", fact.phone);
    take(o, "widget_id", fact.widget_id);
    take(o, "user_id", fact.user_id);
    take(o, "url", fact.url);
    take(o, "link", fact.link);
    take(o, "linked_call", fact.linked_call);
    take(o, "call_request", fact.call_request);
    if (const auto* extra = o.if_contains("extra")) read_into(*extra, fact.extra);
    return fact;
}

}  // namespace callhook::records
