#pragma once

#include <chrono>
#include <optional>
#include <string>

/// What systemd is told of this process, and asks of it. Where nobody asked (`NOTIFY_SOCKET` is not set)
/// nothing happens. Any thread; none of them waits or fails.
namespace callhook::app::service_manager {

/// From now on what was asked of it works; `status` is for people, one line.
void ready(const std::string& status);
void status(const std::string& text);
/// A reload begins; `ready` says that it has ended.
void reloading();
/// An orderly stop begins, which takes no longer than that.
void stopping(std::chrono::milliseconds longest);
/// The sign of life that `watchdog` is about.
void alive();

/// How long the manager waits for a sign of life before it ends this process; nothing where it does not.
std::optional<std::chrono::milliseconds> watchdog();

}  // namespace callhook::app::service_manager
