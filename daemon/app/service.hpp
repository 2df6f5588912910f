#pragma once

#include "app/settings.hpp"
#include "app/watchdog.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "store/migrations.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <optional>

namespace callhook::app {

/// Says in the log why the daemon must not run against a schema that is not up to date, and what to do.
void log_schema_problem(const store::schema_status& status);

/// The daemon: everything built from the settings, top to bottom, and stopped in the reverse of the way of a
/// webhook.
class service {
public:
    explicit service(const settings& values);
    ~service();
    service(const service&) = delete;
    service& operator=(const service&) = delete;

    /// Listens and runs until a signal or a schema that does not fit; the exit code. The first SIGTERM or
    /// SIGINT stops in order within `shutdown.deadline`; a second one ends at once.
    int run();

private:
    struct parts;

    bool listen();
    boost::asio::awaitable<void> watch_signals();
    boost::asio::awaitable<void> watch_schema();
    boost::asio::awaitable<void> stop(int code);

    const settings values_;
    system_clock_source clock_;
    metrics_registry metrics_;
    /// Set once stopping; it outlives the loop, whose own end waits for a name that is being looked up.
    std::optional<watchdog> overrun_;
    boost::asio::io_context loop_{1};
    bool stopping_ = false;
    int exit_code_ = 0;
    std::unique_ptr<parts> parts_;
};

}  // namespace callhook::app
