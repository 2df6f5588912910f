// How bodies come in and answers go out.
#include "base/log.hpp"
#include "http/serialize.hpp"
#include "http/session.hpp"

#include <boost/core/demangle.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <typeinfo>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

/// One chunk header, its extensions included, or one trailer section must fit into this.
constexpr std::size_t chunk_line_limit = 16 * 1024;
constexpr std::size_t read_size = 8 * 1024;
constexpr std::size_t linger_bytes = std::size_t{16} << 20;

}  // namespace

/// Whether the whole body came with the head, as that of most webhooks does, and is taken.
bool session::take_body_at_hand(incoming& in) {
    if (in.parser.chunked() || buffer_.size() < *in.head.content_length) return false;
    const auto body = buffered().substr(0, *in.head.content_length);
    if (!in.body.reserve(body.size())) return false;
    in.body.append(body);
    buffer_.consume(body.size());
    return true;
}

awaitable<bool> session::receive(incoming& in) {
    const bool nothing_yet = buffer_.size() == 0;
    if (nothing_yet && in.head.version == 11 && !in.head.header("expect").empty()) {
        const auto go_on = asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25);
        pieces left{go_on};
        if (!send_now(left) || (asio::buffer_size(left) > 0 && !co_await send(left))) co_return false;
    }
    expect_by(core_->limits().body_timeout);
    auto outcome = body_outcome::malformed;
    if (in.parser.chunked()) {
        outcome = co_await read_chunked(in);
    } else {
        outcome = co_await read_sized(in.body, *in.head.content_length);
    }
    deadline_ = time_point::max();
    if (outcome == body_outcome::whole) co_return true;
    if (outcome != body_outcome::gone) co_await refuse_body(outcome);
    co_return false;
}

awaitable<session::body_outcome> session::read_sized(body_sink& into, std::size_t length) {
    auto& body = into.body();
    auto room = std::min(length, body_sink::first_reserve);
    if (!into.reserve(room)) co_return body_outcome::no_memory;
    const auto at_hand = buffered().substr(0, length);
    if (!into.append(at_hand)) co_return body_outcome::no_memory;
    buffer_.consume(at_hand.size());

    // What is missing goes from the socket straight into the body; never more, for a next request may follow.
    for (std::size_t filled = body.size(); filled < length;) {
        if (filled >= room) room = std::min(length, std::max(2 * filled, body_sink::first_reserve));
        if (!into.reserve(room)) co_return body_outcome::no_memory;
        if (body.size() < room) body.resize(room);
        const auto [failure, size] =
            co_await stream_.read_some(asio::buffer(body.data() + filled, room - filled));
        if (failure) co_return late_ ? body_outcome::late : body_outcome::gone;
        filled += size;
    }
    co_return body_outcome::whole;
}

awaitable<session::body_outcome> session::read_chunked(incoming& in) {
    const auto max_body = core_->limits().max_body;
    // Framing counts too, or chunk extensions and chunks of one byte could go on for ever.
    const auto wire_limit = 2 * max_body + 64 * 1024;
    std::size_t wire = 0;
    in.parser.limit_body(max_body);
    for (;;) {
        std::size_t taken = 0;
        if (buffer_.size() > 0) {
            const auto progress = in.parser.parse_body(buffered(), taken);
            buffer_.consume(taken);
            wire += taken;
            switch (progress) {
                case request_parser::progress::done:
                    co_return body_outcome::whole;
                case request_parser::progress::too_large:
                    co_return body_outcome::too_large;
                case request_parser::progress::no_memory:
                    co_return body_outcome::no_memory;
                case request_parser::progress::malformed:
                    co_return body_outcome::malformed;
                case request_parser::progress::more:
                    break;
            }
        }
        if (wire + buffer_.size() > wire_limit) co_return body_outcome::too_large;
        if (buffer_.size() >= chunk_line_limit) co_return body_outcome::malformed;
        const auto [failure, size] = co_await stream_.read_some(buffer_.prepare(read_size));
        if (failure) co_return late_ ? body_outcome::late : body_outcome::gone;
        buffer_.commit(size);
    }
}

awaitable<bool> session::answer(response given, bool keep) {
    auto way = begin_answer(given, keep);
    if (!way.whole()) co_return co_await finish_answer(given, way);
    co_return way.keep;
}

