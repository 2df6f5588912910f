#include "store/answer_watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <unordered_set>

namespace callhook::store {

using clock = std::chrono::steady_clock;

/// Guarded by the collector's mutex.
struct answer_watch::debt {
    int socket = -1;
    clock::time_point due{};
    bool broke = false;
};

class answer_watch::collector {
public:
    static collector& shared() {
        static collector one;
        return one;
    }

    ~collector() {
        {
            const std::lock_guard lock{mutex_};
            ending_ = true;
        }
        changed_.notify_all();
        if (thread_.joinable()) thread_.join();
    }

    void expect(debt& what, int socket, clock::time_point due) {
        bool sooner = false;
        {
            const std::lock_guard lock{mutex_};
            // Not before something is owed: whoever says that nothing is must not fail for want of a thread.
            if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
            what = {socket, due, false};
            open_.insert(&what);
            sooner = due < wakes_;
        }
        if (sooner) changed_.notify_all();
    }

    void forget(debt& what) noexcept {
        const std::lock_guard lock{mutex_};
        open_.erase(&what);
    }

    bool broke(const debt& what) {
        const std::lock_guard lock{mutex_};
        return what.broke;
    }

private:
    void run() {
        std::unique_lock lock{mutex_};
        while (!ending_) {
            wakes_ = clock::time_point::max();
            const auto now = clock::now();
            for (auto at = open_.begin(); at != open_.end();) {
                auto& what = **at;
                if (what.due <= now) {
                    what.broke = true;
                    // Whoever waits on it is told that the other side has closed. Its owner closes it.
                    ::shutdown(what.socket, SHUT_RDWR);
                    at = open_.erase(at);
                } else {
                    wakes_ = std::min(wakes_, what.due);
                    ++at;
                }
            }
            if (wakes_ == clock::time_point::max())
                changed_.wait(lock);
            else
                changed_.wait_until(lock, wakes_);
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_set<debt*> open_;
    /// When the thread looks next by itself.
    clock::time_point wakes_ = clock::time_point::max();
    bool ending_ = false;
    std::thread thread_;
};

answer_watch::answer_watch(std::chrono::milliseconds longest)
    : longest_{longest}, debt_{std::make_unique<debt>()} {}

answer_watch::~answer_watch() {
    enough();
}

void answer_watch::expect(int socket) {
    collector::shared().expect(*debt_, socket, clock::now() + longest_);
}

void answer_watch::enough() noexcept {
    collector::shared().forget(*debt_);
}

bool answer_watch::broke() const {
    return collector::shared().broke(*debt_);
}

}  // namespace callhook::store
