#pragma once

#include "app/load_settings.hpp"
#include "app/settings.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace callhook::app {

struct service_parts;

/// Takes in a changed configuration while the daemon runs: as a whole where it is without fault, and not at
/// all otherwise. What is under way ends as it began. Main loop thread, one reload at a time.
class reloader {
public:
    /// The references must outlive it.
    reloader(
        load_request from,
        const settings& started_with,
        service_parts& parts,
        const clock_source& clock,
        metrics_registry& metrics
    );

    /// Reads everything anew and puts in force what can be; says in the log what was wrong, or needs a
    /// restart. Returns once that is in force.
    boost::asio::awaitable<void> reload();

    /// Warns of certificates that end soon, of each once a day.
    void look_at_certificates();

private:
    boost::asio::awaitable<bool> take_in();
    [[nodiscard]] bool would_open_the_api(const settings& wanted) const;
    void say(bool successful);

    const load_request from_;
    const settings& started_with_;
    service_parts& parts_;
    const clock_source& clock_;
    settings current_;  ///< of what a reload takes in, what is in force
    std::chrono::system_clock::time_point warned_at_{};
    metric_gauge successful_;
    metric_gauge at_;
};

}  // namespace callhook::app
