#include "app/doctor/judgements.hpp"

#include "app/networks.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace callhook::app::doctor {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr int oldest_version = 150'000;
constexpr unsigned writable_by_others = 022;
constexpr unsigned open_to_all = 07;

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::string time_text(milliseconds time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f s", std::chrono::duration<double>(time).count());
    return text.data();
}

/// Whether a network is so large that it holds strangers.
bool holds_strangers(std::string_view network) {
    const auto slash = network.find('/');
    const auto prefix = parse_integer<unsigned>(network.substr(slash + 1));
    const bool v6 = network.find(':') != std::string_view::npos;
    if (!prefix) return false;
    const bool private_ten = network.starts_with("10.") && *prefix == 8;
    const bool private_v6 =
        network.starts_with("fc") || network.starts_with("fd") || network.starts_with("fe80");
    return v6 ? *prefix < 32 && !private_v6 : *prefix <= 8 && !private_ten && !network.starts_with("127.");
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array units{"bytes", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit)
        value /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text.data();
}

finding judge_secret_file(const seen_file& file) {
    if ((file.mode & writable_by_others) != 0)
        return warning(
            file.what + ": others may write to " + file.path + ", and so say what the secret is",
            "chmod go-w '" + file.path + "'"
        );
    if (file.of_others)
        return warning(
            file.what + ": " + file.path + " belongs to another user, who may change it",
            "chown it to root or to the daemon's user"
        );
    return fine(file.what + ": " + file.path);
}

finding judge_config_file(const seen_file& file, bool holds_password) {
    if ((file.mode & writable_by_others) != 0)
        return problem(
            "others may write to " + file.path + ", and so say what the daemon does",
            "chmod go-w '" + file.path + "'"
        );
    if (holds_password && (file.mode & open_to_all) != 0)
        return warning(
            file.path + " holds the database's password and is open to every user of this machine",
            "chmod o-rwx '" + file.path + "', or put database.url into the environment of the unit"
        );
    return fine(file.path);
}

findings judge_server(const store::server_view& server, bool writes, std::int64_t needed) {
    findings out;
    if (server.version < oldest_version)
        out.push_back(warning(
            "PostgreSQL " + server.version_text + ", older than any that callhook is tested with",
            "upgrade to 15 or later"
        ));
    else
        out.push_back(fine(
            "PostgreSQL " + server.version_text + ", the database holds " +
            bytes_text(static_cast<std::uint64_t>(server.database_bytes))
        ));
    if (server.replica && writes)
        out.push_back(problem(
            "the server is a read replica, and this daemon is to write",
            "let database.url name the primary, or set enabled = false in [pipeline], [backfill] and "
            "[outbound]"
        ));
    if (!server.autovacuum)
        out.push_back(warning(
            "autovacuum is off, so tables grow without end and queries get slower",
            "set autovacuum = on in postgresql.conf"
        ));
    const auto left = server.max_connections - server.connections;
    if (left < needed)
        out.push_back(warning(
            "others leave " + std::to_string(std::max<std::int64_t>(left, 0)) + " of " +
                std::to_string(server.max_connections) + " connections, and one daemon takes up to " +
                std::to_string(needed),
            "raise max_connections in postgresql.conf, or lower database.readers"
        ));
    if (server.superuser)
        out.push_back(warning(
            "callhook's role is a superuser, so that whoever has its password has the whole server",
            "make a role of its own that owns the database and nothing else"
        ));
    if (!server.out_of_reach.empty())
        out.push_back(problem(
            "the role may not read and write " + joined(server.out_of_reach),
            "let the role own the schema callhook: REASSIGN OWNED BY its present owner"
        ));
    if (!server.of_others.empty())
        out.push_back(warning(
            "the role does not own " + joined(server.of_others) +
                ", so that it can neither migrate nor expire",
            "let the role own the schema callhook, or run callhookd migrate and expire as who does"
        ));
    return out;
}

