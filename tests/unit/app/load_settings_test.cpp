#include "app/load_settings.hpp"

#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(load_settings, a_missing_default_file_is_fine_with_enough_in_the_environment) {
    const scratch_folder folder;
    const auto outcome = load(folder, "");
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.file, "");
    EXPECT_EQ(outcome.values.hooks.port, 8080);
    EXPECT_EQ(outcome.values.database.url.reveal(), "postgresql:///callhook");
    ASSERT_EQ(outcome.values.sources.size(), 1U);
    EXPECT_EQ(outcome.values.sources[0].name, "main");
    EXPECT_TRUE(outcome.values.sources[0].secrets.at(0).matches(good_secret));
}

TEST(load_settings, environment_goes_before_file_before_default) {
    const scratch_folder folder;
    auto environment = enough();
    environment["CALLHOOK_HOOKS_PORT"] = "3";
    environment["CALLHOOK_HOOKS_TRUSTED_PROXIES"] = "10.0.0.0/8, 192.0.2.1";
    environment["CALLHOOK_PIPELINE_ENABLED"] = "false";
    environment["CALLHOOK_SOURCES_MAIN_DEFAULT_REGION"] = "DE";
    const auto outcome = load(
        folder,
        R"(
        [hooks]
        port = 2
        max_body = 4096
        idle_timeout = "7s"
        [api]
        port = 2
        [log]
        level = "debug"
        format = "json"
        [sources.main]
        default_region = "GB"
        time_zone = "Europe/London"
    )",
        environment
    );
    ASSERT_TRUE(outcome.ok());
    const auto& values = outcome.values;
    EXPECT_EQ(values.hooks.port, 3);
    EXPECT_EQ(values.api.port, 2);
    EXPECT_EQ(values.hooks.max_body, 4096U);
    EXPECT_EQ(values.hooks.idle_timeout, 7s);
    EXPECT_EQ(values.hooks.header_timeout, 5s);
    EXPECT_EQ(values.hooks.trusted_proxies, (std::vector<std::string>{"10.0.0.0/8", "192.0.2.1/32"}));
    EXPECT_FALSE(values.pipeline.enabled);
    EXPECT_EQ(values.log.level, log::level::debug);
    EXPECT_EQ(values.log.format, log::format::json);
    EXPECT_EQ(values.sources.at(0).default_region, "DE");
    EXPECT_EQ(values.sources.at(0).time_zone, "Europe/London");
}

TEST(load_settings, backfill_at_the_edges_of_its_rules) {
    const scratch_folder folder;
    auto environment = enough();
    environment["CALLHOOK_BACKFILL_SWEEP_OVERLAP"] = "0s";
    environment["CALLHOOK_SOURCES_MAIN_API_BURST"] = "1";
    const auto outcome = load(
        folder,
        R"(
        [backfill]
        enabled = false
        detail_delay = "0s"
        retry_first = "10ms"
        retry_longest = "10ms"
        job_lease = "1s"
        request_timeout = "999ms"
        job_attempts = 1
        [sources.main]
        api_url = "https://[2001:DB8::1]:8443"
        api_requests_per_minute = 60000
    )",
        environment
    );
    ASSERT_TRUE(outcome.ok());
    const auto& backfill = outcome.values.backfill;
    EXPECT_FALSE(backfill.enabled);
    EXPECT_EQ(backfill.sweep_overlap, 0s);
    EXPECT_EQ(backfill.sweep_interval, 10min);
    EXPECT_EQ(backfill.detail_delay, 0s);
    EXPECT_EQ(backfill.retry_longest, 10ms);
    EXPECT_EQ(backfill.request_timeout, 999ms);
    EXPECT_EQ(backfill.job_attempts, 1U);
    EXPECT_EQ(backfill.max_answer, 8U << 20);
    const auto& source = outcome.values.sources.at(0);
    EXPECT_TRUE(source.api_key.empty());
    EXPECT_EQ(source.api_url, "https://[2001:DB8::1]:8443");
    EXPECT_EQ(source.api_requests_per_minute, 60'000U);
    EXPECT_EQ(source.api_burst, 1U);
    EXPECT_EQ(source.api_concurrency, 2U);
}

struct refusal {
    std::string_view document;
    std::string_view key;
    std::string_view value;
    std::string_view reason;
    std::string_view hint;
};

