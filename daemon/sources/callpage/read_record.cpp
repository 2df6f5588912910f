#include "sources/callpage/read_record.hpp"

#include "base/text.hpp"
#include "sources/callpage/document.hpp"
#include "sources/callpage/read_form.hpp"

#include <utility>

namespace callhook::sources::callpage {

namespace {

/// What a call came in by has a type and an id ("Calls, Get History": `leadable_type`); the documentation
/// shows widgets only.
bool is_of_widget(dom::object record) {
    dom::element type;
    std::string_view name;
    if (record.at_key("leadable_type").get(type) != simdjson::SUCCESS) return true;
    if (without_wrapper(type).get(name) != simdjson::SUCCESS) return true;
    return equals_ignoring_case(name, "Widget");
}

/// `utm` and `referer` keep their keys when there is nothing to tell: each is null then.
bool has_only_nulls(dom::element value) {
    dom::object object;
    if (without_wrapper(value).get(object) != simdjson::SUCCESS) return false;
    return std::all_of(object.begin(), object.end(), [](const auto& member) {
        return is_absent(member.value);
    });
}

class record_reader {
public:
    raw_record read(dom::element root) {
        raw_call call;
        if (!find_record(call, root)) return lifecycle::unreadable{std::move(in_.failure)};
        return call;
    }

private:
    bool find_record(raw_call& call, dom::element root);
    bool read_call_request(raw_call& call, dom::object record);
    void read_details(raw_call& call, dom::object record);
    bool read_phone_call(raw_call& call, dom::element value);
    bool read_attempt(raw_call& call, dom::element value);
    bool read_manager(raw_call& call, dom::object manager);

    reader in_{};
};

bool record_reader::find_record(raw_call& call, dom::element root) {
    dom::object top;
    dom::element data;
    dom::object inner;
    if (root.get(top) != simdjson::SUCCESS) return in_.wrong_type("an object", root);
    if (top.at_key("data").get(data) != simdjson::SUCCESS) return read_call_request(call, top);
    const path::step down{in_.at, "data"};
    if (data.get(inner) != simdjson::SUCCESS) return in_.wrong_type("an object", data);
    return read_call_request(call, inner);
}

bool record_reader::read_call_request(raw_call& call, dom::object record) {
    const bool of_widget = is_of_widget(record);
    in_.how = tolerance::wrapped;
    if (!in_.take_members(call, record, record_keys)) return false;
    // `status` might be a number where `human_status` has the words, so it is looked at in need only.
    if (!call.status && !in_.take_members(call, record, record_status_keys)) return false;
    if (of_widget && !in_.take_members(call, record, record_widget_keys)) return false;
    {
        const path::step down{in_.at, "id"};
        if (!call.id) return in_.fail("missing");
        if (call.id->value == 0) return in_.fail("an id of 0");
    }
    read_details(call, record);
    if (!of_widget) call.widget_name.reset();
    return true;
}

void record_reader::read_details(raw_call& call, dom::object record) {
    in_.how = tolerance::forgiving;
    const auto nested = [&](std::string_view key, dom::element value) -> std::optional<bool> {
        if (key == "call") return read_phone_call(call, value);
        if (key == "call_attempt") return read_attempt(call, value);
        if (key == "call_request_fields") return read_form(in_, call.fields, value);
        if (key == "utm") return has_only_nulls(value) || in_.take(call.utm, value);
        if (key == "referer") return has_only_nulls(value) || in_.take(call.referer, value);
        return {};
    };
    in_.take_members(call, record, record_detail_keys, nested);
}

bool record_reader::read_phone_call(raw_call& call, dom::element value) {
    const auto nested = [&](std::string_view key, dom::element inner) -> std::optional<bool> {
        if (key == "call_attempt") return read_attempt(call, inner);
        return {};
    };
    return in_.in_object(value, [&](dom::object object) {
        return in_.take_members(call, object, record_call_keys, nested);
    });
}

bool record_reader::read_attempt(raw_call& call, dom::element value) {
    return in_.in_object(value, [&](dom::object attempt) {
        dom::element manager;
        if (attempt.at_key("manager").get(manager) != simdjson::SUCCESS) return true;
        return in_.in_object(manager, [&](dom::object object) { return read_manager(call, object); });
    });
}

bool record_reader::read_manager(raw_call& call, dom::object manager) {
    // Without a `user` it is what webhooks have there. With one its name and numbers are outweighed by the
    // user's, and its id is that of the user's place at the widget.
    if (!in_.take_members(call, manager, manager_keys)) return false;
    dom::element user;
    if (manager.at_key("user").get(user) != simdjson::SUCCESS) return true;
    call.widget_manager_id = std::exchange(call.manager_id, std::nullopt);
    return in_.in_object(user, [&](dom::object object) {
        return in_.take_members(call, object, record_user_keys);
    });
}

}  // namespace

raw_record read_record(std::string_view body) {
    auto whole = parse_document(body);
    if (!whole.failure.empty()) return lifecycle::unreadable{std::move(whole.failure)};
    return record_reader{}.read(whole.root);
}

}  // namespace callhook::sources::callpage
