// How a listener opens and how it ends.
#include "http/server_core.hpp"
#include "http/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// A backlog is at most this long; what a stop finds in it is still looked at.
constexpr int backlog_at_stop = 4096;

}  // namespace

result<void> server::core::describe(std::string_view step, const error_code& failure) const {
    const auto where = settings_.address + ":" + std::to_string(settings_.port);
    return error{errc::unavailable, "cannot " + std::string{step} + " " + where + ": " + failure.message()};
}

void server::core::prepare_acceptor(error_code& failure) {
    error_code ignored;
    // Connections inherit it. Else a client that asks on and on and reads nothing would be kept up to 4 MiB
    // of answers.
    const auto bytes = static_cast<int>(limits().send_buffer);
    if (bytes > 0) acceptor_.set_option(asio::socket_base::send_buffer_size{bytes}, ignored);
    // Else Asio hides that a connection has gone before it was taken, and waits for the next to arrive:
    // those behind it are left waiting too, and an `accept` that must not block does, and with it the loop.
    acceptor_.set_option(asio::socket_base::enable_connection_aborted{true}, ignored);
    // For `accept_waiting`, which must not wait.
    acceptor_.non_blocking(true, failure);
}

result<void> server::core::listen() {
    error_code failure;
    const auto address = asio::ip::make_address(settings_.address, failure);
    if (failure) return error{errc::mismatch, "not an IP address to listen on: " + settings_.address};
    const tcp::endpoint at{address, settings_.port};
    acceptor_.open(at.protocol(), failure);
    if (failure) return describe("open a socket for", failure);
    acceptor_.set_option(asio::socket_base::reuse_address{true}, failure);
    if (!failure) prepare_acceptor(failure);
    if (!failure) acceptor_.bind(at, failure);
    if (!failure) acceptor_.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) {
        error_code ignored;
        acceptor_.close(ignored);
        return describe("listen on", failure);
    }
    return {};
}

result<void> server::core::listen_on(int descriptor) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    int listening = 0;
    socklen_t listening_size = sizeof listening;
    const bool usable =
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_size) == 0 &&
        listening != 0 && (address.ss_family == AF_INET || address.ss_family == AF_INET6);
    error_code failure;
    if (usable) acceptor_.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, failure);
    if (usable && !failure) prepare_acceptor(failure);
    if (!usable || failure) {
        ::close(descriptor);
        return error{
            errc::mismatch,
            "the socket handed over for listener " + settings_.name + " is not a listening TCP socket"};
    }
    return {};
}

std::uint16_t server::core::port() const {
    error_code failure;
    const auto at = acceptor_.local_endpoint(failure);
    return failure ? std::uint16_t{0} : at.port();
}

std::vector<std::shared_ptr<session>> server::core::all() const {
    std::vector<std::shared_ptr<session>> alive;
    for (auto* s : sessions_) {
        if (auto held = s->weak_from_this().lock()) alive.push_back(std::move(held));
    }
    return alive;
}

void server::core::begin_stop() {
    if (std::exchange(stopping_, true)) return;
    // Whoever the kernel has already let in gets a hearing: closing the listener would reset them.
    if (started_) accept_waiting(backlog_at_stop);
    error_code ignored;
    acceptor_.close(ignored);
    tick_.cancel();
    for (const auto& s : all())
        s->hurry_if_idle();
}

awaitable<void> server::core::stop(time_point deadline) {
    const auto self = shared_from_this();
    begin_stop();
    co_await wait_until_ended(deadline);
    for (const auto& s : all())
        s->abort();
    co_await wait_until_ended(time_point::max());
}

awaitable<void> server::core::wait_until_ended(time_point deadline) {
    while ((tasks_ > 0 || !sessions_.empty()) && std::chrono::steady_clock::now() < deadline) {
        steady_timer ended{executor(), deadline};
        waiting_.push_back(&ended);
        // Also when this coroutine itself is cancelled or destroyed.
        struct leave_guard {
            std::vector<steady_timer*>& list;
            steady_timer* entry;
            ~leave_guard() { std::erase(list, entry); }
        } guard{waiting_, &ended};
        co_await ended.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void server::core::notify_if_ended() {
    if (tasks_ > 0 || !sessions_.empty()) return;
    for (auto* timer : waiting_)
        timer->cancel();
}

void server::core::orphan() {
    stopping_ = true;
    orphaned_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    tick_.cancel();
    for (const auto& s : all())
        s->abort();
}

}  // namespace callhook::http
