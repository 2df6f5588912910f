#include "http/server_core.hpp"

#include "base/log.hpp"
#include "http/serialize.hpp"
#include "http/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace callhook::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds accept_pause{100};
/// Connections beyond the cap that are told so; the ones beyond these are closed without a word.
constexpr std::size_t refusals_at_once = 64;

constexpr std::array reasons{
    "framing",
    "header_too_large",
    "header_timeout",
    "not_found",
    "method",
    "body_too_large",
    "expectation",
    "refused",
    "body_framing",
    "body_timeout",
    "body_budget",
    "handler_error",
    "handler_timeout",
    "too_many_connections",
    "accept_error",
};
static_assert(reasons.size() == static_cast<std::size_t>(rejection::count_));

std::chrono::milliseconds tick_for(const limits& l) {
    auto shortest = std::min({l.header_timeout, l.body_timeout, l.idle_timeout, l.write_timeout, l.linger});
    if (l.handler_timeout.count() > 0) shortest = std::min(shortest, l.handler_timeout);
    return std::clamp(shortest / 4, std::chrono::milliseconds{5}, std::chrono::milliseconds{250});
}

std::string address_of(const tcp::endpoint& peer) {
    const auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

}  // namespace

server::core::core(
    asio::io_context& loop, server_settings settings, const router& routes, metrics_registry& metrics
)
    : settings_{std::move(settings)}, routes_{routes}, acceptor_{loop}, tick_{loop} {
    budget_.limit = settings_.limits.max_inflight_body_bytes;
    tick_length_ = tick_for(settings_.limits);
    connections_ = metrics.gauge(
        "callhook_http_connections", "Open connections of a listener", {{"listener", settings_.name}}
    );
    for (std::size_t i = 0; i < rejected_.size(); ++i) {
        rejected_[i] = metrics.counter(
            "callhook_http_rejected_total",
            "Requests and connections that a listener refused by itself or by its endpoint's word",
            {{"listener", settings_.name}, {"reason", reasons[i]}}
        );
    }
}

void server::core::start() {
    if (std::exchange(started_, true) || stopping_) return;
    tasks_ = 2;
    asio::co_spawn(executor(), accept_loop(), asio::detached);
    asio::co_spawn(executor(), watch_deadlines(), asio::detached);
}

awaitable<void> server::core::accept_loop() {
    const auto self = shared_from_this();
    bool failing = false;
    while (!stopping_) {
        tcp_socket socket{executor()};
        tcp::endpoint peer;
        const auto [failure] = co_await acceptor_.async_accept(socket, peer, as_tuple);
        if (!failure) {
            failing = false;
            adopt(std::move(socket), peer);
            continue;
        }
        if (stopping_ || failure == asio::error::connection_aborted) continue;
        // Out of descriptors or memory, most likely: what is open goes on, and in a moment there may be room.
        count(rejection::accept_error);
        if (!std::exchange(failing, true)) {
            log::warn("cannot accept connections", {{"listener", name()}, {"reason", failure.message()}});
        }
        steady_timer pause{executor(), accept_pause};
        co_await pause.async_wait(as_tuple);
    }
    --tasks_;
    tick_.cancel();
    notify_if_ended();
}

void server::core::adopt(tcp_socket socket, const tcp::endpoint& peer) {
    boost::system::error_code failure;
    socket.set_option(tcp::no_delay{true}, failure);
    socket.non_blocking(true, failure);
    if (failure) return;
    const auto open = sessions_.size();
    const bool refused = open >= settings_.limits.max_connections;
    if (refused) count(rejection::too_many_connections);
    if (open >= settings_.limits.max_connections + refusals_at_once) return;
    try {
        std::make_shared<session>(shared_from_this(), std::move(socket), address_of(peer))->start(refused);
    } catch (const std::bad_alloc&) {
        count(rejection::accept_error);
    }
}

awaitable<void> server::core::watch_deadlines() {
    const auto self = shared_from_this();
    while (!stopping_ || !sessions_.empty()) {
        // Without a connection there is nothing to look at; the first one cancels this wait.
        tick_.expires_after(sessions_.empty() ? std::chrono::hours{24} : tick_length_);
        co_await tick_.async_wait(as_tuple);
        const auto now = std::chrono::steady_clock::now();
        std::vector<std::shared_ptr<session>> late;
        for (auto* s : sessions_) {
            if (s->late(now)) late.push_back(s->weak_from_this().lock());
        }
        for (const auto& s : late) {
            if (s) s->cancel_late();
        }
    }
    --tasks_;
    notify_if_ended();
}

std::list<session*>::iterator server::core::join(session& joining) {
    sessions_.push_back(&joining);
    if (!orphaned_) connections_.add(1);
    if (sessions_.size() == 1) tick_.cancel();
    return std::prev(sessions_.end());
}

void server::core::leave(std::list<session*>::iterator leaving) {
    sessions_.erase(leaving);
    if (orphaned_) return;
    connections_.add(-1);
    if (stopping_ && sessions_.empty()) tick_.cancel();
    notify_if_ended();
}

void server::core::count(rejection why) {
    if (!orphaned_) rejected_[static_cast<std::size_t>(why)].add();
}

std::string_view server::core::date() {
    const auto now = std::time(nullptr);
    if (now != date_of_) {
        date_of_ = now;
        date_ = http_date(now);
    }
    return date_;
}

}  // namespace callhook::http
