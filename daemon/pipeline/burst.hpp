#pragma once

#include <chrono>
#include <cstddef>

namespace callhook::pipeline {

/// Decides when the pipeline steps aside: while webhooks come about as fast as it follows, or faster, it
/// takes the machine's time from those who wait for their answer, and is late all the same. Nobody waits for
/// longer than `patience` because of it, and then it works until it is level again.
///
/// Pure: it is told the time. Not thread-safe.
class burst {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    /// `patience` 0: never. `few` deliveries waiting are no burst, however fast they came.
    burst(duration patience, std::size_t few) : patience_{patience}, few_{few} {}

    /// A batch of so many deliveries took so long.
    void worked(std::size_t deliveries, duration took);

    /// Whether to let the next batch wait. `waiting` deliveries are there now, the oldest since `oldest`.
    bool holds(std::size_t waiting, duration oldest, time_point now);

private:
    [[nodiscard]] double arriving(std::size_t waiting, time_point now) const;

    duration patience_;
    std::size_t few_;
    /// Deliveries a second, of the latest batches.
    double pace_ = 0;
    /// What was seen by the last `holds`, and what was worked on since.
    std::size_t waited_ = 0;
    std::size_t taken_ = 0;
    time_point seen_{};
    bool holding_ = false;
    bool catching_up_ = false;
};

}  // namespace callhook::pipeline
