#include "app/settings_rules.hpp"

#include "app/named_sections.hpp"
#include "app/nats_access.hpp"
#include "app/networks.hpp"
#include "app/setting_value.hpp"
#include "base/phone.hpp"
#include "base/text.hpp"
#include "http/client.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>

namespace callhook::app {
namespace {

std::string shown(std::string_view text) {
    return display_text(text);
}
std::string shown(std::size_t bytes) {
    return size_text(static_cast<std::int64_t>(bytes));
}
std::string shown(milliseconds time) {
    return duration_text(time);
}

void check_networks(std::vector<std::string>& networks, const std::string& key, setting_problems& problems) {
    for (auto& text : networks) {
        const auto network = read_network(text);
        if (network) {
            text = *network;
        } else {
            problems.add(
                key,
                shown(text),
                network.error().message,
                "write networks such as \"10.0.0.0/8\" or \"2001:db8::/32\""
            );
        }
    }
}

void check_address(const std::string& address, const std::string& key, setting_problems& problems) {
    if (problems.concerns(key) || is_ip_address(address)) return;
    problems.add(
        key,
        shown(address),
        "is not an IP address",
        "for example 127.0.0.1, 0.0.0.0 or ::1; names are not looked up"
    );
}

void check_listeners(const settings& values, setting_problems& problems) {
    const auto& hooks = values.hooks;
    const auto& api = values.api;
    check_address(hooks.address, "hooks.address", problems);
    check_address(api.address, "api.address", problems);
    if (!problems.concerns("api.address") && !is_loopback_address(api.address) && values.tokens.empty()) {
        problems.add(
            "api.address",
            shown(api.address),
            "is not a loopback address, and there are no tokens: everybody who reaches it could read "
            "everything",
            "add [tokens.NAME], for which callhookd token new prints the lines, or keep 127.0.0.1 or ::1"
        );
    }
    if (hooks.requests_per_minute > 0 && hooks.trusted_proxies.empty() &&
        is_loopback_address(hooks.address) && !problems.concerns("hooks.trusted_proxies")) {
        problems.add(
            "hooks.requests_per_minute",
            std::to_string(hooks.requests_per_minute),
            "holds for nobody: only this machine reaches hooks.address, and so all senders have its address",
            "name the proxy through which they come in hooks.trusted_proxies, or leave it at 0"
        );
    }
    if (problems.concerns("hooks.port") || problems.concerns("api.port")) return;
    if (hooks.address == api.address && hooks.port == api.port && api.port != 0) {
        problems.add(
            "api.port",
            std::to_string(api.port),
            "is the port of hooks as well",
            "give the listeners two different ports"
        );
    }
}

/// Names as they stand in `Host`.
void check_hosts(std::vector<std::string>& hosts, setting_problems& problems) {
    for (auto& text : hosts) {
        const auto host = http::parse_origin("http://" + text);
        if (host && host->host == to_lower(text)) {
            text = host->host;
            continue;
        }
        problems.add(
            "api.allowed_hosts",
            shown(text),
            "is not a host",
            "write a name without scheme and port, such as \"callhook.internal\""
        );
    }
}

/// What browsers send as `Origin`, byte for byte: anything else would allow nobody without a word.
void check_origins(const std::vector<std::string>& origins, setting_problems& problems) {
    for (const auto& text : origins) {
        const auto origin = http::parse_origin(text);
        const bool as_sent = origin && text == to_lower(text) && !text.ends_with('/') &&
                             !text.ends_with(origin->tls ? ":443" : ":80");
        if (as_sent) continue;
        problems.add(
            "api.allowed_origins",
            shown(text),
            "is not an origin as browsers send it",
            "write http:// or https://, the host and a port that is not the usual one, in lower case and "
            "without a "
            "path, such as \"https://crm.example\""
        );
    }
}

void check_database(const database_settings& database, setting_problems& problems) {
    const std::string key = "database.url";
    if (problems.concerns(key)) return;
    const std::string_view url = database.url.reveal();
    if (url.empty()) {
        problems.add(
            key,
            "",
            "is not set",
            "set it here or in the environment as CALLHOOK_DATABASE_URL, for example postgresql:///callhook "
            "for a local database"
        );
        return;
    }
    const bool uri = url.starts_with("postgresql://") || url.starts_with("postgres://");
    if (uri || url.find('=') != std::string_view::npos) return;
    problems.add(
        key,
        "***",
        "is neither a PostgreSQL URI nor a connection string",
        "write postgresql://user@host/database or host=... dbname=... user=..."
    );
}

void check_inbox(const settings& values, setting_problems& problems) {
    const auto& inbox = values.inbox;
    const auto fits =
        [&](const std::string& key, std::size_t value, const std::string& other, std::size_t limit, bool bytes
        ) {
            if (value <= limit || problems.concerns(key) || problems.concerns(other)) return;
            problems.add(
                key,
                bytes ? shown(value) : std::to_string(value),
                "is more than " + other + ", " + (bytes ? shown(limit) : std::to_string(limit)),
                "lower it, or raise " + other
            );
        };
    fits(
        "inbox.batch_deliveries",
        inbox.batch_deliveries,
        "inbox.queue_deliveries",
        inbox.queue_deliveries,
        false
    );
    fits("inbox.batch_bytes", inbox.batch_bytes, "inbox.queue_bytes", inbox.queue_bytes, true);
    fits("hooks.max_body", values.hooks.max_body, "inbox.queue_bytes", inbox.queue_bytes, true);
}

void check_backfill(const backfill_settings& backfill, setting_problems& problems) {
    const std::string first = "backfill.retry_first";
    const std::string longest = "backfill.retry_longest";
    if (backfill.retry_longest < backfill.retry_first && !problems.concerns(first) &&
        !problems.concerns(longest)) {
        problems.add(
            longest,
            shown(backfill.retry_longest),
            "is less than " + first + ", " + shown(backfill.retry_first),
            "raise it, or lower " + first
        );
    }
    const std::string timeout = "backfill.request_timeout";
    const std::string lease = "backfill.job_lease";
    if (backfill.request_timeout >= backfill.job_lease && !problems.concerns(timeout) &&
        !problems.concerns(lease)) {
        problems.add(
            timeout,
            shown(backfill.request_timeout),
            "is not less than " + lease + ", " + shown(backfill.job_lease) +
                ", so another daemon could take a job over while its request is under way",
            "lower it, or raise " + lease
        );
    }
}

/// Zero is for good; what is meant to be short is meant to be seen first.
void check_retention(const retention_settings& kept, setting_problems& problems) {
    const auto check = [&](const std::string& key, milliseconds time) {
        if (time.count() == 0 || time >= std::chrono::hours{24} || problems.concerns(key)) return;
        problems.add(key, shown(time), "is less than a day", "write 1d or more, or 0s to keep all of it");
    };
    check("retention.deliveries", kept.deliveries);
    check("retention.events", kept.events);
    check("retention.dead_letters", kept.dead_letters);
}

/// The daemon reads the machine's own zone files, so only those count.
bool is_time_zone(std::string_view name) {
    const auto in_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '+' || c == '/';
    };
    if (name.empty() || name.starts_with('/') || !std::ranges::all_of(name, in_name)) return false;
    std::error_code failure;
    return std::filesystem::is_regular_file(std::filesystem::path{"/usr/share/zoneinfo"} / name, failure);
}

void check_api_url(const std::string& url, const std::string& key, setting_problems& problems) {
    if (problems.concerns(key)) return;
    const auto origin = http::parse_origin(url);
    if (origin && origin->tls) return;
    // A password or a key may have been put into it.
    const bool telling = url.find_first_of("@?") != std::string::npos;
    problems.add(
        key,
        telling ? "***" : shown(url),
        origin ? "is not https://, so everybody on the way could read the key" : origin.error().message,
        "write https://, the host and perhaps a port, such as \"https://core.callpage.io\""
    );
}

void check_source(source_settings& source, setting_problems& problems) {
    const auto key = [&](std::string_view part) {
        return "sources." + source.name + "." + std::string{part};
    };
    if (!problems.concerns(key("time_zone")) && !is_time_zone(source.time_zone)) {
        problems.add(
            key("time_zone"),
            shown(source.time_zone),
            "is not a time zone of this machine",
            "write an IANA name such as \"Europe/Warsaw\"; the package tzdata brings them"
        );
    }
    if (!problems.concerns(key("default_region")) && !is_known_region(source.default_region)) {
        problems.add(
            key("default_region"),
            shown(source.default_region),
            "is not a country's code",
            "write the two capital letters of ISO 3166, such as \"PL\""
        );
    }
    check_networks(source.allow, key("allow"), problems);
    check_api_url(source.api_url, key("api_url"), problems);
}

void check_names(const settings& values, setting_problems& problems) {
    for (const auto& section : named_sections()) {
        const auto names = section.names(values);
        for (auto one = names.begin(); one != names.end(); ++one) {
            const auto same_variable = [&](const std::string& other) {
                return environment_name(other) == environment_name(*one);
            };
            const auto other = std::find_if(std::next(one), names.end(), same_variable);
            if (other == names.end()) continue;
            problems.add(
                std::string{section.name} + "." + *other,
                "",
                "has the same environment variables as the " + std::string{section.one} + " " + *one,
                "rename one, so that the names differ in more than - and _"
            );
        }
    }
}

}  // namespace

