#include "sources/callpage/rest_envelope.hpp"

#include "base/text.hpp"
#include "sources/retry_after.hpp"

namespace callhook::sources::callpage {

namespace {

namespace ondemand = simdjson::ondemand;
using kind = api_failure::kind;

struct parsed {
    envelope whole{};
    std::string_view has_error{};
    std::string_view error_code{};
};

/// The text of a value with the spaces up to what follows it. `value.raw_json` would do, but simdjson 3.0
/// does not have it.
simdjson::simdjson_result<std::string_view> raw_text_of(ondemand::value value) {
    ondemand::json_type type{};
    ondemand::object object;
    ondemand::array array;
    if (const auto failure = value.type().get(type)) return failure;
    if (type == ondemand::json_type::object) {
        if (const auto failure = value.get_object().get(object)) return failure;
        return object.raw_json();
    }
    if (type == ondemand::json_type::array) {
        if (const auto failure = value.get_array().get(array)) return failure;
        return array.raw_json();
    }
    return value.raw_json_token();
}

/// The exact text of a value, which is walked over but not looked into.
bool take_text(std::string_view& out, ondemand::value value) {
    if (raw_text_of(value).get(out) != simdjson::SUCCESS) return false;
    out = trim(out);
    return true;
}

bool take_member(parsed& out, ondemand::field member) {
    std::string_view key;
    std::string_view text;
    if (member.unescaped_key().get(key) != simdjson::SUCCESS) return false;
    if (!take_text(text, member.value())) return false;
    if (key == "hasError") out.has_error = text;
    if (key == "errorCode") out.error_code = text;
    if (key == "data") out.whole.data = text;
    if (key == "meta") out.whole.meta = text;
    return true;
}

/// On demand, not as a tree: a tree is refused as a whole for one bad string in it, and what a visitor wrote
/// into one call's form must not hide all others on its page.
bool parse(parsed& out, std::string_view body) {
    // Releases of simdjson differ on a byte order mark; RFC 8259 section 8.1 forbids sending one.
    if (body.starts_with("\xef\xbb\xbf")) return false;
    out.whole.bytes = simdjson::padded_string{body};
    ondemand::parser parser;
    ondemand::document document;
    ondemand::object top;
    if (parser.iterate(out.whole.bytes).get(document) != simdjson::SUCCESS) return false;
    if (document.get_object().get(top) != simdjson::SUCCESS) return false;
    for (auto each : top) {
        ondemand::field member;
        if (std::move(each).get(member) != simdjson::SUCCESS) return false;
        if (!take_member(out, member)) return false;
    }
    // Sound only where nothing follows: there is no place left to be at.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

std::string_view without_quotes(std::string_view text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2)
                                                                         : text;
}

/// `hasError`: the documentation has a boolean; PHP may write 0 and 1.
std::optional<bool> flag(std::string_view text) {
    text = without_quotes(text);
    if (text == "true" || text == "1") return true;
    if (text == "false" || text == "0") return false;
    return {};
}

/// `errorCode`: a string in the words of "REST API", a number in every sample. Only a number is anything that
/// may be shown.
std::optional<std::int64_t> number(std::string_view text) {
    return parse_integer<std::int64_t>(without_quotes(text));
}

/// "HTTP Status Codes" has 200, 401, 403, 404, 422, 500 and 503; the others mean what RFC 9110 says.
kind kind_of(std::int64_t status, bool told_when) {
    if (status == 401) return kind::unauthorized;
    if (status == 403) return kind::forbidden;
    if (status == 404) return kind::not_found;
    if (status == 429 || (status == 503 && told_when)) return kind::throttled;
    if (status >= 500 && status < 600) return kind::broken;
    if (status >= 300 && status < 500) return kind::rejected;
    return kind::unreadable;
}

std::string_view meaning_of(kind what, unsigned status) {
    if (status >= 300 && status < 400) return ": redirects are not followed";
    switch (what) {
        case kind::unauthorized:
            return ": the API key is not known";
        case kind::forbidden:
            return ": the API key lacks a scope, or access to this";
        case kind::throttled:
            return ": it asks to be left alone";
        case kind::unreadable:
            return ", which is not documented";
        default:
            return "";
    }
}

api_failure refusal(const api_answer& answer, std::optional<std::int64_t> code, utc_time now) {
    const auto pause = read_retry_after(answer.retry_after, now);
    api_failure out;
    out.status = answer.status;
    out.message = "answered " + std::to_string(answer.status);
    if (answer.status == 200) {
        const bool is_status = code && *code >= 400 && *code < 600;
        out.what = is_status ? kind_of(*code, pause.has_value()) : kind::rejected;
        out.message += " with hasError";
    } else {
        out.what = kind_of(answer.status, pause.has_value());
    }
    if (code) out.message += " (errorCode " + std::to_string(*code) + ")";
    out.message += meaning_of(out.what, answer.status);
    if (out.what == kind::throttled || out.what == kind::broken) out.retry_after = pause;
    return out;
}

}  // namespace

api_result<envelope> open_answer(const api_answer& answer, utc_time now) {
    parsed found;
    const bool sound = parse(found, answer.body);
    if (answer.status != 200) {
        // A gateway's page instead of the vendor's JSON has no code to tell.
        return refusal(answer, sound ? number(found.error_code) : std::nullopt, now);
    }
    if (!sound) return unreadable_answer("not a JSON object");
    const auto has_error = flag(found.has_error);
    if (!has_error) return unreadable_answer("no hasError");
    if (*has_error) return refusal(answer, number(found.error_code), now);
    return std::move(found.whole);
}

api_result<std::vector<std::string>> items_of(const envelope& whole) {
    std::vector<std::string> out;
    if (whole.data.empty()) return unreadable_answer("no data");
    if (whole.data == "null" || whole.data == "{}") return out;
    // What follows `data` in the bytes serves as its padding.
    ondemand::parser parser;
    ondemand::document document;
    ondemand::array list;
    const simdjson::padded_string_view text{whole.data, whole.data.size() + simdjson::SIMDJSON_PADDING};
    if (parser.iterate(text).get(document) != simdjson::SUCCESS ||
        document.get_array().get(list) != simdjson::SUCCESS) {
        return unreadable_answer("data is not a list");
    }
    for (auto each : list) {
        ondemand::value item;
        std::string_view exact;
        if (std::move(each).get(item) != simdjson::SUCCESS || !take_text(exact, item)) {
            return unreadable_answer("data is not a sound list");
        }
        out.emplace_back(exact);
    }
    return out;
}

api_failure unreadable_answer(std::string_view what) {
    return {
        kind::unreadable,
        "answered 200 with something that is not documented: " + std::string{what},
        200,
        {}};
}

}  // namespace callhook::sources::callpage
