#pragma once

#include "http/message.hpp"
#include "http/network_list.hpp"

#include <string>

namespace callhook::ingest {

/// The sender's address as far as it can be trusted: the peer, or, where the peer is a trusted proxy, the
/// right-most hop of `X-Forwarded-For` or `Forwarded` (RFC 7239) that is not one. Where both headers are
/// there and disagree, one of them was not written by the proxy, and nothing but the peer is believed. Empty
/// only where the peer's own address cannot be read.
std::string client_address(const http::request_head& head, const http::network_list& trusted_proxies);

}  // namespace callhook::ingest
