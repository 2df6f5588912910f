#include "feed/outbound/rendering.hpp"

#include "base/json.hpp"
#include "feed/cloud_events.hpp"

namespace callhook::feed::outbound {

namespace {

/// The canonical text of an attribute (CloudEvents 1.0.2, section "Type System").
std::string attribute_text(const json::value& value) {
    if (const auto* const text = value.if_string()) return encode_attribute({text->data(), text->size()});
    return encode_attribute(json::serialize(value));
}

http::client_request in_headers(const json::object& event) {
    http::client_request out{.method = "POST", .repeatable = true};
    std::string media_type = "application/json";
    for (const auto& [key, value] : event) {
        if (key == "data") {
            out.body = json::serialize(value);
        } else if (key == "datacontenttype") {
            media_type = json::value_to<std::string>(value);
        } else if (!value.is_null()) {
            out.fields.push_back({"ce-" + std::string{key}, attribute_text(value)});
        }
    }
    out.fields.push_back({"Content-Type", std::move(media_type)});
    return out;
}

http::client_request in_body(std::string whole) {
    http::client_request out{.method = "POST", .repeatable = true};
    out.fields.push_back({"Content-Type", "application/cloudevents+json"});
    out.body = std::move(whole);
    return out;
}

}  // namespace

http::client_request render_post(const std::string& epoch, const store::event_row& event, content_mode mode) {
    auto whole = render(epoch, event);
    const auto parsed = parse_json(whole).as_object();
    auto out = mode == content_mode::binary ? in_headers(parsed) : in_body(std::move(whole));
    if (const auto* trace = parsed.if_contains("traceparent"))
        out.fields.push_back({"traceparent", json::value_to<std::string>(*trace)});
    return out;
}

std::string encode_attribute(std::string_view value) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    out.reserve(value.size());
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%') {
            out += c;
        } else {
            out += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return out;
}

}  // namespace callhook::feed::outbound
