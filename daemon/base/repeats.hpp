#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace callhook {

/// Which repeats of a message are written: the first few of a window of time, which begins with the first of
/// them. The others are counted, and the next one that is written tells how many there were. Pure: time is
/// given. One thread.
class repeats {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `kept`: how many of each message within `window`.
    repeats(std::size_t kept, std::chrono::seconds window) : kept_{kept}, window_{window} {}

    /// Nothing where this one is to be left out, else how many were left out before it.
    std::optional<std::size_t> take(std::string_view message, time_point now);

    /// Hands over each message of which some were left out and whose window is over, all of them where `now`
    /// is the end of time, with their number; forgets those whose window is over.
    void tell(time_point now, const std::function<void(std::string_view, std::size_t)>& told);

private:
    struct account {
        time_point until;
        std::size_t written = 0;
        std::size_t left_out = 0;
    };

    std::size_t kept_;
    std::chrono::seconds window_;
    std::map<std::string, account, std::less<>> accounts_;
};

}  // namespace callhook
