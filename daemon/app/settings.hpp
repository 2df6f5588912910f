#pragma once

#include "base/log.hpp"
#include "base/secret.hpp"
#include "http/tls_identity.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace callhook::app {

using std::chrono::milliseconds;

/// How a listener is secured; without a certificate it is plain.
struct listener_tls {
    std::string certificate_file{};
    std::string key_file{};
    std::string client_ca_file{};                          ///< empty: clients need no certificate
    std::shared_ptr<const http::tls_identity> identity{};  ///< what was read from the files; null: plain
};

/// The public listener. What each member means, its range and its default as text: `settings_table.cpp`.
struct hooks_settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    std::size_t max_body = 1024 * 1024;
    std::size_t max_header = 8 * 1024;
    std::size_t max_connections = 4096;
    std::size_t max_connections_per_address = 256;
    std::size_t requests_per_minute = 0;
    milliseconds header_timeout{5'000};
    milliseconds body_timeout{10'000};
    milliseconds idle_timeout{30'000};
    milliseconds write_timeout{10'000};
    milliseconds answer_timeout{5'000};
    std::vector<std::string> trusted_proxies{};  ///< networks in canonical CIDR notation
    listener_tls tls{};
};

/// The private listener.
struct api_settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8081;
    std::size_t max_connections = 4096;
    milliseconds write_timeout{10'000};
    std::size_t page_limit = 1000;
    milliseconds long_poll_max{60'000};
    std::vector<std::string> allowed_hosts{};    ///< names in lower case, without a port
    std::vector<std::string> allowed_origins{};  ///< as browsers write them: in lower case, without a path
    listener_tls tls{};
};

struct database_settings {
    secret url{};
    std::size_t readers = 2;
    milliseconds connect_timeout{5'000};
    milliseconds statement_timeout{10'000};
};

/// Group commit of received deliveries.
struct inbox_settings {
    std::size_t queue_deliveries = 8192;
    std::size_t queue_bytes = std::size_t{64} * 1024 * 1024;
    std::size_t batch_deliveries = 512;
    std::size_t batch_bytes = std::size_t{8} * 1024 * 1024;
};

/// Where deliveries wait while the database does not take them.
struct spool_settings {
    std::string directory = "/var/lib/callhook/spool";  ///< empty: no spool; a relative one has the
                                                        ///< configuration file's folder before it once loaded
    std::size_t max_bytes = std::size_t{1024} * 1024 * 1024;
    std::size_t keep_free = std::size_t{256} * 1024 * 1024;
    milliseconds after{1'000};
};

struct pipeline_settings {
    bool enabled = true;
    std::size_t batch_deliveries = 1000;
    milliseconds poll_interval{100};
    milliseconds takeover_interval{1'000};
    milliseconds burst_patience{10'000};
    milliseconds outcome_deadline = std::chrono::minutes{30};
    milliseconds message_window = std::chrono::hours{24};
    milliseconds message_call_window = std::chrono::hours{24};
};

/// What follows an erasure.
struct erasure_settings {
    std::string later = "keep";  ///< or `erase`
};

/// Asking the vendors' APIs for what webhooks did not say.
struct backfill_settings {
    bool enabled = true;
    milliseconds sweep_interval = std::chrono::minutes{10};
    milliseconds sweep_overlap = std::chrono::hours{1};
    milliseconds first_sweep = std::chrono::hours{24};
    milliseconds settle = std::chrono::minutes{2};
    milliseconds detail_delay = std::chrono::minutes{1};
    milliseconds detail_again = std::chrono::hours{1};
    milliseconds widgets_interval = std::chrono::hours{1};
    milliseconds poll_interval{1'000};
    std::size_t page_size = 100;
    std::size_t jobs_at_once = 4;
    std::size_t job_attempts = 10;
    milliseconds job_lease = std::chrono::minutes{2};
    milliseconds retry_first{5'000};
    milliseconds retry_longest = std::chrono::minutes{10};
    std::size_t breaker_failures = 5;
    milliseconds breaker_pause{30'000};
    milliseconds request_timeout{30'000};
    std::size_t max_answer = std::size_t{8} * 1024 * 1024;
};

struct feed_settings {
    std::size_t tail_bytes = std::size_t{16} * 1024 * 1024;
    milliseconds poll_interval{1'000};
    milliseconds heartbeat_interval{15'000};
};

/// Telling receivers by webhooks; what each is told of is its subscription's.
struct outbound_settings {
    bool enabled = true;
    milliseconds timeout{15'000};
    std::vector<milliseconds> schedule{
        std::chrono::seconds{5},
        std::chrono::seconds{30},
        std::chrono::minutes{2},
        std::chrono::minutes{10},
        std::chrono::minutes{30},
        std::chrono::hours{1},
        std::chrono::hours{2},
        std::chrono::hours{4},
        std::chrono::hours{8},
        std::chrono::hours{12},
        std::chrono::hours{20},
        std::chrono::hours{24}};
    milliseconds pause_after = std::chrono::hours{120};
    std::size_t concurrency = 8;
    std::vector<std::string> allow{};  ///< networks in canonical CIDR notation
    bool allow_http = false;
    std::string ca_file{};  ///< a relative one has the configuration file's folder before it once loaded
    std::size_t response_bytes = std::size_t{4} * 1024;
    milliseconds keep_attempts = std::chrono::hours{168};
};

/// Publishing the feed to a NATS JetStream stream.
struct nats_settings {
    std::vector<secret> servers{};  ///< URLs, which may hold passwords; empty: nothing is published
    std::string stream = "callhook";
    std::string subject_prefix = "callhook";
    std::size_t replicas = 1;
    bool create_stream = false;
    std::string credentials_file{};  ///< like the files below: with the configuration file's folder before a
                                     ///< relative path once loaded
    std::string ca_file{};
    std::string certificate_file{};
    std::string key_file{};
    std::vector<std::string> types{};  ///< like sources: empty takes all
    std::vector<std::string> sources{};
    std::size_t batch = 500;
    milliseconds timeout{5'000};
};

/// How long each kind is kept; zero: for good.
struct retention_settings {
    milliseconds deliveries = std::chrono::hours{24} * 90;
    milliseconds events = std::chrono::hours{24} * 400;
    milliseconds dead_letters = std::chrono::hours{24} * 90;
};

struct log_settings {
    log::level level = log::level::info;
    log::format format = log::format::automatic;
};

struct process_settings {
    bool core_dumps = false;
};

struct shutdown_settings {
    milliseconds deadline{4'000};
};

/// One sender of webhooks: `[sources.NAME]`.
struct source_settings {
    std::string name{};
    std::string kind = "callpage";
    std::vector<secret> secrets{};  ///< one or two, from the environment or from `secret_files`
    std::vector<std::string> secret_files{};
    std::string time_zone = "Europe/Warsaw";
    std::string default_region = "PL";
    std::string basic_auth_file{};
    secret basic_auth{};            ///< `user:password`; empty: not asked for
    std::string required_header{};  ///< a field name; empty: not asked for
    std::string required_header_file{};
    secret required_header_value{};
    std::vector<std::string> allow{};  ///< networks in canonical CIDR notation; empty: any
    std::string api_key_file{};
    secret api_key{};  ///< from the environment or from `api_key_file`; empty: no backfill
    std::string api_url = "https://core.callpage.io";
    std::string api_ca_file{};  ///< a relative one has the configuration file's folder before it once loaded
    std::size_t api_requests_per_minute = 120;
    std::size_t api_burst = 10;
    std::size_t api_concurrency = 2;
};

/// Somebody who may use the API: `[tokens.NAME]`.
struct token_settings {
    std::string name{};
    std::string hash{};  ///< `sha256:` and 64 lower-case hex digits once loaded, also where it is from a file
    std::string hash_file{};
    std::vector<std::string> scopes{};  ///< known ones
};

/// An outbound webhook: `[subscriptions.NAME]`.
struct subscription_settings {
    std::string name{};
    std::string url{};              ///< never shown: it may hold what authorises
    std::vector<secret> secrets{};  ///< one or two `whsec_…`, from the environment or from `secret_files`
    std::vector<std::string> secret_files{};
    std::string mode = "structured";
    std::vector<std::string> types{};  ///< like the other filters: empty takes all
    std::vector<std::string> sources{};
    std::vector<std::string> subjects{};
    std::vector<std::int64_t> widgets{};
    std::string start = "$";               ///< `0`, `$` or an event's id; counts when it is made
    milliseconds timeout{0};               ///< 0: what [outbound] says
    std::vector<milliseconds> schedule{};  ///< empty: what [outbound] says
    milliseconds pause_after{0};           ///< 0: what [outbound] says
};

/// All that an operator can set, checked, with every secret read. Parts of it are handed to the constructors
/// that need them.
struct settings {
    hooks_settings hooks{};
    api_settings api{};
    database_settings database{};
    inbox_settings inbox{};
    spool_settings spool{};
    pipeline_settings pipeline{};
    erasure_settings erasure{};
    backfill_settings backfill{};
    feed_settings feed{};
    outbound_settings outbound{};
    nats_settings nats{};
    retention_settings retention{};
    log_settings log{};
    process_settings process{};
    shutdown_settings shutdown{};
    // Each ordered by name.
    std::vector<source_settings> sources{};
    std::vector<token_settings> tokens{};
    std::vector<subscription_settings> subscriptions{};
};

}  // namespace callhook::app
