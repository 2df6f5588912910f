#include "feed/outbound/dispatcher.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace callhook::feed::outbound {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {

/// Three turns and more within a lease.
constexpr std::chrono::milliseconds turn_interval{700};
constexpr std::chrono::seconds look_interval{5};
constexpr std::chrono::minutes expire_interval{5};
constexpr std::size_t expire_at_once = 5'000;

struct gauge {
    const char* name;
    const char* help;
};
constexpr gauge gauges[]{
    {"callhook_outbound_lag_events", "Events of the log after a subscription's place."},
    {"callhook_outbound_waiting", "Events that wait for another attempt."},
    {"callhook_outbound_dead", "Events that were given up and not redriven."},
    {"callhook_outbound_paused", "1 where a subscription is paused or disabled."}};

/// A secret's end is no change by anyone, so the generation does not tell of it.
bool is_outdated(const store::active_subscription& served, const store::active_subscription& now) {
    return served.generation != now.generation || served.created_at != now.created_at ||
           served.secrets.size() != now.secrets.size();
}

}  // namespace

dispatcher::dispatcher(
    const asio::any_io_executor& executor,
    log_reader& log,
    store::feed_pool& pool,
    settings how,
    sender_maker senders,
    const clock_source& clock,
    metrics_registry& metrics
)
    : executor_{executor},
      log_{log},
      pool_{pool},
      how_{std::move(how)},
      senders_{std::move(senders)},
      clock_{clock},
      metrics_{metrics},
      ids_{clock},
      owner_{ids_()},
      leases_{pool, owner_},
      shared_{log_, pool_, leases_, how_, clock_, metrics_, ids_},
      tasks_{executor, "outbound"},
      changed_{executor} {}

void dispatcher::start() {
    started_ = true;
    tasks_.spawn(run());
    tasks_.spawn(keep_house());
}

asio::awaitable<void> dispatcher::stop() {
    changed_.close();
    for (const auto& [name, worker] : workers_)
        worker->stop();
    co_await tasks_.join();
    if (started_) co_await leases_.release_all();
}

void dispatcher::renew(const std::string& name) {
    unusable_.erase(name);
    if (const auto found = workers_.find(name); found != workers_.end()) found->second->stop();
    wake();
}

std::string dispatcher::problems() const {
    std::string out;
    if (paused_ > 0)
        out = std::to_string(paused_) + " of the subscriptions are not served: paused or disabled";
    if (!unusable_.empty()) {
        if (!out.empty()) out += "; ";
        out += std::to_string(unusable_.size()) + " cannot be served by this daemon, see its log";
    }
    return out;
}

asio::awaitable<void> dispatcher::run() {
    while (!changed_.closed()) {
        try {
            co_await turn();
        } catch (const std::exception&) {
            log::error("a turn of outbound webhooks broke");
        }
        co_await changed_.wait(steady::now() + turn_interval);
    }
}

asio::awaitable<void> dispatcher::turn() {
    auto read = [](store::feed_store& db) { return db.active_subscriptions(); };
    auto rows = co_await pool_.run(std::move(read));
    std::map<std::string, store::active_subscription> active;
    std::vector<std::string> wanted;
    if (rows) {
        for (auto& row : *rows) {
            if (senders_.serves(row)) active.emplace(row.what.name, std::move(row));
        }
        leave_unusable(active);
        for (const auto& [name, row] : active)
            wanted.push_back(subscription_worker::lease_name(name));
        // A worker that is to end still writes how far it is.
        for (const auto& [name, worker] : workers_) {
            if (!active.contains(name)) wanted.push_back(subscription_worker::lease_name(name));
        }
        co_await leases_.ask(std::move(wanted));
        end_outdated(active);
        for (auto& [name, what] : active) {
            if (!workers_.contains(name) && leases_.holds(subscription_worker::lease_name(name)))
                start_worker(std::move(what));
        }
    }
}

/// Beside the turns: what takes long here must not cost a lease.
asio::awaitable<void> dispatcher::keep_house() {
    while (!changed_.closed()) {
        try {
            co_await look_around();
            if (steady::now() >= expire_at_) co_await expire_attempts();
        } catch (const std::exception&) {
            log::error("looking after outbound webhooks broke");
        }
        co_await changed_.sleep_until(std::min(steady::now() + look_interval, expire_at_));
    }
}

void dispatcher::end_outdated(const std::map<std::string, store::active_subscription>& active) {
    for (auto at = workers_.begin(); at != workers_.end();) {
        const auto& [name, worker] = *at;
        const auto found = active.find(name);
        if (found == active.end() || is_outdated(worker->what(), found->second)) worker->stop();
        at = worker->ended() ? workers_.erase(at) : std::next(at);
    }
}

/// What could not be served is left to other daemons until it has changed.
void dispatcher::leave_unusable(std::map<std::string, store::active_subscription>& active) {
    for (auto at = unusable_.begin(); at != unusable_.end();) {
        const auto found = active.find(at->first);
        const bool same = found != active.end() && !is_outdated(at->second, found->second);
        if (same) active.erase(found);
        at = same ? std::next(at) : unusable_.erase(at);
    }
}

void dispatcher::start_worker(store::active_subscription what) {
    if (changed_.closed()) return;
    const auto name = what.what.name;
    auto way = senders_.make(what);
    if (!way) {
        unusable_.insert_or_assign(name, std::move(what));
        return;
    }
    auto worker =
        std::make_shared<subscription_worker>(executor_, shared_, std::move(what), owner_, std::move(way));
    auto work = [](std::shared_ptr<subscription_worker> self, async::wakeup& done) -> asio::awaitable<void> {
        co_await self->run();
        if (!done.closed()) done.notify_all();
    };
    workers_.emplace(name, worker);
    tasks_.spawn(work(std::move(worker), changed_));
}

/// What operators see of all subscriptions, whoever serves them.
asio::awaitable<void> dispatcher::look_around() {
    auto read = [](store::feed_store& db) { return db.list_subscriptions(); };
    const auto rows = co_await pool_.run(std::move(read));
    if (!rows) co_return;
    paused_ = 0;
    auto gone = std::exchange(shown_, {});
    for (const auto& row : *rows) {
        const bool paused = row.state != store::subscription_state::active;
        if (paused) ++paused_;
        const std::int64_t values[]{row.lag_events, row.waiting, row.dead, paused ? 1 : 0};
        for (std::size_t i = 0; i < std::size(gauges); ++i) {
            metrics_.gauge(
                        gauges[i].name, gauges[i].help, {{"subscription", row.what.name}}
            ).set(static_cast<double>(values[i]));
        }
        gone.erase(row.what.name);
        shown_.insert(row.what.name);
    }
    for (const auto& name : gone) {
        for (const auto& gauge : gauges)
            metrics_.remove_gauge(gauge.name, {{"subscription", name}});
    }
}

asio::awaitable<void> dispatcher::expire_attempts() {
    expire_at_ = steady::now() + expire_interval;
    auto expire = [before = clock_.now() - how_.keep_attempts](store::feed_store& db) {
        return db.expire_attempts(before, expire_at_once);
    };
    const auto gone = co_await pool_.run(std::move(expire));
    if (gone && *gone == expire_at_once) expire_at_ = steady::now() + std::chrono::seconds{1};
}

}  // namespace callhook::feed::outbound
