#include "pipeline/burst.hpp"

namespace callhook::pipeline {

namespace {

/// What share of the pipeline's pace webhooks must come at. Below 1, since senders who wait for their answers
/// send no faster than the pipeline lets them.
constexpr double outruns = 0.9;
/// The same where it holds already: what was held back is made up for once the burst is over, not in its
/// pauses.
constexpr double still_outruns = 0.6;
/// The weight of the latest batch in the pace.
constexpr double latest = 0.3;

double seconds(burst::duration d) {
    return std::chrono::duration<double>(d).count();
}

}  // namespace

void burst::worked(std::size_t deliveries, duration took) {
    taken_ += deliveries;
    if (2 * deliveries < few_ || took <= duration::zero()) return;  // a small batch tells little of the pace
    const double pace = static_cast<double>(deliveries) / seconds(took);
    pace_ = pace_ == 0 ? pace : latest * pace + (1 - latest) * pace_;
}

double burst::arriving(std::size_t waiting, time_point now) const {
    const double more = static_cast<double>(waiting + taken_) - static_cast<double>(waited_);
    const double span = seconds(now - seen_);
    return span > 0 ? more / span : 0;
}

bool burst::holds(std::size_t waiting, duration oldest, time_point now) {
    const bool first = seen_ == time_point{};
    const double rate = arriving(waiting, now);
    waited_ = waiting;
    taken_ = 0;
    seen_ = now;
    if (waiting < few_) {
        catching_up_ = false;
        return holding_ = false;
    }
    if (patience_ == duration::zero() || first || catching_up_ || pace_ == 0) return holding_ = false;
    if (oldest >= patience_) {
        catching_up_ = true;
        return holding_ = false;
    }
    return holding_ = rate > pace_ * (holding_ ? still_outruns : outruns);
}

}  // namespace callhook::pipeline
