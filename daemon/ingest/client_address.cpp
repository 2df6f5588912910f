#include "ingest/client_address.hpp"

#include "base/text.hpp"

#include <cstdint>
#include <optional>

namespace callhook::ingest {

namespace {

using boost::asio::ip::address;
using http::network_list;
using http::parse_address;

/// What may follow an address: nothing, or a port, which may be hidden behind a name (RFC 7239 section 6).
bool is_port_or_nothing(std::string_view text) {
    if (text.empty()) return true;
    if (text.front() != ':') return false;
    text.remove_prefix(1);
    return text.starts_with('_') || parse_integer<std::uint16_t>(text).has_value();
}

/// A hop as headers write it: an address, perhaps with a port, perhaps in brackets or quotes.
std::optional<address> parse_hop(std::string_view text) {
    text = trim(text);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos || !is_port_or_nothing(text.substr(end + 1))) return {};
        return parse_address(text.substr(1, end - 1));
    }
    const auto colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
        if (!is_port_or_nothing(text.substr(colon))) return {};
        text = text.substr(0, colon);
    }
    return parse_address(text);
}

/// The `for=` of one element of `Forwarded`.
std::string_view forwarded_for(std::string_view element) {
    for (const auto pair : split(element, ';')) {
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && equals_ignoring_case(trim(pair.substr(0, equals)), "for")) {
            return trim(pair.substr(equals + 1));
        }
    }
    return {};
}

std::vector<std::string_view> hops(const http::request_head& head, std::string_view name) {
    std::vector<std::string_view> out;
    for (const auto value : head.header_values(name)) {
        for (const auto part : split(value, ','))
            out.push_back(part);
    }
    return out;
}

/// Walks from the proxy outwards and stops at the first hop that is not a trusted proxy, or cannot be read.
address outermost(
    address from, const std::vector<std::string_view>& chain, const network_list& trusted, bool forwarded
) {
    for (auto hop = chain.rbegin(); hop != chain.rend() && trusted.contains(from); ++hop) {
        const auto next = parse_hop(forwarded ? forwarded_for(*hop) : *hop);
        if (!next) break;
        from = *next;
    }
    return from;
}

}  // namespace

std::string client_address(const http::request_head& head, const network_list& trusted_proxies) {
    // The interface of a link-local peer (`fe80::1%eth0`) is known to the socket and of no use beyond it.
    const auto host = std::string_view{head.peer}.substr(0, head.peer.find('%'));
    // The kernel's own form of an IPv4 address has one spelling.
    if (trusted_proxies.empty() && host.find(':') == std::string_view::npos) return std::string{host};
    const auto peer = parse_address(host);
    if (!peer) return {};
    if (!trusted_proxies.contains(*peer)) return peer->to_string();
    const auto x_forwarded_for = hops(head, "X-Forwarded-For");
    const auto forwarded = hops(head, "Forwarded");
    const auto by_first = outermost(*peer, x_forwarded_for, trusted_proxies, false);
    const auto by_second = outermost(*peer, forwarded, trusted_proxies, true);
    if (forwarded.empty()) return by_first.to_string();
    if (x_forwarded_for.empty()) return by_second.to_string();
    return by_first == by_second ? by_first.to_string() : peer->to_string();
}

}  // namespace callhook::ingest
