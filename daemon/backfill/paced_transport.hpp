#pragma once

#include "async/breaker.hpp"
#include "async/limiter.hpp"
#include "base/clock.hpp"
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
    /// The references must outlive it, but for `how`. `source` is a metric label.
    paced_transport(
        const boost::asio::any_io_executor& executor,
        std::string source,
        sources::transport& inner,
        store::backfill_pool& pool,
        const pace& how,
        const clock_source& clock,
        metrics_registry& metrics
    );

    /// `paused` while the breaker is open, after `close`, and where the rate limit cannot be asked.
    boost::asio::awaitable<sources::api_result<sources::api_answer>> get(sources::api_request what) override;

    /// Refuses everything from now on, also what waits for its turn.
    void close();

    /// Whether a request would go out now.
    [[nodiscard]] bool ready() const;
    /// Why little is asked at present; empty while all is well.
    [[nodiscard]] std::string trouble() const { return breaker_.open() ? last_trouble_ : std::string{}; }

private:
    boost::asio::awaitable<bool> wait_for_slot();
    boost::asio::awaitable<void> learn(
        const sources::api_result<sources::api_answer>& from, async::breaker::leave leave
    );
    void count(const sources::api_request& what, const std::string& code);

    std::string source_;
    sources::transport& inner_;
    store::backfill_pool& pool_;
    const pace how_;
    const clock_source& clock_;
    metrics_registry& metrics_;
    async::breaker breaker_;
    async::limiter limiter_;
    async::wakeup closing_;
    metric_gauge open_;
    std::string last_trouble_;
};

}  // namespace callhook::backfill
