#pragma once

#include "async/breaker.hpp"
#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "feed/lease_keeper.hpp"
#include "feed/log_reader.hpp"
#include "feed/outbound/delivery_window.hpp"
#include "feed/outbound/sender.hpp"
#include "feed/outbound/settings.hpp"
#include "store/connection_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace callhook::feed::outbound {

/// What the workers of one daemon share; all outlive them.
struct worker_parts {
    log_reader& log;
    store::feed_pool& pool;
    const lease_keeper& leases;
    const settings& how;
    const clock_source& clock;
    metrics_registry& metrics;
    uuid_v7_generator& ids;
};

/// Delivers the events of one subscription for as long as its lease is held, nothing of it changes and its
/// receiver wants them. At least once, of each call in order, from where the last worker left off. Loop
/// thread.
class subscription_worker {
public:
    subscription_worker(
        const boost::asio::any_io_executor& executor,
        const worker_parts& with,
        store::active_subscription what,
        const uuid& owner,
        std::unique_ptr<sender> way
    );
    subscription_worker(const subscription_worker&) = delete;
    subscription_worker& operator=(const subscription_worker&) = delete;

    /// The name under which a subscription is leased.
    static std::string lease_name(const std::string& subscription);

    /// Works until one of its ends has come, and remembers how far it is. Once.
    boost::asio::awaitable<void> run();

    /// Makes `run` return soon: what is under way gets a moment to end; what does not is cut and counts as
    /// not tried.
    void stop();

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] const store::active_subscription& what() const noexcept { return what_; }

private:
    boost::asio::awaitable<void> watch_log();
    boost::asio::awaitable<bool> begin();
    boost::asio::awaitable<void> read_on();
    void launch();
    boost::asio::awaitable<void> fly(std::int64_t position, async::breaker::leave leave);
    boost::asio::awaitable<result<shared_event>> text_of(std::int64_t position);
    void conclude(
        std::int64_t position,
        async::breaker::leave leave,
        const receipt& got,
        store::outbound_attempt attempt
    );
    void count_failure();
    void end_with(store::subscription_state state, const std::string& reason);
    boost::asio::awaitable<bool> settle();
    boost::asio::awaitable<void> drain();
    boost::asio::awaitable<void> finish();
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] bool due_to_settle() const;
    [[nodiscard]] std::chrono::steady_clock::time_point next_turn() const;
    void count(const char* result);

    const worker_parts with_;
    const store::active_subscription what_;
    const store::outbound_claim claim_;
    std::unique_ptr<sender> way_;
    const std::vector<std::chrono::milliseconds> schedule_;
    const std::chrono::milliseconds pause_after_;

    async::scope flights_;
    /// Something ended, or the log grew.
    async::wakeup changed_;
    /// The log was read on.
    async::wakeup consumed_;
    async::breaker breaker_;
    delivery_window window_;
    std::mt19937_64 random_;

    store::feed_head head_{};
    /// The log's count as of which the window's texts were read.
    std::uint64_t erasures_ = 0;
    std::int64_t read_to_ = 0;
    std::int64_t settled_to_ = 0;
    /// More waits in the database than is held here: first that, then the log.
    bool partial_ = false;
    bool more_in_log_ = true;
    std::size_t in_flight_ = 0;
    std::vector<store::outbound_attempt> attempts_;
    std::optional<utc_time> failing_since_;
    std::chrono::steady_clock::time_point settled_at_{};
    /// After trouble with the database, or where the receiver asks for it: nothing is read or sent before.
    std::chrono::steady_clock::time_point held_until_{};
    std::optional<store::outbound_stop> stop_with_;
    bool stopping_ = false;
    bool ended_ = false;
};

}  // namespace callhook::feed::outbound
