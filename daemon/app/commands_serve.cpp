#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/rooms.hpp"
#include "app/service.hpp"
#include "store/failure.hpp"
#include "store/migrations.hpp"

#include <algorithm>
#include <csignal>
#include <sys/resource.h>
#include <utility>

namespace callhook::app {

namespace {

/// Applies or checks the schema before anything listens. A database that is away is no reason not to start,
/// unless it was to be migrated.
int prepare_schema(const settings& values, bool apply) {
    try {
        const auto where = store_settings(values);
        const auto status = apply ? store::migrate(where) : store::read_schema_status(where);
        if (status.up_to_date()) return exit_code::fine;
        log_schema_problem(status);
        return exit_code::configuration;
    } catch (const store::failure& e) {
        if (apply) {
            log::error("the schema could not be migrated", {{"reason", e.what()}});
            return exit_code::unavailable;
        }
        if (e.cause().code == errc::mismatch) {
            log::error("the database is not one for callhook", {{"reason", e.what()}});
            return exit_code::configuration;
        }
        log::warn("the database is away; starting without it", {{"reason", e.what()}});
        return exit_code::fine;
    }
}

/// Listeners, streams and receivers of webhooks take thousands of connections together; a shell, and systemd
/// where nothing else is said, allow 1,024 and more to who asks.
void raise_file_limit() {
    constexpr rlim_t enough = rlim_t{1} << 20;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const auto wanted = std::min(limit.rlim_max, enough);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warn("the limit of open files could not be raised");
}

}  // namespace

int serve(
    const settings& values, const serve_command& what, const load_request& from, handed_sockets sockets
) {
    // Until the service listens for it: a reload that comes early finds all there is anyway.
    std::signal(SIGHUP, SIG_IGN);
    raise_file_limit();
    if (const int code = prepare_schema(values, what.migrate); code != exit_code::fine) return code;
    return service{values, from, std::move(sockets)}.run();
}

}  // namespace callhook::app