findings judge_schema(const store::schema_status& schema) {
    const auto mismatch = schema.mismatch();
    if (!mismatch.empty()) {
        const auto cut = mismatch.rfind("; ");
        return {problem(mismatch.substr(0, cut), mismatch.substr(cut + 2))};
    }
    const int pending = schema.pending();
    const auto all = std::to_string(schema.steps.size());
    if (pending == 0)
        return {fine("all " + all + " migrations are applied; fsync and full_page_writes are on")};
    const bool none = pending == static_cast<int>(schema.steps.size());
    const auto what = none ? std::string{"the schema is not there yet"}
                           : std::to_string(pending) + " of " + all + " migrations are pending";
    return {problem(what, "callhookd migrate, or serve --migrate")};
}

finding judge_epoch(const store::epoch_status& log) {
    const auto at = "epoch " + log.epoch + ", position " + std::to_string(log.position);
    // Nobody has read a log without an event.
    if (!log.moved || log.position == 0) return fine(at);
    return warning(
        at + ": the database is a restored, promoted or copied one, so that the daemon that leads next "
             "begins a "
             "new epoch and every reader must say anew where it goes on",
        "docs/backup.md says what readers do; if nothing was lost on the way: callhookd epoch --keep"
    );
}

finding judge_clock(std::string_view whose, milliseconds ahead, milliseconds exact) {
    const auto off = std::chrono::abs(ahead);
    const auto text = std::string{"the clock of "} + std::string{whose};
    if (off <= 2s + exact) return fine(text + " and this machine's agree");
    const auto what =
        text + " is " + time_text(off) + (ahead > 0ms ? " ahead of" : " behind") + " this machine's";
    const auto* fix = "let NTP keep both: timedatectl set-ntp true, or chrony";
    return off > 60s ? problem(what, fix) : warning(what, fix);
}

findings judge_spool(const seen_spool& seen, const spool_settings& wanted) {
    if (wanted.directory.empty())
        return {warning(
            "there is no spool, so that webhooks are refused while the database is away",
            "set spool.directory to one on a disk of this machine"
        )};
    findings out;
    if (!seen.usable)
        return {problem(
            seen.directory + (seen.there ? " cannot be written to" : " is not there and cannot be made"),
            "let it belong to the daemon's user: install -d -m 0700 -o callhook '" + seen.directory + "'"
        )};
    if (seen.there && (seen.mode & 077U) != 0)
        out.push_back(warning(
            seen.directory + " is open to others, and bodies hold personal data",
            "chmod 0700 '" + seen.directory + "'"
        ));
    if (!seen.forgetful.empty())
        out.push_back(problem(
            seen.directory + " is on " + seen.forgetful + ", which does not keep what it acknowledges",
            "set spool.directory to one on a disk of this machine"
        ));
    const auto free = seen.free_bytes;
    const auto room = wanted.max_bytes > seen.used_bytes ? wanted.max_bytes - seen.used_bytes : 0;
    if (free <= wanted.keep_free)
        out.push_back(problem(
            seen.directory + " has " + bytes_text(free) + " free, and spool.keep_free leaves all of it alone",
            "make room on its file system"
        ));
    else if (free - wanted.keep_free < room)
        out.push_back(warning(
            seen.directory + " has " + bytes_text(free) + " free, so that less than spool.max_bytes (" +
                bytes_text(wanted.max_bytes) + ") fits beside spool.keep_free",
            "make room on its file system, or lower spool.max_bytes"
        ));
    if (out.empty()) out.push_back(fine(seen.directory + ", " + bytes_text(free) + " free"));
    return out;
}

finding judge_database_disk(const std::string& directory, std::uint64_t free_bytes, std::uint64_t all_bytes) {
    const auto what = directory + " has " + bytes_text(free_bytes) + " free";
    const bool scarce = free_bytes < std::uint64_t{1} << 30 || free_bytes < all_bytes / 20;
    if (!scarce) return fine(what);
    return warning(
        what + " of " + bytes_text(all_bytes), "make room, or keep less: [retention] says for how long"
    );
}

