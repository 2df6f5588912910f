#pragma once

// Private to arguments*.cpp: the only users of CLI11.

#include "app/arguments.hpp"
#include "app/command_help.hpp"
#include "base/version.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace callhook::app {

/// The commands and their options, bound to the structs they fill.
class command_line {
public:
    command_line();
    std::variant<arguments, int> parse(
        int count, const char* const* words, std::ostream& out, std::ostream& err
    );

    /// All of it as data, for who writes about it.
    [[nodiscard]] command_help describe() const { return describe(app_); }

private:
    [[nodiscard]] command_help describe(const CLI::App& one) const;
    void add_options(const CLI::App& of, command_help& into) const;
    /// An option or argument that takes one of these words.
    template <class Value>
    void choice(
        CLI::App& of,
        const std::string& name,
        std::map<std::string, Value> words,
        Value& into,
        const std::string& help
    );
    void add_serve();
    void add_check_config();
    void add_migrate();
    void add_audit();
    void add_epoch();
    void add_spool();
    void add_rebuild();
    void add_erase();
    void add_erasures();
    void add_expire();
    void add_calls();
    void add_quarantine();
    void add_backfill();
    void add_jobs();
    void add_token();
    void add_reference();
    void add_healthcheck();
    void add_doctor();
    void add_status();
    void add_completion();
    void add_man();

    /// A command that ends a command line; `take` makes its struct once everything is read.
    CLI::App* leaf(CLI::App& parent, const char* name, const char* help, std::function<command()> take);
    /// A command that only groups others.
    CLI::App* group(const char* name, const char* help);
    void config_option(CLI::App& of);
    /// How to reach the daemon that runs.
    static void api_options(CLI::App& of, api_access& into);
    static void json_option(CLI::App& of, bool& into) { of.add_flag("--json", into, "Answer in JSON"); }
    static void add_version(CLI::App& of) {
        of.set_version_flag(
            "--version,-V", std::string{"callhookd "} + version, "Print the version and exit"
        );
    }

    [[nodiscard]] std::string text_of(const CLI::ParseError& fault) const;

    CLI::App app_;
    arguments read_{};
    serve_command serve_{};
    check_config_command check_config_{};
    migrate_command migrate_{};
    audit_command audit_{};
    epoch_command epoch_{};
    bool new_epoch_ = false;
    bool keep_epoch_ = false;
    spool_command spool_{};
    rebuild_command rebuild_{};
    erase_command erase_{};
    erasures_command erasures_{};
    expire_command expire_{};
    calls_show_command calls_show_{};
    std::string call_{};
    quarantine_command quarantine_{};
    std::vector<std::string> deliveries_{};
    backfill_command backfill_{};
    std::string from_{};
    std::string to_{};
    bool check_ = false;
    bool forget_identity_ = false;
    jobs_command jobs_{};
    std::vector<std::string> job_ids_{};
    token_new_command token_new_{};
    reference_command reference_{};
    healthcheck_command healthcheck_{};
    doctor_command doctor_{};
    status_command status_{};
    completion_command completion_{};
    man_command man_{};
    /// By an option's or argument's name, which words it takes.
    std::map<std::string, std::vector<std::string>> choices_{};
};

}  // namespace callhook::app
