#pragma once

#include "http/connection.hpp"
#include "http/connection_gate.hpp"
#include "http/framing.hpp"
#include "http/parser.hpp"
#include "http/server_core.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <array>
#include <exception>
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

    session(
        std::shared_ptr<server_core> core,
        tcp_socket socket,
        std::string peer,
        connection_gate::place counted,
        std::shared_ptr<const tls_identity> tls
    );
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session() override;

    /// Serves the connection, or with `refused` only says 503 and closes.
    void start(bool refused);

    /// From now on waits for the first byte of a request no longer than a stop allows.
    void hurry_if_idle();

    /// Ends the connection now, a running handler by cancelling it.
    void abort();

    [[nodiscard]] bool late(time_point now) const noexcept { return deadline_ <= now; }
    void cancel_late();

private:
    /// What cancelling means: a socket operation, or the endpoint's coroutine.
    enum class activity { io, handler };
    enum class head_outcome { partial, ready, gone, late, too_large, malformed };
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

    /// How far the search for a request's head is.
    struct head_search {
        head_scanner scanner{};
        bool blank_line_skipped = false;
        bool begun = false;
    };

    using pieces = connection::pieces;

    /// An answer on its way.
    struct outgoing {
        bool keep = false;      ///< the connection can take another request after it
        bool streamed = false;  ///< its body is still to be written
        std::string head{};     ///< what the socket did not take of it at once
        pieces left{};

        [[nodiscard]] bool whole() const { return !streamed && boost::asio::buffer_size(left) == 0; }
    };

    static boost::asio::awaitable<void> run(std::shared_ptr<session> self, bool refused);
    boost::asio::awaitable<bool> greet();
    boost::asio::awaitable<void> serve_all();
    head_outcome look_for_head(head_search& search);
    head_outcome take_head(head_search& search, boost::system::error_code failure, std::size_t received);
    std::size_t read_once_more(head_outcome& outcome);
    [[nodiscard]] boost::asio::mutable_buffer room_for_head();
    [[nodiscard]] std::chrono::milliseconds idle_time() const;

    // Each says whether the connection can take another request.
    boost::asio::awaitable<bool> refuse_head(head_outcome why);
    boost::asio::awaitable<bool> serve();
    boost::asio::awaitable<bool> refuse(rejection why, response given, bool close);
    boost::asio::awaitable<bool> refuse_body(body_outcome why);
    boost::asio::awaitable<bool> answer(response given, bool keep);
    boost::asio::awaitable<bool> finish_answer(response& given, outgoing& way);

    outgoing begin_answer(const response& given, bool keep);
    std::optional<response> ask(endpoint& target, const request_head& head) const;
    response excuse(std::string_view route, const std::exception_ptr& broke) const;
    bool take_body_at_hand(incoming& in);
    boost::asio::awaitable<bool> receive(incoming& in);
    boost::asio::awaitable<body_outcome> read_sized(body_sink& into, std::size_t length);
    boost::asio::awaitable<body_outcome> read_chunked(incoming& in);

    bool send_now(pieces& left);
    boost::asio::awaitable<bool> send(pieces left);
    boost::asio::awaitable<bool> send_stream(response given);
    void watch_client();
    boost::asio::awaitable<void> linger();

    boost::asio::awaitable<bool> write(std::string_view piece) override;
    [[nodiscard]] bool stopping() const noexcept override;

    void expect_by(std::chrono::milliseconds from_now, activity what = activity::io);
    [[nodiscard]] std::string_view buffered() const noexcept;
    void slim_down();

    std::shared_ptr<server_core> core_;
    connection stream_;
    std::string peer_;
    connection_gate::place counted_;
    std::list<session*>::iterator place_;
    boost::beast::flat_buffer buffer_;
    boost::asio::cancellation_signal cancel_;
    time_point deadline_ = time_point::max();
    time_point idle_since_ = time_point::max();  ///< since when it waits for a request's first byte
    activity activity_ = activity::io;
    std::size_t head_size_ = 0;
    unsigned version_ = 11;
    bool late_ = false;          ///< the present wait was cancelled because of its deadline
    bool idle_ = false;          ///< waits for a request's first byte
    bool aborted_ = false;       ///< ends without another word
    bool linger_ = false;        ///< the client may still be sending: read on before closing
    bool head_request_ = false;  ///< answers go without their body
    bool stream_chunked_ = false;
    bool streaming_ = false;
};

}  // namespace callhook::http
