#pragma once

#include "base/result.hpp"
#include "http/client.hpp"

#include <string>

namespace callhook::http {

/// A request as it goes over the wire, body included. `invalid_input` where a part of it could break out of
/// its place, or sets a field that is the client's. Private to this folder, pure.
result<std::string> wire_request(const client_request& what, const origin& where, bool keep_alive);

/// Whether sending this method twice does no more than sending it once.
bool is_repeatable(std::string_view method) noexcept;

}  // namespace callhook::http
