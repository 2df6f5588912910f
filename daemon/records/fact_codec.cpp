#include "records/fact_codec.hpp"

#include "base/json.hpp"
#include "base/json_writer.hpp"
#include "base/time_text.hpp"

#include <array>
#include <stdexcept>

namespace callhook::records {

namespace {

using namespace lifecycle;

void write(json_writer& out, const std::string& value) {
    out.text(value);
}
void write(json_writer& out, std::int64_t value) {
    out.number(value);
}
void write(json_writer& out, const raw_json& value) {
    out.text(value.text);
}

void write(json_writer& out, const phone_number& value);
void write(json_writer& out, const local_time& value);
void write(json_writer& out, const std::vector<form_field>& value);

template <class T>
void put(json_writer& out, std::string_view name, const T& value) {
    out.key(name);
    write(out, value);
}

template <class T>
void put(json_writer& out, std::string_view name, const std::optional<T>& value) {
    if (value) put(out, name, *value);
}

void put_text(json_writer& out, std::string_view name, std::string_view value) {
    out.key(name);
    out.text(value);
}

void write(json_writer& out, const phone_number& value) {
    out.open_object();
    put(out, "raw", value.raw);
    put(out, "e164", value.e164);
    out.close_object();
}

void write(json_writer& out, const local_time& value) {
    out.open_object();
    put(out, "raw", value.raw);
    if (value.at) {
        put(out, "at", std::int64_t{value.at->time_since_epoch().count()});
        put(out, "offset", std::int64_t{value.offset.count()});
    }
    if (value.fit != zone_fit::exact) put(out, "fit", static_cast<std::int64_t>(value.fit));
    out.close_object();
}

void write(json_writer& out, const std::vector<form_field>& value) {
    out.open_array();
    for (const auto& f : value) {
        out.open_object();
        put(out, "id", f.id);
        put(out, "label", f.label);
        put(out, "slug", f.slug);
        put(out, "value", f.value);
        out.close_object();
    }
    out.close_array();
}

void put_extra(json_writer& out, const extras& extra) {
    if (extra.empty()) return;
    out.key("extra");
    out.open_object();
    for (const auto& [pointer, raw] : extra)
        put(out, pointer, raw);
    out.close_object();
}

std::string_view text_of(const json::value& from) {
    const auto& text = from.as_string();
    return {text.data(), text.size()};
}

/// An object's values by their keys. Quick where they are asked for in the order in which they stand, as they
/// are in what this file wrote.
class members {
public:
    explicit members(const json::value& of) : of_{of.as_object()}, next_{of_.begin()} {}

