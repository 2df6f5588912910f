#pragma once

#include "http/server_core.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <tuple>

namespace callhook::http {

/// The bytes of one accepted connection, plain or in TLS: the one place where the two differ. Plain, each
/// call is the socket's own. Private to this folder, loop thread; it must stay where it is, and at most one
/// read and one write wait at a time.
class connection {
public:
    using error_code = boost::system::error_code;
    using outcome = std::tuple<error_code, std::size_t>;
    /// What is still to be sent: a head or a chunk's size line, a body, a chunk's end.
    using pieces = std::array<boost::asio::const_buffer, 3>;
    enum class greeting { done, failed, plain_http };

    /// Without an identity it is plain.
    connection(tcp_socket socket, std::shared_ptr<const tls_identity> identity);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    [[nodiscard]] bool secured() const noexcept { return tls_ != nullptr; }
    [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }

    /// The TLS handshake, before anything else. After `plain_http`, said by who does not know that this port
    /// speaks TLS, the connection is a plain one.
    boost::asio::awaitable<greeting> handshake();

    /// Waits for bytes. Like the socket's own: 0 bytes only with an error.
    boost::asio::awaitable<outcome> read_some(boost::asio::mutable_buffer into) {
        if (tls_) return read_tls(into);
        return socket_.async_read_some(into, as_tuple);
    }

    /// Waits until all is sent.
    boost::asio::awaitable<outcome> write(pieces what) {
        if (tls_) return write_tls(what);
        return boost::asio::async_write(socket_, what, as_tuple);
    }

    /// What can be had or sent without waiting; `would_block` where that is nothing. What is written after
    /// that must begin with the same bytes.
    std::size_t try_read(boost::asio::mutable_buffer into, error_code& failure) {
        return tls_ ? try_read_tls(into, failure, false) : socket_.read_some(into, failure);
    }
    std::size_t try_write(const pieces& what, error_code& failure) {
        return tls_ ? try_write_tls(what, failure) : socket_.write_some(what, failure);
    }

    /// Calls back once something is to be read, which may be the end.
    template <class Handler>
    void when_readable(Handler handler) {
        socket_.async_wait(tcp_socket::wait_read, std::move(handler));
    }
    /// Whether there is something to be read, without taking it: an error at the end, `would_block` where
    /// nothing is.
    void peek(error_code& failure);

    /// Reads what still comes, and throws it away.
    boost::asio::awaitable<outcome> drain_some(boost::asio::mutable_buffer into) {
        return socket_.async_read_some(into, as_tuple);
    }

    /// Says that nothing more will be sent; after that it can be drained, no longer read.
    void finish_sending(error_code& failure);

    /// Makes what waits end with an error.
    void cancel();
    /// Closes at once; in TLS the end is announced if that can be done without waiting.
    void close();

private:
    struct tls_state;
    static constexpr auto as_tuple = boost::asio::as_tuple(boost::asio::use_awaitable);

    boost::asio::awaitable<outcome> read_tls(boost::asio::mutable_buffer into);
    boost::asio::awaitable<outcome> write_tls(pieces what);
    std::size_t try_read_tls(boost::asio::mutable_buffer into, error_code& failure, bool peek);
    std::size_t try_write_tls(const pieces& what, error_code& failure);
    void announce_end();

    tcp_socket socket_;
    std::unique_ptr<tls_state> tls_;
};

}  // namespace callhook::http
