#pragma once

#include "base/result.hpp"
#include "http/client.hpp"
#include "http/tls_trust.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {

/// One connection of a client, with or without TLS. Private to this folder, loop thread, held by shared
/// pointers. One coroutine at a time may use it.
///
/// Nothing here is cancelled operation by operation: at its deadline, or by `cut`, the socket closes, which
/// ends whatever waits on it, and the connection is of no more use. Errors name host, port and step; their
/// code is `timed_out` after the deadline, `cancelled` after `cut`, and `unavailable` for the rest.
class client_connection : public std::enable_shared_from_this<client_connection> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// What one read brought.
    struct piece {
        std::string_view bytes{};  ///< valid until the next read
        bool ended = false;        ///< no more will come, and there are no bytes
        bool clean = false;        ///< ended by the peer's own word: a FIN, with TLS its close_notify
        std::string detail{};      ///< how it ended, for the log
    };

    /// `tls` is null for plain HTTP and outlives the connection; `may_connect` as in client_settings.
    client_connection(
        const boost::asio::any_io_executor& executor,
        const origin& where,
        tls_trust::state* tls,
        std::function<bool(const boost::asio::ip::address&)> may_connect
    );

    /// Finds the name's addresses, connects to the first allowed one that takes it and makes sure of the
    /// peer, all by `until`. Each address gets an equal share of the time that is left, so that a silent one
    /// does not hide the next. Once.
    boost::asio::awaitable<result<void>> open(time_point until);

    /// From now on, whatever waits must end by then.
    void expect_by(time_point deadline);

    /// Sends all the bytes, which must live until it returns.
    boost::asio::awaitable<result<void>> write(std::string_view bytes);

    /// Waits for bytes or the end.
    boost::asio::awaitable<result<piece>> read();

    /// Whether it is open, and the peer has sent nothing and not closed since the last read. Asks the
    /// kernel; does not wait.
    [[nodiscard]] bool quiet();

    /// Ends all at once. What waits returns soon after, not from within.
    void cut();

    /// An error that says where and in which step.
    [[nodiscard]] error fault(errc code, std::string_view why) const;

private:
    using tcp = boost::asio::ip::tcp;
    struct looked_up;

    boost::asio::awaitable<result<std::vector<tcp::endpoint>>> find_addresses();
    boost::asio::awaitable<result<void>> connect(std::vector<tcp::endpoint> addresses, time_point until);
    boost::asio::awaitable<result<void>> shake_hands();
    void close_now();
    void at_deadline();
    [[nodiscard]] bool ended_here() const noexcept { return late_ || cut_; }
    [[nodiscard]] error failed(const boost::system::error_code& failure) const;

    origin origin_;
    std::function<bool(const boost::asio::ip::address&)> may_connect_;
    tls_trust::state* tls_;
    tcp::socket socket_;
    std::optional<boost::asio::ssl::stream<tcp::socket&>>
        secured_;  ///< over `socket_`, from the handshake on
    boost::asio::steady_timer timer_;
    time_point deadline_ = time_point::max();
    std::weak_ptr<looked_up> lookup_;
    const char* step_ = "name";
    bool late_ = false;  ///< closed because of the deadline
    bool cut_ = false;
    std::array<char, 16 * 1024> buffer_{};
};

}  // namespace callhook::http
