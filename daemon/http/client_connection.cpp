#include "http/client_connection.hpp"

#include "http/client_origin.hpp"
#include "http/name_lookup.hpp"
#include "http/network_list.hpp"
#include "http/tls_trust_state.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

/// More addresses than this are not tried.
constexpr std::size_t max_addresses = 8;

}  // namespace

/// What a lookup of the name comes to.
struct client_connection::looked_up {
    explicit looked_up(const asio::any_io_executor& executor) : gate{executor, time_point::max()} {}

    asio::steady_timer gate;  ///< never expires; cancelling it is the signal
    std::optional<name_answer> answer{};
};

client_connection::client_connection(
    const asio::any_io_executor& executor,
    const origin& where,
    tls_trust::state* tls,
    std::function<bool(const asio::ip::address&)> may_connect
)
    : origin_{where}, may_connect_{std::move(may_connect)}, tls_{tls}, socket_{executor}, timer_{executor} {}

awaitable<result<void>> client_connection::open(time_point until) {
    expect_by(until);
    auto addresses = co_await find_addresses();
    if (addresses.has_error()) co_return addresses.error();
    const auto connected = co_await connect(std::move(*addresses), until);
    if (connected.has_error() || !tls_) co_return connected;
    expect_by(until);
    co_return co_await shake_hands();
}

awaitable<result<std::vector<client_connection::tcp::endpoint>>> client_connection::find_addresses() {
    step_ = "name";
    boost::system::error_code no_address;
    const auto address = asio::ip::make_address(origin_.host, no_address);
    if (!no_address) {
        std::vector<tcp::endpoint> one{tcp::endpoint{address, origin_.port}};
        co_return one;
    }
    const auto found = std::make_shared<looked_up>(socket_.get_executor());
    lookup_ = found;
    auto take = [found](name_answer answer) {
        found->answer = std::move(answer);
        found->gate.cancel();
    };
    const name_lookup lookup{origin_.host, socket_.get_executor(), std::move(take)};
    co_await found->gate.async_wait(as_tuple);
    if (ended_here() || !found->answer) co_return failed(asio::error::operation_aborted);
    if (found->answer->failure) co_return failed(found->answer->failure);
    std::vector<tcp::endpoint> all;
    for (const auto& address : found->answer->addresses)
        all.emplace_back(address, origin_.port);
    co_return all;
}

awaitable<result<void>> client_connection::connect(std::vector<tcp::endpoint> addresses, time_point until) {
    if (may_connect_ && !addresses.empty()) {
        step_ = "address";
        std::erase_if(addresses, [this](const tcp::endpoint& one) { return !may_connect_(one.address()); });
        if (addresses.empty()) co_return fault(errc::unavailable, "none that may be called");
    }
    step_ = "connect";
    const auto count = std::min(addresses.size(), max_addresses);
    auto last = fault(errc::unavailable, "the name has no address");
    for (std::size_t i = 0; i < count; ++i) {
        const auto now = std::chrono::steady_clock::now();
        const auto left = until - now;
        if (i > 0 && left.count() <= 0) co_return fault(errc::timed_out, "timed out");
        boost::system::error_code ignored;
        socket_.close(ignored);
        late_ = false;
        expect_by(now + left / static_cast<int>(count - i));
        const auto [failure] = co_await socket_.async_connect(addresses[i], as_tuple);
        if (!failure && !ended_here()) {
            socket_.set_option(tcp::no_delay{true}, ignored);
            co_return result<void>{};
        }
        last = failed(failure);
        if (cut_) break;
    }
    co_return last;
}