TEST(load_settings, every_kind_of_mistake_in_the_file) {
    const refusal rows[] = {
        // types
        {"hooks.port = '80'", "hooks.port", "80", "must be a whole number", "0 to 65535"},
        {"hooks.port = 1.5",
         "hooks.port",
         "(a number with a fraction)",
         "must be a whole number",
         "0 to 65535"},
        {"hooks.port = 2026-11-21", "hooks.port", "(a date or time)", "must be a whole number", "0 to 65535"},
        {"[hooks.port]\nx = 1", "hooks.port", "(a table)", "must be a whole number", "0 to 65535"},
        {"hooks.idle_timeout = 5", "hooks.idle_timeout", "5", "must be a duration", "100ms to 1h"},
        {"hooks.idle_timeout = '5'", "hooks.idle_timeout", "5", "must be a duration", "100ms to 1h"},
        {"hooks.max_body = '1MB'", "hooks.max_body", "1MB", "must be a size", "1KiB to 64MiB"},
        {"hooks.max_body = true", "hooks.max_body", "true", "must be a size", "1KiB to 64MiB"},
        {"hooks.address = 1", "hooks.address", "1", "must be a string", "quotes"},
        {"pipeline.enabled = 'yes'", "pipeline.enabled", "yes", "must be true or false", "true or false"},
        {"log.level = 'verbose'", "log.level", "verbose", "one of the allowed words", "trace, debug, info"},
        {"log.level = 1", "log.level", "1", "one of the allowed words", "trace, debug, info"},
        {"hooks.trusted_proxies = '10.0.0.0/8'",
         "hooks.trusted_proxies",
         "10.0.0.0/8",
         "a list of strings",
         "brackets"},
        {"hooks.trusted_proxies = [1]", "hooks.trusted_proxies", "[1]", "a list of strings", "brackets"},
        // keys
        {"'' = 1", "\"\"", "1", "unknown key", "remove it"},
        {"hooks.'' = 1", "hooks.\"\"", "1", "unknown key", "reference"},
        {"'hooks.port' = 1", "\"hooks.port\"", "1", "unknown key", "did you mean hooks.port?"},
        {"hooks.'a\"\\b' = 1", R"(hooks."a\"\\b")", "1", "unknown key", "reference"},
        // ranges
        {"hooks.port = -1", "hooks.port", "-1", "too small", "0 to 65535"},
        {"hooks.port = 65536", "hooks.port", "65536", "too large", "0 to 65535"},
        {"hooks.header_timeout = '99ms'", "hooks.header_timeout", "99ms", "too small", "100ms to 5m"},
        {"pipeline.takeover_interval = '6s'", "pipeline.takeover_interval", "6s", "too large", "100ms to 5s"},
        {"hooks.max_body = '1GiB'", "hooks.max_body", "1GiB", "too large", "1KiB to 64MiB"},
        {"inbox.batch_deliveries = 0", "inbox.batch_deliveries", "0", "too small", "1 to 100000"},
        // keys
        {"hooks.prot = 1", "hooks.prot", "1", "unknown key", "did you mean hooks.port?"},
        {"hook.port = 1", "hook", "", "unknown section", "did you mean hooks?"},
        {"max_body = 1", "max_body", "1", "unknown key", "did you mean hooks.max_body?"},
        {"api.takeover_interval = 1",
         "api.takeover_interval",
         "1",
         "unknown",
         "did you mean pipeline.takeover_interval?"},
        {"zzzzzzzz = 1", "zzzzzzzz", "1", "unknown key", "callhookd reference"},
        {"hooks = 1", "hooks", "1", "is a section, not a value", "[hooks]"},
        {"sources = 1", "sources", "1", "is a section, not a value", "[sources.NAME]"},
        {"[[sources]]\nkind = 'callpage'",
         "sources",
         "(a list of tables)",
         "is a section, not a value",
         "[sources.NAME]"},
        {"sources.main = 1", "sources.main", "1", "is a section, not a value", "[sources.NAME]"},
        {"sources.main.time_zon = 'x'",
         "sources.main.time_zon",
         "***",
         "unknown key",
         "sources.main.time_zone?"},
        {"sources.main.kind = 'phone'", "sources.main.kind", "phone", "one of the allowed words", "callpage"},
        {"sources.main.allow.x = 1", "sources.main.allow", "(a table)", "a list of strings", "brackets"},
        {"sources.Main.kind = 'callpage'", "sources.Main", "", "usable name", "a to z"},
        {"[sources.-x]", "sources.-x", "", "usable name", "a to z"},
        {"[sources.'']", "sources.\"\"", "", "usable name", "a to z"},
        {"[sources.abcdefghijklmnopqrstuvwxyz0123456]",
         "sources.abcdefghijklmnopqrstuvwxyz0123456",
         "",
         "usable",
         "32"},
        // rules
        {"hooks.address = 'localhost'",
         "hooks.address",
         "localhost",
         "not an IP address",
         "names are not looked up"},
        {"api.address = '0.0.0.0'", "api.address", "0.0.0.0", "there are no tokens", "callhookd token new"},
        {"api.address = '192.0.2.1'", "api.address", "192.0.2.1", "not a loopback address", "127.0.0.1"},
        {"api.allowed_origins = ['https://crm.example/']",
         "api.allowed_origins",
         "/",
         "not an origin",
         "without a path"},
        {"api.allowed_origins = ['https://CRM.example']",
         "api.allowed_origins",
         "CRM",
         "not an origin",
         "lower case"},
        {"api.allowed_origins = ['https://crm.example:443']",
         "api.allowed_origins",
         "443",
         "not an origin",
         "usual"},
        {"api.allowed_hosts = ['https://crm.example']",
         "api.allowed_hosts",
         "crm",
         "not a host",
         "without scheme"},
        {"api.allowed_hosts = ['crm.example:8081']", "api.allowed_hosts", "8081", "not a host", "port"},
        {"api.allowed_hosts = ['*.example']", "api.allowed_hosts", "*", "not a host", "callhook.internal"},
        {"hooks.requests_per_minute = 600",
         "hooks.requests_per_minute",
         "600",
         "holds for nobody",
         "trusted_proxies"},
        {"api.allowed_origins = ['*']", "api.allowed_origins", "*", "not an origin", "https://crm.example"},
        {"api.port = 8080", "api.port", "8080", "port of hooks as well", "two different ports"},
        {"hooks.trusted_proxies = ['x']", "hooks.trusted_proxies", "x", "not an IP network", "10.0.0.0/8"},
        {"hooks.trusted_proxies = ['10.0.0.0/33']",
         "hooks.trusted_proxies",
         "10.0.0.0/33",
         "not 0 to 32",
         "10.0.0.0/8"},
        {"hooks.trusted_proxies = ['10.0.0.1/8']",
         "hooks.trusted_proxies",
         "10.0.0.1/8",
         "is 10.0.0.0/8",
         "10.0.0.0/8"},
        {"sources.main.allow = ['::/129']", "sources.main.allow", "::/129", "not 0 to 128", "2001:db8::/32"},
        {"sources.main.time_zone = 'Mars/X'",
         "sources.main.time_zone",
         "Mars/X",
         "not a time zone",
         "Europe/Warsaw"},
        {"sources.main.time_zone = '../x'",
         "sources.main.time_zone",
         "../x",
         "not a time zone",
         "Europe/Warsaw"},
        {"sources.main.time_zone = ''", "sources.main.time_zone", "", "not a time zone", "Europe/Warsaw"},
        {"sources.main.default_region = 'pl'", "sources.main.default_region", "pl", "not a country", "PL"},
        {"inbox.queue_deliveries = 9",
         "inbox.batch_deliveries",
         "512",
         "inbox.queue_deliveries, 9",
         "lower it"},
        {"inbox.batch_bytes = '65MiB'", "inbox.batch_bytes", "65MiB", "inbox.queue_bytes, 64MiB", "lower it"},
        {"inbox.queue_bytes = '64KiB'", "hooks.max_body", "1MiB", "inbox.queue_bytes, 64KiB", "lower it"},
        {"backfill.sweep_interval = '999ms'", "backfill.sweep_interval", "999ms", "too small", "1s to 7d"},
        {"backfill.settle = '99ms'", "backfill.settle", "99ms", "too small", "100ms to 1d"},
        {"backfill.poll_interval = '9ms'", "backfill.poll_interval", "9ms", "too small", "10ms to 1m"},
        {"backfill.page_size = 1001", "backfill.page_size", "1001", "too large", "1 to 1000"},
        {"backfill.jobs_at_once = 65", "backfill.jobs_at_once", "65", "too large", "1 to 64"},
        {"backfill.job_attempts = 0", "backfill.job_attempts", "0", "too small", "1 to 100"},
        {"backfill.breaker_failures = 1001", "backfill.breaker_failures", "1001", "too large", "1 to 1000"},
        {"retention.deliveries = '23h'", "retention.deliveries", "23h", "less than a day", "0s"},
        {"retention.events = '1ms'", "retention.events", "1ms", "less than a day", "1d"},
        {"retention.dead_letters = '36501d'", "retention.dead_letters", "36501d", "too large", "36500d"},
        {"retention.deliveries = 'never'", "retention.deliveries", "never", "h or d", "0s to 36500d"},
        {"backfill.breaker_pause = '9ms'", "backfill.breaker_pause", "9ms", "too small", "10ms to 1h"},
        {"backfill.max_answer = '1KiB'", "backfill.max_answer", "1KiB", "too small", "64KiB to 256MiB"},
        {"backfill.sweep_intervall = '5m'",
         "backfill.sweep_intervall",
         "***",
         "unknown key",
         "backfill.sweep_interval?"},
        {"backfill.retry_longest = '4s'",
         "backfill.retry_longest",
         "4s",
         "less than backfill.retry_first, 5s",
         "raise it"},
        {"backfill.retry_first = '11m'",
         "backfill.retry_longest",
         "10m",
         "backfill.retry_first, 11m",
         "raise"},
        {"backfill.request_timeout = '2m'",
         "backfill.request_timeout",
         "2m",
         "not less than backfill.job_lease, 2m",
         "raise backfill.job_lease"},
        {"backfill.job_lease = '30s'",
         "backfill.request_timeout",
         "30s",
         "backfill.job_lease, 30s",
         "lower it"},
        {"sources.main.api_url = 'core.callpage.io'",
         "sources.main.api_url",
         "core.callpage.io",
         "does not start with https://",
         "https://core.callpage.io"},
        {"sources.main.api_url = 'http://core.callpage.io'",
         "sources.main.api_url",
         "http://core.callpage.io",
         "is not https://",
         "https://core.callpage.io"},
        {"sources.main.api_url = 'https://core.callpage.io/api'",
         "sources.main.api_url",
         "https://core.callpage.io/api",
         "does not end after host and port",
         "a port"},
        {"sources.main.api_url = 'https://core.callpage.io:0'",
         "sources.main.api_url",
         "https://core.callpage.io:0",
         "port",
         "a port"},
        {"sources.main.api_url = ''", "sources.main.api_url", "", "does not start with https://", "https://"},
        {"sources.main.api_requests_per_minute = 0",
         "sources.main.api_requests_per_minute",
         "0",
         "too small",
         "1 to 60000"},
        {"sources.main.api_burst = 1001", "sources.main.api_burst", "1001", "too large", "1 to 1000"},
        {"sources.main.api_concurrency = 0", "sources.main.api_concurrency", "0", "too small", "1 to 64"},
    };
    const scratch_folder folder;
    for (const auto& row : rows) {
        SCOPED_TRACE(row.document);
        const auto outcome = load(folder, row.document);
        const auto problem = problem_of(outcome, row.key);
        EXPECT_THAT(problem.value, HasSubstr(std::string{row.value}));
        EXPECT_THAT(problem.reason, HasSubstr(std::string{row.reason}));
        EXPECT_THAT(problem.hint, HasSubstr(std::string{row.hint}));
    }
}

