#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace callhook::app {

/// Ends the process where something does not end in time: a database that hangs must not hold up a shutdown,
/// and by then nothing is left that was promised and not kept.
class watchdog {
public:
    /// Starts counting. Destroying it in time stops that.
    explicit watchdog(std::chrono::milliseconds patience);
    ~watchdog();
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool called_off_ = false;
    std::thread thread_;
};

}  // namespace callhook::app
