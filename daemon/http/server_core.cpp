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
/// How long who waits for want of a descriptor is left to wait: some may become free.
constexpr std::chrono::seconds shortage_patience{1};
/// Connections taken, besides the one that was waited for, before the loop turns to those that are open.
constexpr int accepted_at_once = 63;
/// Connections sent away before the loop turns to those that are open.
constexpr int sent_away_at_once = 64;
constexpr std::chrono::minutes refusals_told_every{1};

constexpr std::array reasons{
    "framing",
    "header_too_large",
    "header_timeout",
    "not_found",
    "method",
    "body_too_large",
    "expectation",
    "refused",
    "too_many_requests",
    "body_framing",
    "body_timeout",
    "body_budget",
    "handler_error",
    "handler_timeout",
    "too_many_connections",
    "too_many_of_address",
    "accept_error",
    "tls",
};
static_assert(reasons.size() == static_cast<std::size_t>(rejection::count_));

std::chrono::milliseconds tick_for(const limits& l) {
    auto shortest =
        std::min({l.header_timeout, l.body_timeout, l.idle_timeout, l.write_timeout, l.linger, l.lame_duck});
    if (l.handler_timeout.count() > 0) shortest = std::min(shortest, l.handler_timeout);
    return std::clamp(shortest / 4, std::chrono::milliseconds{5}, std::chrono::milliseconds{250});
}

/// Whether one connection has gone before it was taken. Others may wait behind it.
bool is_of_one_connection(const boost::system::error_code& failure) {
    return failure == asio::error::connection_aborted || failure == boost::system::errc::protocol_error;
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
    : settings_{std::move(settings)},
      routes_{routes},
      acceptor_{loop},
      tick_{loop},
      gate_{
          {settings_.limits.max_connections, settings_.limits.max_connections_per_address},
          settings_.uncounted},
      metrics_{metrics} {
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
    show_expiry();
}

void server::core::use_tls(std::shared_ptr<const tls_identity> identity) {
    settings_.tls = std::move(identity);
    show_expiry();
}

/// The metric is there from the first certificate on: 0 would look like one that has expired.
void server::core::show_expiry() {
    if (!settings_.tls || orphaned_) return;
    const auto ends = settings_.tls->expires_at().time_since_epoch();
    metrics_
        .gauge(
            "callhook_tls_certificate_expiry_timestamp_seconds",
            "When the first of a listener's TLS certificates ends",
            {{"listener", settings_.name}}
        )
        .set(std::chrono::duration<double>(ends).count());
}

void server::core::start() {
    if (std::exchange(started_, true) || stopping_) return;
    tasks_ = 2;
    asio::co_spawn(executor(), accept_loop(), asio::detached);
    asio::co_spawn(executor(), watch_deadlines(), asio::detached);
}

awaitable<void> server::core::accept_loop() {
    const auto self = shared_from_this();
    std::optional<time_point> failing;
    while (!stopping_) {
        tcp_socket socket{executor()};
        tcp::endpoint peer;
        const auto [failure] = co_await acceptor_.async_accept(socket, peer, as_tuple);
        if (!failure) {
            failing.reset();
            adopt(std::move(socket), peer);
            accept_waiting(accepted_at_once);
            continue;
        }
        if (stopping_ || is_of_one_connection(failure)) continue;
        // Out of descriptors or memory, most likely: what is open goes on, and in a moment there may be room.
        count(rejection::accept_error);
        const auto now = std::chrono::steady_clock::now();
        if (!failing) {
            failing = now;
            log::warn("cannot accept connections", {{"listener", name()}, {"reason", failure.message()}});
        }
        if (now - *failing >= shortage_patience && send_some_away()) continue;
        steady_timer pause{executor(), accept_pause};
        co_await pause.async_wait(as_tuple);
    }
    --tasks_;
    tick_.cancel();
    notify_if_ended();
}

/// One at a time would be one in each turn of the loop, and where the loop is busy a turn is long.
void server::core::accept_waiting(int most) {
    for (int i = 0; i < most; ++i) {
        tcp_socket socket{executor()};
        tcp::endpoint peer;
        boost::system::error_code failure;
        acceptor_.accept(socket, peer, failure);
        if (!failure)
            adopt(std::move(socket), peer);
        else if (!is_of_one_connection(failure))
            return;
    }
}

void server::core::adopt(tcp_socket socket, const tcp::endpoint& peer) {
    boost::system::error_code failure;
    socket.set_option(tcp::no_delay{true}, failure);
    socket.non_blocking(true, failure);
    if (failure) return;
    try {
        auto place = gate_.enter(peer.address());
        const auto what = place.what();
        if (what != entry::served) {
            const bool of_address = what == entry::crowded_by_address;
            count(of_address ? rejection::too_many_of_address : rejection::too_many_connections);
            tell_of_refusals();
        }
        // Saying no in TLS would take a handshake, which is dear.
        if (what != entry::served && (!place.told() || settings_.tls)) return;
        const auto made = std::make_shared<session>(
            shared_from_this(), std::move(socket), address_of(peer), std::move(place), settings_.tls
        );
        made->start(what != entry::served);
    } catch (const std::bad_alloc&) {
        count(rejection::accept_error);
    }
}

/// With the spare descriptor, connections that have waited for another one to become free are taken and
/// closed, so that they learn of it. Whether there were any.
bool server::core::send_some_away() {
    int sent = 0;
    spare_.give();
    for (boost::system::error_code failure; sent < sent_away_at_once; ++sent) {
        tcp_socket socket{executor()};
        acceptor_.accept(socket, failure);
        if (failure) break;
        count(rejection::too_many_connections);
    }
    spare_.take();
    return sent > 0;
}

/// An operator should not have to look at metrics to learn that somebody was turned away.
void server::core::tell_of_refusals() {
    const auto now = std::chrono::steady_clock::now();
    if (told_of_refusals_ && now - *told_of_refusals_ < refusals_told_every) return;
    told_of_refusals_ = now;
    log::warn(
        "connections are refused", {{"listener", name()}, {"hint", "see callhook_http_rejected_total"}}
    );
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