TEST(load_settings, every_kind_of_mistake_in_the_environment) {
    struct row {
        std::string_view variable, text, key, value, reason, hint;
    };
    const row rows[] = {
        {"CALLHOOK_HOOKS_PORT", "http", "hooks.port", "http", "must be a whole number", "0 to 65535"},
        {"CALLHOOK_HOOKS_PORT", "", "hooks.port", "", "must be a whole number", "0 to 65535"},
        {"CALLHOOK_API_PORT", "70000", "api.port", "70000", "too large", "0 to 65535"},
        {"CALLHOOK_PIPELINE_ENABLED", "1", "pipeline.enabled", "1", "must be true or false", "true"},
        {"CALLHOOK_DATABASE_URL",
         "callhook",
         "database.url",
         "***",
         "neither a PostgreSQL URI",
         "postgresql://"},
        {"CALLHOOK_DATABASE_URL", "", "database.url", "", "is not set", "CALLHOOK_DATABASE_URL"},
        {"CALLHOOK_HOOK_PORT",
         "1",
         "CALLHOOK_HOOK_PORT",
         "***",
         "unknown environment",
         "CALLHOOK_HOOKS_PORT?"},
        {"CALLHOOK_SOURCES_SECRETS",
         "x",
         "CALLHOOK_SOURCES_SECRETS",
         "***",
         "unknown environment",
         "callhookd reference"},
        {"CALLHOOK_SOURCES_MAIN_SECRET",
         "x",
         "CALLHOOK_SOURCES_MAIN_SECRET",
         "***",
         "unknown",
         "MAIN_SECRETS?"},
        {"CALLHOOK_SOURCES_main_KIND",
         "x",
         "CALLHOOK_SOURCES_main_KIND",
         "***",
         "unknown environment",
         "MAIN_KIND?"},
        {"CALLHOOK_", "x", "CALLHOOK_", "***", "unknown environment", "callhookd reference"},
    };
    const scratch_folder folder;
    for (const auto& row : rows) {
        SCOPED_TRACE(row.variable);
        auto environment = enough();
        environment[std::string{row.variable}] = row.text;
        const auto outcome = load(folder, "", environment);
        EXPECT_EQ(outcome.problems.size(), 1U);
        const auto problem = problem_of(outcome, row.key);
        EXPECT_EQ(problem.value, row.value);
        EXPECT_THAT(problem.reason, HasSubstr(std::string{row.reason}));
        EXPECT_THAT(problem.hint, HasSubstr(std::string{row.hint}));
        EXPECT_EQ(problem.origin.place, row.variable);
    }
}

