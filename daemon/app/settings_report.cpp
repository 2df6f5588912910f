#include "app/settings_report.hpp"

#include <ostream>

namespace callhook::app {
namespace {

std::string place_text(const setting_origin& origin) {
    if (origin.place.empty()) return {};
    if (origin.line == 0) return origin.place;
    return origin.place + ":" + std::to_string(origin.line) + ":" + std::to_string(origin.column);
}

std::string listener_text(const std::string& address, std::uint16_t port) {
    const bool v6 = address.find(':') != std::string::npos;
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
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

}  // namespace

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
        << "hooks   " << listener_text(values.hooks.address, values.hooks.port) << '\n'
        << "api     " << listener_text(values.api.address, values.api.port) << '\n';
    for (const auto& source : values.sources)
        out << "source  " << source.name << ": " << source_text(source) << '\n';
}

json::object summary_as_json(const load_outcome& outcome) {
    const auto& values = outcome.values;
    json::object sources;
    for (const auto& source : values.sources)
        sources[source.name] = source_text(source);
    auto all = problems_as_json(outcome);
    all["hooks"] = listener_text(values.hooks.address, values.hooks.port);
    all["api"] = listener_text(values.api.address, values.api.port);
    all["sources"] = std::move(sources);
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
