#include "app/named_sections.hpp"

#include "app/setting_shapes.hpp"

#include <algorithm>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using namespace shapes;

std::vector<setting<source_settings>> make_source_table() {
    using slot = setting_slot;
    using s = source_settings;
    // clang-format off
    return {
        {choice("kind", {"callpage"}, "Who sends."),
            [](s& o) -> slot { return &o.kind; }},
        {reloadable(list("secret_files",
            "One or two files with a secret each: the last part of the hook's URL, 16 to 256 of A-Z a-z "
            "0-9 - . _ ~; two while one replaces the other.")),
            [](s& o) -> slot { return &o.secret_files; }},
        {reloadable(environment_only(sensitive(list("secrets",
            "The one or two secrets themselves, instead of secret_files.")))),
            [](s& o) -> slot { return &o.secrets; }},
        {text("time_zone",
            "IANA time zone of the vendor's account, in which its times without offset are read."),
            [](s& o) -> slot { return &o.time_zone; }},
        {text("default_region",
            "Country (ISO 3166) that phone numbers without an international prefix belong to."),
            [](s& o) -> slot { return &o.default_region; }},
        {reloadable(text("basic_auth_file",
            "File with user:password that the sender must give as Basic authentication.")),
            [](s& o) -> slot { return &o.basic_auth_file; }},
        {reloadable(text("required_header", "Name of a header field that the sender must give.")),
            [](s& o) -> slot { return &o.required_header; }},
        {reloadable(text("required_header_file", "File with the value of required_header.")),
            [](s& o) -> slot { return &o.required_header_file; }},
        {reloadable(list("allow", "Networks (CIDR) that may send; empty allows any.")),
            [](s& o) -> slot { return &o.allow; }},
        {text("api_key_file",
            "File with the key of the vendor's REST API; empty: the API is not asked, and nothing is filled "
            "in."),
            [](s& o) -> slot { return &o.api_key_file; }},
        {environment_only(sensitive(text("api_key", "The key itself, instead of api_key_file."))),
            [](s& o) -> slot { return &o.api_key; }},
        {text("api_url", "Where the API is: https://, a host and perhaps a port, without a path."),
            [](s& o) -> slot { return &o.api_url; }},
        {text("api_ca_file",
            "PEM file with the authorities that may vouch for the API's host, instead of the system's."),
            [](s& o) -> slot { return &o.api_ca_file; }},
        {integer("api_requests_per_minute", 1, 60'000,
            "Most requests a minute with this key in the long run, of all daemons and commands on the "
            "database together."),
            [](s& o) -> slot { return &o.api_requests_per_minute; }},
        {integer("api_burst", 1, 1000, "Most requests that may go out at once after a rest."),
            [](s& o) -> slot { return &o.api_burst; }},
        {integer("api_concurrency", 1, 64, "Most requests of this daemon under way at once."),
            [](s& o) -> slot { return &o.api_concurrency; }},
    };
    // clang-format on
}

std::vector<setting<token_settings>> make_token_table() {
    using slot = setting_slot;
    using s = token_settings;
    // clang-format off
    return {
        {sensitive(text("hash",
            "sha256: and the SHA-256 of the token in hexadecimal, as callhookd token new prints it.")),
            [](s& o) -> slot { return &o.hash; }},
        {text("hash_file", "File that holds such a line, instead of hash."),
            [](s& o) -> slot { return &o.hash_file; }},
        {list("scopes",
            "What it may do: feed:read, calls:read, metrics:read; admin may do everything."),
            [](s& o) -> slot { return &o.scopes; }},
    };
    // clang-format on
}

std::vector<setting<subscription_settings>> make_subscription_table() {
    using slot = setting_slot;
    using s = subscription_settings;
    // clang-format off
    return {
        {sensitive(text("url", "Where events are sent: https://, a host, and perhaps port, path and query.")),
            [](s& o) -> slot { return &o.url; }},
        {reloadable(list("secret_files",
            "One or two files with a secret each, whsec_ and the Base64 of 24 to 64 bytes; two while one "
            "replaces the other: then both sign.")),
            [](s& o) -> slot { return &o.secret_files; }},
        {reloadable(environment_only(sensitive(list("secrets",
            "The one or two secrets themselves, instead of secret_files.")))),
            [](s& o) -> slot { return &o.secrets; }},
        {choice("mode", {"structured", "binary"},
            "How an event stands in a request: whole in the body, or its attributes as ce- fields and its data "
            "as the body."),
            [](s& o) -> slot { return &o.mode; }},
        {list("types", "Event types that are sent; empty sends all."),
            [](s& o) -> slot { return &o.types; }},
        {list("sources", "Names of the sources whose events are sent; empty sends those of all."),
            [](s& o) -> slot { return &o.sources; }},
        {list("subjects", "Subjects whose events are sent, such as calls/3419; empty sends those of all."),
            [](s& o) -> slot { return &o.subjects; }},
        {integers("widgets", 0, std::int64_t{1} << 53,
            "Numbers of the widgets whose events are sent; empty sends those of all."),
            [](s& o) -> slot { return &o.widgets; }},
        {text("start",
            "Where it starts when it is first seen: $ is the feed's end, 0 its beginning, else an event's id."),
            [](s& o) -> slot { return &o.start; }},
        {duration("timeout", 0ms, 5min, "Instead of outbound.timeout; 0s leaves it at that."),
            [](s& o) -> slot { return &o.timeout; }},
        {durations("schedule", 10ms, 168h, "Instead of outbound.schedule; empty leaves it at that."),
            [](s& o) -> slot { return &o.schedule; }},
        {duration("pause_after", 0ms, 2160h, "Instead of outbound.pause_after; 0s leaves it at that."),
            [](s& o) -> slot { return &o.pause_after; }},
    };
    // clang-format on
}