TEST(load_settings, other_programs_and_tests_variables_are_passed_over) {
    const scratch_folder folder;
    auto environment = enough();
    environment["CALLHOOK_TEST_ANYTHING"] = "x";
    environment["CALLHOOK"] = "x";
    environment["PATH"] = "/bin";
    environment["CALLHOOK_CONFIG"] = "";
    EXPECT_TRUE(load(folder, "", environment).ok());
}

TEST(load_settings, a_listener_is_where_its_socket_was_opened) {
    const scratch_folder folder;
    auto request = request_for(folder, "[hooks]\naddress = \"192.0.2.1\"\nport = 3\n");
    request.handed_over = {{"hooks", "::", 443}, {"api", "127.0.0.2", 4}};
    const auto outcome = load_settings(request);
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.values.hooks.address, "::");
    EXPECT_EQ(outcome.values.hooks.port, 443);
    EXPECT_EQ(outcome.values.api.address, "127.0.0.2");
    EXPECT_EQ(outcome.values.api.port, 4);
}

TEST(load_settings, no_socket_opens_the_api_to_all_the_world) {
    const scratch_folder folder;
    auto request = request_for(folder, "");
    request.handed_over = {{"api", "0.0.0.0", 8081}};
    const auto outcome = load_settings(request);
    ASSERT_EQ(outcome.problems.size(), 1U);
    EXPECT_EQ(outcome.problems[0].key, "api.address");
}