/// Sends the head, and as much of the body as can go without waiting. `given` must stay where it is until all
/// is sent.
session::outgoing session::begin_answer(const response& given, bool keep) {
    const bool streamed = static_cast<bool>(given.stream);
    const bool bodiless = head_request_ || is_bodiless(given.status);
    if (streamed && version_ == 10) keep = false;
    wire_form form{
        .version = version_,
        .keep_alive = keep,
        .chunked = streamed && version_ == 11 && !is_bodiless(given.status)};
    if (!streamed && !is_bodiless(given.status)) form.content_length = given.body.size();
    // Pipelined bytes that nobody will read would turn the close into a reset.
    if (!keep && buffer_.size() > 0) linger_ = true;

    auto& head = core_->scratch();
    head.clear();
    append_head(head, given, form, core_->date());
    outgoing way{.keep = keep, .streamed = streamed && !bodiless};
    way.left[0] = asio::buffer(head);
    if (!streamed && !bodiless) way.left[1] = asio::buffer(given.body);
    if (!send_now(way.left)) {
        linger_ = false;
        way = {};
    }
    // The scratch string is everyone's: what the socket did not take at once moves out of it.
    if (way.left[0].size() > 0)
        way.head.assign(static_cast<const char*>(way.left[0].data()), way.left[0].size());
    head.clear();
    return way;
}

awaitable<bool> session::finish_answer(response& given, outgoing& way) {
    way.left[0] = asio::buffer(way.head);
    bool sent = asio::buffer_size(way.left) == 0 || co_await send(way.left);
    if (sent && way.streamed) sent = co_await send_stream(std::move(given));
    if (!sent) linger_ = false;
    co_return sent&& way.keep;
}

/// Sends what the socket takes without waiting, which is nearly always everything, and leaves the rest in
/// `left`.
bool session::send_now(pieces& left) {
    boost::system::error_code failure;
    auto size = stream_.try_write(left, failure);
    if (failure && failure != asio::error::would_block) return false;
    for (auto& piece : left) {
        const auto gone = std::min(size, piece.size());
        piece += gone;
        size -= gone;
    }
    return true;
}

awaitable<bool> session::send(pieces left) {
    expect_by(core_->limits().write_timeout);
    const auto [failure, size] = co_await stream_.write(left);
    deadline_ = time_point::max();
    co_return !failure;
}

awaitable<bool> session::send_stream(response given) {
    stream_chunked_ = version_ == 11;
    expect_by(std::chrono::milliseconds{0}, activity::handler);
    streaming_ = true;
    watch_client();
    try {
        co_await given.stream(*this);
        streaming_ = false;
    } catch (const std::exception& e) {
        streaming_ = false;
        const auto kind = boost::core::demangle(typeid(e).name());
        if (!aborted_) log::error("stream failed", {{"listener", core_->name()}, {"exception", kind}});
        co_return false;
    }
    if (aborted_) co_return false;
    if (!stream_chunked_) co_return true;
    pieces left{asio::buffer("0\r\n\r\n", 5)};
    if (!send_now(left)) co_return false;
    co_return asio::buffer_size(left) == 0 || co_await send(left);
}

/// While a stream has nothing to say nobody else would notice that its client has gone. One that has sent
/// more, a next request for one, is there.
void session::watch_client() {
    stream_.when_readable([weak = weak_from_this()](boost::system::error_code failure) {
        const auto self = weak.lock();
        if (failure || !self || !self->streaming_) return;
        self->stream_.peek(failure);
        if (failure == asio::error::would_block) {
            self->watch_client();
        } else if (failure) {
            self->abort();
        }
    });
}

awaitable<bool> session::write(std::string_view piece) {
    if (aborted_) co_return false;
    std::array<char, 20> size_line{};
    pieces left{asio::const_buffer{}, asio::buffer(piece)};
    if (stream_chunked_) {
        auto* end = std::to_chars(size_line.data(), size_line.data() + 16, piece.size(), 16).ptr;
        *end++ = '\r';
        *end++ = '\n';
        left[0] = asio::buffer(size_line.data(), static_cast<std::size_t>(end - size_line.data()));
        left[2] = asio::buffer("\r\n", 2);
    }
    bool sent = piece.empty() || send_now(left);
    if (sent && !piece.empty() && asio::buffer_size(left) > 0) sent = co_await send(left);
    activity_ = activity::handler;
    co_return sent;
}

/// After an early answer: says that no more will come, then reads on for a moment, because closing with
/// unread bytes makes the kernel send a reset that can overtake the answer.
awaitable<void> session::linger() {
    boost::system::error_code failure;
    stream_.finish_sending(failure);
    expect_by(core_->limits().linger);
    buffer_ = {};
    for (std::size_t total = 0; !failure && total < linger_bytes;) {
        const auto [ended, size] = co_await stream_.drain_some(buffer_.prepare(read_size));
        failure = ended;
        total += size;
    }
}

}  // namespace callhook::http
