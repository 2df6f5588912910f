#include "feed/nats/server_url.hpp"

#include "base/text.hpp"
#include "http/client_origin.hpp"

#include <algorithm>

namespace callhook::feed::nats {

namespace {

constexpr std::size_t longest_name = 255;
constexpr std::string_view usual_port = ":4222";

error refused(const char* why) {
    return error{errc::invalid_input, why};
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_plain);
}

/// A token for anything: what the protocol gives a meaning to is replaced.
std::string token_of(std::string_view text) {
    std::string out{text.empty() ? "_" : text};
    std::ranges::replace_if(
        out, [](char c) { return !is_plain(c); }, '_'
    );
    return out;
}

/// `user:password`, or a token.
result<void> read_login(std::string_view text, server& into) {
    const auto colon = text.find(':');
    const auto first = percent_decode(text.substr(0, colon));
    const auto second = percent_decode(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    if (!first || !second) return refused("the user or password has a broken percent escape");
    if (first->empty()) return refused("there is an @ without a user or token before it");
    if (colon == std::string_view::npos) {
        into.token = secret{*first};
        return {};
    }
    if (second->empty()) return refused("the password is empty");
    into.user = *first;
    into.password = secret{*second};
    return {};
}

}  // namespace

result<server> parse_server(std::string_view url) {
    server out;
    const auto mark = url.find("://");
    const auto scheme = url.substr(0, mark);
    out.tls = equals_ignoring_case(scheme, "tls");
    if (mark == std::string_view::npos || !(out.tls || equals_ignoring_case(scheme, "nats")))
        return refused("the URL does not start with nats:// or tls://");
    auto rest = url.substr(mark + 3);
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
        const auto login = read_login(rest.substr(0, at), out);
        if (!login) return login.error();
        rest.remove_prefix(at + 1);
    }
    std::string place = "http://" + std::string{rest};
    if (rest.ends_with(']') || rest.find(':') == std::string_view::npos) place += usual_port;
    const auto origin = http::parse_origin(place);
    if (!origin) return origin.error();
    out.host = origin->host;
    out.port = origin->port;
    return out;
}

std::string shown(const server& where) {
    const bool v6 = where.host.find(':') != std::string::npos;
    return (v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

bool is_stream_name(std::string_view text) {
    // What the server forbids, and what would be a nuisance in a shell or a file name.
    const auto fits = [](char c) {
        return c > ' ' && c < 0x7f && std::string_view{".*>/\\\"'"}.find(c) == std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, fits);
}

bool is_subject_prefix(std::string_view text) {
    return text.size() <= longest_name && std::ranges::all_of(split(text, '.'), is_token);
}

std::string subject_of(std::string_view prefix, std::string_view source, std::string_view type) {
    std::string out{prefix};
    out += '.' + token_of(source);
    for (const auto part : split(type, '.'))
        out += '.' + token_of(part);
    return out;
}

}  // namespace callhook::feed::nats
