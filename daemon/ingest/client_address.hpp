#pragma once

#include "http/message.hpp"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace callhook::ingest {

/// A set of networks in CIDR notation.
class network_list {
public:
    network_list() = default;
    /// Throws std::invalid_argument on anything but a network or an address; configuration is checked before.
    explicit network_list(const std::vector<std::string>& networks);

    [[nodiscard]] bool contains(const boost::asio::ip::address& address) const;
    [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }

private:
    struct network {
        boost::asio::ip::address_v6 base;
        unsigned prefix;
    };
    std::vector<network> networks_;
};

/// The sender's address as far as it can be trusted: the peer, or, where the peer is a trusted proxy, the
/// right-most hop of `X-Forwarded-For` or `Forwarded` (RFC 7239) that is not one. Where both headers are
/// there and disagree, one of them was not written by the proxy, and nothing but the peer is believed. Empty
/// only where the peer's own address cannot be read.
std::string client_address(const http::request_head& head, const network_list& trusted_proxies);

}  // namespace callhook::ingest
