#pragma once

#include "base/result.hpp"
#include "http/message.hpp"
#include "http/tls_trust.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {

/// Where requests go: scheme, host and port of a URL.
struct origin {
    bool tls = true;
    std::string host{};  ///< a name, or an address without brackets
    std::uint16_t port = 443;

    bool operator==(const origin&) const = default;
};

/// Reads `https://host[:port]` (or `http://`), without path, query, fragment or user; the host comes out in
/// lower case. A name whose last label is a number is none: the system could read it as an address.
/// `invalid_input` says what is wrong, and holds nothing of the text.
result<origin> parse_origin(std::string_view url);

struct client_settings {
    http::origin origin{};
    /// PEM file with the authorities that are trusted instead of the system's; empty: the system's.
    std::string ca_file{};
    /// Authorities that are loaded already; then `ca_file` is not read. Null: the client loads its own.
    std::shared_ptr<const tls_trust> trust{};
    /// Says which addresses may be connected to; empty: all. It is asked about each address that the host
    /// has, or is, at every connect, and nothing is connected to that it was not asked about.
    std::function<bool(const boost::asio::ip::address&)> may_connect{};
    std::size_t max_header = std::size_t{64} << 10;
    std::size_t max_body = std::size_t{8} << 20;
    /// For who needs the status and only the beginning of a body: what is over `max_body` is not read and its
    /// connection not kept, instead of the answer being an error.
    bool truncate_body = false;
    /// Connections kept for the next request, and for how long.
    std::size_t max_idle = 4;
    std::chrono::milliseconds idle_timeout{30'000};
    /// Name, connection and TLS together; within the request's own deadline.
    std::chrono::milliseconds connect_timeout{10'000};
};

struct client_request {
    std::string method = "GET";
    std::string target = "/";     ///< path and query
    std::vector<field> fields{};  ///< not `Host`, `Content-Length`, `Connection`, `Transfer-Encoding`
    std::string body{};
    /// Whoever gets it twice knows it for the same, though its method does not say so.
    bool repeatable = false;
};

struct client_response {
    unsigned status = 0;
    std::vector<field> fields{};
    std::string body{};

    /// The first field of this name in any case; empty when absent.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
};

/// An HTTP/1.1 client for one origin that keeps its connections. With TLS it speaks 1.2 or later, sends the
/// host's name, and believes only a certificate of that name under a trusted authority. Redirects are
/// answers like any other; interim (1xx) ones are skipped. There is no bound on connections in use: that is
/// the caller's. One event loop, which outlives the client; all calls on its thread. Requests under way may
/// outlive the client, and end as after `close`.
class client {
public:
    /// Loads the authorities if there is TLS and none are given; throws `bad_result` (`mismatch`) where
    /// `ca_file` cannot be read or the origin has no valid host.
    client(const boost::asio::any_io_executor& executor, client_settings settings);
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    /// Sends a request and returns its whole answer, whatever its status. `timed_out`: the deadline or the
    /// connect timeout passed; `unavailable`: name, address, connection, TLS, a cut or an answer that is no
    /// HTTP; `overloaded`: the answer is larger than is taken; `cancelled`: `close` was called, or the
    /// awaiting coroutine was cancelled; `invalid_input`: a method, target or field that could break out of
    /// its place, or a field that is the client's. A kept connection that turns out to be closed before any
    /// byte of the answer came is replaced once, for what is safe to repeat. Messages are
    /// `host:port: step: reason` (steps: name, address, connect, TLS handshake, certificate, write, read) and
    /// never hold fields, targets or bodies.
    boost::asio::awaitable<result<client_response>> send(
        client_request what, std::chrono::steady_clock::time_point deadline
    );

    /// Cuts every connection; requests under way end as `cancelled` soon after, new ones at once.
    void close();

private:
    class core;
    std::shared_ptr<core> core_;
};

}  // namespace callhook::http
