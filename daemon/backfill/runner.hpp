#pragma once

#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "backfill/paced_transport.hpp"
#include "backfill/reconciler.hpp"
#include "backfill/settings.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "store/connection_pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace callhook::backfill {

/// One source with the way to its vendor. Both must outlive the runner.
struct account {
    reconciler* calls = nullptr;
    paced_transport* way = nullptr;
};

/// Works on the jobs of some sources: makes them from what the event log tells, leases those that are due,
/// asks, and asks again later where that failed. Any number of daemons may do so on one database. Loop
/// thread.
class runner {
public:
    runner(
        const boost::asio::any_io_executor& executor,
        std::vector<account> accounts,
        store::backfill_pool& pool,
        const settings& how,
        const clock_source& clock,
        metrics_registry& metrics
    );

    void start();

    /// Takes no further job, ends those under way and gives back the rest. What carries the requests must be
    /// closed by its owner before, or this waits for their deadlines.
    boost::asio::awaitable<void> stop();

    /// What keeps sources from being asked or compared, a sentence each; empty where all is well.
    [[nodiscard]] std::string problems() const;

private:
    /// When what is not done at every turn is to be done next.
    struct due {
        std::chrono::steady_clock::time_point states;
        std::chrono::steady_clock::time_point zones;
        std::chrono::steady_clock::time_point leases;
    };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> turn(due& next);
    boost::asio::awaitable<bool> open_sources();
    boost::asio::awaitable<void> refresh_states();
    boost::asio::awaitable<void> measure_zones();
    boost::asio::awaitable<void> plan();
    boost::asio::awaitable<void> take_jobs();
    boost::asio::awaitable<void> renew_leases();
    boost::asio::awaitable<void> work(store::job what);
    boost::asio::awaitable<outcome<void>> do_job(const store::job& what);
    boost::asio::awaitable<outcome<void>> do_sweep(const store::job& what);
    boost::asio::awaitable<void> give_up_for_now(const store::job& what, const trouble& why);
    void tell(const sweep_report& report, const std::string& source);

    [[nodiscard]] const account& account_of(const std::string& source) const;
    [[nodiscard]] std::vector<std::string> all_sources() const;
    [[nodiscard]] std::vector<std::string> open_for_work() const;
    /// Whether ids in webhooks and in the API of this source have been found to differ.
    [[nodiscard]] bool contradicted(const std::string& source) const;
    double random_share();

    template <class Query>
    boost::asio::awaitable<bool> tell_store(Query query);

    boost::asio::any_io_executor executor_;
    const std::map<std::string, account, std::less<>> accounts_;
    store::backfill_pool& pool_;
    const settings how_;
    const clock_source& clock_;
    metrics_registry& metrics_;
    const uuid owner_;
    std::mt19937_64 random_;
    async::scope tasks_;
    async::wakeup closing_;
    /// Jobs that are leased and under way, by id, and whether somebody else has them now.
    struct held {
        store::job what{};
        bool lost = false;
    };
    std::map<std::int64_t, held> at_work_;
    /// Places for which a lease is being asked.
    std::size_t reserved_ = 0;
    std::map<std::string, store::source_state, std::less<>> states_;
    /// By what the arrival of webhooks shows the configured zones to be off.
    std::map<std::string, std::chrono::seconds, std::less<>> zone_errors_;
    std::map<std::string, bool, std::less<>> caught_up_;
};

}  // namespace callhook::backfill