TEST(load_settings, finds_everything_at_once_with_its_place) {
    const scratch_folder folder;
    const auto outcome = load(
        folder,
        "[hooks]\nprot = 1\nport = 99999\n[log]\nlevel = 'x'\n[sources.main]\ntime_zone = 'Mars/X'\n",
        {{"CALLHOOK_API_PORT", "x"}, {"CALLHOOK_NONSENSE", "1"}}
    );
    EXPECT_EQ(outcome.problems.size(), 8U);
    EXPECT_EQ(problem_of(outcome, "hooks.prot").origin.line, 2U);
    EXPECT_EQ(problem_of(outcome, "hooks.port").origin.line, 3U);
    EXPECT_EQ(problem_of(outcome, "hooks.port").origin.column, 8U);
    EXPECT_EQ(problem_of(outcome, "hooks.port").origin.place, outcome.file);
    EXPECT_EQ(problem_of(outcome, "log.level").origin.line, 5U);
    EXPECT_EQ(problem_of(outcome, "sources.main.time_zone").origin.line, 7U);
    EXPECT_EQ(problem_of(outcome, "api.port").origin.place, "CALLHOOK_API_PORT");
    EXPECT_EQ(problem_of(outcome, "database.url").reason, "is not set");
    EXPECT_EQ(problem_of(outcome, "sources.main.secret_files").reason, "no secret is configured");
    problem_of(outcome, "CALLHOOK_NONSENSE");
}

