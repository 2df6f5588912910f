#include "app/doctor/checks.hpp"
#include "app/doctor/judgements.hpp"
#include "app/rooms.hpp"
#include "app/vendor_accounts.hpp"
#include "app/zone_findings.hpp"
#include "store/failure.hpp"

#include <sys/statvfs.h>

namespace callhook::app::doctor {

namespace {

/// What a daemon holds at most: inbox, drainer, sequencer, retention and the tail's listener have one each,
/// what the feed writes and backfill two.
std::int64_t connections_of_daemon(const settings& values) {
    const auto own = values.pipeline.enabled ? 7 : 5;
    return own + (vendor_accounts::wanted(values) ? 2 : 0) +
           static_cast<std::int64_t>(values.database.readers);
}

}  // namespace

findings look_at_database(patient& who) {
    const auto& seen = who.database();
    if (!seen)
        return {problem(
            seen.error().message,
            "see that the server runs, that database.url is right and that its password and pg_hba.conf let "
            "the "
            "role in; psql with the same URL says more"
        )};
    const auto& values = who.values;
    const bool writes = values.pipeline.enabled || values.outbound.enabled || vendor_accounts::wanted(values);
    return judge_server(seen->server, writes, connections_of_daemon(values));
}

findings look_at_schema(patient& who) {
    const auto& seen = who.database();
    if (!seen) return {};
    if (!seen->schema)
        return {problem(seen->schema_trouble, "let the role of database.url own the schema callhook")};
    return judge_schema(*seen->schema);
}

findings look_at_feed(patient& who) {
    const auto& seen = who.database();
    if (!seen || !seen->schema || !seen->schema->up_to_date()) return {};
    try {
        return {judge_epoch(store::read_epoch(store_settings(who.values)))};
    } catch (const store::failure& e) {
        return {problem(e.what(), "see what is said of the database")};
    }
}

findings look_at_database_clock(patient& who) {
    const auto& seen = who.database();
    if (!seen) return {};
    return {judge_clock("the database's server", seen->server.clock_difference, {})};
}

findings look_at_database_disk(patient& who) {
    const auto& seen = who.database();
    if (!seen || seen->server.data_directory.empty()) return {};
    struct ::statvfs disk {};
    if (::statvfs(seen->server.data_directory.c_str(), &disk) != 0) return {};
    const std::uint64_t block = disk.f_frsize;
    return {judge_database_disk(seen->server.data_directory, block * disk.f_bavail, block * disk.f_blocks)};
}

findings look_at_time_zones(patient& who) {
    const auto& seen = who.database();
    if (!seen || !seen->schema || !seen->schema->up_to_date()) return {};
    findings out;
    try {
        for (const auto& zone : measure_zones(who.values)) {
            const auto what = zone.zone + " of " + zone.source + ": " + zone.verdict();
            if (zone.wrong())
                out.push_back(warning(what, "set sources." + zone.source + ".time_zone to the account's"));
            else
                out.push_back(fine(what));
        }
    } catch (const store::failure& e) {
        out.push_back(problem(e.what(), "see what is said of the database"));
    }
    return out;
}

}  // namespace callhook::app::doctor
