#include "store/connection_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace callhook::store {

namespace {

constexpr std::size_t queue_bound = 4'096;

/// As its connections show it, and its gauge.
template <class Store>
constexpr const char* role = nullptr;
template <>
constexpr const char* role<queries> = "reader";
template <>
constexpr const char* role<backfill_store> = "backfill";
template <>
constexpr const char* role<feed_store> = "consumers";

}  // namespace

template <class Store>
struct connection_pool<Store>::impl {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void(Store&)>> queue;
    bool stopping = false;
    metric_gauge in_use;
    std::vector<std::thread> threads;

    /// Here and not in the pool's: where one thread could not be made, those before it are ended.
    ~impl() { stop(); }

    void stop() {
        {
            const std::lock_guard lock{mutex};
            stopping = true;
        }
        changed.notify_all();
        for (auto& t : threads) {
            if (t.joinable()) t.join();
        }
    }

    void run(const settings& where) {
        Store store{where, role<Store>};
        for (;;) {
            std::function<void(Store&)> job;
            {
                std::unique_lock lock{mutex};
                changed.wait(lock, [&] { return stopping || !queue.empty(); });
                if (queue.empty()) return;
                job = std::move(queue.front());
                queue.pop_front();
            }
            in_use.add(1);
            job(store);
            in_use.add(-1);
        }
    }
};

template <class Store>
connection_pool<Store>::connection_pool(const settings& where, std::size_t threads, metrics_registry& metrics)
    : impl_{std::make_unique<impl>()} {
    impl_->in_use = metrics.gauge(
        "callhook_db_pool_in_use", "Connections of each pool that are at work now.", {{"pool", role<Store>}}
    );
    for (std::size_t i = 0; i < threads; ++i) {
        impl_->threads.emplace_back([self = impl_.get(), where] { self->run(where); });
    }
}

template <class Store>
connection_pool<Store>::~connection_pool() = default;

template <class Store>
bool connection_pool<Store>::submit(std::function<void(Store&)> job) {
    {
        const std::lock_guard lock{impl_->mutex};
        if (impl_->stopping || impl_->queue.size() >= queue_bound) return false;
        impl_->queue.push_back(std::move(job));
    }
    impl_->changed.notify_one();
    return true;
}

template <class Store>
void connection_pool<Store>::stop() {
    impl_->stop();
}

template class connection_pool<queries>;
template class connection_pool<backfill_store>;
template class connection_pool<feed_store>;

}  // namespace callhook::store
