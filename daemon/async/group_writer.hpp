#pragma once

#include "async/completion.hpp"
#include "base/result.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace callhook::async {

struct group_bounds {
    /// Of what waits for the next group; beyond them `append` refuses at once.
    std::size_t queue_items = 8'192;
    std::size_t queue_bytes = 64 << 20;
    /// Of one group.
    std::size_t group_items = 512;
    std::size_t group_bytes = 8 << 20;
};

/// Group commit by natural batching: one writer thread takes all that queued while it wrote the last group,
/// and everyone in a group gets the same outcome. Where many come at a time, those who were just answered are
/// likely to be back in a moment: the writer waits for as many as there were, a part of the time that the
/// last group took, since two groups cost more than one of twice the size.
///
/// `append` and `stop` belong to one event loop's thread.
template <class Item>
class group_writer {
public:
    using shared_item = std::shared_ptr<const Item>;
    using group = std::vector<shared_item>;
    using clock = std::chrono::steady_clock;

    /// All but `size` are called on the writer's thread, one after the other.
    struct work {
        /// The size of an item in bytes, as the bounds count it.
        std::function<std::size_t(const Item&)> size;
        /// Writes a group; never an empty one.
        std::function<result<void>(const group&)> write;
        /// After the outcome is on its way to those who wait for it.
        std::function<void(const group&, const result<void>&)> told;
        /// First of all, and then whenever there was nothing to write for `idle_interval`.
        std::function<void()> idle;
        /// What an `append` resumes with that is refused, or whose deadline passes.
        error refused;
        error late;
    };

    group_writer(const group_bounds& bounds, work how, std::chrono::milliseconds idle_interval)
        : bounds_{bounds}, how_{std::move(how)}, idle_interval_{idle_interval}, writer_{[this] { run(); }} {}
    /// Requires that `stop` was called and nobody waits in `append`.
    ~group_writer() { stop(); }
    group_writer(const group_writer&) = delete;
    group_writer& operator=(const group_writer&) = delete;

    /// Returns the outcome of the group that the item was written in; `work::refused` where the queue is full
    /// or the writer stops; `work::late` where that had not ended by the deadline, and then the item may be
    /// written all the same.
    boost::asio::awaitable<result<void>> append(shared_item what, clock::time_point deadline) {
        co_return co_await suspend<result<void>>([&](completion<result<void>> done) {
            auto item = std::make_shared<entry>(entry{std::move(what), deadline, done});
            if (!submit(item)) {
                boost::asio::post(done.executor(), [done, why = how_.refused] { done(why); });
                return;
            }
            waiting_.emplace(deadline, std::move(item));
            arm_sweep(done.executor());
        });
    }

    /// How long the group or the idle work in hand has taken so far; nothing where there is none. Any thread.
    [[nodiscard]] std::optional<clock::duration> busy_for() const noexcept {
        const auto since = busy_since_.load(std::memory_order_relaxed);
        if (since == not_busy) return {};
        return clock::now() - since;
    }

    /// How long ago the writer last began or ended something, which it does at least every `idle_interval`
    /// but for the time that `work` takes: the sign of life of its thread. Any thread.
    [[nodiscard]] clock::duration silent_for() const noexcept {
        return clock::now() - turned_at_.load(std::memory_order_relaxed);
    }

    /// Has the idle work done now. Any thread.
    void look() {
        {
            const std::lock_guard lock{mutex_};
            look_now_ = true;
        }
        changed_.notify_one();
    }

    /// Refuses new items, writes what is queued, then ends the writer. Blocks for that.
    void stop() {
        {
            const std::lock_guard lock{mutex_};
            stopping_ = true;
        }
        changed_.notify_all();
        if (writer_.joinable()) writer_.join();
        if (sweep_) sweep_->cancel();
    }

private:
    /// One who waits. The loop's, but for `what`, which never changes.
    struct entry {
        shared_item what;
        clock::time_point deadline;
        completion<result<void>> done;
    };
    using entries = std::vector<std::shared_ptr<entry>>;

    static constexpr clock::time_point not_busy = clock::time_point::max();

    /// A group of fewer is not waited for: it would win little.
    static constexpr std::size_t few = 8;
    static constexpr std::chrono::milliseconds longest_gathering{2};

    /// Whether there is room for it.
    bool submit(const std::shared_ptr<entry>& item) {
        const auto size = how_.size(*item->what);
        bool wake = false;
        {
            const std::lock_guard lock{mutex_};
            const bool full = queue_.size() >= bounds_.queue_items ||
                              (!queue_.empty() && queued_bytes_ + size > bounds_.queue_bytes);
            if (full || stopping_) return false;
            queued_bytes_ += size;
            queue_.push_back(item);
            wake = queue_.size() >= wanted_;
        }
        if (wake) changed_.notify_one();
        return true;
    }

