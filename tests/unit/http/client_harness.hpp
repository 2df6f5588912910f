#pragma once

#include "http/client.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace callhook::http {

using namespace std::chrono_literals;

/// The server's end of one connection, blocking. It ends when the script returns: with a FIN and, unless
/// `goodbye` was said, without TLS's close_notify.
class peer {
public:
    /// Shakes hands where `tls` is there; then `ready` says whether that went well.
    peer(int socket, SSL_CTX* tls, int number);
    ~peer();
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;

    [[nodiscard]] bool ready() const noexcept { return ready_; }

    /// Which connection of its server this is, from 1.
    [[nodiscard]] int number() const noexcept { return number_; }

    /// The name that the client asked for in TLS.
    [[nodiscard]] std::string server_name() const;

    /// The next request with its body, as it came; empty at the connection's end.
    std::string request();

    /// False when the client takes no more.
    bool send(std::string_view bytes);

    /// Holds back what is sent until `on` is false, so that it arrives all at once.
    void hold_back(bool on);

    /// A byte every few milliseconds until the client is gone.
    void dribble(std::string_view first, char forever);

    /// Returns when the client has gone.
    void hang();

    /// Says TLS's goodbye.
    void goodbye();

    /// Ends with a reset instead of a FIN.
    void reset_at_end();

private:
    int receive(char* into, int room);

    int socket_;
    int number_;
    std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, SSL_free};
    bool ready_ = true;
    std::string pending_;
};

/// A server on a free port of 127.0.0.1 that runs a script for each connection, on a thread of its own.
class scripted_server {
public:
    using script = std::function<void(peer&)>;

    explicit scripted_server(script what, std::shared_ptr<SSL_CTX> tls = nullptr);
    ~scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    /// Connections so far.
    [[nodiscard]] int accepted() const noexcept { return accepted_; }

    /// Waits, up to a few seconds, until so many connections have ended on this side.
    void wait_for_ends(int count) const;

private:
    void accept_all();
    void run(int socket, int number);

    script script_;
    std::shared_ptr<SSL_CTX> tls_;
    int listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> accepted_{0};
    std::atomic<int> ended_{0};
    std::mutex mutex_;
    std::vector<int> open_;  ///< sockets that a script has; under the mutex
    std::vector<std::thread> scripts_;
    std::thread acceptor_;
};

/// A client with its loop on a thread, and servers to talk to.
class client_test : public testing::Test {
protected:
    client_test();
    ~client_test() override;

    /// Starts a plain server and points `settings_` at it.
    void serve(scripted_server::script what);

    /// Starts a TLS server that shows a good certificate, or that of `tls`.
    void serve_tls(scripted_server::script what, std::shared_ptr<SSL_CTX> tls = nullptr);

    /// Makes the client by `settings_`; `send` does it too.
    void open();

    /// Destroys the client, so that the next `send` makes one by `settings_`.
    void drop();

    std::future<result<client_response>> start(client_request what, std::chrono::milliseconds patience = 4s);
    result<client_response> send(client_request what, std::chrono::milliseconds patience = 4s);
    result<client_response> get(std::chrono::milliseconds patience = 4s) { return send({}, patience); }

    /// Sends a GET that must fail, and returns `code: message`; sets `took_`.
    std::string failure(std::chrono::milliseconds patience = 4s);

    void on_loop(const std::function<void()>& work);

    client_settings settings_;
    std::unique_ptr<client> client_;
    std::unique_ptr<scripted_server> server_;
    std::chrono::milliseconds took_{0};
    boost::asio::io_context loop_;

private:
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

/// Answers every request with 200 and these fields and body.
scripted_server::script always(std::string answer);

/// A whole answer with a body of this length.
std::string ok(std::string_view body, std::string_view fields = "");

}  // namespace callhook::http
