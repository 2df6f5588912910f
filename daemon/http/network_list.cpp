#include "http/network_list.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <stdexcept>

namespace callhook::http {

using boost::asio::ip::address;
using boost::asio::ip::address_v6;

namespace {

/// Everything as IPv6, IPv4 mapped, so that one comparison serves both.
address_v6 widened(const address& a) {
    if (a.is_v4()) return boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, a.to_v4());
    auto v6 = a.to_v6();
    v6.scope_id(0);
    return v6;
}

}  // namespace

std::optional<address> read_address(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return {};  // Asio takes it for the end of the text
    boost::system::error_code failed;
    const auto parsed = boost::asio::ip::make_address(text, failed);
    if (failed) return {};
    return parsed;
}

std::optional<address> parse_address(std::string_view text) {
    if (text.find('%') != std::string_view::npos) return {};  // a scope means nothing to anyone else
    const auto parsed = read_address(text);
    if (parsed && parsed->is_v6() && parsed->to_v6().is_v4_mapped()) {
        return address{boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed->to_v6())};
    }
    return parsed;
}

network_list::network_list(const std::vector<std::string>& networks) {
    for (const auto& text : networks) {
        const auto slash = text.find('/');
        const auto base = parse_address(std::string_view{text}.substr(0, slash));
        // An IPv4-mapped base has become IPv4, but its prefix still counts from 128.
        const bool short_prefix = base && base->is_v4() && text.find(':') == std::string::npos;
        const auto width = short_prefix ? 32U : 128U;
        const auto prefix =
            slash == std::string::npos
                ? width
                : parse_integer<unsigned>(std::string_view{text}.substr(slash + 1)).value_or(129);
        if (!base || prefix > width) throw std::invalid_argument{"not a network in CIDR notation"};
        networks_.push_back({widened(*base), short_prefix ? prefix + 96 : prefix});
    }
}

bool network_list::contains(const address& a) const {
    const auto wide = widened(a);
    const auto bytes = wide.to_bytes();
    return std::any_of(networks_.begin(), networks_.end(), [&](const network& n) {
        // `::/0` is all of IPv6; that IPv4 is compared as a part of it is our own affair.
        if (wide.is_v4_mapped() && n.prefix < 96) return false;
        const auto base = n.base.to_bytes();
        const auto whole = n.prefix / 8;
        if (!std::equal(bytes.begin(), bytes.begin() + whole, base.begin())) return false;
        const auto rest = n.prefix % 8;
        if (rest == 0) return true;
        const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
        return ((bytes[whole] ^ base[whole]) & mask) == 0;
    });
}

}  // namespace callhook::http
