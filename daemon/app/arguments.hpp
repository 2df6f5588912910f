#pragma once

#include "base/uuid.hpp"

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

struct rebuild_command {
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

struct reference_command {
    enum class shape { markdown, toml };
    shape format = shape::markdown;
};

using command = std::variant<
    serve_command,
    check_config_command,
    migrate_command,
    audit_command,
    rebuild_command,
    calls_show_command,
    quarantine_command,
    backfill_command,
    jobs_command,
    reference_command>;

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
