#pragma once

#include "async/breaker.hpp"
#include "async/limiter.hpp"
#include "base/metrics.hpp"
#include "sources/api.hpp"
#include "store/connection_pool.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace callhook::backfill {

/// How fast and how persistently one API key may be used.
struct pace {
    /// What tells the key from others, and does not reveal it.
    std::string key{};
    std::chrono::microseconds interval{500'000};  ///< between requests, in the long run
    int burst = 10;                               ///< at once, after a rest
    std::size_t at_once = 2;                      ///< requests of this process under way
    async::breaker::settings breaker{};
};

/// Asks no more than the vendor bears: a rate limit that all daemons and commands on the database share, a
/// bound on what is under way, and a circuit breaker. Loop thread.
class paced_transport final : public sources::transport {
public:
    /// `inner`, `pool` and `metrics` must outlive it. `source` is a metric label.
    paced_transport(
        const boost::asio::any_io_executor& executor,
        std::string source,
        sources::transport& inner,
        store::backfill_pool& pool,
        const pace& how,
        metrics_registry& metrics
    );

    /// `paused` while the breaker is open, while the vendor wants to be left alone, after `close`, and where
    /// the rate limit cannot be asked.
    boost::asio::awaitable<sources::api_result<sources::api_answer>> get(sources::api_request what) override;

    boost::asio::awaitable<void> judge(
        std::string_view operation, std::uint64_t mark, const sources::api_failure* failure
    ) override;

    /// Refuses everything from now on, also what waits for its turn.
    void close();

    /// Whether a request would go out now.
    [[nodiscard]] bool ready() const;
    /// Why little is asked at present; empty while all is well.
    [[nodiscard]] std::string trouble() const;

private:
    boost::asio::awaitable<bool> wait_for_slot();
    boost::asio::awaitable<void> hold_back(std::chrono::seconds time);
    void failed(async::breaker::leave leave, std::string why);
    void succeeded(async::breaker::leave leave);
    void count(const sources::api_request& what, const std::string& code);

    std::string source_;
    sources::transport& inner_;
    store::backfill_pool& pool_;
    const pace how_;
    metrics_registry& metrics_;
    async::breaker breaker_;
    async::limiter limiter_;
    async::wakeup closing_;
    metric_gauge open_;
    std::string last_trouble_;
    /// Until when the vendor, or another daemon that it told, wants nothing asked.
    std::chrono::steady_clock::time_point held_until_ = std::chrono::steady_clock::time_point::min();
};

}  // namespace callhook::backfill
