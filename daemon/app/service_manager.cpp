#include "app/service_manager.hpp"

#include <ctime>
#include <systemd/sd-daemon.h>

namespace callhook::app::service_manager {
namespace {

void tell(const std::string& what) {
    // Whether anybody listens is the manager's affair.
    static_cast<void>(sd_notify(0, what.c_str()));
}

std::string in_microseconds(std::chrono::microseconds time) {
    return std::to_string(time.count());
}

}  // namespace

void ready(const std::string& status) {
    tell("READY=1\nSTATUS=" + status);
}

void status(const std::string& text) {
    tell("STATUS=" + text);
}

void reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto since_boot = std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
    tell(
        "RELOADING=1\nSTATUS=reloading\nMONOTONIC_USEC=" +
        in_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_boot))
    );
}

void stopping(std::chrono::milliseconds longest) {
    tell("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=" + in_microseconds(longest));
}

void alive() {
    tell("WATCHDOG=1");
}

std::optional<std::chrono::milliseconds> watchdog() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return {};
    return std::chrono::milliseconds{microseconds / 1000};
}

}  // namespace callhook::app::service_manager
