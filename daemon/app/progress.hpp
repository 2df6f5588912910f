#pragma once

#include "base/json.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace callhook::app {

/// A progress bar on stderr, with rate and time left; silent where stderr is not a terminal.
class progress_bar {
public:
    explicit progress_bar(std::string label);
    void show(std::int64_t done, std::int64_t all);
    /// Ends the bar's line.
    void finish();

private:
    std::string label_;
    bool visible_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point last_{};
};

/// A call with its timeline and messages, for people.
void print_call(const json::object& details, std::ostream& out);

}  // namespace callhook::app
