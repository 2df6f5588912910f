#include "app/run.hpp"

#include "app/arguments.hpp"
#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/process.hpp"
#include "app/settings_report.hpp"

#include <iostream>
#include <string_view>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace callhook::app {
namespace {

environment_map environment_of_process() {
    environment_map all;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        all.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return all;
}

int dispatch(const settings& values, const migrate_command& what) {
    return migrate(values, what);
}
int dispatch(const settings& values, const audit_command& what) {
    return audit(values, what);
}
int dispatch(const settings& values, const epoch_command& what) {
    return epoch(values, what);
}
int dispatch(const settings& values, const spool_command& what) {
    return spool(values, what);
}
int dispatch(const settings& values, const rebuild_command& what) {
    return rebuild(values, what);
}
int dispatch(const settings& values, const erase_command& what) {
    return erase(values, what);
}
int dispatch(const settings& values, const erasures_command& what) {
    return erasures(values, what);
}
int dispatch(const settings& values, const expire_command& what) {
    return expire(values, what);
}
int dispatch(const settings& values, const calls_show_command& what) {
    return calls_show(values, what);
}
int dispatch(const settings& values, const backfill_command& what) {
    return backfill(values, what);
}
int dispatch(const settings& values, const jobs_command& what) {
    return jobs(values, what);
}
int dispatch(const settings& values, const quarantine_command& what) {
    return quarantine(values, what);
}
int dispatch(const settings& values, const healthcheck_command& what) {
    return healthcheck(values, what);
}
int dispatch(const settings& values, const status_command& what) {
    return status(values, what);
}

/// Loads what a command needs and starts it.
struct starter {
    load_request request;
    std::ostream& out;
    std::ostream& err;

    int operator()(const reference_command& what) const { return reference(what, out); }

    int operator()(const token_new_command& what) const { return token_new(what, out); }

    int operator()(const check_config_command& what) const {
        return check_config(load_settings(request), what, out, err);
    }

    int operator()(const completion_command& what) const { return completion(what, out); }

    int operator()(const man_command& what) const { return man(what, out); }

    int operator()(const doctor_command& what) const {
        const auto loaded = load_settings(request);
        // It tells what it finds; what the parts that it asks would log is the same once more.
        log::start(log::level::off, log::format::automatic);
        if (!loaded.values.process.core_dumps) forbid_core_dumps();
        return examine(loaded, what, out);
    }

    template <class Command>
    int operator()(const Command& what) const {
        // Only receiving needs the sources' secrets, and only reading deliveries needs the sources: an
        // operator who may not see secret files can still look at calls.
        // Backfill needs the key to the vendor's API.
        constexpr bool receives = std::is_same_v<Command, serve_command>;
        constexpr bool asks = std::is_same_v<Command, backfill_command>;
        auto needed = request;
        needed.needs_secrets = receives;
        needed.needs_api_keys = receives || asks;
        needed.needs_sources = receives || asks || std::is_same_v<Command, rebuild_command> ||
                               std::is_same_v<Command, erase_command>;
        handed_sockets sockets;
        if constexpr (receives) {
            auto received = handed_sockets::receive();
            if (!received) {
                err << "callhookd: " << received.error().message << '\n';
                return exit_code::configuration;
            }
            sockets = std::move(*received);
            needed.handed_over = sockets.places();
        }
        const auto outcome = load_settings(needed);
        if (!outcome.ok()) {
            bool as_json = false;
            if constexpr (!receives) as_json = what.json;
            report_problems(outcome, as_json, out, err);
            return exit_code::configuration;
        }
        log::start(outcome.values.log.level, outcome.values.log.format);
        if (!outcome.values.process.core_dumps) forbid_core_dumps();
        if constexpr (receives) {
            return serve(outcome.values, what, needed, std::move(sockets));
        } else {
            return dispatch(outcome.values, what);
        }
    }
};

}  // namespace

int run(
    int count,
    const char* const* words,
    const environment_map& environment,
    std::ostream& out,
    std::ostream& err
) {
    const auto parsed = parse_arguments(count, words, out, err);
    if (const auto* code = std::get_if<int>(&parsed)) return *code;
    const auto& read = std::get<arguments>(parsed);
    load_request request;
    request.file = read.config_file;
    request.environment = environment;
    return std::visit(starter{request, out, err}, read.what);
}

int run(int count, char** words) {
    return run(count, words, environment_of_process(), std::cout, std::cerr);
}

}  // namespace callhook::app
