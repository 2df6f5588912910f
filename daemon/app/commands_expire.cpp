#include "app/commands.hpp"
#include "app/rooms.hpp"
#include "app/with_database.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/time_text.hpp"
#include "pipeline/retention.hpp"

#include <iomanip>
#include <iostream>

namespace callhook::app {

namespace {

using pipeline::expired_part;
using pipeline::expiry_report;

/// Nobody waits for the command, so a month may take its time to count, and a table to be looked through.
constexpr std::chrono::minutes patience{30};

json::value time_or_null(const std::optional<utc_time>& at) {
    return at ? json::value(to_rfc3339(*at)) : json::value{};
}

json::object part_json(const expired_part& part) {
    return {
        {"table", part.table},
        {"partition", part.partition.empty() ? json::value{} : json::value(part.partition)},
        {"from", time_or_null(part.from)},
        {"until", time_or_null(part.until)},
        {"rows", part.rows},
        {"bytes", part.bytes},
        {"outcome", to_string(part.what)}};
}

void print_json(const expiry_report& report, const expire_command& what) {
    json::array parts;
    for (const auto& part : report.parts)
        parts.emplace_back(part_json(part));
    const json::object out{
        {"dry_run", what.dry_run},
        {"busy", report.busy},
        {"parts", std::move(parts)},
        {"calls_final", report.made_final.calls},
        {"messages_final", report.made_final.messages}};
    std::cout << json::serialize(out) << '\n';
}

void print_table(const expiry_report& report, const expire_command& what) {
    if (report.parts.empty()) {
        std::cout << "nothing is older than it is to be kept\n";
        return;
    }
    std::cout
        << "table              partition             from        until              rows         bytes  "
           "outcome\n";
    for (const auto& part : report.parts) {
        const auto day = [](const std::optional<utc_time>& at) {
            return at ? to_rfc3339(*at).substr(0, 10) : std::string{"-"};
        };
        std::cout << std::left << std::setw(19) << part.table << std::setw(22)
                  << (part.partition.empty() ? "-" : part.partition) << std::setw(12) << day(part.from)
                  << std::setw(12) << day(part.until) << std::right << std::setw(11) << part.rows
                  << std::setw(14) << part.bytes << "  " << to_string(part.what) << '\n';
    }
    std::cout << report.made_final.calls << " calls and " << report.made_final.messages
              << (what.dry_run ? " messages would become final\n" : " messages became final\n");
}

}  // namespace

int expire(const settings& values, const expire_command& what) {
    return with_known_schema(values, [&] {
        auto where = store_settings(values);
        where.statement_timeout = patience;
        store::retention_store db{where, patience};
        const auto how = retention_bounds(values);
        const auto now = system_clock_source{}.now();
        const auto report =
            what.dry_run ? plan_expiry(db, how, now) : pipeline::expire(db, how, now, [] { return true; });
        if (what.json)
            print_json(report, what);
        else if (!report.busy)
            print_table(report, what);
        if (what.dry_run || report.complete()) return exit_code::fine;
        std::cerr
            << (report.busy ? "callhookd: a daemon or another command is at it\n"
                            : "callhookd: some of it must wait; try again later\n");
        return exit_code::unavailable;
    });
}

}  // namespace callhook::app
