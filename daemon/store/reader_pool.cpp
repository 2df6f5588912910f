#include "store/reader_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace callhook::store {

namespace {

constexpr std::size_t queue_bound = 4'096;

}  // namespace

struct reader_pool::impl {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void(queries&)>> queue;
    bool stopping = false;
    metric_gauge in_use;
    std::vector<std::thread> threads;

    void run(const settings& where) {
        queries q{where, "reader"};
        for (;;) {
            std::function<void(queries&)> job;
            {
                std::unique_lock lock{mutex};
                changed.wait(lock, [&] { return stopping || !queue.empty(); });
                if (queue.empty()) return;
                job = std::move(queue.front());
                queue.pop_front();
            }
            in_use.add(1);
            job(q);
            in_use.add(-1);
        }
    }
};

reader_pool::reader_pool(const settings& where, std::size_t threads, metrics_registry& metrics)
    : impl_{std::make_unique<impl>()} {
    impl_->in_use = metrics.gauge("callhook_db_pool_in_use", "Reader connections that run a query now.");
    for (std::size_t i = 0; i < threads; ++i) {
        impl_->threads.emplace_back([self = impl_.get(), where] { self->run(where); });
    }
}

reader_pool::~reader_pool() {
    stop();
}

bool reader_pool::submit(std::function<void(queries&)> job) {
    {
        const std::lock_guard lock{impl_->mutex};
        if (impl_->stopping || impl_->queue.size() >= queue_bound) return false;
        impl_->queue.push_back(std::move(job));
    }
    impl_->changed.notify_one();
    return true;
}

void reader_pool::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
    }
    impl_->changed.notify_all();
    for (auto& t : impl_->threads) {
        if (t.joinable()) t.join();
    }
}

}  // namespace callhook::store
