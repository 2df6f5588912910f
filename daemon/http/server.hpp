#pragma once

#include "base/metrics.hpp"
#include "base/result.hpp"
#include "http/network_list.hpp"
#include "http/router.hpp"
#include "http/tls_identity.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace callhook::http {

/// The bounds of one listener: sizes in bytes, and absolute deadlines that no trickle of bytes pushes back.
/// They are looked at in steps of a quarter of the shortest, at most 250 ms.
struct limits {
    std::size_t max_header = 8192;                ///< request line and fields; over it: 431
    std::size_t max_body = std::size_t{1} << 20;  ///< after removing chunk framing; over it: 413
    std::size_t max_connections = 4096;           ///< over it: 503 and close
    std::size_t max_connections_per_address = 0;  ///< the same for one peer (IPv6: one /64); 0: no limit
    std::size_t max_inflight_body_bytes = std::size_t{64}
                                          << 20;  ///< of all requests being read or handled; over it: 503
    std::size_t send_buffer = 0;  ///< what the kernel may hold of a connection's answers; 0: what it likes
    std::chrono::milliseconds header_timeout{
        5'000};  ///< first byte of a request to the end of its header: 408; for TLS's handshake: closes
    std::chrono::milliseconds body_timeout{10'000};  ///< end of the header to the end of the body: 408
    std::chrono::milliseconds idle_timeout{
        30'000};                                   ///< wait for a request's first byte: closes without a word
    std::chrono::milliseconds lame_duck{1'000};    ///< how long a connection that was just opened or used may
                                                   ///< wait for a request in spite of a stop
    std::chrono::milliseconds handler_timeout{0};  ///< endpoint::handle: cancelled, 503; 0 means no limit
    std::chrono::milliseconds write_timeout{
        10'000};  ///< a whole answer, or one piece of a streamed one: closes
    std::chrono::milliseconds linger{
        1'000};  ///< how long to read on after an early answer so that it arrives
};

struct server_settings {
    std::string address = "127.0.0.1";  ///< an IP address, not a name
    std::uint16_t port = 0;             ///< 0: one that is free
    http::limits limits{};
    network_list uncounted{};                   ///< peers that max_connections_per_address does not hold for
    std::string name = "http";                  ///< the listener's name in logs and the label in metrics
    std::shared_ptr<const tls_identity> tls{};  ///< null: plain
};

/// One HTTP/1 listener and its connections, on one event loop. It answers by itself what never reaches an
/// endpoint: 400 and close for bad framing, 404, 405, 408, 413, 417, 431, 500 and 503, all as problem+json.
///
/// All calls on the loop's thread (listen, port and start also before the loop runs). The router outlives the
/// server. Destroying the server cuts what is open; the metrics registry and the loop must be there until
/// then, the loop no longer.
class server {
public:
    server(
        boost::asio::io_context& loop,
        server_settings settings,
        const router& routes,
        metrics_registry& metrics
    );
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Binds and listens on the address of the settings. `mismatch` for an address that is none,
    /// `unavailable` when the system refuses; both name address and port.
    result<void> listen();

    /// Takes over a TCP socket that listens already (socket activation) and owns it from then on, also when
    /// it fails.
    result<void> listen_on(int descriptor);

    /// The port listened on, 0 before listen.
    [[nodiscard]] std::uint16_t port() const;

    /// Starts to accept. Once, after listen.
    void start();

    /// Closes the listener, lets open requests finish, closes connections that have waited for a request for
    /// `limits::lame_duck`, and cancels what is left when `deadline` passes. One that waits for less may have
    /// a request on its way, which is served; every last answer says `Connection: close`. Returns when every
    /// connection has ended. May be awaited more than once; the earliest deadline counts.
    boost::asio::awaitable<void> stop(std::chrono::steady_clock::time_point deadline);

    /// How connections that come from now on are secured; null: not at all. Those that are open stay as they
    /// are.
    void use_tls(std::shared_ptr<const tls_identity> identity);

    /// Connections open at this moment, those that are being refused included.
    [[nodiscard]] std::size_t connections() const;

private:
    class core;
    friend class session;
    std::shared_ptr<core> core_;
};

}  // namespace callhook::http