awaitable<result<void>> client_connection::shake_hands() {
    step_ = "TLS handshake";
    auto& stream = secured_.emplace(socket_, tls_->tls);
    auto* const ssl = stream.native_handle();
    // OpenSSL's own check of the name, which beside Asio's tells apart why a certificate was refused.
    bool prepared = false;
    if (!tls_->checks_names) {
        prepared = true;
    } else if (parse_address(origin_.host)) {
        prepared = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), origin_.host.c_str()) == 1;
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        prepared = SSL_set1_host(ssl, origin_.host.c_str()) == 1 &&
                   SSL_set_tlsext_host_name(ssl, origin_.host.c_str()) == 1;
    }
    if (!prepared) co_return fault(errc::unavailable, "OpenSSL does not take the host's name");

    const auto [failure] = co_await stream.async_handshake(asio::ssl::stream_base::client, as_tuple);
    if (!failure && !ended_here()) co_return result<void>{};
    const auto verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK && !ended_here()) {
        step_ = "certificate";
        co_return fault(errc::unavailable, X509_verify_cert_error_string(verdict));
    }
    co_return failed(failure);
}

void client_connection::expect_by(time_point deadline) {
    deadline_ = deadline;
    timer_.expires_at(deadline);
    auto look = [weak = weak_from_this()](const boost::system::error_code& cancelled) {
        if (cancelled) return;
        if (const auto self = weak.lock()) self->at_deadline();
    };
    timer_.async_wait(std::move(look));
}

/// A wait that was over already when its deadline moved comes here too, and counts no more.
void client_connection::at_deadline() {
    if (std::chrono::steady_clock::now() < deadline_) return;
    late_ = true;
    close_now();
}

awaitable<result<void>> client_connection::write(std::string_view bytes) {
    step_ = "write";
    boost::system::error_code failure;
    if (secured_) {
        const auto [ended, size] = co_await asio::async_write(*secured_, asio::buffer(bytes), as_tuple);
        failure = ended;
    } else {
        const auto [ended, size] = co_await asio::async_write(socket_, asio::buffer(bytes), as_tuple);
        failure = ended;
    }
    result<void> outcome;  // named: GCC 12 with sanitizers takes an unnamed one for uninitialised
    if (failure) outcome = failed(failure);
    co_return outcome;
}

awaitable<result<client_connection::piece>> client_connection::read() {
    step_ = "read";
    boost::system::error_code failure;
    std::size_t size = 0;
    if (secured_) {
        std::tie(failure, size) = co_await secured_->async_read_some(asio::buffer(buffer_), as_tuple);
    } else {
        std::tie(failure, size) = co_await socket_.async_read_some(asio::buffer(buffer_), as_tuple);
    }
    // Bytes that came in the same moment as the deadline still count.
    if (!failure) co_return piece{.bytes = std::string_view{buffer_.data(), size}};
    if (ended_here() || failure == asio::error::operation_aborted) co_return failed(failure);
    co_return piece{.ended = true, .clean = failure == asio::error::eof, .detail = failure.message()};
}

bool client_connection::quiet() {
    if (!socket_.is_open() || ended_here()) return false;
    if (secured_) {
        // What TLS has taken from the socket already, decrypted or not.
        auto* const ssl = secured_->native_handle();
        if (SSL_has_pending(ssl) == 1 || BIO_ctrl_pending(SSL_get_rbio(ssl)) > 0) return false;
    }
    char byte = 0;
    const auto size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void client_connection::cut() {
    cut_ = true;
    close_now();
}

void client_connection::close_now() {
    timer_.cancel();
    if (const auto lookup = lookup_.lock()) lookup->gate.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

error client_connection::fault(errc code, std::string_view why) const {
    return error{code, host_and_port(origin_) + ": " + step_ + ": " + std::string{why}};
}

error client_connection::failed(const boost::system::error_code& failure) const {
    if (cut_) return fault(errc::cancelled, "the client was closed");
    if (late_) return fault(errc::timed_out, "timed out");
    if (failure == asio::error::operation_aborted) return fault(errc::cancelled, "cancelled");
    if (failure == asio::error::eof || failure == asio::ssl::error::stream_truncated)
        return fault(errc::unavailable, "the connection ended");
    return fault(errc::unavailable, failure.message());
}

}  // namespace callhook::http
