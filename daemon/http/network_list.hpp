#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {

/// Reads an IP address without brackets, which may name an interface, and nothing before or after it.
std::optional<boost::asio::ip::address> read_address(std::string_view text);

/// The same without an interface; an IPv4-mapped one comes out as IPv4.
std::optional<boost::asio::ip::address> parse_address(std::string_view text);

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

}  // namespace callhook::http
