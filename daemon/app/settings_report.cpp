#include "app/settings_report.hpp"

#include <ostream>

namespace callhook::app {
namespace {

std::string place_text(const setting_origin& origin) {
    if (origin.place.empty()) return {};
    if (origin.line == 0) return origin.place;
    return origin.place + ":" + std::to_string(origin.line) + ":" + std::to_string(origin.column);
}

template <class Listener>
std::string listener_text(const Listener& listener) {
    auto text = address_and_port(listener.address, listener.port);
    if (const auto& identity = listener.tls.identity)
        text += identity->asks_for_certificates() ? ", TLS with client certificates" : ", TLS";
    return text;
}

std::string source_text(const source_settings& source) {
    const auto secrets = source.secrets.size();
    std::string text = source.kind + ", " + source.time_zone + ", " + source.default_region + ", ";
    text += std::to_string(secrets) + (secrets == 1 ? " secret" : " secrets");
    if (!source.basic_auth.empty()) text += ", Basic authentication";
    if (!source.required_header.empty()) text += ", header " + source.required_header;
    if (!source.allow.empty()) text += ", allow-list";
    if (!source.api_key.empty()) text += ", API key";
    return text;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// Without the URL, which may hold what authorises.
std::string subscription_text(const subscription_settings& subscription) {
    const auto secrets = subscription.secrets.size();
    const bool filtered = !subscription.types.empty() || !subscription.sources.empty() ||
                          !subscription.subjects.empty() || !subscription.widgets.empty();
    return subscription.mode + (filtered ? ", filtered, " : ", all events, ") + std::to_string(secrets) +
           (secrets == 1 ? " secret" : " secrets");
}

/// Without the servers' URLs, which may hold passwords.
std::string nats_text(const nats_settings& nats) {
    const auto servers = nats.servers.size();
    return "stream " + nats.stream + ", subjects " + nats.subject_prefix + ".>, " + std::to_string(servers) +
           (servers == 1 ? " server" : " servers") +
           (nats.credentials_file.empty() ? "" : ", credentials file");
}

}  // namespace

std::string address_and_port(const std::string& address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

void write_problems(std::ostream& out, const load_outcome& outcome) {
    const auto count = outcome.problems.size();
    out << "callhookd: " << count << (count == 1 ? " error" : " errors") << " in the configuration\n";
    for (const auto& problem : outcome.problems) {
        const auto place = place_text(problem.origin);
        out << "\n" << (place.empty() ? "" : place + ": ") << problem.key;
        if (!problem.value.empty()) out << " = " << problem.value;
        out << "\n  " << problem.reason << '\n';
        if (!problem.hint.empty()) out << "  fix: " << problem.hint << '\n';
    }
}

json::object problems_as_json(const load_outcome& outcome) {
    json::array errors;
    for (const auto& problem : outcome.problems) {
        json::object one;
        one["key"] = problem.key;
        one["value"] = problem.value;
        one["reason"] = problem.reason;
        one["hint"] = problem.hint;
        one["origin"] = problem.origin.place;
        if (problem.origin.line != 0) {
            one["line"] = problem.origin.line;
            one["column"] = problem.origin.column;
        }
        errors.push_back(std::move(one));
    }
    json::object all;
    all["ok"] = outcome.ok();
    all["file"] = outcome.file;
    all["errors"] = std::move(errors);
    return all;
}

void write_summary(std::ostream& out, const load_outcome& outcome) {
    const auto& values = outcome.values;
    out << "ok\n"
        << "file    " << (outcome.file.empty() ? "none; environment and defaults" : outcome.file) << '\n'
        << "hooks   " << listener_text(values.hooks) << '\n'
        << "api     " << listener_text(values.api) << '\n';
    for (const auto& source : values.sources)
        out << "source  " << source.name << ": " << source_text(source) << '\n';
    for (const auto& token : values.tokens)
        out << "token   " << token.name << ": " << joined(token.scopes) << '\n';
    for (const auto& one : values.subscriptions)
        out << "webhook " << one.name << ": " << subscription_text(one) << '\n';
    if (!values.nats.servers.empty()) out << "nats    " << nats_text(values.nats) << '\n';
}

json::object summary_as_json(const load_outcome& outcome) {
    const auto& values = outcome.values;
    json::object sources;
    for (const auto& source : values.sources)
        sources[source.name] = source_text(source);
    auto all = problems_as_json(outcome);
    all["hooks"] = listener_text(values.hooks);
    all["api"] = listener_text(values.api);
    all["sources"] = std::move(sources);
    json::object tokens;
    for (const auto& token : values.tokens)
        tokens[token.name] = joined(token.scopes);
    all["tokens"] = std::move(tokens);
    json::object subscriptions;
    for (const auto& one : values.subscriptions)
        subscriptions[one.name] = subscription_text(one);
    all["subscriptions"] = std::move(subscriptions);
    all["nats"] = values.nats.servers.empty() ? "" : nats_text(values.nats);
    return all;
}

void report_problems(const load_outcome& outcome, bool as_json, std::ostream& out, std::ostream& err) {
    if (as_json) {
        out << json::serialize(problems_as_json(outcome)) << '\n';
    } else {
        write_problems(err, outcome);
    }
}

}  // namespace callhook::app
