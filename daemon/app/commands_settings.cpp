// The commands that need nothing but the settings, or not even these: check-config, token, reference,
// completion, man.
#include "api/tokens.hpp"
#include "app/command_help.hpp"
#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/reference.hpp"
#include "app/settings_report.hpp"
#include "base/digest.hpp"
#include "base/json.hpp"

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

int token_new(const token_new_command& what, std::ostream& out) {
    const auto token = api::make_token();
    const auto hash = api::token_hash_text(sha256(token));
    if (what.json) {
        json::object answer;
        answer["name"] = what.name;
        answer["token"] = token;
        answer["hash"] = hash;
        answer["scopes"] = json::array(what.scopes.begin(), what.scopes.end());
        out << json::serialize(answer) << '\n';
        return exit_code::fine;
    }
    std::string list;
    for (const auto& scope : what.scopes)
        list += (list.empty() ? "\"" : ", \"") + scope + '"';
    out << "The token, shown this once: " << token << "\n\nFor the configuration:\n\n"
        << "[tokens." << what.name << "]\n"
        << "hash = \"" << hash << "\"\n"
        << "scopes = [" << list << "]\n";
    return exit_code::fine;
}

int reference(const reference_command& what, std::ostream& out) {
    out << (what.format == reference_command::shape::toml ? reference_toml() : reference_markdown());
    return exit_code::fine;
}

int completion(const completion_command& what, std::ostream& out) {
    using shell = completion_command::shell;
    const auto of = describe_program();
    out
        << (what.what == shell::bash  ? bash_completion(of)
            : what.what == shell::zsh ? zsh_completion(of)
                                      : fish_completion(of));
    return exit_code::fine;
}

int man(const man_command& what, std::ostream& out) {
    const bool program = what.what == man_command::page::program;
    out << (program ? program_page(describe_program()) : configuration_page());
    return exit_code::fine;
}

}  // namespace callhook::app
