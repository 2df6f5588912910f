#include "http/address_key.hpp"

#include <algorithm>

namespace callhook::http {

namespace ip = boost::asio::ip;

address_key key_of(const ip::address& address) {
    if (address.is_v4()) return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
    const auto v6 = address.to_v6();
    auto key = v6.to_bytes();
    if (!v6.is_v4_mapped()) std::fill(key.begin() + 8, key.end(), static_cast<unsigned char>(0));
    return key;
}

}  // namespace callhook::http
