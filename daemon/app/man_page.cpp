#include "app/command_help.hpp"
#include "app/load_settings.hpp"
#include "app/reference.hpp"
#include "base/version.hpp"

#include <sstream>
#include <string_view>

namespace callhook::app {

namespace {

/// Text as roff takes it: no letter of it means anything but itself.
std::string plain(std::string_view text) {
    std::string out;
    bool line_begins = true;
    for (const char c : text) {
        if (line_begins && (c == '.' || c == '\'')) out += "\\&";
        line_begins = c == '\n';
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

/// The same, with what stands between backticks in bold, as Markdown means it.
std::string from_markdown(std::string_view text) {
    std::string out;
    bool code = false;
    while (!text.empty()) {
        const auto mark = text.find('`');
        const auto piece = text.substr(0, mark);
        // Inside a line nothing needs the guard for a line's beginning.
        auto shown = plain(std::string{"x"} + std::string{piece}).substr(1);
        out += code ? "\\fB" + shown + "\\fR" : shown;
        if (mark == std::string_view::npos) break;
        text.remove_prefix(mark + 1);
        code = !code;
    }
    return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

/// What follows a macro, as one word of it.
std::string argument(std::string_view text) {
    std::string out = "\"";
    for (const char c : plain(text))
        out += c == '"' ? std::string{"\\(dq"} : std::string{c};
    return out + '"';
}

void begin(std::ostream& out, std::string_view name, int section, std::string_view manual) {
    out << ".\\\" Printed by: callhookd man " << (section == 8 ? "callhookd" : "callhookd.toml") << "\n.TH "
        << argument(name) << ' ' << section << " \"\" " << argument("callhook " + std::string{version}) << ' '
        << argument(manual) << "\n.nh\n.ad l\n";
}

void write_option(std::ostream& out, const option_help& option) {
    out << ".TP\n";
    std::string names;
    for (const auto& name : option.names)
        names += (names.empty() ? "" : ", ") +
                 (option.place ? "\\fI" + plain(option.value.empty() ? name : option.value)
                               : "\\fB" + plain(name)) +
                 "\\fR";
    if (!option.place && !option.value.empty()) names += " \\fI" + plain(option.value) + "\\fR";
    out << names << '\n' << plain(option.help) << ".\n";
}

bool is_common(const option_help& option) {
    return option.names.front() == "--help" || option.names.front() == "--config" ||
           option.names.front() == "--version";
}

void write_command(std::ostream& out, const command_help& one, const std::string& before) {
    const auto name = before + one.name;
    if (!one.commands.empty()) {
        for (const auto& inner : one.commands)
            write_command(out, inner, name + ' ');
        return;
    }
    auto heading = "callhookd " + name;
    for (const auto& option : one.options) {
        if (option.place) heading += ' ' + (option.value.empty() ? option.names.front() : option.value);
    }
    out << ".SS " << argument(heading) << '\n' << plain(one.help) << ".\n";
    for (const auto& option : one.options) {
        if (!is_common(option)) write_option(out, option);
    }
    if (!one.footer.empty()) out << ".PP\n" << plain(one.footer) << '\n';
}

void write_item(std::ostream& out, std::string_view name, std::string_view text) {
    out << ".TP\n\\fB" << plain(name) << "\\fR\n" << plain(text) << '\n';
}

}  // namespace

std::string program_page(const program_help& of) {
    std::ostringstream out;
    begin(out, "CALLHOOKD", 8, "System Manager's Manual");
    out << ".SH NAME\ncallhookd \\- receive, keep and serve the webhooks of call vendors\n"
           ".SH SYNOPSIS\n.B callhookd\n.I COMMAND\n.RI [ options ]\n.SH DESCRIPTION\n"
        << plain(of.whole.help)
        << "\n.PP\nWhat a command answers goes to stdout, logs go to stderr: plain on a terminal, one JSON "
           "object a line "
           "otherwise.\n.SH OPTIONS\nEvery command takes these:\n";
    for (const auto& option : of.whole.options)
        write_option(out, option);
    out << ".SH COMMANDS\n";
    for (const auto& one : of.whole.commands)
        write_command(out, one, "");
    out << ".SH \"EXIT STATUS\"\n";
    for (const auto& [code, text] : of.exit_codes)
        write_item(out, std::to_string(code), text + ".");
    out << ".SH ENVIRONMENT\n";
    write_item(out, "CALLHOOK_CONFIG", "The configuration file, where --config does not say it.");
    write_item(
        out,
        "CALLHOOK_SECTION_KEY",
        "The setting key of [section], before what the file says; callhookd.toml(5) lists them."
    );
    write_item(out, "CALLHOOK_TOKEN", "The token that callhookd status shows to the API.");
    write_item(
        out,
        "CREDENTIALS_DIRECTORY",
        "Where systemd puts credentials: files that settings name by relative paths are looked for there "
        "first."
    );
    out << ".SH FILES\n";
    write_item(out, default_config_file, "The configuration.");
    write_item(out, settings{}.spool.directory, "Where webhooks wait while the database does not take them.");
    out << ".SH SIGNALS\n";
    write_item(
        out,
        "SIGTERM, SIGINT",
        "Stop callhookd serve in good order, within shutdown.deadline; a second one stops it at once."
    );
    write_item(out, "SIGHUP", "Reload the configuration and the files that it names.");
    out << ".SH EXAMPLES\n.nf\n";
    for (const auto& line : of.examples)
        out << plain(line) << '\n';
    out << ".fi\n.SH \"SEE ALSO\"\n.BR callhookd.toml (5)\n";
    return out.str();
}

std::string configuration_page() {
    std::ostringstream out;
    begin(out, "CALLHOOKD.TOML", 5, "File Formats Manual");
    out << ".SH NAME\ncallhookd.toml \\- configuration of callhookd\n.SH DESCRIPTION\n"
        << plain(
               "An environment variable goes before the file, the file before the default. callhookd "
               "check-config "
               "finds everything that is wrong at once; an unknown key or CALLHOOK_ variable is an error too."
           )
        << "\n.PP\n"
        << plain(
               "The file is TOML. A duration is a whole number with ms, s, m, h or d, between quotes. A size "
               "is bytes, "
               "or a whole number with KiB, MiB or GiB. A list in the environment is separated by commas. A "
               "relative "
               "path of a file is looked for in $CREDENTIALS_DIRECTORY, then in the configuration file's "
               "folder."
           )
        << '\n';
    for (const auto& section : describe_settings()) {
        out << ".SH " << argument('[' + section.name + ']') << '\n';
        std::istringstream paragraphs{section.help};
        for (std::string line; std::getline(paragraphs, line);)
            out << (line.empty() ? ".PP" : from_markdown(line)) << '\n';
        for (const auto& one : section.settings) {
            out << ".TP\n\\fB" << plain(one.in_file ? one.key : one.variable) << "\\fR (" << plain(one.type);
            if (one.in_file) out << ", default " << plain(one.fallback);
            out << ")\n" << plain(one.help);
            if (!one.allowed.empty()) out << " Allowed: " << plain(one.allowed) << '.';
            if (one.reloadable) out << " Taken in on SIGHUP.";
            if (one.in_file) out << "\n.br\n" << plain(one.variable);
            out << '\n';
        }
    }
    out << ".SH FILES\n";
    write_item(out, default_config_file, "Where it is looked for.");
    out << ".SH \"SEE ALSO\"\n.BR callhookd (8)\n";
    return out.str();
}

}  // namespace callhook::app
