// The only user of CLI11.
#include "app/arguments.hpp"

#include "app/exit_codes.hpp"
#include "app/load_settings.hpp"
#include "app/settings_rules.hpp"
#include "app/suggestion.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "base/version.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <ostream>

namespace callhook::app {
namespace {

constexpr const char* purpose =
    "callhookd receives the webhooks of call vendors, keeps every one of them, and serves what they "
    "tell as an ordered log of events.";

constexpr const char* examples =
    "Examples:\n"
    "  callhookd check-config\n"
    "  callhookd serve --migrate\n"
    "  callhookd migrate --status --json\n"
    "  callhookd calls show main/4711\n"
    "  callhookd quarantine retry --all\n"
    "  callhookd backfill --source main --from 2026-03-01 --to 2026-03-08 --dry-run\n"
    "\n"
    "Exit codes:\n"
    "   0  fine\n"
    "   1  the check failed: audit and the like\n"
    "  64  the command line cannot be understood\n"
    "  69  a needed service is unavailable\n"
    "  70  broken invariant\n"
    "  77  a needed right is missing\n"
    "  78  the configuration is wrong, or the database's schema does not fit\n"
    "\n"
    "What a command answers goes to stdout, logs go to stderr. Every setting: callhookd reference";

/// `S/ID` taken apart; whether it is one.
bool read_call(const std::string& text, calls_show_command& into) {
    const auto slash = text.find('/');
    if (slash == std::string::npos || !is_source_name(text.substr(0, slash))) return false;
    const auto id = parse_integer<std::int64_t>(std::string_view{text}.substr(slash + 1));
    if (!id || *id < 0) return false;
    into.source = text.substr(0, slash);
    into.call = *id;
    return true;
}

std::string fault_of_call(const std::string& text) {
    calls_show_command ignored;
    return read_call(text, ignored) ? "" : text + " is not SOURCE/ID, for example main/4711";
}

std::string fault_of_delivery(const std::string& text) {
    return parse_uuid(text) ? "" : text + " is not a delivery's id, a UUID";
}

/// RFC 3339, or a date, which means its first moment in UTC.
std::optional<utc_time> read_time(const std::string& text) {
    const auto time = parse_rfc3339(text);
    return time ? time : parse_rfc3339(text + "T00:00:00Z");
}

std::string fault_of_time(const std::string& text) {
    return read_time(text) ? ""
                           : text +
                                 " is no time, for example 2026-03-01T09:00:00+01:00 or 2026-03-01 "
                                 "(midnight UTC)";
}

std::string fault_of_source(const std::string& text) {
    return is_source_name(text) ? "" : text + " is not a source's name, for example main";
}

std::string fault_of_job(const std::string& text) {
    const auto id = parse_integer<std::int64_t>(text);
    return id && *id > 0 ? "" : text + " is not a job's id, a whole number";
}

/// The commands and their options, bound to the structs they fill.
class command_line {
public:
    command_line();
    std::variant<arguments, int> parse(
        int count, const char* const* words, std::ostream& out, std::ostream& err
    );

private:
    void add_serve();
    void add_check_config();
    void add_migrate();
    void add_audit();
    void add_rebuild();
    void add_calls();
    void add_quarantine();
    void add_backfill();
    void add_jobs();
    void add_reference();

    /// A command that ends a command line; `take` makes its struct once everything is read.
    CLI::App* leaf(CLI::App& parent, const char* name, const char* help, std::function<command()> take);
    /// A command that only groups others.
    CLI::App* group(const char* name, const char* help);
    void config_option(CLI::App& of);
    static void json_option(CLI::App& of, bool& into) { of.add_flag("--json", into, "Answer in JSON"); }
    static void add_version(CLI::App& of) {
        of.set_version_flag(
            "--version,-V", std::string{"callhookd "} + version, "Print the version and exit"
        );
    }

    [[nodiscard]] std::string text_of(const CLI::ParseError& fault) const;

