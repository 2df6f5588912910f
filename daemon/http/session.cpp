#include "http/session.hpp"

#include "base/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/core/demangle.hpp>

#include <algorithm>
#include <exception>
#include <typeinfo>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

/// What a connection keeps while it waits; more is given back between requests.
constexpr std::size_t idle_buffer = 4096;

}  // namespace

session::session(std::shared_ptr<server_core> core, tcp_socket socket, std::string peer)
    : core_{std::move(core)}, socket_{std::move(socket)}, peer_{std::move(peer)} {
    place_ = core_->join(*this);
}

session::~session() {
    core_->leave(place_);
}

void session::start(bool refused) {
    // The completion handler keeps the session, and so the signal behind the slot, until the coroutine is
    // gone.
    auto done = [self = shared_from_this()](const std::exception_ptr&) {};
    asio::co_spawn(
        core_->executor(),
        run(shared_from_this(), refused),
        asio::bind_cancellation_slot(cancel_.slot(), std::move(done))
    );
}

awaitable<void> session::run(std::shared_ptr<session> self, bool refused) {
    try {
        if (refused) {
            self->linger_ = true;
            response busy = problem(503, "too many connections");
            busy.fields.push_back({"Retry-After", "1"});
            co_await self->answer(std::move(busy), false);
        } else {
            co_await self->serve_all();
        }
        if (self->linger_ && !self->aborted_) co_await self->linger();
    } catch (const std::exception& e) {
        // Also how a session ends that was aborted; only what nobody asked for is worth a line.
        if (!self->aborted_) {
            const auto kind = boost::core::demangle(typeid(e).name());
            log::error(
                "connection ended by an exception", {{"listener", self->core_->name()}, {"exception", kind}}
            );
        }
    }
    boost::system::error_code ignored;
    self->socket_.close(ignored);
}

awaitable<void> session::serve_all() {
    for (bool more = true; more && !aborted_;) {
        const auto outcome = co_await read_head();
        if (outcome == head_outcome::gone) break;
        more = outcome == head_outcome::ready ? co_await serve() : co_await refuse_head(outcome);
    }
}

awaitable<session::head_outcome> session::read_head() {
    slim_down();
    const auto max_header = core_->limits().max_header;
    head_scanner scanner;
    bool blank_line_skipped = false;
    bool begun = false;
    for (;;) {
        // RFC 9112 section 2.2: one empty line before a request is forgiven.
        if (!blank_line_skipped && buffered().starts_with("\r\n")) {
            buffer_.consume(2);
            blank_line_skipped = true;
        }
        const bool lone_cr = !blank_line_skipped && buffered() == "\r";
        if (!lone_cr) {
            const auto progress = scanner.scan(buffered());
            if (progress == head_progress::malformed) co_return head_outcome::malformed;
            if (progress == head_progress::whole && scanner.position <= max_header) {
                head_size_ = scanner.position;
                co_return head_outcome::ready;
            }
            if (progress == head_progress::whole || buffered().size() >= max_header)
                co_return head_outcome::too_large;
        }
        if (!begun) {
            begun = !buffered().empty();
            expect_by(begun ? core_->limits().header_timeout : core_->limits().idle_timeout);
        }
        auto outcome = head_outcome::ready;
        std::size_t received = 0;
        const auto room = buffer_.prepare(std::min(idle_buffer, max_header - buffered().size()));
        idle_ = !begun;
        if (!(idle_ && stopping())) {
            const auto [failure, size] = co_await socket_.async_read_some(room, as_tuple);
            received = size;
            if (failure) outcome = late_ && begun ? head_outcome::late : head_outcome::gone;
        } else {
            outcome = head_outcome::gone;
        }
        const bool was_idle = std::exchange(idle_, false);
        if (received == 0 && was_idle && stopping() && !late_) received = read_once_more(outcome);
        if (outcome != head_outcome::ready) co_return outcome;
        buffer_.commit(received);
    }
}

/// A stop hits a connection that looks idle: a request that the kernel has already taken is served all the
/// same.
std::size_t session::read_once_more(head_outcome& outcome) {
    boost::system::error_code failure;
    if (aborted_ || !socket_.is_open()) return 0;
    const auto received = socket_.read_some(buffer_.prepare(core_->limits().max_header), failure);
    outcome = failure || received == 0 ? head_outcome::gone : head_outcome::ready;
    return received;
}

void session::close_if_idle() {
    boost::system::error_code ignored;
    if (idle_) socket_.cancel(ignored);
}

void session::abort() {
    aborted_ = true;
    cancel_.emit(asio::cancellation_type::terminal);
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void session::cancel_late() {
    late_ = true;
    if (activity_ == activity::handler) {
        // Once: a handler that is cancelled twice may be doing its clean-up the second time.
        deadline_ = time_point::max();
        cancel_.emit(asio::cancellation_type::terminal);
    } else {
        boost::system::error_code ignored;
        socket_.cancel(ignored);
    }
}

void session::expect_by(std::chrono::milliseconds from_now, activity what) {
    activity_ = what;
    late_ = false;
    const bool endless = what == activity::handler && from_now.count() == 0;
    deadline_ = endless ? time_point::max() : std::chrono::steady_clock::now() + from_now;
}

std::string_view session::buffered() const noexcept {
    const auto bytes = buffer_.data();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
}

void session::slim_down() {
    if (buffer_.size() == 0 && buffer_.capacity() > 2 * idle_buffer) buffer_ = {};
}

bool session::stopping() const noexcept {
    return core_->stopping();
}

}  // namespace callhook::http
