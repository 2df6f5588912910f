#include "app/networks.hpp"

#include "base/text.hpp"
#include "http/network_list.hpp"

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <optional>

namespace callhook::app {
namespace {

namespace ip = boost::asio::ip;

error unusable(std::string message) {
    return {errc::invalid_input, std::move(message), {}};
}

template <class Network>
result<std::string> without_host_bits(const Network& network) {
    const auto canonical = network.canonical().to_string();
    if (network.canonical() == network) return canonical;
    return unusable("has bits set beyond its prefix; the network is " + canonical);
}

}  // namespace

result<std::string> read_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = http::read_address(text.substr(0, slash));
    if (!address) return unusable("is not an IP network");
    const unsigned widest = address->is_v4() ? 32 : 128;
    auto prefix = std::optional{widest};
    if (slash != std::string_view::npos) prefix = parse_integer<unsigned>(text.substr(slash + 1));
    if (!prefix || *prefix > widest)
        return unusable("has a prefix that is not 0 to " + std::to_string(widest));
    const auto length = static_cast<unsigned short>(*prefix);
    if (address->is_v4()) return without_host_bits(ip::make_network_v4(address->to_v4(), length));
    if (address->to_v6().scope_id() != 0) return unusable("names an interface");
    return without_host_bits(ip::make_network_v6(address->to_v6(), length));
}

bool is_ip_address(std::string_view text) {
    return http::read_address(text).has_value();
}

bool is_loopback_address(std::string_view text) {
    const auto address = http::read_address(text);
    return address && address->is_loopback();
}

}  // namespace callhook::app
