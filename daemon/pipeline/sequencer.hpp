#pragma once

#include "base/metrics.hpp"
#include "pipeline/batch.hpp"
#include "pipeline/burst.hpp"
#include "pipeline/feed_memory.hpp"
#include "pipeline/look_ahead.hpp"
#include "store/queries.hpp"
#include "store/settings.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace callhook::pipeline {

struct sequencer_settings {
    settings batch{};
    /// How often the leader looks for deliveries that other daemons accepted, and for overdue calls.
    std::chrono::milliseconds poll_interval{100};
    /// How often a standby tries to lead.
    std::chrono::milliseconds takeover_interval{1'000};
    /// How long events may wait while webhooks come faster than the pipeline follows; 0: it never steps
    /// aside.
    std::chrono::milliseconds burst_patience{10'000};
    /// Where it is remembered how far the feed was; empty: nowhere.
    std::string memory_file{};
};

/// Who is told of what was committed, on the sequencer's thread; either may be empty.
struct log_follower {
    /// Whether with its events.
    std::function<bool()> wants{};
    /// The stretch of the log right after a position.
    std::function<void(std::int64_t, store::event_page)> hear{};
};

/// The one worker that turns deliveries into records and events, on a thread of its own. Of several daemons
/// on a database one leads; the others stand by. It starts with the constructor and survives the database
/// going away.
class sequencer {
public:
    /// `clock` and `metrics` must outlive it.
    sequencer(
        const store::settings& where,
        sources::decoder_table decoders,
        const sequencer_settings& how,
        const clock_source& clock,
        metrics_registry& metrics,
        log_follower feed = {}
    );
    ~sequencer();
    sequencer(const sequencer&) = delete;
    sequencer& operator=(const sequencer&) = delete;

    /// Says that something was committed to the inbox: a hint that saves waiting for the next poll. Any
    /// thread.
    void wake();

    /// The same, with what was committed, so that it need not be read back. Any thread.
    void hear(const std::vector<store::shared_delivery>& stored);

    /// Finishes the batch at hand, gives up the lead and ends the thread; blocks for as long.
    void stop();

    /// Whether this daemon leads now. Any thread.
    [[nodiscard]] bool leading() const noexcept { return leading_.load(std::memory_order_relaxed); }
    /// False from a failed contact with the database to the next one that succeeds. Any thread.
    [[nodiscard]] bool healthy() const noexcept { return healthy_.load(std::memory_order_relaxed); }

private:
    void run();
    bool wait(std::chrono::milliseconds longest);
    void take_lead();
    void stand_by();
    void watch_history();
    void renew_epoch();
    void keep_partitions();
    void work(bool woken);
    store::sequencer_store::backlog look();
    void take_batches();
    bool step_aside();
    void count(const batch_report& report);

    // Constant after construction.
    const log_follower feed_;
    const sources::decoder_table decoders_;
    const sequencer_settings how_;
    const clock_source& clock_;
    metrics_registry& metrics_;

    // The thread's own.
    store::sequencer_store store_;
    feed_memory memory_;
    std::chrono::steady_clock::time_point memory_due_{};
    /// When partitions are seen to next. Not when they were last: a clock that counts from the machine's
    /// start makes "never" look recent.
    std::chrono::steady_clock::time_point partitions_due_{};
    /// Whether the last look saw something that waits beside deliveries, and no batch has taken it yet.
    bool also_due_ = false;
    /// How many deliveries the next batch takes: fewer after one that failed, so that what was too much at
    /// once (for memory, a statement or its time) goes through in parts.
    std::size_t batch_deliveries_;
    burst burst_;
    look_ahead ahead_;
    metric_gauge leader_;

    // Guarded by the mutex.
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    bool stopping_ = false;

    std::atomic<bool> leading_{false};
    std::atomic<bool> healthy_{true};
    std::thread thread_;
};

}  // namespace callhook::pipeline
