#include "app/watchdog.hpp"

#include "app/exit_codes.hpp"
#include "base/log.hpp"

#include <cstdlib>

namespace callhook::app {

watchdog::watchdog(std::chrono::milliseconds patience)
    : thread_{[this, patience] {
          std::unique_lock lock{mutex_};
          if (changed_.wait_for(lock, patience, [this] { return called_off_; })) return;
          log::error("stopping took too long: ending without waiting for the database");
          std::_Exit(exit_code::unavailable);
      }} {}

watchdog::~watchdog() {
    {
        const std::lock_guard lock{mutex_};
        called_off_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

}  // namespace callhook::app
