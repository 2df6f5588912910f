// The commands that need nothing but the settings: check-config and reference.
#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/reference.hpp"
#include "app/settings_report.hpp"

#include <ostream>

namespace callhook::app {

int check_config(
    const load_outcome& outcome, const check_config_command& what, std::ostream& out, std::ostream& err
) {
    if (!outcome.ok()) {
        report_problems(outcome, what.json, out, err);
        return exit_code::configuration;
    }
    if (what.json) {
        out << json::serialize(summary_as_json(outcome)) << '\n';
    } else {
        write_summary(out, outcome);
    }
    return exit_code::fine;
}

int reference(const reference_command& what, std::ostream& out) {
    out << (what.format == reference_command::shape::toml ? reference_toml() : reference_markdown());
    return exit_code::fine;
}

}  // namespace callhook::app
