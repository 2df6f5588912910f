#include "http/address_guard.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace callhook::http {

namespace {

namespace ip = boost::asio::ip;

/// Not public, of IPv4.
const network_list& special_v4() {
    static const network_list networks{{
        "0.0.0.0/8",         // this network
        "10.0.0.0/8",        // private
        "100.64.0.0/10",     // shared by a provider's customers
        "127.0.0.0/8",       // loopback
        "168.63.129.16/32",  // Azure's own host, from within any virtual machine
        "169.254.0.0/16",    // link-local, the clouds' metadata among it
        "172.16.0.0/12",     // private
        "192.0.0.0/24",      // protocol assignments
        "192.0.2.0/24",      // documentation
        "192.88.99.0/24",    // what were relays of 6to4
        "192.168.0.0/16",    // private
        "198.18.0.0/15",     // benchmarking
        "198.51.100.0/24",   // documentation
        "203.0.113.0/24",    // documentation
        "224.0.0.0/4",       // multicast
        "240.0.0.0/4",       // reserved, and broadcast
    }};
    return networks;
}

/// The part of IPv6 that is given out; all else (loopback, link-local, site-local, unique local, multicast,
/// discard, …) lies outside of it.
const network_list& unicast_v6() {
    static const network_list networks{{"2000::/3"}};
    return networks;
}

/// Not public, of the part that is given out.
const network_list& special_v6() {
    static const network_list networks{{
        "2001::/23",      // protocol assignments, Teredo, benchmarking and ORCHID among them
        "2001:db8::/32",  // documentation
        "3fff::/20",      // documentation
    }};
    return networks;
}

bool begins_with(const ip::address_v6::bytes_type& bytes, std::initializer_list<unsigned char> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

ip::address_v4 v4_at(const ip::address_v6::bytes_type& bytes, std::size_t offset) {
    ip::address_v4::bytes_type out{};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return ip::address_v4{out};
}

bool is_public_v4(const ip::address_v4& address) {
    return !special_v4().contains(address);
}

}  // namespace

bool is_public(const ip::address& address) {
    if (address.is_v4()) return is_public_v4(address.to_v4());
    const auto v6 = address.to_v6();
    const auto bytes = v6.to_bytes();
    if (v6.is_v4_mapped()) return is_public_v4(v4_at(bytes, 12));
    if (begins_with(bytes, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))  // NAT64
        return is_public_v4(v4_at(bytes, 12));
    if (begins_with(bytes, {0x20, 0x02})) return is_public_v4(v4_at(bytes, 2));  // 6to4
    return unicast_v6().contains(v6) && !special_v6().contains(v6);
}

}  // namespace callhook::http
