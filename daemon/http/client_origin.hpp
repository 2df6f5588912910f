#pragma once

#include "http/client.hpp"

#include <string>
#include <string_view>

namespace callhook::http {

/// Whether this can be a host: an IP address without brackets or zone, or a name whose last label is no
/// number (the system would read `127.1` or `0x7f000001` as an address that no check has seen). Private to
/// this folder, pure.
bool is_host(std::string_view text);

/// `host:port` for people, an IPv6 address in brackets.
std::string host_and_port(const origin& where);

/// The value of the Host field: the same without the scheme's own port.
std::string host_field(const origin& where);

}  // namespace callhook::http
