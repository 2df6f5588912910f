#include "feed/outbound/configured_subscriptions.hpp"

#include "base/log.hpp"

#include <utility>

namespace callhook::feed::outbound {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::seconds between_tries{1};

}  // namespace

configured_subscriptions::configured_subscriptions(
    const boost::asio::any_io_executor& executor,
    log_reader& log,
    store::feed_pool& pool,
    std::vector<wanted> all,
    std::function<void()> done
)
    : log_{log},
      pool_{pool},
      all_{std::move(all)},
      done_{std::move(done)},
      closing_{executor},
      tasks_{executor, "configured subscriptions"} {}

void configured_subscriptions::start() {
    if (!all_.empty()) tasks_.spawn(run());
}

boost::asio::awaitable<void> configured_subscriptions::stop() {
    closing_.close();
    co_await tasks_.join();
}

boost::asio::awaitable<void> configured_subscriptions::run() {
    auto left = std::move(all_);
    do {
        left = co_await put(std::move(left));
        if (left.empty()) break;
    } while (co_await closing_.sleep_until(steady::now() + between_tries));
    if (left.empty()) done_();
}

boost::asio::awaitable<std::vector<configured_subscriptions::wanted>> configured_subscriptions::put(
    std::vector<wanted> all
) {
    const auto head = co_await log_.head();
    if (!head) co_return all;
    std::vector<wanted> left;
    for (auto& one : all) {
        auto work = [draft = one.what, start = resolve_cursor(one.start, *head)](store::feed_store& db
                    ) mutable -> result<store::made_subscription> {
            // Where one starts that is there already does not matter, and may have expired long ago.
            if (!start) {
                const auto there = db.read_subscription(draft.name);
                if (!there) return start.error();
                start = cursor{there->epoch, there->position};
            }
            return db.put_subscription(draft, {}, start->epoch, start->position);
        };
        const auto put = co_await pool_.run(std::move(work));
        if (put) continue;
        if (put.error().retryable()) {
            left.push_back(std::move(one));
            continue;
        }
        // Never a start at another place than the one that was asked for.
        log::error(
            "a subscription of the configuration cannot be made",
            {{"subscription", one.what.name}, {"reason", put.error().message}}
        );
    }
    co_return left;
}

}  // namespace callhook::feed::outbound
