#pragma once

#include "base/metrics.hpp"
#include "pipeline/retention.hpp"
#include "store/settings.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace callhook::pipeline {

/// Lets old data expire while this daemon leads: soon after it began to, and daily, on a thread of its own,
/// so that the sequencer never waits for it. It starts with the constructor and survives the database going
/// away.
class retention_keeper {
public:
    /// `leading` may be asked from any thread; like `clock` and `metrics` it must outlive the keeper.
    retention_keeper(
        const store::settings& where,
        const retention_settings& how,
        std::function<bool()> leading,
        const clock_source& clock,
        metrics_registry& metrics
    );
    ~retention_keeper();
    retention_keeper(const retention_keeper&) = delete;
    retention_keeper& operator=(const retention_keeper&) = delete;

    /// Ends the step at hand and the thread; blocks for as long.
    void stop();

private:
    void run();
    std::chrono::milliseconds turn();
    void tell(const expiry_report& report);
    metric_counter dropped(const std::string& table);
    void show(const char* table, const std::optional<utc_time>& oldest);
    bool go_on();

    const retention_settings how_;
    const std::function<bool()> leading_;
    const clock_source& clock_;
    metrics_registry& metrics_;

    // The thread's own.
    store::retention_store db_;
    bool led_ = false;
    std::chrono::steady_clock::time_point due_{};
    bool trouble_told_ = false;

    // Guarded by the mutex.
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace callhook::pipeline