    /// The value of this key, or null.
    const json::value* find(std::string_view name) {
        if (next_ == of_.end()) return found_ == of_.size() ? nullptr : of_.if_contains(name);
        if (next_->key() != name) return of_.if_contains(name);
        ++found_;
        return &(next_++)->value();
    }
    /// Throws std::exception where there is none.
    const json::value& at(std::string_view name) {
        const auto* value = find(name);
        if (value == nullptr) throw std::runtime_error{"a stored fact lacks a member"};
        return *value;
    }

private:
    const json::object& of_;
    json::object::const_iterator next_;
    std::size_t found_ = 0;
};

void read_into(const json::value& from, std::string& to) {
    to = text_of(from);
}
void read_into(const json::value& from, std::int64_t& to) {
    to = from.to_number<std::int64_t>();
}

void read_into(const json::value& from, raw_json& to) {
    to.text = text_of(from);
}

void read_into(const json::value& from, phone_number& to) {
    members o{from};
    to.raw = text_of(o.at("raw"));
    if (const auto* e164 = o.find("e164")) to.e164 = text_of(*e164);
}

void read_into(const json::value& from, local_time& to) {
    members o{from};
    to.raw = text_of(o.at("raw"));
    if (const auto* at = o.find("at")) {
        to.at = std::chrono::sys_seconds{std::chrono::seconds{at->to_number<std::int64_t>()}};
        to.offset = std::chrono::seconds{o.at("offset").to_number<std::int64_t>()};
    }
    if (const auto* fit = o.find("fit")) to.fit = static_cast<zone_fit>(fit->to_number<int>());
}

void read_into(const json::value& from, std::vector<form_field>& to);

template <class T>
void take(members& from, std::string_view name, std::optional<T>& to) {
    if (const auto* value = from.find(name)) read_into(*value, to.emplace());
}

void read_into(const json::value& from, std::vector<form_field>& to) {
    for (const auto& item : from.as_array()) {
        members o{item};
        auto& f = to.emplace_back();
        take(o, "id", f.id);
        take(o, "label", f.label);
        take(o, "slug", f.slug);
        take(o, "value", f.value);
    }
}

void read_into(const json::value& from, extras& to) {
    for (const auto& [pointer, text] : from.as_object())
        to[std::string{pointer}].text = text_of(text);
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

/// Room for a fact as nearly all are.
constexpr std::size_t usual_size = 2048;

/// Where the values of one text stand: on the stack for facts as they usually are, and let go of as a whole.
struct quick_memory {
    std::array<unsigned char, 8 * usual_size> room;
    json::monotonic_resource resource{room.data(), room.size()};
};

}  // namespace

std::string write_facts(const fact_set& facts) {
    std::string text;
    text.reserve(usual_size * facts.size());
    json_writer out{text};
    out.open_array();
    for (const auto& o : facts.observations()) {
        out.open_object();
        put_text(out, "kind", kind_name(o.fact.kind));
        put_text(out, "from", to_string(o.from));
        put_text(out, "observed_at", to_rfc3339(o.observed_at));
        put_text(out, "delivery", to_string(o.delivery));
        out.key("fields");
        out.open_object();
        for_each_call_field([&](const char* name, auto member, field_rule) {
            put(out, name, o.fact.fields.*member);
        });
        out.close_object();
        put_extra(out, o.fact.extra);
        out.close_object();
    }
    out.close_array();
    return text;
}

fact_set read_facts(std::string_view text, const call_key& key) {
    quick_memory memory;
    const auto parsed = parse_json(text, &memory.resource);
    std::vector<observation> out;
    for (const auto& item : parsed.as_array()) {
        members o{item};
        auto& seen = out.emplace_back();
        seen.fact.key = key;
        seen.fact.kind = kind_of(text_of(o.at("kind")));
        seen.from = text_of(o.at("from")) == "backfill" ? origin::backfill : origin::webhook;
        const auto at = parse_rfc3339(text_of(o.at("observed_at")));
        const auto id = parse_uuid(text_of(o.at("delivery")));
        if (!at || !id) throw std::runtime_error{"unreadable stored fact"};
        seen.observed_at = *at;
        seen.delivery = *id;
        members fields{o.at("fields")};
        for_each_call_field([&](const char* name, auto member, field_rule) {
            take(fields, name, seen.fact.fields.*member);
        });
        if (const auto* extra = o.find("extra")) read_into(*extra, seen.fact.extra);
    }
    return fact_set{std::move(out)};
}

std::string write_message_fact(const message_fact& fact) {
    std::string text;
    json_writer out{text};
    out.open_object();
    put(out, "email", fact.email);
    put(out, "text", fact.text);
    put(out, "phone", fact.phone);
    put(out, "widget_id", fact.widget_id);
    put(out, "user_id", fact.user_id);
    put(out, "url", fact.url);
    put(out, "link", fact.link);
    put(out, "linked_call", fact.linked_call);
    put(out, "call_request", fact.call_request);
    put_extra(out, fact.extra);
    out.close_object();
    return text;
}

message_fact read_message_fact(std::string_view text, const std::string& source) {
    const auto parsed = parse_json(text);
    members o{parsed};
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
    if (const auto* extra = o.find("extra")) read_into(*extra, fact.extra);
    return fact;
}

}  // namespace callhook::records