    CLI::App app_{purpose, "callhookd"};
    arguments read_{};
    serve_command serve_{};
    check_config_command check_config_{};
    migrate_command migrate_{};
    audit_command audit_{};
    rebuild_command rebuild_{};
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
    reference_command reference_{};
};

command_line::command_line() {
    app_.footer(examples);
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    add_version(app_);
    config_option(app_);
    add_serve();
    add_check_config();
    add_migrate();
    add_audit();
    add_rebuild();
    add_calls();
    add_quarantine();
    add_backfill();
    add_jobs();
    add_reference();
}

CLI::App* command_line::leaf(
    CLI::App& parent, const char* name, const char* help, std::function<command()> take
) {
    auto* made = parent.add_subcommand(name, help);
    made->footer("");  // the examples of the whole program are inherited otherwise
    made->callback([this, take = std::move(take)] { read_.what = take(); });
    config_option(*made);
    return made;
}

CLI::App* command_line::group(const char* name, const char* help) {
    auto* made = app_.add_subcommand(name, help);
    made->footer("");
    made->require_subcommand(1);
    config_option(*made);
    return made;
}

void command_line::config_option(CLI::App& of) {
    const auto help =
        std::string{"Configuration file (else CALLHOOK_CONFIG, else "} + default_config_file + ")";
    of.add_option("--config", read_.config_file, help)->type_name("FILE")->check([](const std::string& file) {
        return std::string{file.empty() ? "needs a file's name" : ""};
    });
}

void command_line::add_serve() {
    auto* made = leaf(app_, "serve", "Run the daemon until SIGTERM or SIGINT", [this] { return serve_; });
    made->add_flag("--migrate", serve_.migrate, "Apply pending migrations first");
    made->footer("SIGTERM and SIGINT stop in good order, a second one at once.");
}

void command_line::add_check_config() {
    const auto* help = "Check the configuration and print everything that is wrong with it";
    auto* made = leaf(app_, "check-config", help, [this] { return check_config_; });
    json_option(*made, check_config_.json);
    made->footer("Exit codes: 0 fine, 78 something is wrong. Opens no connection and no port.");
}

void command_line::add_migrate() {
    auto* made =
        leaf(app_, "migrate", "Bring the database's schema up to this binary", [this] { return migrate_; });
    made->add_flag(
        "--status", migrate_.status, "Only say which migrations are applied and which are pending"
    );
    json_option(*made, migrate_.json);
    made->footer("Safe to start twice at a time: one waits for the other.");
}

void command_line::add_audit() {
    const auto* help = "Check that everything received is accounted for";
    auto* made = leaf(app_, "audit", help, [this] { return audit_; });
    json_option(*made, audit_.json);
    made->footer("Exit codes: 0 it balances, 1 it does not. Only reads, also beside a running daemon.");
}

void command_line::add_rebuild() {
    const auto* help = "Derive calls and messages anew from the stored deliveries";
    auto* made = leaf(app_, "rebuild", help, [this] { return rebuild_; });
    json_option(*made, rebuild_.json);
}

void command_line::add_calls() {
    auto* calls = group("calls", "Look at call records");
    auto* show = leaf(*calls, "show", "One call with its whole timeline", [this] {
        read_call(call_, calls_show_);
        return calls_show_;
    });
    show->add_option("call", call_, "Source and id, for example main/4711")
        ->type_name("SOURCE/ID")
        ->required()
        ->check(fault_of_call);
    json_option(*show, calls_show_.json);
}

void command_line::add_quarantine() {
    using action = quarantine_command::action;
    const auto take = [this](action what) {
        return [this, what]() -> command {
            quarantine_.what = what;
            for (const auto& text : deliveries_)
                quarantine_.deliveries.push_back(*parse_uuid(text));
            if (what == action::retry && quarantine_.all != quarantine_.deliveries.empty()) {
                throw CLI::ValidationError{"quarantine retry", "needs either deliveries or --all"};
            }
            return quarantine_;
        };
    };
    auto* parent = group("quarantine", "Deliveries that are authentic but could not be read");
    auto* list = leaf(*parent, "list", "All of them, the newest first", take(action::list));
    auto* show = leaf(*parent, "show", "One of them, with its exact bytes", take(action::show));
    auto* retry = leaf(*parent, "retry", "Try to read them again", take(action::retry));
    show->add_option("delivery", deliveries_, "The delivery's id")
        ->type_name("ID")
        ->required()
        ->expected(1)
        ->check(fault_of_delivery);
    retry->add_option("delivery", deliveries_, "The deliveries' ids")
        ->type_name("ID")
        ->check(fault_of_delivery);
    retry->add_flag("--all", quarantine_.all, "Retry everything that is in quarantine");
    for (auto* one : {list, show, retry})
        json_option(*one, quarantine_.json);
}

void command_line::add_backfill() {
    using action = backfill_command::action;
    auto* made = leaf(app_, "backfill", "Ask a source's vendor what webhooks did not say", [this] {
        if (!from_.empty()) backfill_.from = read_time(from_);
        if (!to_.empty()) backfill_.to = read_time(to_);
        if (backfill_.from && *backfill_.from >= *backfill_.to)
            throw CLI::ValidationError{"backfill", "--from must be earlier than --to"};
        if (check_) backfill_.what = action::check;
        if (forget_identity_) backfill_.what = action::forget_identity;
        return backfill_;
    });
    made->add_option("--source", backfill_.source, "The source, which must have an API key")
        ->type_name("NAME")
        ->required()
        ->check(fault_of_source);
    auto* from = made->add_option("--from", from_, "Calls ordered at or after this moment");
    auto* to = made->add_option("--to", to_, "Calls ordered before this moment");
    for (auto* one : {from, to})
        one->type_name("TIME")->check(fault_of_time);
    from->needs(to);
    to->needs(from);
    auto* dry = made->add_flag("--dry-run", backfill_.dry_run, "Change nothing, say what would change");
    auto* check = made->add_flag("--check", check_, "Only say whether the key works, and for what");
    auto* forget = made->add_flag(
        "--forget-identity", forget_identity_, "Forget what was concluded about ids, and check them again"
    );
    for (auto* other : {from, to, dry, forget})
        check->excludes(other);
    for (auto* other : {from, to, dry})
        forget->excludes(other);
    json_option(*made, backfill_.json);
    made->footer(
        "Without a range it sweeps once, now, from where the last sweep ended. With one it compares all "
        "calls\n"
        "of the range; interrupted, the same command goes on where it was.\n"
        "A TIME is RFC 3339 such as 2026-03-01T09:00:00+01:00, or a date: 2026-03-01 is midnight UTC.\n"
        "--check tells whether the API takes the key and which scopes it has.\n"
        "--forget-identity is for after a mismatch: whether the ids in webhooks and those in the API name "
        "the\n"
        "same calls is then unknown and found out anew, before anything is merged."
    );
}

void command_line::add_jobs() {
    using action = jobs_command::action;
    const auto take = [this](action what) {
        return [this, what]() -> command {
            jobs_.what = what;
            for (const auto& text : job_ids_)
                jobs_.jobs.push_back(*parse_integer<std::int64_t>(text));
            if (what == action::retry && jobs_.all != jobs_.jobs.empty())
                throw CLI::ValidationError{"jobs retry", "needs either jobs or --all"};
            return jobs_;
        };
    };
    auto* parent = group("jobs", "What is to be asked of the vendors' APIs");
    auto* list = leaf(*parent, "list", "The dead ones first, then the longest due", take(action::list));
    auto* retry = leaf(*parent, "retry", "Try dead jobs again", take(action::retry));
    list->add_flag("--dead", jobs_.dead, "Only those that used up their attempts");
    retry->add_option("job", job_ids_, "The jobs' ids")->type_name("ID")->check(fault_of_job);
    retry->add_flag("--all", jobs_.all, "Retry every dead one");
    for (auto* one : {list, retry})
        json_option(*one, jobs_.json);
}

void command_line::add_reference() {
    using shape = reference_command::shape;
    const std::map<std::string, shape> shapes{{"markdown", shape::markdown}, {"toml", shape::toml}};
    auto* made = leaf(app_, "reference", "Print every setting", [this] { return reference_; });
    const auto fault = [shapes](const std::string& text) {
        return std::string{shapes.contains(text) ? "" : text + " is neither markdown nor toml"};
    };
    made->add_option_function<std::string>(
            "--format",
            [this, shapes](const std::string& text) { reference_.format = shapes.at(text); },
            "markdown: a page to read (default); toml: a configuration file to start from"
    )
        ->type_name("FORMAT")
        ->check(fault);
}

std::string command_line::text_of(const CLI::ParseError& fault) const {
    // CLI11 says only that a command is missing where there is one that it does not know.
    const auto left = app_.remaining(true);
    if (left.empty() || fault.get_name() != "RequiredError") return fault.what();
    std::vector<std::string> known;
    for (const auto* one : app_.get_subcommands({}))
        known.push_back(one->get_name());
    const auto near = suggest(left.front(), known);
    return "there is no " + left.front() + (near ? "; did you mean " + *near + "?" : "");
}

std::variant<arguments, int> command_line::parse(
    int count, const char* const* words, std::ostream& out, std::ostream& err
) {
    try {
        app_.parse(count, words);
        return read_;
    } catch (const CLI::Success& wish) {
        app_.exit(wish, out, err);
        return exit_code::fine;
    } catch (const CLI::ParseError& fault) {
        err << "callhookd: " << text_of(fault)
            << "\nRun callhookd --help, or callhookd COMMAND --help, for what there is.\n";
        return exit_code::usage;
    }
}

}  // namespace

std::variant<arguments, int> parse_arguments(
    int count, const char* const* words, std::ostream& out, std::ostream& err
) {
    return command_line{}.parse(count, words, out, err);
}

}  // namespace callhook::app
