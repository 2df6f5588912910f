#include "app/arguments.hpp"

#include "api/tokens.hpp"
#include "app/argument_checks.hpp"
#include "app/command_help.hpp"
#include "app/command_line.hpp"
#include "app/exit_codes.hpp"
#include "app/load_settings.hpp"
#include "app/suggestion.hpp"
#include "base/text.hpp"

#include <array>
#include <iomanip>
#include <map>
#include <ostream>
#include <sstream>

namespace callhook::app {
namespace {

constexpr const char* purpose =
    "callhookd receives the webhooks of call vendors, keeps every one of them, and serves what they "
    "tell as an ordered log of events.";

constexpr std::array examples{
    "callhookd check-config",
    "callhookd serve --migrate",
    "callhookd doctor",
    "callhookd status",
    "callhookd migrate --status --json",
    "callhookd calls show main/4711",
    "callhookd quarantine retry --all",
    "callhookd token new dashboard --scope feed:read --scope calls:read",
    "callhookd backfill --source main --from 2026-03-01 --to 2026-03-08 --dry-run"};

struct meaning {
    int code;
    const char* text;
};

constexpr std::array exit_codes{
    meaning{exit_code::fine, "fine"},
    meaning{exit_code::check_failed, "the check failed: audit and the like"},
    meaning{exit_code::usage, "the command line cannot be understood"},
    meaning{exit_code::unavailable, "a needed service is unavailable"},
    meaning{exit_code::broken_invariant, "broken invariant"},
    meaning{exit_code::no_permission, "a needed right is missing"},
    meaning{exit_code::configuration, "the configuration is wrong, or the database's schema does not fit"}};

std::string footer_text() {
    std::ostringstream out;
    out << "Examples:\n";
    for (const auto* line : examples)
        out << "  " << line << '\n';
    out << "\nExit codes:\n";
    for (const auto& [code, text] : exit_codes)
        out << std::setw(4) << code << "  " << text << '\n';
    out << "\nWhat a command answers goes to stdout, logs go to stderr. Every setting: callhookd reference";
    return out.str();
}

}  // namespace

command_line::command_line() : app_{purpose, "callhookd"} {
    app_.footer(footer_text());
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(28);
    add_version(app_);
    config_option(app_);
    add_serve();
    add_check_config();
    add_migrate();
    add_audit();
    add_epoch();
    add_spool();
    add_rebuild();
    add_erase();
    add_erasures();
    add_expire();
    add_calls();
    add_quarantine();
    add_backfill();
    add_jobs();
    add_token();
    add_reference();
    add_healthcheck();
    add_doctor();
    add_status();
    add_completion();
    add_man();
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
    made->footer(
        "SIGTERM and SIGINT stop in good order, a second one at once. SIGHUP reloads the configuration."
    );
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

void command_line::add_epoch() {
    using action = epoch_command::action;
    auto* made = leaf(app_, "epoch", "Show the feed's epoch, or begin a new one after a restore", [this] {
        if (new_epoch_) epoch_.what = action::begin;
        if (keep_epoch_) epoch_.what = action::keep;
        return epoch_;
    });
    auto* begin =
        made->add_flag("--new", new_epoch_, "Begin a new one: every reader must say anew where it goes on");
    made->add_flag("--keep", keep_epoch_, "Go on with it: the database was moved, and nothing was lost")
        ->excludes(begin);
    json_option(*made, epoch_.json);
    made->footer(
        "A restored dump and a promoted standby are noticed by themselves; a snapshot of the disk and a "
        "plain base "
        "backup are\n"
        "not: run --new before the daemon starts on one. Safe to repeat."
    );
}

void command_line::add_spool() {
    const auto* help = "Show what waits on this machine's disk for the database";
    auto* made = leaf(app_, "spool", help, [this] { return spool_; });
    json_option(*made, spool_.json);
    made->footer("Only reads, also beside a running daemon. Needs no database.");
}

void command_line::add_rebuild() {
    const auto* help = "Derive calls and messages anew from the stored deliveries";
    auto* made = leaf(app_, "rebuild", help, [this] { return rebuild_; });
    json_option(*made, rebuild_.json);
}

void command_line::add_erase() {
    const auto* help = "Remove a person from everything that is stored";
    auto* made = leaf(app_, "erase", help, [this] { return erase_; });
    auto* who = made->add_option_group("whom");
    who->add_option("--phone", erase_.phone, "Who has this number, in any spelling; - reads it from stdin")
        ->type_name("NUMBER");
    who->add_option("--email", erase_.email, "Who has this address; - reads it from stdin")
        ->type_name("ADDRESS");
    who->require_option(1);
    made->add_option("--region", erase_.region, "Country of a number without prefix (else the sources' own)")
        ->type_name("ISO3166");
    made->add_flag("--dry-run", erase_.dry_run, "Change nothing, say what would be removed");
    json_option(*made, erase_.json);
    made->footer(
        "Safe beside running daemons, and to repeat. Others on this machine can read a command line: give - "
        "and\n"
        "write the number or address to stdin. There is no way back; try --dry-run first."
    );
}

void command_line::add_erasures() {
    auto* parent = group("erasures", "Who was erased, as far as may be known");
    auto* list = leaf(*parent, "list", "The receipts, the newest first", [this] { return erasures_; });
    json_option(*list, erasures_.json);
}

void command_line::add_expire() {
    const auto* help = "Let go of what is older than [retention] says, as the daemon does daily";
    auto* made = leaf(app_, "expire", help, [this] { return expire_; });
    made->add_flag("--dry-run", expire_.dry_run, "Change nothing, say what would go");
    json_option(*made, expire_.json);
    made->footer(
        "Exit codes: 0 all that was due is gone, 69 some of it must wait: a table is in use, deliveries have "
        "not\nbeen worked on, or a daemon is at it. Safe beside running daemons."
    );
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

void command_line::add_token() {
    auto* parent = group("token", "Tokens for the API");
    auto* made = leaf(*parent, "new", "Make one, and the lines of the configuration that let it in", [this] {
        return token_new_;
    });
    made->add_option("name", token_new_.name, "Whose it is: the NAME of [tokens.NAME]")
        ->type_name("NAME")
        ->check(fault_of_token_name);
    std::string known;
    for (const auto& scope : api::scope_names())
        known += (known.empty() ? "" : ", ") + scope;
    made->add_option("--scope", token_new_.scopes, "What it may do: " + known + " (default feed:read)")
        ->type_name("SCOPE")
        ->allow_extra_args(false)
        ->take_all()
        ->check(fault_of_scope);
    choices_["--scope"] = api::scope_names();
    json_option(*made, token_new_.json);
    made->footer(
        "The token is shown this once: the configuration holds its hash alone. --scope may be repeated."
    );
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
    choices_["--format"] = {"markdown", "toml"};
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

std::variant<arguments, int> parse_arguments(
    int count, const char* const* words, std::ostream& out, std::ostream& err
) {
    return command_line{}.parse(count, words, out, err);
}

program_help describe_program() {
    program_help out;
    out.whole = command_line{}.describe();
    for (const auto* line : examples)
        out.examples.emplace_back(line);
    for (const auto& [code, text] : exit_codes)
        out.exit_codes.emplace_back(code, text);
    return out;
}

}  // namespace callhook::app
