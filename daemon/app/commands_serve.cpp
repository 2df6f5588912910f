#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/rooms.hpp"
#include "app/service.hpp"
#include "store/failure.hpp"
#include "store/migrations.hpp"

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

}  // namespace

int serve(const settings& values, const serve_command& what) {
    if (const int code = prepare_schema(values, what.migrate); code != exit_code::fine) return code;
    return service{values}.run();
}

}  // namespace callhook::app
