#include "feed/nats/session.hpp"

#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace callhook::feed::nats {

/// Outlives the session, and perhaps the event loop: after `ended` it touches neither.
struct session::shared {
    boost::asio::any_io_executor executor;
    std::weak_ptr<async::wakeup> answered;
    std::mutex mutex;
    std::condition_variable changed;
    job next;
    bool ended = false;
    std::unique_ptr<connection> link = std::make_unique<connection>();

    void run() {
        while (auto work = take()) {
            auto done = work(*link);
            const std::lock_guard lock{mutex};
            if (ended) break;
            boost::asio::post(executor, [done = std::move(done), wakes = answered] {
                done();
                if (const auto waiting = wakes.lock()) waiting->notify_all();
            });
        }
        // Here, not on the loop's thread: closing may block.
        link.reset();
    }

    job take() {
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return ended || next; });
        return ended ? job{} : std::exchange(next, {});
    }
};

session::session(const boost::asio::any_io_executor& executor)
    : answered_{std::make_shared<async::wakeup>(executor)}, shared_{std::make_shared<shared>()} {
    shared_->executor = executor;
    shared_->answered = answered_;
    std::thread{[kept = shared_] { kept->run(); }}.detach();
}

session::~session() {
    cancel();
    {
        const std::lock_guard lock{shared_->mutex};
        shared_->ended = true;
    }
    shared_->changed.notify_all();
}

void session::cancel() {
    shared_->link->cancel();
    answered_->close();
}

std::weak_ptr<const void> session::thread() const {
    return shared_;
}

void session::submit(job what) {
    {
        const std::lock_guard lock{shared_->mutex};
        shared_->next = std::move(what);
    }
    shared_->changed.notify_one();
}

}  // namespace callhook::feed::nats
