#pragma once

#include "base/result.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace callhook::feed::nats {

/// A NATS server and how to log in there.
struct server {
    bool tls = false;
    std::string host{};  ///< without brackets
    std::uint16_t port = 4222;
    std::string user{};
    secret password{};
    secret token{};  ///< instead of user and password
};

/// `nats://host`, `nats://user:password@host:port`, `nats://token@host`; `tls://` insists on TLS. What
/// stands before the `@` may be percent-encoded. The message says what is wrong and repeats nothing.
result<server> parse_server(std::string_view url);

/// `host:port`: all that may be shown of it.
std::string shown(const server& where);

/// Whether a stream may be called so: what the server takes, and no more than 255 bytes.
bool is_stream_name(std::string_view text);

/// Whether subjects may begin so: tokens of `A-Z a-z 0-9 _ -` with dots between them.
bool is_subject_prefix(std::string_view text);

/// `<prefix>.<source>.<type>`. A type's dots part tokens (`call.new` is two), so that `<prefix>.*.call.>`
/// takes what happens to calls. An event of no source has `_` in its place.
std::string subject_of(std::string_view prefix, std::string_view source, std::string_view type);

}  // namespace callhook::feed::nats