/// The one of that name, made in its place if it is not there.
template <class Owner>
Owner& named(std::vector<Owner>& all, const std::string& name) {
    auto place = std::ranges::lower_bound(all, name, {}, &Owner::name);
    if (place == all.end() || place->name != name) {
        place = all.emplace(place);
        place->name = name;
    }
    return *place;
}

template <class Owner>
named_section with(
    named_section section,
    std::vector<Owner> settings::*all,
    const std::vector<setting<Owner>>& table,
    bool reloadable = false
) {
    section.reloadable = reloadable;
    for (const auto& row : table) {
        const auto bind = [all, inner = row.bind](settings& values, const std::string& name) {
            return inner(named(values.*all, name));
        };
        section.rows.push_back({row, bind});
    }
    section.make = [all](settings& values, const std::string& name) { named(values.*all, name); };
    section.names = [all](const settings& values) {
        std::vector<std::string> names;
        for (const auto& one : values.*all)
            names.push_back(one.name);
        return names;
    };
    return section;
}

named_section described(
    std::string_view name,
    std::string_view one,
    std::size_t longest_name,
    std::string_view secret_hint,
    std::string_view example,
    std::string_view help,
    std::string_view file_help
) {
    return {name, one, longest_name, secret_hint, example, help, file_help, {}, {}, {}, false};
}

std::vector<named_section> make_sections() {
    return {
        with(
            described(
                "sources",
                "source",
                32,
                "secrets never stand in this file: put it into a file of its own and name that in "
                "secret_files (basic_auth_file, required_header_file, api_key_file)",
                "main",
                "One sender of webhooks each; at least one is needed. `NAME` is part of the hook's URL: `a` "
                "to `z`, `0` to `9`, `-` and `_`, at most 32 of them. In a variable's name it is in capitals "
                "and `-` becomes `_`. A variable alone makes a source too.\n\n"
                "Secrets never stand in the configuration file. Files with secrets must not be open to every "
                "user of the machine; one line end at their end does not count.",
                "One sender of webhooks, whose URL is /hooks/main/SECRET. Secrets never stand in this file. "
                "Files with secrets must not be open to every user of the machine; a relative path starts at "
                "this file's folder."
            ),
            &settings::sources,
            make_source_table()
        ),
        with(
            described(
                "tokens",
                "token",
                64,
                "a token itself never stands in this file, only its hash: callhookd token new prints the "
                "line",
                "dashboard",
                "One API token each, sent as `Authorization: Bearer TOKEN`; `callhookd token new` makes one. "
                "Without any the API is open to whoever reaches it, and listens on a loopback address only; "
                "with one or more every request needs one but `/livez`, `/readyz`, `/openapi.yaml` and "
                "`/schemas/`. `NAME` has at most 64 characters.",
                "One API token. Only its hash stands here; callhookd token new makes both. Without tokens "
                "the "
                "API is open to whoever reaches it, and listens on a loopback address only."
            ),
            &settings::tokens,
            make_token_table(),
            true
        ),
        with(
            described(
                "subscriptions",
                "subscription",
                64,
                "secrets never stand in this file: put it into a file of its own and name that in "
                "secret_files",
                "crm",
                "One outbound webhook each, beside those that `PUT /v1/subscriptions/{name}` makes. `NAME` "
                "is "
                "at most 64 characters. What is changed here counts from the next start, secrets from a "
                "reload on; a subscription whose section is taken away keeps its place in the feed until it "
                "is deleted through the API.",
                "One outbound webhook. The URL must be https:// unless outbound.allow_http is set, and its "
                "host public unless outbound.allow has its network."
            ),
            &settings::subscriptions,
            make_subscription_table()
        ),
    };
}

}  // namespace

const std::vector<named_section>& named_sections() {
    static const auto sections = make_sections();
    return sections;
}

const named_section* find_named_section(std::string_view name) {
    const auto& all = named_sections();
    const auto found = std::ranges::find(all, name, &named_section::name);
    return found == all.end() ? nullptr : &*found;
}

bool is_section_name(std::string_view name, std::size_t longest) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const auto in_name = [&](char c) { return plain(c) || c == '_' || c == '-'; };
    return !name.empty() && name.size() <= longest && plain(name.front()) &&
           std::ranges::all_of(name, in_name);
}

}  // namespace callhook::app
