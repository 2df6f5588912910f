#pragma once

#include "http/framing.hpp"
#include "http/parser.hpp"
#include "http/server_core.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace callhook::http {

/// One connection: a coroutine that reads a request, answers it, and goes on until something ends it. Private
/// to this folder, loop thread. It owns itself through its coroutine.
///
/// There is no timer here: each wait says when it must be over, and the core's one timer looks at all
/// sessions in turn. A wait that is too late is cancelled again at each look, so that a completion that was
/// under way cannot hide it.
class session final : public std::enable_shared_from_this<session>, private body_stream {
public:
    using server_core = server::core;

    session(std::shared_ptr<server_core> core, tcp_socket socket, std::string peer);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session() override;

    /// Serves the connection, or with `refused` only says 503 and closes.
    void start(bool refused);

    /// Ends a connection on which no request has begun.
    void close_if_idle();

    /// Ends the connection now, a running handler by cancelling it.
    void abort();

    [[nodiscard]] bool late(time_point now) const noexcept { return deadline_ <= now; }
    void cancel_late();

private:
    /// What cancelling means: a socket operation, or the endpoint's coroutine.
    enum class activity { io, handler };
    enum class head_outcome { ready, gone, late, too_large, malformed };
    enum class body_outcome { whole, gone, late, too_large, no_memory, malformed };

    /// One request while it comes in.
    struct incoming {
        explicit incoming(body_budget& budget) : body{budget}, parser{head, body} {}

        request head;
        body_sink body;
        request_parser parser;

        [[nodiscard]] bool has_body() const {
            return parser.chunked() || head.content_length.value_or(0) > 0;
        }
    };

    /// What is still to be sent: a head or a chunk's size line, a body, a chunk's end.
    using pieces = std::array<boost::asio::const_buffer, 3>;

    static boost::asio::awaitable<void> run(std::shared_ptr<session> self, bool refused);
    boost::asio::awaitable<void> serve_all();
    boost::asio::awaitable<head_outcome> read_head();
    std::size_t read_once_more(head_outcome& outcome);

    // Each says whether the connection can take another request.
    boost::asio::awaitable<bool> refuse_head(head_outcome why);
    boost::asio::awaitable<bool> serve();
    boost::asio::awaitable<bool> refuse(rejection why, response given, bool close);
    boost::asio::awaitable<bool> refuse_body(body_outcome why);
    boost::asio::awaitable<bool> answer(response given, bool keep);

    std::optional<response> ask(endpoint& target, const request_head& head) const;
    boost::asio::awaitable<response> call(endpoint& target, request whole);
    boost::asio::awaitable<bool> receive(incoming& in);
    boost::asio::awaitable<body_outcome> read_sized(body_sink& into, std::size_t length);
    boost::asio::awaitable<body_outcome> read_chunked(incoming& in);

    bool send_now(pieces& left);
    boost::asio::awaitable<bool> send(pieces left);
    boost::asio::awaitable<bool> send_stream(response given);
    boost::asio::awaitable<void> linger();

    boost::asio::awaitable<bool> write(std::string_view piece) override;
    [[nodiscard]] bool stopping() const noexcept override;

    void expect_by(std::chrono::milliseconds from_now, activity what = activity::io);
    [[nodiscard]] std::string_view buffered() const noexcept;
    void slim_down();

    std::shared_ptr<server_core> core_;
    tcp_socket socket_;
    std::string peer_;
    std::list<session*>::iterator place_;
    boost::beast::flat_buffer buffer_;
    boost::asio::cancellation_signal cancel_;
    time_point deadline_ = time_point::max();
    activity activity_ = activity::io;
    std::size_t head_size_ = 0;
    unsigned version_ = 11;
    bool late_ = false;          ///< the present wait was cancelled because of its deadline
    bool idle_ = false;          ///< waits for a request's first byte
    bool aborted_ = false;       ///< ends without another word
    bool linger_ = false;        ///< the client may still be sending: read on before closing
    bool head_request_ = false;  ///< answers go without their body
    bool stream_chunked_ = false;
};

}  // namespace callhook::http
