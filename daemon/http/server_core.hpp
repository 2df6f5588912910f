#pragma once

#include "http/body_sink.hpp"
#include "http/connection_gate.hpp"
#include "http/server.hpp"
#include "http/spare_descriptor.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callhook::http {

class session;

// The loop's own executor type, so that no operation pays for a type-erased one.
using loop_executor = boost::asio::io_context::executor_type;
using tcp_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, loop_executor>;
using tcp_acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, loop_executor>;
using steady_timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock,
    boost::asio::wait_traits<std::chrono::steady_clock>,
    loop_executor>;
using time_point = std::chrono::steady_clock::time_point;

/// Why a request or a connection was refused: the `reason` label.
enum class rejection {
    framing,
    header_too_large,
    header_timeout,
    not_found,
    method,
    body_too_large,
    expectation,
    refused,
    too_many_requests,
    body_framing,
    body_timeout,
    body_budget,
    handler_error,
    handler_timeout,
    too_many_connections,
    too_many_of_address,
    accept_error,
    tls,
    count_
};

/// What the sessions of one server share, alive as long as any of them. Loop thread.
class server::core : public std::enable_shared_from_this<core> {
public:
    core(
        boost::asio::io_context& loop,
        server_settings settings,
        const router& routes,
        metrics_registry& metrics
    );

    result<void> listen();
    result<void> listen_on(int descriptor);
    [[nodiscard]] std::uint16_t port() const;
    void start();
    void use_tls(std::shared_ptr<const tls_identity> identity);
    boost::asio::awaitable<void> stop(time_point deadline);

    /// The server object goes: cut everything, touch the metrics no more.
    void orphan();

    std::list<session*>::iterator join(session& joining);
    void leave(std::list<session*>::iterator leaving);

    void count(rejection why);
    std::string_view date();

    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    [[nodiscard]] const http::limits& limits() const noexcept { return settings_.limits; }
    [[nodiscard]] const router& routes() const noexcept { return routes_; }
    [[nodiscard]] const std::string& name() const noexcept { return settings_.name; }
    [[nodiscard]] std::size_t open() const noexcept { return sessions_.size(); }
    [[nodiscard]] loop_executor executor() noexcept { return acceptor_.get_executor(); }
    body_budget& budget() noexcept { return budget_; }

    /// For building one answer's head without an allocation; never across a wait.
    std::string& scratch() noexcept { return scratch_; }

private:
    boost::asio::awaitable<void> accept_loop();
    boost::asio::awaitable<void> watch_deadlines();
    boost::asio::awaitable<void> wait_until_ended(time_point deadline);
    void prepare_acceptor(boost::system::error_code& failure);
    result<void> describe(std::string_view step, const boost::system::error_code& failure) const;
    void accept_waiting(int most);
    void adopt(tcp_socket socket, const boost::asio::ip::tcp::endpoint& peer);
    bool send_some_away();
    void tell_of_refusals();
    void show_expiry();
    void begin_stop();
    void notify_if_ended();
    [[nodiscard]] std::vector<std::shared_ptr<session>> all() const;

    server_settings settings_;
    const router& routes_;
    tcp_acceptor acceptor_;
    spare_descriptor spare_;
    steady_timer tick_;
    std::chrono::milliseconds tick_length_;
    connection_gate gate_;
    std::list<session*> sessions_;
    std::vector<steady_timer*> waiting_;  ///< the stop calls that wait for the end
    std::size_t tasks_ = 0;               ///< own coroutines that run
    body_budget budget_;
    metrics_registry& metrics_;
    metric_gauge connections_;
    std::array<metric_counter, static_cast<std::size_t>(rejection::count_)> rejected_;
    std::string scratch_;
    std::string date_;
    std::time_t date_of_ = 0;
    std::optional<time_point> told_of_refusals_;
    bool started_ = false;
    bool stopping_ = false;
    bool orphaned_ = false;
};

}  // namespace callhook::http