bool is_source_name(std::string_view name) {
    return is_section_name(name, find_named_section("sources")->longest_name);
}

void check_rules(settings& values, setting_problems& problems) {
    check_listeners(values, problems);
    check_networks(values.hooks.trusted_proxies, "hooks.trusted_proxies", problems);
    check_hosts(values.api.allowed_hosts, problems);
    check_origins(values.api.allowed_origins, problems);
    check_database(values.database, problems);
    check_inbox(values, problems);
    check_backfill(values.backfill, problems);
    check_nats(values.nats, problems);
    check_retention(values.retention, problems);
    check_names(values, problems);
    check_networks(values.outbound.allow, "outbound.allow", problems);
    for (auto& source : values.sources)
        check_source(source, problems);
}

void check_api_keys(const std::vector<source_settings>& sources, setting_problems& problems) {
    for (auto one = sources.begin(); one != sources.end(); ++one) {
        if (one->api_key.empty()) continue;
        const auto same_key = [&](const source_settings& other) {
            return other.api_url == one->api_url && other.api_key.matches(one->api_key.reveal());
        };
        const auto other = std::find_if(std::next(one), sources.end(), same_key);
        if (other == sources.end()) continue;
        problems.add(
            "sources." + other->name + ".api_key_file",
            "***",
            "holds the key of the source " + one->name + " too, so every call would be filed under both",
            "give the key to one source; all webhooks of one account may come in on it"
        );
    }
}

}  // namespace callhook::app
