#include "http/session.hpp"

#include "base/log.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
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

/// What a connection keeps while it waits; more is given back between requests.
constexpr std::size_t idle_buffer = 4096;

}  // namespace

session::session(
    std::shared_ptr<server_core> core,
    tcp_socket socket,
    std::string peer,
    connection_gate::place counted,
    std::shared_ptr<const tls_identity> tls
)
    : core_{std::move(core)},
      stream_{std::move(socket), std::move(tls)},
      peer_{std::move(peer)},
      counted_{std::move(counted)} {
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
        } else if (!self->stream_.secured() || co_await self->greet()) {
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
    self->stream_.close();
}

/// Whether the connection is secured now. Who speaks plain HTTP is told, as nothing was said yet that TLS
/// would have kept secret.
awaitable<bool> session::greet() {
    expect_by(core_->limits().header_timeout);
    const auto outcome = co_await stream_.handshake();
    deadline_ = time_point::max();
    if (outcome == connection::greeting::done) co_return true;
    if (aborted_) co_return false;
    if (outcome == connection::greeting::plain_http) {
        co_await refuse(rejection::tls, problem(400, "this port speaks TLS: use https"), true);
    } else {
        core_->count(rejection::tls);
    }
    co_return false;
}

// What every request goes through waits in this coroutine and in `serve`, not in one of its own each.
awaitable<void> session::serve_all() {
    for (bool more = true; more && !aborted_;) {
        slim_down();
        head_search search;
        auto outcome = look_for_head(search);
        while (outcome == head_outcome::partial) {
            idle_ = !search.begun;
            const auto [failure, size] = co_await stream_.read_some(room_for_head());
            outcome = take_head(search, failure, size);
        }
        if (outcome == head_outcome::gone) break;
        more = outcome == head_outcome::ready ? co_await serve() : co_await refuse_head(outcome);
        // Whoever sends request upon request without waiting is served in turn with the others.
        if (more && buffer_.size() > 0) co_await asio::post(core_->executor(), asio::use_awaitable);
    }
}

asio::mutable_buffer session::room_for_head() {
    return buffer_.prepare(std::min(idle_buffer, core_->limits().max_header - buffer_.size()));
}

/// Whether what came so far has the whole head. Where it has not, says when that must be over.
session::head_outcome session::look_for_head(head_search& search) {
    const auto max_header = core_->limits().max_header;
    // RFC 9112 section 2.2: one empty line before a request is forgiven.
    if (!search.blank_line_skipped && buffered().starts_with("\r\n")) {
        buffer_.consume(2);
        search.blank_line_skipped = true;
    }
    const bool lone_cr = !search.blank_line_skipped && buffered() == "\r";
    if (!lone_cr) {
        const auto progress = search.scanner.scan(buffered());
        if (progress == head_progress::malformed) return head_outcome::malformed;
        if (progress == head_progress::whole && search.scanner.position <= max_header) {
            head_size_ = search.scanner.position;
            return head_outcome::ready;
        }
        if (progress == head_progress::whole || buffered().size() >= max_header)
            return head_outcome::too_large;
    }
    if (!search.begun) {
        search.begun = !buffered().empty();
        expect_by(search.begun ? core_->limits().header_timeout : idle_time());
        if (!search.begun) idle_since_ = std::chrono::steady_clock::now();
    }
    return head_outcome::partial;
}

session::head_outcome session::take_head(
    head_search& search, boost::system::error_code failure, std::size_t received
) {
    auto outcome = head_outcome::ready;
    if (failure) outcome = late_ && search.begun ? head_outcome::late : head_outcome::gone;
    const bool was_idle = std::exchange(idle_, false);
    if (received == 0 && was_idle && late_) received = read_once_more(outcome);
    if (outcome != head_outcome::ready) return outcome;
    buffer_.commit(received);
    return look_for_head(search);
}

/// The time of a connection that looks idle is over: a request that the kernel has already taken is served
/// all the same.
std::size_t session::read_once_more(head_outcome& outcome) {
    boost::system::error_code failure;
    if (aborted_ || !stream_.is_open()) return 0;
    const auto received = stream_.try_read(buffer_.prepare(core_->limits().max_header), failure);
    outcome = failure || received == 0 ? head_outcome::gone : head_outcome::ready;
    return received;
}

/// Who has just connected or been answered is likely to have a request on its way, and would not know what
/// became of it if the connection were closed under it.
std::chrono::milliseconds session::idle_time() const {
    const auto& limits = core_->limits();
    return stopping() ? std::min(limits.lame_duck, limits.idle_timeout) : limits.idle_timeout;
}

void session::hurry_if_idle() {
    if (!idle_) return;
    deadline_ = std::min(deadline_, idle_since_ + idle_time());
    if (late(std::chrono::steady_clock::now())) cancel_late();
}

void session::abort() {
    aborted_ = true;
    cancel_.emit(asio::cancellation_type::terminal);
    stream_.close();
}

void session::cancel_late() {
    late_ = true;
    if (activity_ == activity::handler) {
        // Once: a handler that is cancelled twice may be doing its clean-up the second time.
        deadline_ = time_point::max();
        cancel_.emit(asio::cancellation_type::terminal);
    } else {
        stream_.cancel();
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
