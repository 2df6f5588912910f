#pragma once

#include "base/metrics.hpp"
#include "http/server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace callhook::http {

using namespace std::chrono_literals;

/// What came back for one request.
struct reply {
    unsigned status = 0;  ///< 0: the connection ended before a whole answer
    std::vector<field> fields;
    std::string body;

    [[nodiscard]] std::string header(std::string_view name) const;
};

/// A blocking client that sends exactly the bytes it is told to. Every wait ends after a few seconds.
class raw_client {
public:
    explicit raw_client(std::uint16_t port);
    ~raw_client();
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    /// False when the peer no longer takes bytes.
    bool send(std::string_view bytes);
    void finish_sending();

    /// The next answer; `body_follows` is false for answers to HEAD.
    reply receive(bool body_follows = true);

    /// Whether the server has closed and nothing more came.
    bool closed();

    /// All bytes up to the end of the connection.
    std::string receive_all();

    /// Closes at once with a reset.
    void reset();

private:
    bool fill();

    int socket_;
    std::string pending_;
};

/// A server on a free port with its loop on a thread.
class server_test : public testing::Test {
protected:
    server_test();
    ~server_test() override;

    /// Starts with the limits of `settings_`.
    void start();

    /// Runs the loop on its thread; start does it too.
    void run();

    /// Runs on the loop's thread and waits for it.
    void on_loop(const std::function<void()>& work);

    /// Awaits server::stop and says how long it took.
    std::chrono::milliseconds stop(std::chrono::milliseconds grace);

    /// Sends one request on a new connection and returns the answer.
    reply ask(std::string_view raw);

    /// The counter for a reason, and the number of open connections.
    double rejected(const std::string& reason);
    double connections();

    /// Waits up to a few seconds.
    static bool eventually(const std::function<bool()>& holds);

    std::atomic<int> handled_{0};   ///< requests that reached an endpoint
    std::atomic<int> finished_{0};  ///< and whose coroutine ended, in any way
    std::atomic<bool> padded_{true};
    server_settings settings_;
    metrics_registry metrics_;
    router routes_;
    boost::asio::io_context loop_;
    std::unique_ptr<server> server_;

private:
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

}  // namespace callhook::http