    /// Tells those whose deadline has passed, oldest deadline first.
    void arm_sweep(const boost::asio::any_io_executor& executor) {
        while (!waiting_.empty() && waiting_.begin()->second->done.done())
            waiting_.erase(waiting_.begin());
        if (waiting_.empty()) return;
        if (!sweep_) sweep_ = std::make_unique<boost::asio::steady_timer>(executor, clock::time_point::max());
        const auto first = waiting_.begin()->first;
        if (sweep_->expiry() <= first) return;
        sweep_->expires_at(first);
        auto tell = [this, executor, here = std::weak_ptr{alive_}](boost::system::error_code failed) {
            if (failed || here.expired()) return;
            const auto now = clock::now();
            while (!waiting_.empty() &&
                   (waiting_.begin()->second->done.done() || waiting_.begin()->first <= now)) {
                const auto item = std::move(waiting_.begin()->second);
                waiting_.erase(waiting_.begin());
                item->done(how_.late);
            }
            sweep_->expires_at(clock::time_point::max());
            arm_sweep(executor);
        };
        sweep_->async_wait(std::move(tell));
    }

    void run() {
        busy([this] { how_.idle(); });
        for (;;) {
            const auto taken = take();
            if (!taken.empty()) {
                write(taken);
                continue;
            }
            {
                const std::lock_guard lock{mutex_};
                if (stopping_ && queue_.empty()) return;
            }
            busy([this] { how_.idle(); });
        }
    }

    template <class Action>
    auto busy(Action action) {
        turned_at_ = clock::now();
        busy_since_ = turned_at_.load();
        const struct guard {
            group_writer& self;
            ~guard() {
                self.busy_since_ = not_busy;
                self.turned_at_ = clock::now();
            }
        } until_done{*this};
        return action();
    }

    /// Waits for work, then takes all that queued as far as the bounds of a group allow.
    entries take() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, idle_interval_, [this] { return stopping_ || look_now_ || !queue_.empty(); });
        look_now_ = false;
        if (!queue_.empty() && expected_ >= few) {
            wanted_ = std::min(expected_, bounds_.group_items);
            changed_.wait_for(lock, gathering_, [this] { return stopping_ || queue_.size() >= wanted_; });
            wanted_ = 1;
        }
        entries taken;
        std::size_t bytes = 0;
        const auto now = clock::now();
        while (!queue_.empty() && taken.size() < bounds_.group_items) {
            auto& next = queue_.front();
            const auto size = how_.size(*next->what);
            if (!taken.empty() && bytes + size > bounds_.group_bytes) break;
            bytes += size;
            queued_bytes_ -= size;
            // One whose deadline has passed was told so already.
            if (next->deadline > now) taken.push_back(std::move(next));
            queue_.pop_front();
        }
        return taken;
    }

    void write(const entries& taken) {
        group items;
        items.reserve(taken.size());
        for (const auto& one : taken)
            items.push_back(one->what);
        const auto started = clock::now();
        const auto outcome = busy([&] { return how_.write(items); });
        gathering_ = std::min<clock::duration>((clock::now() - started) / 2, longest_gathering);
        {
            const std::lock_guard lock{mutex_};
            expected_ = taken.size() + queue_.size();
        }
        // One post for the whole group, not one for each.
        boost::asio::post(taken.front()->done.executor(), [taken, outcome] {
            for (const auto& one : taken)
                one->done(outcome);
        });
        how_.told(items, outcome);
    }

    const group_bounds bounds_;
    const work how_;
    const std::chrono::milliseconds idle_interval_;

    // Guarded by the mutex.
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<entry>> queue_;
    std::size_t queued_bytes_ = 0;
    /// How many must have queued for the writer to be woken.
    std::size_t wanted_ = 1;
    bool look_now_ = false;
    bool stopping_ = false;

    // The writer's own: how many are likely to be there for the next group, and how long they are waited for.
    std::size_t expected_ = 0;
    clock::duration gathering_{};

    // The loop's thread only. By deadline: not all who wait have the same patience.
    std::multimap<clock::time_point, std::shared_ptr<entry>> waiting_;
    std::unique_ptr<boost::asio::steady_timer> sweep_;
    /// Goes with this object: a sweep that the loop has in hand by then must not touch it.
    const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

    std::atomic<clock::time_point> busy_since_{not_busy};
    std::atomic<clock::time_point> turned_at_{clock::now()};
    std::thread writer_;  // last: it uses the others
};

}  // namespace callhook::async
