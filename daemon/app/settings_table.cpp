#include "app/settings_table.hpp"

#include "app/setting_shapes.hpp"

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using namespace shapes;

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
        {integer("hooks.max_connections_per_address", 0, 1'000'000,
            "Most connections open at once from one address (IPv6: one /64) that is not a proxy; 0 is no limit."),
            [](s& o) -> slot { return &o.hooks.max_connections_per_address; }},
        {integer("hooks.requests_per_minute", 0, 1'000'000,
            "Most requests a minute from one client address (IPv6: one /64), as many at once after a rest; more "
            "are answered 429; 0 is no limit."),
            [](s& o) -> slot { return &o.hooks.requests_per_minute; }},
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
        {reloadable(text("hooks.tls_certificate_file",
            "PEM file with the listener's certificate and those between it and its authority; set, the listener "
            "speaks TLS.")),
            [](s& o) -> slot { return &o.hooks.tls.certificate_file; }},
        {reloadable(text("hooks.tls_key_file", "PEM file with the certificate's private key, unencrypted.")),
            [](s& o) -> slot { return &o.hooks.tls.key_file; }},
        {reloadable(text("hooks.tls_client_ca_file",
            "PEM file with the authorities that issue senders' certificates; set, nobody connects without one.")),
            [](s& o) -> slot { return &o.hooks.tls.client_ca_file; }},

        {text("api.address", "IP address of the API; other than a loopback address only with [tokens.NAME]."),
            [](s& o) -> slot { return &o.api.address; }},
        {integer("api.port", 0, 65535, "TCP port of the API; 0 takes any free one."),
            [](s& o) -> slot { return &o.api.port; }},
        {integer("api.max_connections", 1, 1'000'000, "Most connections open at once."),
            [](s& o) -> slot { return &o.api.max_connections; }},
        {duration("api.write_timeout", 100ms, 10min,
            "Longest time that a client may take to read an answer, or one piece of a stream."),
            [](s& o) -> slot { return &o.api.write_timeout; }},
        {integer("api.page_limit", 1, 100'000, "Largest limit= that a client may ask for."),
            [](s& o) -> slot { return &o.api.page_limit; }},
        {duration("api.long_poll_max", 100ms, 10min, "Longest timeout= that a client may ask for."),
            [](s& o) -> slot { return &o.api.long_poll_max; }},
        {list("api.allowed_hosts",
            "Names by which the API may be called where there are no tokens, beside localhost and IP addresses."),
            [](s& o) -> slot { return &o.api.allowed_hosts; }},
        {list("api.allowed_origins",
            "Origins, such as https://crm.example, whose scripts may read the feed in a browser."),
            [](s& o) -> slot { return &o.api.allowed_origins; }},
        {reloadable(text("api.tls_certificate_file",
            "PEM file with the listener's certificate and those between it and its authority; set, the listener "
            "speaks TLS.")),
            [](s& o) -> slot { return &o.api.tls.certificate_file; }},
        {reloadable(text("api.tls_key_file", "PEM file with the certificate's private key, unencrypted.")),
            [](s& o) -> slot { return &o.api.tls.key_file; }},
        {reloadable(text("api.tls_client_ca_file",
            "PEM file with the authorities that issue clients' certificates; set, nobody connects without one.")),
            [](s& o) -> slot { return &o.api.tls.client_ca_file; }},

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
            "Most deliveries that wait for a commit; further ones go to the spool, or are answered 503."),
            [](s& o) -> slot { return &o.inbox.queue_deliveries; }},
        {size("inbox.queue_bytes", 64 * kib, 16 * gib,
            "Most bytes that wait for a commit; further deliveries go to the spool, or are answered 503."),
            [](s& o) -> slot { return &o.inbox.queue_bytes; }},
        {integer("inbox.batch_deliveries", 1, 100'000, "Most deliveries in one commit."),
            [](s& o) -> slot { return &o.inbox.batch_deliveries; }},
        {size("inbox.batch_bytes", 64 * kib, gib,
            "Most bytes in one commit; a single larger delivery goes alone."),
            [](s& o) -> slot { return &o.inbox.batch_bytes; }},

        {text("spool.directory",
            "Directory, of this daemon alone, for deliveries that the database does not take; empty: none, and "
            "they are answered 503."),
            [](s& o) -> slot { return &o.spool.directory; }},
        {size("spool.max_bytes", mib, 1024 * gib, "Most that the spool may hold."),
            [](s& o) -> slot { return &o.spool.max_bytes; }},
        {size("spool.keep_free", 0, 1024 * gib, "What the spool leaves free on its file system."),
            [](s& o) -> slot { return &o.spool.keep_free; }},
        {duration("spool.after", 10ms, 1min,
            "How long a delivery waits for the database before it goes to the spool; at most half of "
            "hooks.answer_timeout."),
            [](s& o) -> slot { return &o.spool.after; }},

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
        {duration("pipeline.burst_patience", 0s, 10min,
            "How long events may wait while webhooks come faster than the pipeline follows, so that those get "
            "their answer first; 0 never lets them wait."),
            [](s& o) -> slot { return &o.pipeline.burst_patience; }},
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

        {choice("erasure.later", {"keep", "erase"},
            "What becomes of what an erased person does afterwards: kept as anybody's, or emptied on arrival."),
            [](s& o) -> slot { return &o.erasure.later; }},

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
        {duration("feed.heartbeat_interval", 100ms, 5min,
            "How long a stream of Server-Sent Events says nothing before it shows that it lives."),
            [](s& o) -> slot { return &o.feed.heartbeat_interval; }},

        {flag("outbound.enabled", "Whether this daemon sends webhooks to subscriptions' receivers."),
            [](s& o) -> slot { return &o.outbound.enabled; }},
        {duration("outbound.timeout", 100ms, 5min,
            "Longest time that a receiver may take for a whole answer."),
            [](s& o) -> slot { return &o.outbound.timeout; }},
        {durations("outbound.schedule", 10ms, 168h,
            "How long after each failed attempt the next one is made; after the last one an event is a dead "
            "letter."),
            [](s& o) -> slot { return &o.outbound.schedule; }},
        {duration("outbound.pause_after", 1s, 2160h,
            "A subscription whose every attempt has failed for so long is paused."),
            [](s& o) -> slot { return &o.outbound.pause_after; }},
        {integer("outbound.concurrency", 1, 256, "Most requests to one subscription's receiver at once."),
            [](s& o) -> slot { return &o.outbound.concurrency; }},
        {list("outbound.allow",
            "Networks (CIDR) that may be called though they are not public: loopback, private and the "
            "like."),
            [](s& o) -> slot { return &o.outbound.allow; }},
        {flag("outbound.allow_http",
            "Whether receivers may have http:// URLs, over which everybody on the way can read the events."),
            [](s& o) -> slot { return &o.outbound.allow_http; }},
        {text("outbound.ca_file",
            "PEM file with the authorities that may vouch for receivers, instead of the system's."),
            [](s& o) -> slot { return &o.outbound.ca_file; }},
        {size("outbound.response_bytes", 0, 64 * kib, "How much of a receiver's answer is kept."),
            [](s& o) -> slot { return &o.outbound.response_bytes; }},
        {duration("outbound.keep_attempts", 1min, 8760h, "How long attempts can be looked at."),
            [](s& o) -> slot { return &o.outbound.keep_attempts; }},

        {sensitive(list("nats.servers",
            "Servers of one NATS cluster, each nats://host:port or tls://host:port, with user:password@ or "
            "token@ before the host where they ask for it; empty publishes nothing.")),
            [](s& o) -> slot { return &o.nats.servers; }},
        {text("nats.stream", "Name of the JetStream stream; it must be callhook's alone."),
            [](s& o) -> slot { return &o.nats.stream; }},
        {text("nats.subject_prefix",
            "First part of every subject, PREFIX.SOURCE.TYPE; the stream takes PREFIX.> and nothing else."),
            [](s& o) -> slot { return &o.nats.subject_prefix; }},
        {integer("nats.replicas", 1, 5, "How many copies the stream must have at least."),
            [](s& o) -> slot { return &o.nats.replicas; }},
        {flag("nats.create_stream",
            "Whether to make the stream where there is none; otherwise whoever runs NATS makes it."),
            [](s& o) -> slot { return &o.nats.create_stream; }},
        {text("nats.credentials_file", "File with a user's JWT and seed, as nsc writes it."),
            [](s& o) -> slot { return &o.nats.credentials_file; }},
        {text("nats.ca_file",
            "PEM file with the authorities that may vouch for the servers, instead of the system's; asks for "
            "TLS."),
            [](s& o) -> slot { return &o.nats.ca_file; }},
        {text("nats.certificate_file",
            "PEM file with the certificate, and its chain, that callhook shows; asks for TLS."),
            [](s& o) -> slot { return &o.nats.certificate_file; }},
        {text("nats.key_file", "PEM file with the certificate's key, without a passphrase."),
            [](s& o) -> slot { return &o.nats.key_file; }},
        {list("nats.types", "Types of events to publish; empty publishes all."),
            [](s& o) -> slot { return &o.nats.types; }},
        {list("nats.sources", "Sources whose events to publish; empty publishes all."),
            [](s& o) -> slot { return &o.nats.sources; }},
        {integer("nats.batch", 1, 5000, "Most events on their way to the stream at once."),
            [](s& o) -> slot { return &o.nats.batch; }},
        {duration("nats.timeout", 100ms, 1min,
            "Longest wait for a connection, and for the stream to acknowledge a batch."),
            [](s& o) -> slot { return &o.nats.timeout; }},

        {duration("retention.deliveries", 0ms, 36500 * 24h,
            "How long deliveries are kept as they came, with what became of them; calls and messages made of "
            "them stay, and are final from then on. At least 1d; 0s keeps them for good."),
            [](s& o) -> slot { return &o.retention.deliveries; }},
        {duration("retention.events", 0ms, 36500 * 24h,
            "How long the feed goes back; a reader that is further behind is told so. At least 1d; 0s keeps "
            "all events."),
            [](s& o) -> slot { return &o.retention.events; }},
        {duration("retention.dead_letters", 0ms, 36500 * 24h,
            "How long events that a receiver never took, and questions that a vendor's API never answered, "
            "are kept after they were given up. At least 1d; 0s keeps them for good."),
            [](s& o) -> slot { return &o.retention.dead_letters; }},

        {reloadable(choice("log.level", {"trace", "debug", "info", "warn", "error", "off"},
            "Lowest level that is written.")),
            [](s& o) -> slot { return &o.log.level; }},
        {choice("log.format", {"automatic", "plain", "json"},
            "How lines look; automatic is plain on a terminal and one JSON object a line otherwise."),
            [](s& o) -> slot { return &o.log.format; }},

        {flag("process.core_dumps",
            "Whether a crash may leave a core dump; it would hold secrets and personal data."),
            [](s& o) -> slot { return &o.process.core_dumps; }},

        {duration("shutdown.deadline", 100ms, 5min, "Longest time that an orderly stop may take."),
            [](s& o) -> slot { return &o.shutdown.deadline; }},
    };
    // clang-format on
}

}  // namespace

const std::vector<setting<settings>>& settings_table() {
    static const auto table = make_settings_table();
    return table;
}

const std::vector<setting_section>& setting_sections() {
    static const std::vector<setting_section> sections{
        {"hooks", "The public listener, POST /hooks/{source}/{secret}."},
        {"api", "The private listener: feed, calls, messages, quarantine, health and metrics."},
        {"database", "PostgreSQL."},
        {"inbox", "Received deliveries on their way into the database, committed in groups."},
        {"spool", "Where deliveries wait on the local disk while the database does not take them."},
        {"pipeline", "The worker that turns deliveries into calls, messages and events."},
        {"erasure", "People whom `callhookd erase` has removed."},
        {"backfill", "Asking the vendors' APIs for what webhooks did not say; only sources with an API key."},
        {"feed", "The ordered log of events that clients read."},
        {"outbound",
         "Webhooks to receivers that subscribed; [subscriptions.NAME] and /v1/subscriptions say who."},
        {"nats", "Publishing the feed to a NATS JetStream stream."},
        {"retention",
         "How long what was received is kept; the leading daemon drops whole months once all in "
         "them is older."},
        {"log", "What goes to stderr."},
        {"process", "What the process does beside its work."},
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
