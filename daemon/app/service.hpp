#pragma once

#include "app/handed_sockets.hpp"
#include "app/hook_loop.hpp"
#include "app/reload.hpp"
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
#include <string>

namespace callhook::http {
class server;
}

namespace callhook::app {

struct service_parts;

/// Says in the log why the daemon must not run against a schema that is not up to date, and what to do.
void log_schema_problem(const store::schema_status& status);

/// The daemon: everything built from the settings, top to bottom, and stopped in the reverse of the way of a
/// webhook. Two event loops: that of webhooks on a thread of its own, the main one on the thread that calls
/// `run`, which from then on gives way to all others.
class service {
public:
    /// `from` is where a reload finds the settings; a listener without a socket of its own opens one.
    service(const settings& values, const load_request& from, handed_sockets sockets = {});
    ~service();
    service(const service&) = delete;
    service& operator=(const service&) = delete;

    /// Listens and runs until a signal or a schema that does not fit; the exit code. The first SIGTERM or
    /// SIGINT stops in order within `shutdown.deadline`; a second one ends at once. SIGHUP reloads.
    int run();

private:
    bool hears_signals();
    bool listen();
    bool open(http::server& server, const char* name);
    boost::asio::awaitable<void> watch_signals();
    boost::asio::awaitable<void> watch_reloads();
    boost::asio::awaitable<void> watch_certificates();
    boost::asio::awaitable<void> watch_schema();
    boost::asio::awaitable<void> show_life();
    [[nodiscard]] std::string in_a_line() const;
    boost::asio::awaitable<void> watch_log();
    boost::asio::awaitable<void> stop(int code);

    const settings values_;
    handed_sockets sockets_;
    system_clock_source clock_;
    metrics_registry metrics_;
    /// Set once stopping; it outlives the loop, whose own end waits for a name that is being looked up.
    std::optional<watchdog> overrun_;
    boost::asio::io_context loop_{1};
    hook_loop hooks_{loop_};
    bool stopping_ = false;
    int exit_code_ = 0;
    std::unique_ptr<service_parts> parts_;
    reloader reloader_;
};

}  // namespace callhook::app
