#include "sources/callpage/read.hpp"

#include "sources/callpage/document.hpp"
#include "sources/callpage/read_form.hpp"
#include "sources/callpage/reader.hpp"

namespace callhook::sources::callpage {

namespace {

bool has(dom::object object, std::string_view key) {
    return object.at_key(key).error() == simdjson::SUCCESS;
}

/// "Webhooks, new.message" shows no event, so a message is told by its keys, whatever they hold.
bool has_message_shape(dom::object payload) {
    return has(payload, "message_from_client") ||
           (has(payload, "number") && (has(payload, "widget") || has(payload, "link")));
}

/// An event name may be shown where it looks like one; anything else in its place may be somebody's data.
bool may_be_shown(std::string_view event) {
    return !event.empty() && event.size() <= 32 && std::all_of(event.begin(), event.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
    });
}

class payload_reader {
public:
    explicit payload_reader(lifecycle::extras* extra) : in_{extra} {}

    raw_payload read(dom::element root) {
        raw_payload out;
        if (!find_payload(out, root)) out = lifecycle::unreadable{std::move(in_.failure)};
        return out;
    }

private:
    bool find_payload(raw_payload& out, dom::element root);
    bool read_payload(raw_payload& out, dom::object payload);
    bool read_call(raw_call& call, dom::object payload);
    bool read_attempt(raw_call& call, dom::element value);
    bool read_message(raw_message& message, dom::object payload);

    reader in_;
};

bool payload_reader::find_payload(raw_payload& out, dom::element root) {
    dom::object top;
    dom::element data;
    dom::object wrapped;
    if (root.get(top) != simdjson::SUCCESS) return in_.wrong_type("an object", root);
    const bool has_data = top.at_key("data").get(data) == simdjson::SUCCESS && !is_absent(data);
    if (has_data && data.get(wrapped) == simdjson::SUCCESS) {
        return in_.in_object(root, [&](dom::object payload) { return read_payload(out, payload); });
    }
    if (has(top, "event") || has_message_shape(top)) return read_payload(out, top);
    if (!has_data) return in_.fail("neither an event nor a message");
    const path::step down{in_.at, "data"};
    return in_.wrong_type("an object", data);
}

bool payload_reader::read_payload(raw_payload& out, dom::object payload) {
    dom::element event;
    if (payload.at_key("event").get(event) != simdjson::SUCCESS || event.is_null()) {
        if (!has_message_shape(payload)) return in_.fail("neither an event nor a message");
        return read_message(out.emplace<raw_message>(), payload);
    }
    {
        const path::step down{in_.at, "event"};
        std::string_view name;
        if (event.get(name) != simdjson::SUCCESS) return in_.wrong_type("a string", event);
        if (const auto kind = lifecycle::fact_kind_of_event(name)) {
            out.emplace<raw_call>().kind = *kind;
        } else if (name == message_event) {
            out.emplace<raw_message>();
        } else {
            return in_.fail(may_be_shown(name) ? "unknown event " + std::string{name} : "unknown event");
        }
    }
    if (auto* message = std::get_if<raw_message>(&out)) return read_message(*message, payload);
    return read_call(std::get<raw_call>(out), payload);
}

bool payload_reader::read_call(raw_call& call, dom::object payload) {
    const auto nested = [&](std::string_view key, dom::element value) -> std::optional<bool> {
        if (key == "event") return true;
        if (key == "call_attempt") return read_attempt(call, value);
        if (key == "fields") return read_form(in_, call.fields, value);
        if (key != "call") return {};
        return in_.in_object(value, [&](dom::object object) {
            return in_.take_members(call, object, call_keys);
        });
    };
    if (!in_.take_members(call, payload, call_request_keys, nested)) return false;
    const path::step down{in_.at, "id"};
    if (!call.id) return in_.fail("missing");
    if (call.id->value == 0) return in_.fail("an id of 0");
    return true;
}

bool payload_reader::read_attempt(raw_call& call, dom::element value) {
    // A list without names, so that only `manager` is known in it.
    constexpr std::array<known_key<raw_call>, 0> none{};
    const auto nested = [&](std::string_view key, dom::element inner) -> std::optional<bool> {
        if (key != "manager") return {};
        return in_.in_object(inner, [&](dom::object object) {
            return in_.take_members(call, object, manager_keys);
        });
    };
    return in_.in_object(value, [&](dom::object object) {
        return in_.take_members(call, object, none, nested);
    });
}

bool payload_reader::read_message(raw_message& message, dom::object payload) {
    const auto nested = [](std::string_view key, dom::element) -> std::optional<bool> {
        if (key == "event") return true;
        return {};
    };
    if (!in_.take_members(message, payload, message_keys, nested)) return false;
    if (!message.text && !message.number && !message.email)
        return in_.fail("a message without text, number and email");
    return true;
}

}  // namespace

raw_payload read(std::string_view body, lifecycle::extras* extra) {
    auto whole = parse_document(body);
    if (!whole.failure.empty()) return lifecycle::unreadable{std::move(whole.failure)};
    return payload_reader{extra}.read(whole.root);
}

}  // namespace callhook::sources::callpage
