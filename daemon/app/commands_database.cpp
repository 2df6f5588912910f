#include "api/backfill.hpp"
#include "api/calls.hpp"
#include "api/lists.hpp"
#include "app/commands.hpp"
#include "app/progress.hpp"
#include "app/rooms.hpp"
#include "app/with_database.hpp"
#include "app/zone_findings.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "pipeline/rebuild.hpp"
#include "store/audit.hpp"
#include "store/migrations.hpp"
#include "store/queries.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <unistd.h>

namespace callhook::app {

namespace {

void print(const json::value& answer) {
    std::cout << json::serialize(answer) << '\n';
}

json::object migration_json(const store::schema_status::step& step) {
    json::object out{{"number", step.number}, {"name", step.name}, {"applied", step.applied}};
    if (step.applied) out.emplace("applied_at", step.applied_at);
    if (step.changed) out.emplace("changed", true);
    if (step.unknown) out.emplace("unknown", true);
    return out;
}

int report_schema(const store::schema_status& status, const migrate_command& what) {
    if (what.json) {
        json::array steps;
        for (const auto& step : status.steps)
            steps.emplace_back(migration_json(step));
        print(json::object{
            {"up_to_date", status.up_to_date()},
            {"mismatch", status.mismatch()},
            {"migrations", std::move(steps)}});
    } else {
        for (const auto& step : status.steps) {
            std::cout << std::setw(4) << std::setfill('0') << step.number << std::setfill(' ') << ' '
                      << std::left << std::setw(24) << step.name << std::right << ' '
                      << (step.applied ? "applied " + step.applied_at : std::string{"pending"})
                      << (step.changed ? " (its text has changed since)" : "")
                      << (step.unknown ? " (unknown to this binary)" : "") << '\n';
        }
    }
    if (!status.mismatch().empty()) {
        std::cerr << "callhookd: " << status.mismatch() << '\n';
        return exit_code::configuration;
    }
    return exit_code::fine;
}

int list_quarantine(store::queries& q, bool as_json) {
    json::array all;
    if (!as_json)
        std::cout
            << "delivery                              received                     source        reason\n";
    std::optional<uuid> before;
    for (;;) {
        const auto page = q.quarantine(before, 1'000);
        for (const auto& d : page) {
            if (as_json) {
                all.emplace_back(api::quarantined_json(d));
            } else {
                std::cout << to_string(d.id) << "  " << std::left << std::setw(27)
                          << to_rfc3339(d.received_at) << "  " << std::setw(12) << d.source << "  "
                          << d.reason << '\n';
            }
        }
        if (page.size() < 1'000) break;
        before = page.back().id;
    }
    if (as_json) print(json::object{{"quarantine", std::move(all)}});
    return exit_code::fine;
}

int show_quarantined(store::queries& q, const uuid& id, bool as_json) {
    const auto found = q.quarantined(id);
    if (!found) {
        std::cerr << "callhookd: no delivery with this id is in quarantine\n";
        return exit_code::check_failed;
    }
    const auto& [about, body] = *found;
    if (as_json) {
        auto out = api::quarantined_json(about);
        out.emplace("body_hex", [&] {
            std::string hex;
            for (const char c : body) {
                static constexpr char digits[] = "0123456789abcdef";
                hex += digits[static_cast<unsigned char>(c) >> 4];
                hex += digits[static_cast<unsigned char>(c) & 15];
            }
            return hex;
        }());
        print(out);
    } else {
        std::cout << "delivery  " << to_string(about.id) << "\nreceived  " << to_rfc3339(about.received_at)
                  << "\nsource    " << about.source << "\nreason    " << about.reason << "\nbody      "
                  << about.size << " bytes\n\n"
                  << (::isatty(STDOUT_FILENO) == 1 ? escape_controls(body, "\n\t") : body) << '\n';
    }
    return exit_code::fine;
}

int retry_quarantine(store::queries& q, const quarantine_command& what) {
    const auto count = q.retry_quarantined(what.all ? std::vector<uuid>{} : what.deliveries);
    if (what.json)
        print(json::object{{"retried", count}});
    else
        std::cout << count << " put back before the pipeline\n";
    const bool all_found = what.all || count == what.deliveries.size();
    if (!all_found) std::cerr << "callhookd: some of these deliveries are not in quarantine\n";
    return all_found ? exit_code::fine : exit_code::check_failed;
}

json::array zones_json(const std::vector<zone_finding>& zones) {
    const auto seconds = [](std::optional<std::chrono::seconds> off) -> json::value {
        return off ? json::value(off->count()) : json::value(nullptr);
    };
    json::array out;
    for (const auto& z : zones) {
        out.emplace_back(json::object{
            {"source", z.source},
            {"time_zone", z.zone},
            {"ok", !z.wrong()},
            {"off_by_arrivals", seconds(z.by_arrivals)},
            {"off_by_filter", seconds(z.by_filter)}});
    }
    return out;
}

int list_jobs(store::queries& q, const jobs_command& what) {
    constexpr std::size_t most = 10'000;
    const auto jobs = q.jobs(what.dead, most);
    if (what.json) {
        json::array all;
        for (const auto& j : jobs)
            all.emplace_back(api::job_json(j));
        print(json::object{{"jobs", std::move(all)}});
        return exit_code::fine;
    }
    std::cout
        << "job         source        kind     call          due                          failures  state\n";
    for (const auto& j : jobs) {
        std::cout << std::left << std::setw(12) << j.id << std::setw(14) << j.source << std::setw(9) << j.kind
                  << std::setw(14) << (j.call_id == 0 ? std::string{"-"} : std::to_string(j.call_id))
                  << std::setw(29) << to_rfc3339(j.due_at) << std::setw(10) << j.attempts
                  << (j.dead_at              ? "dead: "
                      : j.last_error.empty() ? "waits"
                                             : "waits: ")
                  << j.last_error << '\n';
    }
    return exit_code::fine;
}

int retry_jobs(store::queries& q, const jobs_command& what) {
    const auto count =
        q.retry_jobs(what.all ? std::vector<std::int64_t>{} : what.jobs, system_clock_source{}.now());
    if (what.json)
        print(json::object{{"retried", count}});
    else
        std::cout << count << " due again\n";
    const bool all_found = what.all || count == what.jobs.size();
    if (!all_found) std::cerr << "callhookd: some of these jobs are not dead\n";
    return all_found ? exit_code::fine : exit_code::check_failed;
}

}  // namespace

int migrate(const settings& values, const migrate_command& what) {
    return with_database([&] {
        const auto where = store_settings(values);
        return report_schema(what.status ? store::read_schema_status(where) : store::migrate(where), what);
    });
}

int audit(const settings& values, const audit_command& what) {
    return with_known_schema(values, [&] {
        const auto report = store::audit(store_settings(values));
        const auto zones = measure_zones(values);
        if (what.json) {
            json::object totals;
            for (const auto& t : report.totals)
                totals.emplace(t.name, t.value);
            json::array checks;
            for (const auto& c : report.checks) {
                checks.emplace_back(json::object{
                    {"check", c.name}, {"ok", c.violations == 0}, {"violations", c.violations}});
            }
            print(json::object{
                {"balanced", report.balanced()},
                {"totals", std::move(totals)},
                {"checks", std::move(checks)},
                {"time_zones", zones_json(zones)}});
        } else {
            for (const auto& t : report.totals) {
                std::cout << std::left << std::setw(60) << t.name << std::right << std::setw(12) << t.value
                          << '\n';
            }
            std::cout << '\n';
            for (const auto& c : report.checks) {
                std::cout << std::left << std::setw(60) << c.name << std::right << std::setw(12)
                          << (c.violations == 0 ? "ok" : "off by " + std::to_string(c.violations)) << '\n';
            }
            std::cout << '\n' << (report.balanced() ? "balanced" : "NOT balanced") << '\n';
            for (const auto& z : zones)
                std::cout << "time zone " << z.zone << " of " << z.source << ": " << z.verdict() << '\n';
        }
        // A wrong zone loses nothing, so it warns and no more.
        for (const auto& z : zones) {
            if (z.wrong())
                std::cerr << "callhookd: warning: the time zone of source " << z.source << ' ' << z.verdict()
                          << "; set sources." << z.source << ".time_zone\n";
        }
        return report.balanced() ? exit_code::fine : exit_code::check_failed;
    });
}

int rebuild(const settings& values, const rebuild_command& what) {
    return with_known_schema(values, [&] {
        progress_bar bar{"rebuilding"};
        const auto report = pipeline::rebuild(
            store_settings(values),
            make_decoders(values),
            batch_settings(values),
            [&](std::int64_t done, std::int64_t all) { bar.show(done, all); }
        );
        bar.finish();
        if (what.json) {
            print(json::object{
                {"deliveries", report.deliveries},
                {"calls", report.calls},
                {"calls_changed", report.calls_changed},
                {"messages", report.messages},
                {"messages_changed", report.messages_changed},
                {"calls_final", report.calls_final},
                {"messages_final", report.messages_final},
                {"unreadable", report.unreadable},
            });
        } else {
            std::cout << report.deliveries << " deliveries read; " << report.calls << " calls, "
                      << report.calls_changed << " changed; " << report.messages << " messages, "
                      << report.messages_changed << " changed\n";
            if (report.calls_final + report.messages_final > 0)
                std::cout << report.calls_final << " calls and " << report.messages_final
                          << " messages are final and stay as they are: deliveries of theirs have expired\n";
        }
        if (report.unreadable == 0) return exit_code::fine;
        std::cerr << "callhookd: " << report.unreadable
                  << " deliveries that were applied cannot be read any more; nothing was written\n";
        return exit_code::check_failed;
    });
}

int calls_show(const settings& values, const calls_show_command& what) {
    return with_database([&] {
        store::queries q{store_settings(values), "command"};
        const auto found = q.call({what.source, what.call});
        if (!found) {
            std::cerr << "callhookd: no such call is known\n";
            return exit_code::check_failed;
        }
        const auto details = api::call_details_json(*found);
        if (what.json)
            print(details);
        else
            print_call(details, std::cout);
        return exit_code::fine;
    });
}

int jobs(const settings& values, const jobs_command& what) {
    return with_database([&] {
        store::queries q{store_settings(values), "command"};
        return what.what == jobs_command::action::list ? list_jobs(q, what) : retry_jobs(q, what);
    });
}

int quarantine(const settings& values, const quarantine_command& what) {
    const auto work = [&] {
        store::queries q{store_settings(values), "command"};
        switch (what.what) {
            case quarantine_command::action::list:
                return list_quarantine(q, what.json);
            case quarantine_command::action::show:
                return show_quarantined(q, what.deliveries.front(), what.json);
            case quarantine_command::action::retry:
                return retry_quarantine(q, what);
        }
        return exit_code::broken_invariant;
    };
    return what.what == quarantine_command::action::retry ? with_known_schema(values, work)
                                                          : with_database(work);
}

}  // namespace callhook::app
