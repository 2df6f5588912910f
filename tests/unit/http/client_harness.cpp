#include "client_harness.hpp"

#include "base/text.hpp"
#include "client_certificates.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;

namespace {

constexpr int patience_seconds = 5;

/// One authority for the whole program, and what a good server shows; making keys takes time.
const identity& good_authority() {
    static const auto made = make_identity({.name = "good authority", .authority = true});
    return made;
}

const std::string& good_authority_file() {
    static const pem_file file{good_authority()};
    return file.path();
}

std::shared_ptr<SSL_CTX> good_tls() {
    static const auto made = server_tls(
        make_identity({.name = "leaf", .alternative_names = "DNS:localhost,IP:127.0.0.1"}, &good_authority())
    );
    return made;
}

}  // namespace

peer::peer(int socket, SSL_CTX* tls, int number) : socket_{socket}, number_{number} {
    const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!tls) return;
    tls_.reset(SSL_new(tls));
    SSL_set_fd(tls_.get(), socket_);
    ready_ = SSL_accept(tls_.get()) == 1;
}

peer::~peer() {
    tls_.reset();
    ::close(socket_);
}

std::string peer::server_name() const {
    const auto* const name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
}

int peer::receive(char* into, int room) {
    if (tls_) return SSL_read(tls_.get(), into, room);
    return static_cast<int>(::recv(socket_, into, static_cast<std::size_t>(room), 0));
}

std::string peer::request() {
    char bytes[16384];
    for (;;) {
        const auto head_end = pending_.find("\r\n\r\n");
        if (head_end != std::string::npos) {
            const auto head = to_lower(pending_.substr(0, head_end + 2));
            const auto field = head.find("\r\ncontent-length: ");
            std::size_t length = 0;
            if (field != std::string::npos)
                length = static_cast<std::size_t>(std::atol(head.c_str() + field + 18));
            if (const auto whole = head_end + 4 + length; pending_.size() >= whole) {
                auto request = pending_.substr(0, whole);
                pending_.erase(0, whole);
                return request;
            }
        }
        const auto size = receive(bytes, sizeof bytes);
        if (size <= 0) return {};
        pending_.append(bytes, static_cast<std::size_t>(size));
    }
}

bool peer::send(std::string_view bytes) {
    if (tls_) return SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    while (!bytes.empty()) {
        const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void peer::hold_back(bool on) {
    const int value = on ? 1 : 0;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void peer::dribble(std::string_view first, char forever) {
    if (!first.empty()) send(first);
    while (send({&forever, 1}))
        std::this_thread::sleep_for(5ms);
}

void peer::hang() {
    char bytes[16384];
    while (::recv(socket_, bytes, sizeof bytes, 0) > 0) {
    }
}

void peer::goodbye() {
    SSL_shutdown(tls_.get());
}

void peer::reset_at_end() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

scripted_server::scripted_server(script what, std::shared_ptr<SSL_CTX> tls)
    : script_{std::move(what)}, tls_{std::move(tls)}, listener_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    auto* const address = reinterpret_cast<sockaddr*>(&here);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 256) != 0 ||
        ::getsockname(listener_, address, &size) != 0)
        throw std::runtime_error{"listen"};
    port_ = ntohs(here.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
}

scripted_server::~scripted_server() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock{mutex_};
        for (const auto socket : open_)
            ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& one : scripts_)
        one.join();
    ::close(listener_);
}

void scripted_server::accept_all() {
    for (;;) {
        const auto socket = ::accept(listener_, nullptr, nullptr);
        if (socket < 0) return;
        const std::lock_guard lock{mutex_};
        open_.push_back(socket);
        scripts_.emplace_back([this, socket, number = ++accepted_] { run(socket, number); });
    }
}

void scripted_server::run(int socket, int number) {
    {
        peer other{socket, tls_.get(), number};
        if (other.ready()) script_(other);
        // Before the socket closes and its number goes to someone else.
        const std::lock_guard lock{mutex_};
        std::erase(open_, socket);
    }
    ++ended_;
}

void scripted_server::wait_for_ends(int count) const {
    const auto until = std::chrono::steady_clock::now() + 4s;
    while (ended_ < count && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(1ms);
}

client_test::client_test() : work_{loop_.get_executor()} {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    settings_.origin = {.tls = false, .host = "127.0.0.1", .port = 1};
    thread_ = std::thread{[this] { loop_.run(); }};
}

client_test::~client_test() {
    drop();
    work_.reset();
    thread_.join();
}

void client_test::serve(scripted_server::script what) {
    server_ = std::make_unique<scripted_server>(std::move(what));
    settings_.origin.port = server_->port();
}

void client_test::serve_tls(scripted_server::script what, std::shared_ptr<SSL_CTX> tls) {
    server_ = std::make_unique<scripted_server>(std::move(what), tls ? std::move(tls) : good_tls());
    settings_.origin.tls = true;
    settings_.origin.port = server_->port();
    settings_.ca_file = good_authority_file();
}

void client_test::open() {
    on_loop([this] { client_ = std::make_unique<client>(loop_.get_executor(), settings_); });
}

void client_test::drop() {
    on_loop([this] { client_.reset(); });
}

std::future<result<client_response>> client_test::start(
    client_request what, std::chrono::milliseconds patience
) {
    if (!client_) open();
    std::future<result<client_response>> coming;
    on_loop([&] {
        auto asked = client_->send(std::move(what), std::chrono::steady_clock::now() + patience);
        coming = asio::co_spawn(loop_, std::move(asked), asio::use_future);
    });
    return coming;
}

result<client_response> client_test::send(client_request what, std::chrono::milliseconds patience) {
    const auto begun = std::chrono::steady_clock::now();
    auto got = start(std::move(what), patience).get();
    took_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    return got;
}

std::string client_test::failure(std::chrono::milliseconds patience) {
    const auto got = get(patience);
    if (got.has_value()) return "no failure but " + std::to_string(got->status);
    return std::string{to_string(got.error().code)} + ": " + got.error().message;
}

void client_test::on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
        try {
            work();
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

scripted_server::script always(std::string answer) {
    return [answer = std::move(answer)](peer& client) {
        while (!client.request().empty() && client.send(answer)) {
        }
    };
}

std::string ok(std::string_view body, std::string_view fields) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string{fields} + "\r\n" + std::string{body};
}

}  // namespace callhook::http
