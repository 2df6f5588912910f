#pragma once

#include "app/arguments.hpp"
#include "app/handed_sockets.hpp"
#include "app/load_settings.hpp"
#include "app/settings.hpp"

#include <iosfwd>

namespace callhook::app {

/// One function a command. Each prints what it answers on stdout and gives the exit code (`exit_codes.hpp`);
/// settings are checked already, and logging is set up.

/// Runs the daemon until it is told to stop, with the sockets it was handed; `from` is where it finds its
/// settings again on SIGHUP.
int serve(
    const settings& values, const serve_command& what, const load_request& from, handed_sockets sockets
);

/// Applies pending migrations, or says which there are.
int migrate(const settings& values, const migrate_command& what);

/// Proves from the database alone that everything received is accounted for.
int audit(const settings& values, const audit_command& what);

/// Shows the feed's epoch, begins a new one, or keeps it after the database was moved.
int epoch(const settings& values, const epoch_command& what);

/// Says what waits in the spool.
int spool(const settings& values, const spool_command& what);

/// Derives calls and messages anew from the stored deliveries.
int rebuild(const settings& values, const rebuild_command& what);

/// Removes a person, or says what would be removed.
int erase(const settings& values, const erase_command& what);

/// Lists the receipts of erasures.
int erasures(const settings& values, const erasures_command& what);

/// Drops and deletes what is older than it is to be kept, or says what that would be.
int expire(const settings& values, const expire_command& what);

/// Prints one call record with its timeline.
int calls_show(const settings& values, const calls_show_command& what);

/// Compares a source with its vendor's API, checks its API key, or forgets what was concluded about ids.
int backfill(const settings& values, const backfill_command& what);

/// Lists or retries backfill's jobs.
int jobs(const settings& values, const jobs_command& what);

/// Lists, shows or retries quarantined deliveries.
int quarantine(const settings& values, const quarantine_command& what);

/// Asks the running daemon whether it is alive, or ready.
int healthcheck(const settings& values, const healthcheck_command& what);

/// Looks at everything that a daemon needs and says what is wrong, each with what to do; changes nothing.
int examine(const load_outcome& loaded, const doctor_command& what, std::ostream& out);

/// Shows how the running daemon is, from its API alone.
int status(const settings& values, const status_command& what);

/// Prints a new API token, and the lines that let it in. Needs no configuration.
int token_new(const token_new_command& what, std::ostream& out);

/// Says whether the configuration is usable: `ok` and a summary, or everything that is wrong.
int check_config(
    const load_outcome& outcome, const check_config_command& what, std::ostream& out, std::ostream& err
);

/// Prints a completion script. Needs no configuration.
int completion(const completion_command& what, std::ostream& out);

/// Prints a manual page. Needs no configuration.
int man(const man_command& what, std::ostream& out);

/// Prints every setting.
int reference(const reference_command& what, std::ostream& out);

}  // namespace callhook::app
