#include "http/connection.hpp"

#include "http/tls_identity.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <sys/socket.h>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

/// One record of TLS.
constexpr std::size_t record_size = 16 * 1024;

// OpenSSL's own socket BIO would raise SIGPIPE, and hold a descriptor that is another's once this is closed.

tcp_socket& socket_of(BIO* bio) {
    return *static_cast<tcp_socket*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    const auto got = ::recv(socket_of(bio).native_handle(), into, static_cast<std::size_t>(size), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const auto sent =
        ::send(socket_of(bio).native_handle(), from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

long bio_control(BIO* /*bio*/, int what, long /*number*/, void* /*data*/) {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* bio_method() {
    static BIO_METHOD* const method = [] {
        auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "callhook connection");
        if (made == nullptr) throw std::bad_alloc{};
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return method;
}

}  // namespace

struct connection::tls_state {
    tls_state(tcp_socket& socket, std::shared_ptr<const tls_identity> who)
        : identity{std::move(who)}, native{SSL_new(identity->native())} {
        auto* bio = native != nullptr ? BIO_new(bio_method()) : nullptr;
        if (bio == nullptr) {
            SSL_free(native);
            throw std::bad_alloc{};
        }
        BIO_set_data(bio, &socket);
        BIO_set_init(bio, 1);
        SSL_set_bio(native, bio, bio);
        SSL_set_accept_state(native);
    }
    tls_state(const tls_state&) = delete;
    tls_state& operator=(const tls_state&) = delete;
    ~tls_state() { SSL_free(native); }

    /// Of a call that returned no success: what to wait for, in `wanted`, or how it failed.
    error_code explain(int returned) {
        const int why = SSL_get_error(native, returned);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
            wanted = why == SSL_ERROR_WANT_READ ? tcp_socket::wait_read : tcp_socket::wait_write;
            return asio::error::would_block;
        }
        if (why != SSL_ERROR_ZERO_RETURN) broken = true;
        // An end without an announcement is one too: HTTP says itself how long its messages are.
        if (why == SSL_ERROR_ZERO_RETURN || why == SSL_ERROR_SYSCALL) return asio::error::eof;
        return asio::error::connection_aborted;
    }

    std::shared_ptr<const tls_identity> identity;
    SSL* native;
    tcp_socket::wait_type wanted = tcp_socket::wait_read;
    std::size_t under_way = 0;  ///< bytes of a write that could not go out; the next one takes up as many
    bool established = false;
    bool broken = false;  ///< OpenSSL forbids any further call
};

connection::connection(tcp_socket socket, std::shared_ptr<const tls_identity> identity)
    : socket_{std::move(socket)} {
    if (identity) tls_ = std::make_unique<tls_state>(socket_, std::move(identity));
}

connection::~connection() = default;

awaitable<connection::greeting> connection::handshake() {
    for (;;) {
        ERR_clear_error();
        const int returned = SSL_accept(tls_->native);
        if (returned == 1) {
            tls_->established = true;
            co_return greeting::done;
        }
        if (tls_->explain(returned) != asio::error::would_block) {
            const bool plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
            ERR_clear_error();
            if (plain) tls_.reset();
            co_return plain ? greeting::plain_http : greeting::failed;
        }
        const auto [failure] = co_await socket_.async_wait(tls_->wanted, as_tuple);
        if (failure) co_return greeting::failed;
    }
}

awaitable<connection::outcome> connection::read_tls(asio::mutable_buffer into) {
    for (bool waited = false;; waited = true) {
        error_code failure;
        const auto size = try_read_tls(into, failure, false);
        if (failure != asio::error::would_block) {
            // As with a plain socket: who always has something to say is served in turn with the others.
            if (!waited) co_await asio::post(socket_.get_executor(), asio::use_awaitable);
            co_return outcome{failure, size};
        }
        const auto [ended] = co_await socket_.async_wait(tls_->wanted, as_tuple);
        if (ended) co_return outcome{ended, 0};
    }
}

awaitable<connection::outcome> connection::write_tls(pieces what) {
    std::size_t total = 0;
    while (asio::buffer_size(what) > 0) {
        error_code failure;
        const auto size = try_write_tls(what, failure);
        if (failure == asio::error::would_block) {
            const auto [ended] = co_await socket_.async_wait(tls_->wanted, as_tuple);
            failure = ended;
        }
        if (failure) co_return outcome{failure, total};
        total += size;
        auto gone = size;
        for (auto& piece : what) {
            const auto part = std::min(gone, piece.size());
            piece += part;
            gone -= part;
        }
    }
    co_return outcome{error_code{}, total};
}

std::size_t connection::try_read_tls(asio::mutable_buffer into, error_code& failure, bool peek) {
    failure = {};
    if (tls_->broken) {
        failure = asio::error::eof;
        return 0;
    }
    ERR_clear_error();
    std::size_t size = 0;
    const int returned = peek ? SSL_peek_ex(tls_->native, into.data(), into.size(), &size)
                              : SSL_read_ex(tls_->native, into.data(), into.size(), &size);
    if (returned == 1) return size;
    failure = tls_->explain(returned);
    return 0;
}

std::size_t connection::try_write_tls(const pieces& what, error_code& failure) {
    failure = {};
    if (tls_->broken) {
        failure = asio::error::broken_pipe;
        return 0;
    }
    // Small pieces go out in one record.
    std::array<char, record_size> record;
    const auto most = tls_->under_way > 0 ? tls_->under_way : record.size();
    const auto filled = asio::buffer_copy(asio::buffer(record.data(), most), what);
    if (filled == 0) return 0;
    ERR_clear_error();
    std::size_t size = 0;
    const int returned = SSL_write_ex(tls_->native, record.data(), filled, &size);
    if (returned == 1) {
        tls_->under_way = 0;
        return size;
    }
    failure = tls_->explain(returned);
    tls_->under_way = filled;
    return 0;
}

void connection::peek(error_code& failure) {
    char next = 0;
    if (tls_) {
        try_read_tls(asio::buffer(&next, 1), failure, true);
    } else {
        socket_.receive(asio::buffer(&next, 1), asio::socket_base::message_peek, failure);
    }
}

void connection::announce_end() {
    if (!tls_ || !tls_->established || tls_->broken || !socket_.is_open()) return;
    ERR_clear_error();
    SSL_shutdown(tls_->native);
    ERR_clear_error();
    tls_->broken = true;
}

void connection::finish_sending(error_code& failure) {
    announce_end();
    socket_.shutdown(tcp_socket::shutdown_send, failure);
}

void connection::cancel() {
    error_code ignored;
    socket_.cancel(ignored);
}

void connection::close() {
    announce_end();
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace callhook::http
