#pragma once

#include "base/log.hpp"
#include "base/secret.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace callhook::app {

using std::chrono::milliseconds;

/// The public listener. What each member means, its range and its default as text: `settings_table.cpp`.
struct hooks_settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    std::size_t max_body = 1024 * 1024;
    std::size_t max_header = 8 * 1024;
    std::size_t max_connections = 4096;
    milliseconds header_timeout{5'000};
    milliseconds body_timeout{10'000};
    milliseconds idle_timeout{30'000};
    milliseconds write_timeout{10'000};
    milliseconds answer_timeout{5'000};
    std::vector<std::string> trusted_proxies{};  ///< networks in canonical CIDR notation
};

/// The private listener.
struct api_settings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8081;
    std::size_t max_connections = 4096;
    std::size_t page_limit = 1000;
    milliseconds long_poll_max{60'000};
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

struct pipeline_settings {
    bool enabled = true;
    std::size_t batch_deliveries = 1000;
    milliseconds poll_interval{100};
    milliseconds takeover_interval{1'000};
    milliseconds outcome_deadline = std::chrono::minutes{30};
    milliseconds message_window = std::chrono::hours{24};
    milliseconds message_call_window = std::chrono::hours{24};
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
};

struct log_settings {
    log::level level = log::level::info;
    log::format format = log::format::automatic;
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

/// All that an operator can set, checked, with every secret read. Parts of it are handed to the constructors
/// that need them.
struct settings {
    hooks_settings hooks{};
    api_settings api{};
    database_settings database{};
    inbox_settings inbox{};
    pipeline_settings pipeline{};
    backfill_settings backfill{};
    feed_settings feed{};
    log_settings log{};
    shutdown_settings shutdown{};
    std::vector<source_settings> sources{};  ///< ordered by name
};

}  // namespace callhook::app
