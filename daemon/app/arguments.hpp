#pragma once

#include "base/uuid.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace callhook::app {

struct serve_command {
    bool migrate = false;  ///< apply pending migrations first
};

struct check_config_command {
    bool json = false;
};

struct migrate_command {
    bool status = false;  ///< only say what is applied and what is pending
    bool json = false;
};

struct audit_command {
    bool json = false;
};

/// Shows the feed's epoch, begins a new one, or lets it go on where the database was moved to.
struct epoch_command {
    enum class action { show, begin, keep };
    action what = action::show;
    bool json = false;
};

struct spool_command {
    bool json = false;
};

struct rebuild_command {
    bool json = false;
};

/// Removes a person: one of phone and email is given, `-` for a line of stdin.
struct erase_command {
    std::string phone{};
    std::string email{};
    std::string region{};  ///< empty: that of the sources
    bool dry_run = false;  ///< only say what would be removed
    bool json = false;
};

/// Lists the receipts of erasures.
struct erasures_command {
    bool json = false;
};

struct expire_command {
    bool dry_run = false;  ///< only say what would go
    bool json = false;
};

struct calls_show_command {
    std::string source{};
    std::int64_t call = 0;
    bool json = false;
};

struct quarantine_command {
    enum class action { list, show, retry };
    action what = action::list;
    std::vector<uuid> deliveries{};  ///< one to show, one or more to retry
    bool all = false;                ///< retry everything
    bool json = false;
};

/// Asks a source's vendor now.
struct backfill_command {
    enum class action { sweep, check, forget_identity };
    action what = action::sweep;
    std::string source{};
    std::optional<utc_time> from{};  ///< with `to`, and earlier; neither: from where the last sweep ended
    std::optional<utc_time> to{};
    bool dry_run = false;  ///< only say what a sweep would change
    bool json = false;
};

struct jobs_command {
    enum class action { list, retry };
    action what = action::list;
    bool dead = false;                 ///< list only dead ones
    std::vector<std::int64_t> jobs{};  ///< to retry
    bool all = false;                  ///< retry every dead one
    bool json = false;
};

/// Makes an API token.
struct token_new_command {
    std::string name = "NAME";
    std::vector<std::string> scopes{"feed:read"};
    bool json = false;
};

struct reference_command {
    enum class shape { markdown, toml };
    shape format = shape::markdown;
};

/// How a command reaches the API of the daemon that runs with the same configuration.
struct api_access {
    std::string certificate_file{};  ///< with `key_file`: shown where api.tls_client_ca_file asks for one
    std::string key_file{};
    std::chrono::milliseconds timeout{3'000};  ///< of one request, whole
};

/// Asks the running daemon how it is.
struct healthcheck_command {
    bool ready = false;  ///< whether it should get traffic, rather than whether it lives
    api_access api{};
    bool json = false;
};

/// Looks at everything that a daemon needs.
struct doctor_command {
    api_access api{};
    bool json = false;
};

/// Shows how the running daemon is.
struct status_command {
    api_access api{};
    std::string token_file{};  ///< empty: what `CALLHOOK_TOKEN` says, or none
    std::chrono::milliseconds interval{2'000};
    bool once = false;
    bool json = false;
};

/// Prints a shell's completion.
struct completion_command {
    enum class shell { bash, zsh, fish };
    shell what = shell::bash;
};

/// Prints a manual page.
struct man_command {
    enum class page { program, configuration };
    page what = page::program;
};

using command = std::variant<
    serve_command,
    check_config_command,
    migrate_command,
    audit_command,
    epoch_command,
    spool_command,
    rebuild_command,
    erase_command,
    erasures_command,
    expire_command,
    calls_show_command,
    quarantine_command,
    backfill_command,
    jobs_command,
    token_new_command,
    reference_command,
    healthcheck_command,
    doctor_command,
    status_command,
    completion_command,
    man_command>;

/// A command line that was understood.
struct arguments {
    command what{};
    std::string config_file{};  ///< empty where `--config` was not given
};

/// Reads the command line. Gives an exit code where there is nothing to do: 0 after `--help` or `--version`
/// (printed to `out`), 64 for what cannot be understood (said on `err`).
std::variant<arguments, int> parse_arguments(
    int count, const char* const* words, std::ostream& out, std::ostream& err
);

}  // namespace callhook::app