TEST(load_settings, broken_toml_is_one_problem_with_its_place) {
    const scratch_folder folder;
    for (const auto* document :
         {"[hooks]\nport = = 1",
          "[hooks]\nport = 1\nport = 2",
          "a = \"",
          "\xff\xfe = 1",
          "]",
          "[$hooks]",
          "p\u00fc = 1",
          "[hooks\u3042]"}) {
        SCOPED_TRACE(document);
        const auto outcome = load(folder, document, {});
        ASSERT_EQ(outcome.problems.size(), 1U);
        EXPECT_THAT(outcome.problems[0].reason, HasSubstr("is not TOML"));
        EXPECT_GE(outcome.problems[0].origin.line, 1U);
        EXPECT_GE(outcome.problems[0].origin.column, 1U);
    }
}

TEST(load_settings, a_file_that_was_named_must_be_there) {
    const scratch_folder folder;
    load_request request;
    request.environment = enough();
    request.file = (folder.path() / "nothing.toml").string();
    auto problem = problem_of(load_settings(request), "config");
    EXPECT_EQ(problem.value, request.file);
    EXPECT_THAT(problem.reason, HasSubstr("does not exist"));
    EXPECT_THAT(problem.hint, HasSubstr("--config"));

    request.environment["CALLHOOK_CONFIG"] = request.file;
    request.file.clear();
    EXPECT_THAT(problem_of(load_settings(request), "config").hint, HasSubstr("CALLHOOK_CONFIG"));

    request.environment.erase("CALLHOOK_CONFIG");
    request.default_file = folder.path().string();
    EXPECT_THAT(problem_of(load_settings(request), "config").reason, HasSubstr("not a regular file"));
}

TEST(load_settings, the_command_line_names_the_file_before_the_environment) {
    const scratch_folder folder;
    auto environment = enough();
    environment["CALLHOOK_CONFIG"] = folder.write("other.toml", "hooks.port = 1");
    EXPECT_EQ(load(folder, "hooks.port = 2", environment).values.hooks.port, 2);
    EXPECT_EQ(load(folder, "", environment).values.hooks.port, 1);
}

TEST(load_settings, a_source_is_needed_only_where_it_is_used) {
    const scratch_folder folder;
    const environment_map environment{{"CALLHOOK_DATABASE_URL", "host=/run/postgresql"}};
    EXPECT_THAT(problem_of(load(folder, "", environment), "sources").reason, HasSubstr("no source"));
    load_request request;
    request.environment = environment;
    request.default_file = (folder.path() / "missing.toml").string();
    request.needs_sources = false;
    EXPECT_TRUE(load_settings(request).ok());

    request.file = folder.write("callhookd.toml", "sources.main.secret_files = ['/nonexistent/not-for-you']");
    request.needs_secrets = false;
    EXPECT_TRUE(load_settings(request).ok());
}

TEST(load_settings, api_keys_are_read_only_where_they_are_used) {
    const scratch_folder folder;
    load_request request;
    request.environment = enough();
    request.file = folder.write("callhookd.toml", "sources.main.api_key_file = '/nonexistent/key'");
    EXPECT_THAT(
        problem_of(load_settings(request), "sources.main.api_key_file").reason, HasSubstr("does not exist")
    );
    request.needs_api_keys = false;
    EXPECT_TRUE(load_settings(request).ok());

    // A command that only asks the API needs no secret of the hook.
    folder.write("key", "abc");
    request.file = folder.write(
        "callhookd.toml", "[sources.main]\nsecret_files = ['/nonexistent/x']\napi_key_file = 'key'"
    );
    request.environment.erase("CALLHOOK_SOURCES_MAIN_SECRETS");
    request.needs_secrets = false;
    request.needs_api_keys = true;
    const auto outcome = load_settings(request);
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.values.sources.at(0).api_key.reveal(), "abc");
}

}  // namespace
}  // namespace callhook::app
