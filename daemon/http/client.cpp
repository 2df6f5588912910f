#include "http/client.hpp"

#include "base/text.hpp"
#include "http/client_answer.hpp"
#include "http/client_connection.hpp"
#include "http/client_origin.hpp"
#include "http/client_request.hpp"
#include "http/tls_trust_state.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

using time_point = client_connection::time_point;

}  // namespace

/// What the client and its requests under way share; the last of them lets go. Loop thread.
class client::core {
public:
    core(const asio::any_io_executor& executor, client_settings settings)
        : executor_{executor}, settings_{std::move(settings)} {
        if (!is_host(settings_.origin.host))
            throw bad_result{
                error{errc::mismatch, "the host of a client is neither a name nor an IP address"}};
        if (!settings_.origin.tls) return;
        trust_ = settings_.trust ? settings_.trust : std::make_shared<tls_trust>(settings_.ca_file);
    }

    static awaitable<result<client_response>> send(
        std::shared_ptr<core> self, client_request what, time_point deadline
    );

    void close() {
        closed_ = true;
        idle_.clear();
        for (auto* const one : busy_)
            one->cut();
    }

private:
    using connection_ptr = std::shared_ptr<client_connection>;

    /// Tells `close` of a connection while a request has it.
    class occupation {
    public:
        occupation(core& owner, client_connection* taken) : owner_{owner}, taken_{taken} {
            owner_.busy_.insert(taken_);
        }
        ~occupation() { owner_.busy_.erase(taken_); }
        occupation(const occupation&) = delete;
        occupation& operator=(const occupation&) = delete;

    private:
        core& owner_;
        client_connection* taken_;  ///< may be gone already at the end
    };

    awaitable<result<void>> connect(client_connection& fresh, time_point deadline) const;
    static awaitable<result<bool>> exchange(
        client_connection& over, std::string_view wire, answer_reader& answer, time_point deadline
    );
    connection_ptr take_idle();
    void keep(connection_ptr unused);
    [[nodiscard]] error refused(errc code, const char* why) const;

    asio::any_io_executor executor_;
    client_settings settings_;
    std::shared_ptr<const tls_trust> trust_;  ///< null without TLS
    std::deque<connection_ptr> idle_;         ///< the one used last is at the back
    std::set<client_connection*> busy_;       ///< those of requests under way
    bool closed_ = false;
};

awaitable<result<client_response>> client::core::send(
    std::shared_ptr<core> self, client_request what, time_point deadline
) {
    const auto& settings = self->settings_;
    const auto wire = wire_request(what, settings.origin, settings.max_idle > 0);
    if (wire.has_error()) co_return wire.error();
    const answer_reader::bounds bounds{settings.max_header, settings.max_body, settings.truncate_body};

    for (bool again = false;; again = true) {
        if (self->closed_) co_return self->refused(errc::cancelled, "the client is closed");
        if (std::chrono::steady_clock::now() >= deadline)
            co_return self->refused(errc::timed_out, "timed out before the request began");
        auto connection = again ? nullptr : self->take_idle();
        const bool kept = connection != nullptr;
        if (!kept) {
            auto* const tls = self->trust_ ? &self->trust_->inner() : nullptr;
            connection = std::make_shared<client_connection>(
                self->executor_, settings.origin, tls, settings.may_connect
            );
        }
        const occupation here{*self, connection.get()};
        if (!kept) {
            const auto opened = co_await self->connect(*connection, deadline);
            if (opened.has_error()) co_return opened.error();
        }
        answer_reader answer{bounds, what.method == "HEAD"};
        const auto ended = co_await exchange(*connection, *wire, answer, deadline);
        if (ended.has_value()) {
            if (*ended && answer.reusable()) self->keep(std::move(connection));
            co_return answer.release();
        }
        // The server may have closed a kept connection in the very moment in which it was used.
        const bool stale = kept && !answer.begun() && ended.error().code == errc::unavailable;
        if (!stale || !(what.repeatable || is_repeatable(what.method))) co_return ended.error();
    }
}

awaitable<result<void>> client::core::connect(client_connection& fresh, time_point deadline) const {
    const auto limit = std::chrono::steady_clock::now() + settings_.connect_timeout;
    co_return co_await fresh.open(std::min(deadline, limit));
}

/// Sends the request and reads the answer; then says whether all of the request went out.
awaitable<result<bool>> client::core::exchange(
    client_connection& over, std::string_view wire, answer_reader& answer, time_point deadline
) {
    over.expect_by(deadline);
    const auto written = co_await over.write(wire);
    if (written.has_error() && written.error().code != errc::unavailable) co_return written.error();
    for (;;) {
        // Also where the write failed: a server that refuses a request may answer before it has read it.
        const auto piece = co_await over.read();
        if (piece.has_error()) co_return piece.error();
        if (piece->ended) {
            if (written.has_error() && !answer.begun()) co_return written.error();
            const auto whole = answer.end(piece->clean);
            if (whole.has_value()) co_return false;
            auto failure = over.fault(whole.error().code, whole.error().message);
            failure.detail = piece->detail;
            co_return failure;
        }
        const auto whole = answer.take(piece->bytes);
        if (whole.has_error()) co_return over.fault(whole.error().code, whole.error().message);
        if (*whole) co_return written.has_value();
    }
}

client::core::connection_ptr client::core::take_idle() {
    while (!idle_.empty()) {
        auto candidate = std::move(idle_.back());
        idle_.pop_back();
        if (candidate->quiet()) return candidate;
    }
    return nullptr;
}

/// At its deadline a kept connection closes by itself and stays in the row until someone looks.
void client::core::keep(connection_ptr unused) {
    if (closed_ || !unused->quiet()) return;
    std::erase_if(idle_, [](const connection_ptr& one) { return !one->quiet(); });
    if (settings_.max_idle == 0) return;
    if (idle_.size() >= settings_.max_idle) idle_.pop_front();
    unused->expect_by(std::chrono::steady_clock::now() + settings_.idle_timeout);
    idle_.push_back(std::move(unused));
}

error client::core::refused(errc code, const char* why) const {
    return error{code, host_and_port(settings_.origin) + ": " + why};
}

client::client(const asio::any_io_executor& executor, client_settings settings)
    : core_{std::make_shared<core>(executor, std::move(settings))} {}

client::~client() {
    core_->close();
}

awaitable<result<client_response>> client::send(client_request what, time_point deadline) {
    return core::send(core_, std::move(what), deadline);
}

void client::close() {
    core_->close();
}

std::string_view client_response::header(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(fields, [&](const field& f) { return equals_ignoring_case(f.name, name); });
    return found == fields.end() ? std::string_view{} : std::string_view{found->value};
}

}  // namespace callhook::http
