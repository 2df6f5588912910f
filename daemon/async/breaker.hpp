#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace callhook::async {

/// A circuit breaker: after some failures in a row it lets nothing through for a while, then one trial after
/// another until one succeeds. Pure: time is given. One thread.
class breaker {
public:
    using time_point = std::chrono::steady_clock::time_point;

    struct settings {
        int failures = 5;  ///< in a row, until it opens
        /// How long it stays open; doubled with each trial that fails, up to the longest.
        std::chrono::milliseconds pause{30'000};
        std::chrono::milliseconds longest{300'000};
    };

    explicit breaker(const settings& how) : how_{how} {}

    /// A leave to go out. Its verdict counts only for as long as nothing has changed since it was given: what
    /// went out before the breaker opened tells nothing of the API after that.
    struct leave {
        std::uint64_t turn = 0;
    };

    /// Leave for something to go out now, or none. After a pause it is for a trial: until that one's end is
    /// told, nobody else gets any.
    std::optional<leave> allow(time_point now);
    void succeeded(leave of);
    void failed(leave of, time_point now);
    /// What was allowed never went out: neither success nor failure.
    void abandoned(leave of);

    /// Whether `allow` would give leave.
    [[nodiscard]] bool would_allow(time_point now) const noexcept {
        return !open_ || (!trying_ && now >= retry_at_);
    }
    [[nodiscard]] bool open() const noexcept { return open_; }
    /// When a trial may go out; in the past where one may now.
    [[nodiscard]] time_point retry_at() const noexcept { return retry_at_; }

private:
    settings how_;
    int failures_ = 0;
    std::uint64_t turn_ = 0;  ///< grows whenever it opens and with each trial
    bool open_ = false;
    bool trying_ = false;
    std::chrono::milliseconds pause_{};
    time_point retry_at_ = time_point::min();
};

/// How long to wait before attempt `attempts` + 1: `first` doubled for each failed attempt, at most
/// `longest`, of which `share` in [0, 1] settles the place between half and whole, so that many do not come
/// back at once.
std::chrono::milliseconds backoff(
    std::chrono::milliseconds first, std::chrono::milliseconds longest, int attempts, double share
);

}  // namespace callhook::async
