#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace callhook::app {

/// A network in canonical CIDR notation, `10.0.0.0/8`; a bare address becomes the network of that one
/// address. The error says what is wrong with the text.
result<std::string> read_network(std::string_view text);

bool is_ip_address(std::string_view text);
/// 127.0.0.0/8 or ::1.
bool is_loopback_address(std::string_view text);

}  // namespace callhook::app
