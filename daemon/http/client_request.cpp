#include "http/client_request.hpp"

#include "base/text.hpp"
#include "http/client_origin.hpp"
#include "http/framing.hpp"

#include <algorithm>
#include <array>

namespace callhook::http {

namespace {

error refused(const char* why) {
    return error{errc::invalid_input, why};
}

bool is_own(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 4> own{
        "host", "content-length", "connection", "transfer-encoding"};
    return std::ranges::any_of(own, [&](auto known) { return equals_ignoring_case(known, name); });
}

/// Servers take a request of these methods without a length for a mistake.
bool has_body_by_nature(std::string_view method) noexcept {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

result<void> check(const client_request& what) {
    // The answer to CONNECT is framed by rules of its own.
    if (!is_token(what.method) || what.method == "CONNECT")
        return refused("the request's method is no method");
    const auto visible = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
    const bool whole_server = what.method == "OPTIONS" && what.target == "*";
    if (!whole_server && !what.target.starts_with('/'))
        return refused("the request's target does not start with a slash");
    if (!std::ranges::all_of(what.target, visible))
        return refused("the request's target holds a forbidden character");
    for (const auto& [name, value] : what.fields) {
        if (!is_token(name)) return refused("a field of the request has a name that is none");
        if (!is_field_value(value)) return refused("a field of the request holds a control character");
        if (is_own(name)) return refused("a field of the request is one that the client writes itself");
    }
    return {};
}

}  // namespace

result<std::string> wire_request(const client_request& what, const origin& where, bool keep_alive) {
    if (auto checked = check(what); checked.has_error()) return checked.error();
    std::string out;
    const auto add = [&out](std::string_view name, std::string_view value) {
        out.append(name).append(": ").append(value).append("\r\n");
    };
    out.append(what.method).append(" ").append(what.target).append(" HTTP/1.1\r\n");
    add("Host", host_field(where));
    if (!keep_alive) add("Connection", "close");
    for (const auto& [name, value] : what.fields)
        add(name, value);
    if (!what.body.empty() || has_body_by_nature(what.method))
        add("Content-Length", std::to_string(what.body.size()));
    // One piece, so that a small request is one packet and one TLS record.
    out.append("\r\n").append(what.body);
    return out;
}

bool is_repeatable(std::string_view method) noexcept {
    static constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    return std::ranges::find(methods, method) != methods.end();
}

}  // namespace callhook::http
