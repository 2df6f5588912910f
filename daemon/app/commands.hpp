#pragma once

#include "app/arguments.hpp"
#include "app/load_settings.hpp"
#include "app/settings.hpp"

#include <iosfwd>

namespace callhook::app {

/// One function a command. Each prints what it answers on stdout and gives the exit code (`exit_codes.hpp`);
/// settings are checked already, and logging is set up.

/// Runs the daemon until it is told to stop.
int serve(const settings& values, const serve_command& what);

/// Applies pending migrations, or says which there are.
int migrate(const settings& values, const migrate_command& what);

/// Proves from the database alone that everything received is accounted for.
int audit(const settings& values, const audit_command& what);

/// Derives calls and messages anew from the stored deliveries.
int rebuild(const settings& values, const rebuild_command& what);

/// Prints one call record with its timeline.
int calls_show(const settings& values, const calls_show_command& what);

/// Compares a source with its vendor's API, checks its API key, or forgets what was concluded about ids.
int backfill(const settings& values, const backfill_command& what);

/// Lists or retries backfill's jobs.
int jobs(const settings& values, const jobs_command& what);

/// Lists, shows or retries quarantined deliveries.
int quarantine(const settings& values, const quarantine_command& what);

/// Says whether the configuration is usable: `ok` and a summary, or everything that is wrong.
int check_config(
    const load_outcome& outcome, const check_config_command& what, std::ostream& out, std::ostream& err
);

/// Prints every setting.
int reference(const reference_command& what, std::ostream& out);

}  // namespace callhook::app