findings judge_proxies(const settings& values) {
    findings out;
    const auto& hooks = values.hooks;
    for (const auto& network : hooks.trusted_proxies) {
        if (holds_strangers(network))
            out.push_back(problem(
                "hooks.trusted_proxies names " + network + ", so that strangers may claim any address",
                "name the proxy's own addresses alone"
            ));
    }
    const bool here = is_loopback_address(hooks.address);
    if (here && hooks.trusted_proxies.empty())
        out.push_back(warning(
            "webhooks come from this machine, through a proxy then, and hooks.trusted_proxies is empty: "
            "every "
            "client has the proxy's address",
            R"(set hooks.trusted_proxies = ["127.0.0.1/32", "::1/128"], if a proxy of this machine is in front)"
        ));
    if (!here && hooks.tls.certificate_file.empty() && hooks.trusted_proxies.empty())
        out.push_back(warning(
            "webhooks come in plain HTTP from everywhere, with the secret in their path",
            "set hooks.tls_certificate_file and hooks.tls_key_file, or put a proxy in front and name it in "
            "hooks.trusted_proxies"
        ));
    if (!is_loopback_address(values.api.address) && values.api.tls.certificate_file.empty())
        out.push_back(warning(
            "the API is reached in plain HTTP from other machines, tokens with it",
            "set api.tls_certificate_file and api.tls_key_file, or put a proxy with TLS in front"
        ));
    if (out.empty())
        out.push_back(fine(
            hooks.trusted_proxies.empty() ? std::string{"no proxy is trusted, and none is expected"}
                                          : "trusted: " + joined(hooks.trusted_proxies)
        ));
    return out;
}

finding judge_listener(std::string_view section, const std::string& place, occupant who) {
    const auto name = std::string{section};
    const auto what = name + " at " + place;
    switch (who) {
        case occupant::nobody:
            return fine(what + ": free, no daemon listens");
        case occupant::callhook:
            return fine(what + ": callhookd listens");
        case occupant::silent:
            return warning(
                what + ": in use, and who has it does not answer so that it could be known",
                "see who has it: ss -ltnp"
            );
        case occupant::somebody:
            return problem(
                what + ": another program has it",
                "see which: ss -ltnp; end it, or set " + name + ".port to another one"
            );
        case occupant::not_permitted:
            return warning(
                what + ": ports below 1024 need a right that you do not have now",
                "run this as the daemon does; its unit needs AmbientCapabilities=CAP_NET_BIND_SERVICE, or a "
                "socket unit"
            );
        case occupant::not_here:
            break;
    }
    return problem(what + ": this machine has no such address", "set " + name + ".address to one of its own");
}

finding judge_certificate(
    std::string_view section,
    std::chrono::system_clock::time_point expires,
    std::chrono::system_clock::time_point now
) {
    const auto days = std::chrono::duration_cast<std::chrono::hours>(expires - now).count() / 24;
    const auto what =
        "the certificate of " + std::string{section} + " holds for " + std::to_string(days) + " more days";
    return days >= 14 ? fine(what) : warning(what, "renew it, and send the daemon SIGHUP");
}

std::optional<finding> judge_subscription(const store::subscription& one) {
    if (one.state == store::subscription_state::active) return {};
    const auto what =
        "the subscription " + one.what.name + " is " + std::string{store::to_string(one.state)} + ": ";
    const auto path = "/v1/subscriptions/" + one.what.name;
    const auto resume = ", then POST " + path + "/resume";
    if (one.state_reason == "operator") return fine(what + "an operator wanted it so");
    if (one.state_reason == "history")
        return warning(
            what + "events that it still needs are not in the feed any more",
            "say where it goes on, POST " + path + "/reset" + resume
        );
    const auto* const why = one.state_reason == "gone" ? "its receiver answered 410 Gone"
                                                       : "nothing has got through for too long";
    return warning(what + why, "mend the receiver, GET " + path + "/attempts has its answers" + resume);
}

}  // namespace callhook::app::doctor
