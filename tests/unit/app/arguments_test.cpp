#include "app/arguments.hpp"

#include "app/exit_codes.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace callhook::app {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";

struct answer {
    std::variant<arguments, int> parsed;
    std::string out;
    std::string err;
};

answer parse(std::string_view line) {
    std::vector<std::string> words{"callhookd"};
    for (const auto word : split(line, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    std::vector<const char*> pointers;
    for (const auto& word : words)
        pointers.push_back(word.c_str());
    std::ostringstream out;
    std::ostringstream err;
    auto parsed = parse_arguments(static_cast<int>(pointers.size()), pointers.data(), out, err);
    return {std::move(parsed), out.str(), err.str()};
}

template <class Command>
Command parse_as(std::string_view line) {
    const auto read = parse(line);
    const auto* understood = std::get_if<arguments>(&read.parsed);
    if (understood == nullptr || !std::holds_alternative<Command>(understood->what)) {
        ADD_FAILURE() << line << ": " << read.err;
        return {};
    }
    return std::get<Command>(understood->what);
}

TEST(arguments, commands_and_their_options) {
    EXPECT_FALSE(parse_as<serve_command>("serve").migrate);
    EXPECT_TRUE(parse_as<serve_command>("serve --migrate").migrate);
    EXPECT_FALSE(parse_as<check_config_command>("check-config").json);
    EXPECT_TRUE(parse_as<check_config_command>("check-config --json").json);
    EXPECT_TRUE(parse_as<migrate_command>("migrate --status --json").status);
    EXPECT_TRUE(parse_as<migrate_command>("migrate --json").json);
    EXPECT_TRUE(parse_as<audit_command>("audit --json").json);
    EXPECT_TRUE(parse_as<spool_command>("spool --json").json);
    EXPECT_EQ(parse_as<epoch_command>("epoch --json").what, epoch_command::action::show);
    EXPECT_EQ(parse_as<epoch_command>("epoch --new").what, epoch_command::action::begin);
    EXPECT_EQ(parse_as<epoch_command>("epoch --keep").what, epoch_command::action::keep);
    EXPECT_TRUE(parse_as<rebuild_command>("rebuild --json").json);
    EXPECT_EQ(parse_as<token_new_command>("token new").scopes, std::vector<std::string>{"feed:read"});
    const auto token = parse_as<token_new_command>("token new crm --scope admin --scope metrics:read --json");
    EXPECT_EQ(token.name, "crm");
    EXPECT_EQ(token.scopes, (std::vector<std::string>{"admin", "metrics:read"}));
    EXPECT_TRUE(token.json);

    const auto call = parse_as<calls_show_command>("calls show my-site/4711 --json");
    EXPECT_EQ(call.source, "my-site");
    EXPECT_EQ(call.call, 4711);
    EXPECT_TRUE(call.json);

    const auto erase = parse_as<erase_command>("erase --phone +48600100200 --region PL --dry-run --json");
    EXPECT_EQ(erase.phone, "+48600100200");
    EXPECT_EQ(erase.region, "PL");
    EXPECT_TRUE(erase.dry_run && erase.json && erase.email.empty());
    EXPECT_EQ(parse_as<erase_command>("erase --email a@b.example").email, "a@b.example");
    EXPECT_EQ(parse_as<erase_command>("erase --phone -").phone, "-");
    EXPECT_TRUE(parse_as<erasures_command>("erasures list --json").json);

    using action = quarantine_command::action;
    EXPECT_EQ(parse_as<quarantine_command>("quarantine list").what, action::list);
    const auto show = parse_as<quarantine_command>("quarantine show " + std::string{id});
    EXPECT_EQ(show.what, action::show);
    ASSERT_EQ(show.deliveries.size(), 1U);
    EXPECT_EQ(to_string(show.deliveries[0]), id);
    const auto retry = parse_as<quarantine_command>(
        "quarantine retry " + std::string{id} + " " + std::string{id} + " --json"
    );
    EXPECT_EQ(retry.what, action::retry);
    EXPECT_EQ(retry.deliveries.size(), 2U);
    EXPECT_FALSE(retry.all);
    EXPECT_TRUE(retry.json);
    EXPECT_TRUE(parse_as<quarantine_command>("quarantine retry --all").all);

    using shape = reference_command::shape;
    EXPECT_EQ(parse_as<reference_command>("reference").format, shape::markdown);
    EXPECT_EQ(parse_as<reference_command>("reference --format markdown").format, shape::markdown);
    EXPECT_EQ(parse_as<reference_command>("reference --format=toml").format, shape::toml);
}

TEST(arguments, healthcheck) {
    const auto plain = parse_as<healthcheck_command>("healthcheck");
    EXPECT_FALSE(plain.ready || plain.json);
    EXPECT_EQ(plain.api.timeout, std::chrono::seconds{3});
    const auto all = parse_as<healthcheck_command>(
        "healthcheck --ready --timeout 250ms --certificate a.pem --key b.pem --json"
    );
    EXPECT_TRUE(all.ready && all.json);
    EXPECT_EQ(all.api.timeout, std::chrono::milliseconds{250});
    EXPECT_EQ(all.api.certificate_file, "a.pem");
    EXPECT_EQ(all.api.key_file, "b.pem");
    for (const auto* wrong :
         {"--timeout 1ms", "--timeout 1h", "--timeout soon", "--certificate a.pem", "--key b"})
        EXPECT_EQ(std::get<int>(parse(std::string{"healthcheck "} + wrong).parsed), exit_code::usage)
            << wrong;
}

TEST(arguments, doctor_and_status) {
    EXPECT_TRUE(parse_as<doctor_command>("doctor --json").json);
    EXPECT_EQ(parse_as<doctor_command>("doctor --timeout 1s").api.timeout, std::chrono::seconds{1});
    const auto plain = parse_as<status_command>("status");
    EXPECT_FALSE(plain.once || plain.json);
    EXPECT_EQ(plain.interval, std::chrono::seconds{2});
    const auto all = parse_as<status_command>("status --once --interval 500ms --token-file t --json");
    EXPECT_TRUE(all.once && all.json);
    EXPECT_EQ(all.interval, std::chrono::milliseconds{500});
    EXPECT_EQ(all.token_file, "t");
}

TEST(arguments, man_and_completion) {
    using shell = completion_command::shell;
    using page = man_command::page;
    EXPECT_EQ(parse_as<completion_command>("completion fish").what, shell::fish);
    EXPECT_EQ(parse_as<man_command>("man").what, page::program);
    EXPECT_EQ(parse_as<man_command>("man callhookd.toml").what, page::configuration);
    for (const auto* wrong : {"completion", "completion csh", "man ls"})
        EXPECT_EQ(std::get<int>(parse(wrong).parsed), exit_code::usage) << wrong;
}

TEST(arguments, backfill) {
    using namespace std::chrono;
    using action = backfill_command::action;
    const auto now = parse_as<backfill_command>("backfill --source my-site");
    EXPECT_EQ(now.what, action::sweep);
    EXPECT_EQ(now.source, "my-site");
    EXPECT_FALSE(now.from || now.to || now.dry_run || now.json);

    const auto range = parse_as<backfill_command>(
        "backfill --source main --from 2026-03-01T09:00:00+01:00 --to=2026-03-02 --dry-run --json"
    );
    EXPECT_EQ(range.what, action::sweep);
    EXPECT_EQ(range.from, sys_days{2026y / March / 1} + 8h);
    EXPECT_EQ(range.to, utc_time{sys_days{2026y / March / 2}});
    EXPECT_TRUE(range.dry_run);
    EXPECT_TRUE(range.json);

    const auto check = parse_as<backfill_command>("backfill --check --source main --json");
    EXPECT_EQ(check.what, action::check);
    EXPECT_TRUE(check.json);
    const auto forget = parse_as<backfill_command>("backfill --source main --forget-identity");
    EXPECT_EQ(forget.what, action::forget_identity);
    EXPECT_FALSE(forget.json);
}

TEST(arguments, jobs) {
    using action = jobs_command::action;
    const auto all = parse_as<jobs_command>("jobs list");
    EXPECT_EQ(all.what, action::list);
    EXPECT_FALSE(all.dead || all.json);
    EXPECT_TRUE(parse_as<jobs_command>("jobs list --dead --json").dead);
    EXPECT_TRUE(parse_as<jobs_command>("jobs list --dead --json").json);

    const auto retry = parse_as<jobs_command>("jobs retry 7 9223372036854775807 --json");
    EXPECT_EQ(retry.what, action::retry);
    EXPECT_EQ(retry.jobs, (std::vector<std::int64_t>{7, 9'223'372'036'854'775'807}));
    EXPECT_FALSE(retry.all);
    EXPECT_TRUE(retry.json);
    EXPECT_TRUE(parse_as<jobs_command>("jobs retry --all").all);
}

TEST(arguments, the_configuration_file_may_be_named_everywhere) {
    for (const std::string line :
         {"--config f serve",
          "serve --config f",
          "serve --config=f --migrate",
          "check-config --config f",
          "migrate --config f",
          "audit --config f",
          "rebuild --config f",
          "calls show a/1 --config f",
          "calls --config f show a/1",
          "quarantine list --config f",
          "backfill --source a --config f",
          "jobs list --config f",
          "jobs --config f retry 1",
          "reference --config f"}) {
        const auto read = parse(line);
        const auto* understood = std::get_if<arguments>(&read.parsed);
        ASSERT_NE(understood, nullptr) << line << read.err;
        EXPECT_EQ(understood->config_file, "f") << line;
    }
}

TEST(arguments, what_cannot_be_understood_ends_with_64_and_a_message) {
    struct row {
        std::string line;
        std::string_view message;
    };
    const row rows[] = {
        {"", "required"},
        {"bogus", "bogus"},
        {"serv", "did you mean serve?"},
        {"quarantine lst", "lst"},
        {"backfil", "did you mean backfill?"},
        {"eras", "did you mean erase?"},
        {"erase", "required"},
        {"erase --phone 1 --email a@b.example", "--phone"},
        {"erase a@b.example", "there is no"},
        {"erasures", "required"},
        {"serve --bogus", "--bogus"},
        {"serve extra", "extra"},
        {"serve --json", "--json"},
        {"serve audit", "audit"},
        {"epoch --new --keep", "excludes"},
        {"--config", "--config"},
        {"serve --config", "--config"},
        {"serve --config=", "--config"},
        {"calls", "required"},
        {"calls show", "call"},
        {"calls show 1", "SOURCE/ID"},
        {"calls show main/x", "SOURCE/ID"},
        {"calls show main/-1", "SOURCE/ID"},
        {"calls show Main/1", "SOURCE/ID"},
        {"calls show a/1 b/2", "b/2"},
        {"quarantine", "required"},
        {"quarantine show", "delivery"},
        {"quarantine show 1", "a UUID"},
        {"quarantine show " + std::string{id} + " " + std::string{id}, "delivery"},
        {"quarantine retry", "either deliveries or --all"},
        {"quarantine retry --all " + std::string{id}, "either deliveries or --all"},
        {"quarantine retry x", "a UUID"},
        {"backfill", "--source"},
        {"backfill --source", "--source"},
        {"backfill --source Main", "Main is not a source's name"},
        {"backfill --source a --source b", "--source"},
        {"backfill --source a b", "b"},
        {"backfill --source a --from 2026-03-01", "--to"},
        {"backfill --source a --to 2026-03-01", "--from"},
        {"backfill --source a --from 2026-03-01 --to 2026-03-01", "--from must be earlier than --to"},
        {"backfill --source a --from 2026-03-02T00:30:00+01:00 --to 2026-03-01T23:30:00Z", "earlier"},
        {"backfill --source a --from 2026-03-02 --to 2026-03-01", "--from must be earlier than --to"},
        {"backfill --source a --from 2026-02-29 --to 2026-03-01", "2026-02-29 is no time"},
        {"backfill --source a --from 2026-03-01 --to 2026-03-02T10:00:00", "is no time"},
        {"backfill --source a --from yesterday --to 2026-03-01", "2026-03-01T09:00:00+01:00"},
        {"backfill --source a --from= --to=2026-03-01", "is no time"},
        {"backfill --source a --check --forget-identity", "--forget-identity"},
        {"backfill --source a --check --dry-run", "--check"},
        {"backfill --source a --check --from 2026-03-01 --to 2026-03-02", "--check"},
        {"backfill --source a --forget-identity --dry-run", "--forget-identity"},
        {"backfill --source a --forget-identity --from 2026-03-01 --to 2026-03-02", "--forget-identity"},
        {"jobs", "required"},
        {"jobs show", "show"},
        {"jobs list 1", "1"},
        {"jobs list --all", "--all"},
        {"jobs retry", "either jobs or --all"},
        {"jobs retry --all 1", "either jobs or --all"},
        {"jobs retry 0", "a job's id"},
        {"jobs retry 1 x", "a job's id"},
        {"jobs retry -1", "-1"},
        {"jobs retry 9223372036854775808", "a job's id"},
        {"reference --format pdf", "neither markdown nor toml"},
    };
    for (const auto& [line, message] : rows) {
        SCOPED_TRACE(line);
        const auto read = parse(line);
        ASSERT_TRUE(std::holds_alternative<int>(read.parsed));
        EXPECT_EQ(std::get<int>(read.parsed), exit_code::usage);
        EXPECT_THAT(read.err, HasSubstr(std::string{message}));
        EXPECT_THAT(read.err, HasSubstr("--help"));
        EXPECT_EQ(read.out, "");
    }
}

TEST(arguments, help_and_version_go_to_stdout_and_end_with_0) {
    for (const std::string line :
         {"--help",
          "-h",
          "serve --help",
          "check-config --help",
          "migrate --help",
          "audit --help",
          "rebuild --help",
          "erase --help",
          "erasures list --help",
          "calls --help",
          "calls show --help",
          "quarantine --help",
          "quarantine list --help",
          "quarantine retry --help",
          "backfill --help",
          "jobs --help",
          "jobs list --help",
          "jobs retry --help",
          "reference --help"}) {
        SCOPED_TRACE(line);
        const auto read = parse(line);
        ASSERT_TRUE(std::holds_alternative<int>(read.parsed));
        EXPECT_EQ(std::get<int>(read.parsed), exit_code::fine);
        EXPECT_THAT(read.out, HasSubstr("Usage:"));
        EXPECT_THAT(read.out, HasSubstr("--config"));
        EXPECT_EQ(read.err, "");
    }
    const auto help = parse("--help").out;
    for (const std::string word :
         {"Examples:",
          "Exit codes:",
          "64",
          "69",
          "70",
          "77",
          "78",
          "quarantine",
          "backfill",
          "jobs",
          "reference"}) {
        EXPECT_THAT(help, HasSubstr(word));
    }
    EXPECT_THAT(parse("backfill --help").out, HasSubstr("2026-03-01 is midnight UTC"));
    EXPECT_THAT(parse("audit --help").out, Not(HasSubstr("Examples:")));
    EXPECT_EQ(parse("--version").out, "callhookd " + std::string{version} + "\n");
}

}  // namespace
}  // namespace callhook::app
