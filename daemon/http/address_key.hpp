#pragma once

#include <boost/asio/ip/address.hpp>

#include <array>

namespace callhook::http {

/// What counts as one sender where something is bounded by address: an IPv4 address, or the /64 of an IPv6
/// one, since whoever has one address of it has them all.
using address_key = std::array<unsigned char, 16>;

/// The same for an IPv4-mapped address and its IPv4 one.
address_key key_of(const boost::asio::ip::address& address);

}  // namespace callhook::http
