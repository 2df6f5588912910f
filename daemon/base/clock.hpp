#pragma once

#include <chrono>

namespace callhook {

/// A moment, in microseconds since the Unix epoch (PostgreSQL's own resolution).
using utc_time = std::chrono::sys_time<std::chrono::microseconds>;

/// Wall time is given, not taken: code that needs "now" holds a reference to a clock, and tests hold a manual
/// one. Deadlines and intervals never use it; they use the steady clock. Thread-safe.
class clock_source {
public:
    virtual ~clock_source() = default;
    [[nodiscard]] virtual utc_time now() const = 0;
};

/// The machine's wall clock.
class system_clock_source final : public clock_source {
public:
    [[nodiscard]] utc_time now() const override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
};

}  // namespace callhook
