// The commands of who operates a daemon.
#include "app/argument_checks.hpp"
#include "app/command_line.hpp"

namespace callhook::app {

void command_line::api_options(CLI::App& of, api_access& into) {
    of.add_option_function<std::string>(
          "--timeout",
          [&into](const std::string& text) { into.timeout = read_timeout(text).value(); },
          "Longest wait for an answer (default 3s)"
    )
        ->type_name("DURATION")
        ->check(fault_of_timeout);
    const auto* about = "Certificate to show where api.tls_client_ca_file asks for one, PEM";
    auto* certificate = of.add_option("--certificate", into.certificate_file, about)->type_name("FILE");
    auto* key = of.add_option("--key", into.key_file, "The certificate's key, PEM")->type_name("FILE");
    certificate->needs(key);
    key->needs(certificate);
}

void command_line::add_healthcheck() {
    const auto* help = "Ask the running daemon whether it is alive, for containers";
    auto* made = leaf(app_, "healthcheck", help, [this] { return healthcheck_; });
    made->add_flag("--ready", healthcheck_.ready, "Ask whether it should get traffic instead");
    api_options(*made, healthcheck_.api);
    json_option(*made, healthcheck_.json);
    made->footer(
        "Exit codes: 0 it is, 1 it is not. Asks GET /livez, with --ready GET /readyz, at api.address and "
        "api.port.\n"
        "A daemon whose database is away is alive, and ready while its spool takes webhooks."
    );
}

void command_line::add_doctor() {
    const auto* help = "Look at everything that a daemon needs, and say what is wrong and what to do";
    auto* made = leaf(app_, "doctor", help, [this] { return doctor_; });
    api_options(*made, doctor_.api);
    json_option(*made, doctor_.json);
    made->footer(
        "Looks at the configuration, files of secrets, listeners, proxies, spool, database, schema, clocks, "
        "time "
        "zones,\n"
        "keys of vendors' APIs, NATS and receivers. Changes nothing, also beside a running daemon. Ask it as "
        "the\n"
        "daemon's user, with the daemon's environment.\n"
        "Exit codes: 0 no problem (warnings there may be), 1 a problem, 78 the configuration is wrong."
    );
}

void command_line::add_status() {
    auto* made = leaf(app_, "status", "Show how the running daemon is", [this] { return status_; });
    made->add_flag("--once", status_.once, "Look for a second, show it and end");
    made->add_option_function<std::string>(
            "--interval",
            [this](const std::string& text) { status_.interval = read_timeout(text).value(); },
            "How often to look (default 2s)"
    )
        ->type_name("DURATION")
        ->check(fault_of_timeout);
    const auto* about = "File with a token of the scope metrics:read (else CALLHOOK_TOKEN)";
    made->add_option("--token-file", status_.token_file, about)->type_name("FILE");
    api_options(*made, status_.api);
    made->add_flag("--json", status_.json, "Answer in JSON, once");
    made->footer(
        "Asks /metrics and /readyz of the daemon that runs here; needs no database. Ends on Ctrl-C. Where "
        "stdout\n"
        "is no terminal, it writes one page below the other.\n"
        "Exit codes: 69 the daemon does not answer, 77 it wants a token."
    );
}

template <class Value>
void command_line::choice(
    CLI::App& of,
    const std::string& name,
    std::map<std::string, Value> words,
    Value& into,
    const std::string& help
) {
    std::string list;
    for (const auto& [word, value] : words) {
        choices_[name].push_back(word);
        list += (list.empty() ? "" : ", ") + word;
    }
    auto* made = of.add_option_function<std::string>(
        name, [words, &into](const std::string& text) { into = words.at(text); }, help + ": " + list
    );
    made->check([words, list](const std::string& text) {
        return std::string{words.contains(text) ? "" : text + " is none of " + list};
    });
}

void command_line::add_completion() {
    using shell = completion_command::shell;
    const auto* help = "Print the completion of this command line for a shell";
    auto* made = leaf(app_, "completion", help, [this] { return completion_; });
    choice<shell>(
        *made,
        "shell",
        {{"bash", shell::bash}, {"zsh", shell::zsh}, {"fish", shell::fish}},
        completion_.what,
        "Which"
    );
    made->get_option("shell")->type_name("SHELL")->required();
    made->footer("The package installs it. For one session: source <(callhookd completion bash)");
}

void command_line::add_man() {
    using page = man_command::page;
    auto* made = leaf(app_, "man", "Print a manual page", [this] { return man_; });
    choice<page>(
        *made,
        "page",
        {{"callhookd", page::program}, {"callhookd.toml", page::configuration}},
        man_.what,
        "Which"
    );
    made->get_option("page")->type_name("PAGE");
    made->footer("The package installs both. Without: callhookd man callhookd.toml | man -l -");
}

}  // namespace callhook::app
