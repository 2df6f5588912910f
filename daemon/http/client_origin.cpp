#include "http/client_origin.hpp"

#include "base/text.hpp"
#include "http/network_list.hpp"

#include <algorithm>

namespace callhook::http {

namespace {

constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;

/// The text of the URL is never part of the message: it may hold a password.
error refused(const char* why) {
    return error{errc::invalid_input, why};
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= longest_label && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    });
}

/// What inet_aton would take for a part of an address.
bool is_number(std::string_view label) {
    if (label.starts_with("0x") || label.starts_with("0X")) return true;
    return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

std::string bracketed(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

bool is_host(std::string_view text) {
    if (parse_address(text)) return true;
    const auto labels = split(text, '.');
    return text.size() <= longest_name && std::ranges::all_of(labels, is_label) && !is_number(labels.back());
}

std::string host_and_port(const origin& where) {
    return bracketed(where.host) + ":" + std::to_string(where.port);
}

std::string host_field(const origin& where) {
    const bool usual = where.port == (where.tls ? 443 : 80);
    return usual ? bracketed(where.host) : host_and_port(where);
}

result<origin> parse_origin(std::string_view url) {
    const auto mark = url.find("://");
    const auto scheme = url.substr(0, mark);
    origin found;
    if (mark == std::string_view::npos || !(found.tls = equals_ignoring_case(scheme, "https"))) {
        if (mark == std::string_view::npos || !equals_ignoring_case(scheme, "http"))
            return refused("the URL does not start with https:// or http://");
        found.port = 80;
    }
    auto rest = url.substr(mark + 3);
    if (rest.find('@') != std::string_view::npos) return refused("the URL holds a user or a password");
    if (rest.find_first_of("/?#\\") != std::string_view::npos)
        return refused("the URL does not end after host and port");

    std::string_view host;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == std::string_view::npos) return refused("the URL's IPv6 address has no closing bracket");
        host = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
        if (host.find(':') == std::string_view::npos)
            return refused("the URL has brackets around something that is no IPv6 address");
    } else {
        host = rest.substr(0, rest.find(':'));
        rest.remove_prefix(host.size());
    }
    if (!is_host(host)) return refused("the URL's host is neither a name nor an IP address");
    found.host = to_lower(host);
    if (rest.empty()) return found;
    const auto port = parse_integer<std::uint16_t>(rest.substr(1));
    if (!rest.starts_with(':') || !port || *port == 0)
        return refused("the URL's port is not a number from 1 to 65535");
    found.port = *port;
    return found;
}

}  // namespace callhook::http
