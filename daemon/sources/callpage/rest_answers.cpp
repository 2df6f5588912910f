#include "sources/callpage/rest_answers.hpp"

#include "sources/callpage/document.hpp"
#include "sources/callpage/reader.hpp"
#include "sources/callpage/rest_envelope.hpp"

namespace callhook::sources::callpage {

namespace {

std::string text(const raw_text& value) {
    return std::string{value.value_or("")};
}

/// PHP's booleans may come as 0 and 1. A widget is taken for enabled where it is not said.
bool is_enabled(const raw_value& value) {
    if (!value) return true;
    if (value->is_bool()) return as<bool>(*value);
    if (value->is_int64()) return as<std::int64_t>(*value) != 0;
    return !value->is_string() || as<std::string_view>(*value) != "0";
}

/// How many entries there are in all: `meta` is a comfort, so that nothing in it makes an answer unreadable.
std::optional<std::int64_t> count_in(std::string_view meta) {
    const auto whole = parse_document(meta);
    raw_meta raw;
    if (!whole.failure.empty()) return {};
    reader in{nullptr, tolerance::forgiving};
    in.in_object(whole.root, [&](dom::object object) { return in.take_members(raw, object, meta_keys); });
    return raw.count && *raw.count >= 0 ? raw.count : std::nullopt;
}

bool read_widget(reader& in, std::vector<widget>& out, dom::object entry) {
    raw_widget raw;
    in.take_members(raw, entry, widget_keys);
    const path::step down{in.at, "id"};
    if (!raw.id || raw.id->value == 0) return in.fail("no id");
    out.push_back({raw.id->value, text(raw.description), text(raw.url), is_enabled(raw.enabled)});
    return true;
}

bool keep_person(reader& in, std::vector<person>& out, const raw_person& raw) {
    const path::step down{in.at, "id"};
    if (!raw.id || raw.id->value == 0) return in.fail("no id");
    const auto user = raw.user_id.value_or(identifier{}).value;
    out.push_back({raw.id->value, user, text(raw.name), text(raw.tel), text(raw.email)});
    return true;
}

bool read_user(reader& in, std::vector<person>& out, dom::object entry) {
    raw_person raw;
    in.take_members(raw, entry, person_keys);
    raw.user_id = raw.id;
    return keep_person(in, out, raw);
}

bool read_manager(reader& in, std::vector<person>& out, dom::object entry) {
    raw_person raw;
    in.take_members(raw, entry, person_keys);
    if (dom::element user; entry.at_key("user").get(user) == simdjson::SUCCESS) {
        in.in_object(user, [&](dom::object object) {
            return in.take_members(raw, object, manager_user_keys);
        });
    }
    return keep_person(in, out, raw);
}

template <class T>
api_result<listing<T>> read_list(
    const api_answer& answer, utc_time now, bool (*read_entry)(reader&, std::vector<T>&, dom::object)
) {
    const auto whole = open_answer(answer, now);
    if (!whole) return whole.error();
    if (whole->data.empty()) return unreadable_answer("no data");
    const auto data = parse_document(whole->data);
    if (!data.failure.empty()) return unreadable_answer("in data, " + data.failure);
    listing<T> out;
    reader in;
    const path::step down{in.at, "data"};
    const auto read_item = [&](dom::element item) {
        dom::object entry;
        if (without_wrapper(item).get(entry) != simdjson::SUCCESS) return in.wrong_type("an object", item);
        in.how = tolerance::forgiving;
        const bool good = read_entry(in, out.items, entry);
        in.how = tolerance::exact;
        return good;
    };
    if (!in.in_list(data.root, read_item)) return unreadable_answer(in.failure);
    out.count = count_in(whole->meta);
    return out;
}

}  // namespace

api_result<void> read_greeting(const api_answer& answer, utc_time now) {
    const auto whole = open_answer(answer, now);
    if (!whole) return whole.error();
    return {};
}

api_result<std::string> read_call(const api_answer& answer, utc_time now) {
    const auto whole = open_answer(answer, now);
    if (!whole) return whole.error();
    if (whole->data.empty()) return unreadable_answer("no data");
    const auto data = parse_document(whole->data);
    if (data.failure.empty() && is_absent(data.root)) {
        return api_failure{api_failure::kind::not_found, "answered 200 with nothing", 200, {}};
    }
    if (!whole->data.starts_with('{')) return unreadable_answer("data is not an object");
    return std::string{whole->data};
}

api_result<call_page> read_history(const api_answer& answer, utc_time now) {
    const auto whole = open_answer(answer, now);
    if (!whole) return whole.error();
    auto items = items_of(*whole);
    if (!items) return std::move(items).error();
    return call_page{std::move(*items), count_in(whole->meta)};
}

api_result<listing<widget>> read_widgets(const api_answer& answer, utc_time now) {
    return read_list<widget>(answer, now, read_widget);
}

api_result<listing<person>> read_users(const api_answer& answer, utc_time now) {
    return read_list<person>(answer, now, read_user);
}

api_result<listing<person>> read_managers(const api_answer& answer, utc_time now) {
    return read_list<person>(answer, now, read_manager);
}

}  // namespace callhook::sources::callpage
