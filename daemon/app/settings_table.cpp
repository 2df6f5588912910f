#include "app/settings_table.hpp"

#include <algorithm>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = 1024 * kib;
constexpr std::int64_t gib = 1024 * mib;

setting_shape integer(
    std::string_view key, std::int64_t lowest, std::int64_t highest, std::string_view help
) {
    return {key, setting_type::integer, help, lowest, highest};
}
setting_shape duration(
    std::string_view key, milliseconds lowest, milliseconds highest, std::string_view help
) {
    return {key, setting_type::duration, help, lowest.count(), highest.count()};
}
setting_shape size(std::string_view key, std::int64_t lowest, std::int64_t highest, std::string_view help) {
    return {key, setting_type::size, help, lowest, highest};
}
setting_shape text(std::string_view key, std::string_view help) {
    return {key, setting_type::text, help};
}
setting_shape flag(std::string_view key, std::string_view help) {
    return {key, setting_type::flag, help};
}
setting_shape list(std::string_view key, std::string_view help) {
    return {key, setting_type::list, help};
}
setting_shape choice(std::string_view key, std::vector<std::string> choices, std::string_view help) {
    return {key, setting_type::choice, help, 0, 0, std::move(choices)};
}
setting_shape sensitive(setting_shape shape) {
    shape.sensitive = true;
    return shape;
}
setting_shape environment_only(setting_shape shape) {
    shape.environment_only = true;
    return shape;
}

