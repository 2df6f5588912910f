#pragma once

#include "http/network_list.hpp"

#include <boost/asio/ip/address.hpp>

#include <utility>

namespace callhook::http {

/// Whether this is an address of the public internet: none that means this machine, its network, its cloud's
/// metadata, a group, an example or nothing yet (IANA's special-purpose registries). A form that carries an
/// IPv4 address to a translator (IPv4-mapped, NAT64's 64:ff9b::/96, 6to4) is judged by that address; those
/// that nobody should use any more (IPv4-compatible, Teredo) are not public, whatever they carry. Pure.
bool is_public(const boost::asio::ip::address& address);

/// Where requests to addresses that others choose may go, for `client_settings::may_connect`: what is public,
/// and what the operator allows. An allowed network is compared with the address as it is, an IPv4-mapped one
/// as IPv4.
class address_guard {
public:
    explicit address_guard(network_list allowed = {}) : allowed_{std::move(allowed)} {}

    bool operator()(const boost::asio::ip::address& address) const {
        return is_public(address) || allowed_.contains(address);
    }

private:
    network_list allowed_;
};

}  // namespace callhook::http
