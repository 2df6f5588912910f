#include "app/commands.hpp"
#include "app/doctor/checks.hpp"
#include "app/exit_codes.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace callhook::app {
namespace {

using doctor::finding;
using weight = finding::weight;

/// A finding and the check that it is of.
struct told {
    std::string check{};
    finding what{};
};

const char* word_of(weight how) {
    switch (how) {
        case weight::ok:
            return "ok";
        case weight::warning:
            return "warning";
        case weight::problem:
            break;
    }
    return "problem";
}

std::size_t count(const std::vector<told>& all, weight how) {
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [how](const told& one) {
        return one.what.how == how;
    }));
}

/// A configuration that is wrong leaves nothing else to be looked at.
std::vector<told> faults_of(const load_outcome& loaded) {
    std::vector<told> out;
    for (const auto& fault : loaded.problems) {
        const auto value = fault.value.empty() ? "" : " = " + fault.value;
        out.push_back({"configuration", doctor::problem(fault.key + value + " " + fault.reason, fault.hint)});
    }
    return out;
}

std::vector<told> look_at_all(const load_outcome& loaded, const api_access& api) {
    std::vector<told> out{{"configuration", doctor::fine("nothing is wrong with it")}};
    doctor::patient who{loaded, api};
    for (const auto& check : doctor::checks()) {
        for (auto& one : check.look(who))
            out.push_back({std::string{check.name}, std::move(one)});
    }
    return out;
}

void write(std::ostream& out, const told& one) {
    const std::string word = word_of(one.what.how);
    out << word << std::string(9 - word.size(), ' ') << one.check << std::string(15 - one.check.size(), ' ')
        << one.what.what << '\n';
    if (!one.what.fix.empty())
        out << std::string(24, ' ') << (one.what.how == weight::ok ? "" : "fix: ") << one.what.fix << '\n';
}

json::object as_json(const std::vector<told>& all) {
    json::array findings;
    for (const auto& one : all) {
        findings.emplace_back(json::object{
            {"check", one.check},
            {"level", word_of(one.what.how)},
            {"what", one.what.what},
            {"fix", one.what.fix}});
    }
    return {
        {"ok", count(all, weight::problem) == 0},
        {"problems", count(all, weight::problem)},
        {"warnings", count(all, weight::warning)},
        {"findings", std::move(findings)}};
}

std::string counted(std::size_t number, const char* one) {
    return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}

}  // namespace

int examine(const load_outcome& loaded, const doctor_command& what, std::ostream& out) {
    const auto all = loaded.ok() ? look_at_all(loaded, what.api) : faults_of(loaded);
    const auto problems = count(all, weight::problem);
    const auto warnings = count(all, weight::warning);
    if (what.json) {
        out << json::serialize(as_json(all)) << '\n';
    } else {
        for (const auto& one : all)
            write(out, one);
        out << '\n'
            << (problems + warnings == 0 ? std::string{"all is well"}
                                         : counted(problems, "problem") + ", " + counted(warnings, "warning"))
            << '\n';
    }
    if (!loaded.ok()) return exit_code::configuration;
    return problems == 0 ? exit_code::fine : exit_code::check_failed;
}

}  // namespace callhook::app