std::vector<setting<settings>> make_settings_table() {
    using slot = setting_slot;
    using s = settings;
    // clang-format off
    return {
        {text("hooks.address", "IP address that webhooks come in on."),
            [](s& o) -> slot { return &o.hooks.address; }},
        {integer("hooks.port", 0, 65535, "TCP port that webhooks come in on; 0 takes any free one."),
            [](s& o) -> slot { return &o.hooks.port; }},
        {size("hooks.max_body", kib, 64 * mib, "Largest body of a webhook; a larger one is answered 413."),
            [](s& o) -> slot { return &o.hooks.max_body; }},
        {size("hooks.max_header", kib, 64 * kib,
            "Largest head of a request, request line and fields together; a larger one is answered 431."),
            [](s& o) -> slot { return &o.hooks.max_header; }},
        {integer("hooks.max_connections", 1, 1'000'000, "Most connections open at once."),
            [](s& o) -> slot { return &o.hooks.max_connections; }},
        {duration("hooks.header_timeout", 100ms, 5min,
            "Longest time that the head of a request may take to arrive."),
            [](s& o) -> slot { return &o.hooks.header_timeout; }},
        {duration("hooks.body_timeout", 100ms, 10min,
            "Longest time that the body of a request may take to arrive."),
            [](s& o) -> slot { return &o.hooks.body_timeout; }},
        {duration("hooks.idle_timeout", 100ms, 1h,
            "How long a kept connection may wait for its next request."),
            [](s& o) -> slot { return &o.hooks.idle_timeout; }},
        {duration("hooks.write_timeout", 100ms, 10min,
            "Longest time that a sender may take to read an answer."),
            [](s& o) -> slot { return &o.hooks.write_timeout; }},
        {duration("hooks.answer_timeout", 100ms, 1min,
            "Longest wait for a delivery to become durable before it is answered 503."),
            [](s& o) -> slot { return &o.hooks.answer_timeout; }},
        {list("hooks.trusted_proxies",
            "Networks (CIDR) whose Forwarded and X-Forwarded-For fields are believed."),
            [](s& o) -> slot { return &o.hooks.trusted_proxies; }},

        {text("api.address", "IP address of the API; only a loopback address, as the API has no tokens yet."),
            [](s& o) -> slot { return &o.api.address; }},
        {integer("api.port", 0, 65535, "TCP port of the API; 0 takes any free one."),
            [](s& o) -> slot { return &o.api.port; }},
        {integer("api.max_connections", 1, 1'000'000, "Most connections open at once."),
            [](s& o) -> slot { return &o.api.max_connections; }},
        {integer("api.page_limit", 1, 100'000, "Largest limit= that a client may ask for."),
            [](s& o) -> slot { return &o.api.page_limit; }},
        {duration("api.long_poll_max", 100ms, 10min, "Longest timeout= that a client may ask for."),
            [](s& o) -> slot { return &o.api.long_poll_max; }},

        {sensitive(text("database.url",
            "PostgreSQL as a URI (postgresql://user@host/name) or libpq connection string; there is no "
            "default.")),
            [](s& o) -> slot { return &o.database.url; }},
        {integer("database.readers", 1, 64, "Threads, with a connection each, that read for the API."),
            [](s& o) -> slot { return &o.database.readers; }},
        {duration("database.connect_timeout", 1s, 1min, "Longest time that opening a connection may take."),
            [](s& o) -> slot { return &o.database.connect_timeout; }},
        {duration("database.statement_timeout", 100ms, 1h, "Longest time that one statement may take."),
            [](s& o) -> slot { return &o.database.statement_timeout; }},

        {integer("inbox.queue_deliveries", 1, 1'000'000,
            "Most deliveries that wait for a commit; further ones are answered 503."),
            [](s& o) -> slot { return &o.inbox.queue_deliveries; }},
        {size("inbox.queue_bytes", 64 * kib, 16 * gib,
            "Most bytes that wait for a commit; further deliveries are answered 503."),
            [](s& o) -> slot { return &o.inbox.queue_bytes; }},
        {integer("inbox.batch_deliveries", 1, 100'000, "Most deliveries in one commit."),
            [](s& o) -> slot { return &o.inbox.batch_deliveries; }},
        {size("inbox.batch_bytes", 64 * kib, gib,
            "Most bytes in one commit; a single larger delivery goes alone."),
            [](s& o) -> slot { return &o.inbox.batch_bytes; }},

        {flag("pipeline.enabled",
            "Whether this daemon also works on what was received; one that does not only receives and "
            "serves."),
            [](s& o) -> slot { return &o.pipeline.enabled; }},
        {integer("pipeline.batch_deliveries", 1, 100'000, "Most deliveries worked on in one transaction."),
            [](s& o) -> slot { return &o.pipeline.batch_deliveries; }},
        {duration("pipeline.poll_interval", 10ms, 1min,
            "How often to look for work that no signal announced."),
            [](s& o) -> slot { return &o.pipeline.poll_interval; }},
        {duration("pipeline.takeover_interval", 100ms, 5s, "How often a standby tries to lead."),
            [](s& o) -> slot { return &o.pipeline.takeover_interval; }},
        {duration("pipeline.outcome_deadline", 1s, 720h,
            "How long after it was due a call without an outcome becomes overdue."),
            [](s& o) -> slot { return &o.pipeline.outcome_deadline; }},
        {duration("pipeline.message_window", 1s, 720h,
            "How long an identical message counts as a repeat of the first."),
            [](s& o) -> slot { return &o.pipeline.message_window; }},
        {duration("pipeline.message_call_window", 1s, 720h,
            "How far apart a message and a call of the same phone and widget may be and still belong "
            "together."),
            [](s& o) -> slot { return &o.pipeline.message_call_window; }},

        {flag("backfill.enabled",
            "Whether this daemon asks the vendor's API for the sources that have a key."),
            [](s& o) -> slot { return &o.backfill.enabled; }},
        {duration("backfill.sweep_interval", 1s, 168h,
            "How long after one comparison with the vendor's history the next one begins."),
            [](s& o) -> slot { return &o.backfill.sweep_interval; }},
        {duration("backfill.sweep_overlap", 0ms, 720h,
            "How far a comparison reaches back behind the end of the one before."),
            [](s& o) -> slot { return &o.backfill.sweep_overlap; }},
        {duration("backfill.first_sweep", 1s, 8760h,
            "How far the first comparison of a source reaches back."),
            [](s& o) -> slot { return &o.backfill.first_sweep; }},
        {duration("backfill.settle", 100ms, 24h,
            "How long a webhook may take before it counts as one that never came."),
            [](s& o) -> slot { return &o.backfill.settle; }},
        {duration("backfill.detail_delay", 0ms, 24h,
            "How long after its outcome a call is asked for by itself."),
            [](s& o) -> slot { return &o.backfill.detail_delay; }},
        {duration("backfill.detail_again", 1s, 720h,
            "How long after its outcome a call that still lacks something is asked for once more."),
            [](s& o) -> slot { return &o.backfill.detail_again; }},
        {duration("backfill.widgets_interval", 1s, 720h, "How often the vendor's widgets are listed."),
            [](s& o) -> slot { return &o.backfill.widgets_interval; }},
        {duration("backfill.poll_interval", 10ms, 1min, "How often to look for jobs that are due."),
            [](s& o) -> slot { return &o.backfill.poll_interval; }},
        {integer("backfill.page_size", 1, 1000, "Calls asked for in one request."),
            [](s& o) -> slot { return &o.backfill.page_size; }},
        {integer("backfill.jobs_at_once", 1, 64, "Most jobs that this daemon works on at once."),
            [](s& o) -> slot { return &o.backfill.jobs_at_once; }},
        {integer("backfill.job_attempts", 1, 100,
            "Failures in a row after which a job is dead until somebody retries it."),
            [](s& o) -> slot { return &o.backfill.job_attempts; }},
        {duration("backfill.job_lease", 1s, 1h,
            "How long a job stays with a daemon that no longer says anything."),
            [](s& o) -> slot { return &o.backfill.job_lease; }},
        {duration("backfill.retry_first", 10ms, 1h,
            "Wait after a first failure; doubled with each further one."),
            [](s& o) -> slot { return &o.backfill.retry_first; }},
        {duration("backfill.retry_longest", 10ms, 24h, "Longest wait after a failure."),
            [](s& o) -> slot { return &o.backfill.retry_longest; }},
        {integer("backfill.breaker_failures", 1, 1000,
            "Failed requests in a row after which a source's API is left alone."),
            [](s& o) -> slot { return &o.backfill.breaker_failures; }},
        {duration("backfill.breaker_pause", 10ms, 1h,
            "How long the API is left alone then; doubled with each trial that fails."),
            [](s& o) -> slot { return &o.backfill.breaker_pause; }},
        {duration("backfill.request_timeout", 100ms, 10min,
            "Longest time that one request to the API may take; less than job_lease."),
            [](s& o) -> slot { return &o.backfill.request_timeout; }},
        {size("backfill.max_answer", 64 * kib, 256 * mib, "Largest answer of the API that is taken."),
            [](s& o) -> slot { return &o.backfill.max_answer; }},

        {size("feed.tail_bytes", 64 * kib, 4 * gib, "Recent events kept in memory for waiting readers."),
            [](s& o) -> slot { return &o.feed.tail_bytes; }},
        {duration("feed.poll_interval", 10ms, 1min, "How often to look for events that no signal announced."),
            [](s& o) -> slot { return &o.feed.poll_interval; }},

        {choice("log.level", {"trace", "debug", "info", "warn", "error", "off"},
            "Lowest level that is written."),
            [](s& o) -> slot { return &o.log.level; }},
        {choice("log.format", {"automatic", "plain", "json"},
            "How lines look; automatic is plain on a terminal and one JSON object a line otherwise."),
            [](s& o) -> slot { return &o.log.format; }},

        {duration("shutdown.deadline", 100ms, 5min, "Longest time that an orderly stop may take."),
            [](s& o) -> slot { return &o.shutdown.deadline; }},
    };
    // clang-format on
}

std::vector<setting<source_settings>> make_source_table() {
    using slot = setting_slot;
    using s = source_settings;
    // clang-format off
    return {
        {choice("kind", {"callpage"}, "Who sends."),
            [](s& o) -> slot { return &o.kind; }},
        {list("secret_files",
            "One or two files with a secret each: the last part of the hook's URL, 16 to 256 of A-Z a-z "
            "0-9 - . _ ~; two while one replaces the other."),
            [](s& o) -> slot { return &o.secret_files; }},
        {environment_only(sensitive(list("secrets",
            "The one or two secrets themselves, instead of secret_files."))),
            [](s& o) -> slot { return &o.secrets; }},
        {text("time_zone",
            "IANA time zone of the vendor's account, in which its times without offset are read."),
            [](s& o) -> slot { return &o.time_zone; }},
        {text("default_region",
            "Country (ISO 3166) that phone numbers without an international prefix belong to."),
            [](s& o) -> slot { return &o.default_region; }},
        {text("basic_auth_file",
            "File with user:password that the sender must give as Basic authentication."),
            [](s& o) -> slot { return &o.basic_auth_file; }},
        {text("required_header", "Name of a header field that the sender must give."),
            [](s& o) -> slot { return &o.required_header; }},
        {text("required_header_file", "File with the value of required_header."),
            [](s& o) -> slot { return &o.required_header_file; }},
        {list("allow", "Networks (CIDR) that may send; empty allows any."),
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

}  // namespace

const std::vector<setting<settings>>& settings_table() {
    static const auto table = make_settings_table();
    return table;
}

const std::vector<setting<source_settings>>& source_table() {
    static const auto table = make_source_table();
    return table;
}

const std::vector<setting_section>& setting_sections() {
    static const std::vector<setting_section> sections{
        {"hooks", "The public listener, POST /hooks/{source}/{secret}."},
        {"api", "The private listener: feed, calls, messages, quarantine, health and metrics."},
        {"database", "PostgreSQL."},
        {"inbox", "Received deliveries on their way into the database, committed in groups."},
        {"pipeline", "The worker that turns deliveries into calls, messages and events."},
        {"backfill", "Asking the vendors' APIs for what webhooks did not say; only sources with an API key."},
        {"feed", "The ordered log of events that clients read."},
        {"log", "What goes to stderr."},
        {"shutdown", "The orderly stop on SIGTERM or SIGINT; a second signal stops at once."},
    };
    return sections;
}

std::string environment_name(std::string_view key) {
    std::string name = "CALLHOOK_";
    for (const char c : key) {
        if (c == '.' || c == '-') {
            name += '_';
        } else {
            name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
    }
    return name;
}

}  // namespace callhook::app
