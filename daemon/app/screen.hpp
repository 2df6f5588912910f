#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace callhook::app {

/// The terminal on stdout, taken over to show a page again and again, and given back as it was: when this is
/// destroyed, also by an exception. From its making on SIGINT, SIGTERM, SIGHUP and SIGWINCH are blocked on
/// this thread and those that it starts; `pause` hears them. Where stdout is no terminal, pages are written
/// one below the other.
class screen {
public:
    screen();
    ~screen();
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;

    /// Shows the lines, cut at the terminal's size.
    void show(const std::vector<std::string>& lines);

    /// Waits, or until the window has another size; false where a signal asked to end.
    [[nodiscard]] bool pause(std::chrono::milliseconds longest);

private:
    bool terminal_;
    bool first_ = true;
};

}  // namespace callhook::app
