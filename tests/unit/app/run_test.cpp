#include "app/run.hpp"

#include "app/exit_codes.hpp"
#include "app/networks.hpp"
#include "app/reference.hpp"
#include "app/suggestion.hpp"
#include "base/json.hpp"
#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace callhook::app {
namespace {

using testing::HasSubstr;
using testing::Not;

struct ending {
    int code;
    std::string out;
    std::string err;
};

ending run_with(std::vector<const char*> words, const environment_map& environment) {
    words.insert(words.begin(), "callhookd");
    std::ostringstream out;
    std::ostringstream err;
    const auto code = run(static_cast<int>(words.size()), words.data(), environment, out, err);
    return {code, out.str(), err.str()};
}

TEST(run, check_config_prints_ok_and_a_summary_without_secrets) {
    const scratch_folder folder;
    const auto file = folder.write("callhookd.toml", "hooks.address = '::1'\nhooks.port = 0");
    const auto plain = run_with({"check-config", "--config", file.c_str()}, enough());
    EXPECT_EQ(plain.code, exit_code::fine);
    EXPECT_TRUE(plain.out.starts_with("ok\n"));
    EXPECT_THAT(plain.out, HasSubstr("[::1]:0"));
    EXPECT_THAT(plain.out, HasSubstr("main: callpage, Europe/Warsaw, PL, 1 secret\n"));
    EXPECT_THAT(plain.out, Not(HasSubstr(std::string{good_secret})));
    EXPECT_EQ(plain.err, "");

    const auto as_json = run_with({"check-config", "--json", "--config", file.c_str()}, enough());
    EXPECT_EQ(as_json.code, exit_code::fine);
    const auto document = json::parse(as_json.out);
    EXPECT_TRUE(document.at("ok").as_bool());
    EXPECT_TRUE(document.at("errors").as_array().empty());
    EXPECT_EQ(document.at("file").as_string(), file);
    EXPECT_THAT(as_json.out, Not(HasSubstr(std::string{good_secret})));
}

TEST(run, a_wrong_configuration_ends_every_command_with_78) {
    const scratch_folder folder;
    const auto file = folder.write("callhookd.toml", "[hooks]\nport = 99999\n");
    const std::vector<std::vector<const char*>> commands{
        {"check-config"},
        {"serve"},
        {"migrate"},
        {"audit"},
        {"epoch"},
        {"spool"},
        {"rebuild"},
        {"calls", "show", "main/1"},
        {"quarantine", "list"},
        {"backfill", "--source", "main"},
        {"jobs", "list"},
        {"healthcheck"},
        {"status"}};
    for (auto words : commands) {
        SCOPED_TRACE(words.front());
        words.insert(words.end(), {"--config", file.c_str()});
        const auto plain = run_with(words, enough());
        EXPECT_EQ(plain.code, exit_code::configuration);
        EXPECT_EQ(plain.out, "");
        EXPECT_THAT(plain.err, HasSubstr("1 error in the configuration"));
        EXPECT_THAT(
            plain.err, HasSubstr(file + ":2:8: hooks.port = 99999\n  is too large\n  fix: use 0 to 65535\n")
        );
        if (words.front() == std::string_view{"serve"}) continue;

        words.push_back("--json");
        const auto as_json = run_with(words, enough());
        EXPECT_EQ(as_json.code, exit_code::configuration);
        EXPECT_EQ(as_json.err, "");
        const auto document = json::parse(as_json.out);
        EXPECT_FALSE(document.at("ok").as_bool());
        const auto& problem = document.at("errors").at(0);
        EXPECT_EQ(problem.at("key").as_string(), "hooks.port");
        EXPECT_EQ(problem.at("value").as_string(), "99999");
        EXPECT_EQ(problem.at("reason").as_string(), "is too large");
        EXPECT_EQ(problem.at("line").to_number<int>(), 2);
        EXPECT_EQ(problem.at("origin").as_string(), file);
    }
}

TEST(run, reference_needs_no_configuration) {
    const environment_map broken{{"CALLHOOK_NONSENSE", "1"}};
    EXPECT_EQ(run_with({"reference"}, broken).out, reference_markdown());
    EXPECT_EQ(run_with({"reference", "--format", "toml"}, broken).out, reference_toml());
    EXPECT_EQ(run_with({"reference"}, broken).code, exit_code::fine);
}

TEST(run, usage_errors_come_before_the_configuration) {
    const auto ended = run_with({"serve", "--bogus"}, {{"CALLHOOK_NONSENSE", "1"}});
    EXPECT_EQ(ended.code, exit_code::usage);
    EXPECT_THAT(ended.err, HasSubstr("--bogus"));
}

TEST(networks, are_brought_into_one_notation) {
    EXPECT_EQ(read_network("10.0.0.0/8").value(), "10.0.0.0/8");
    EXPECT_EQ(read_network("10.1.2.3").value(), "10.1.2.3/32");
    EXPECT_EQ(read_network("0.0.0.0/0").value(), "0.0.0.0/0");
    EXPECT_EQ(read_network("2001:DB8:0::/32").value(), "2001:db8::/32");
    EXPECT_EQ(read_network("::1").value(), "::1/128");
    for (const auto* text :
         {"",
          "x",
          "/8",
          "10.0.0.0/",
          "10.0.0.0/8/8",
          "10.0.0.0/-1",
          "10.0.0.0/33",
          "10/8",
          "10.0.0.1/8",
          "::1/129",
          "2001:db8::1/32",
          "fe80::1%lo",
          "10.0.0.0 /8"}) {
        EXPECT_FALSE(read_network(text)) << text;
    }
    EXPECT_FALSE(read_network(std::string_view{"10.0.0.1\0.2/32", 15})) << "nothing hides behind a NUL";
    EXPECT_FALSE(is_ip_address(std::string_view{"10.0.0.1\0.2", 11}));
    EXPECT_FALSE(is_loopback_address(std::string_view{"127.0.0.1\0x", 11}));
    EXPECT_TRUE(is_ip_address("fe80::1%1")) << "a listener's may name an interface";
    EXPECT_TRUE(is_loopback_address("127.9.9.9"));
    EXPECT_TRUE(is_loopback_address("::1"));
    EXPECT_FALSE(is_loopback_address("0.0.0.0"));
    EXPECT_FALSE(is_loopback_address("::"));
    EXPECT_FALSE(is_loopback_address("localhost"));
}

TEST(suggestion, is_near_or_nothing) {
    const std::vector<std::string> known{"hooks.port", "api.port", "log.level"};
    EXPECT_EQ(suggest("hooks.prot", known), "hooks.port");
    EXPECT_EQ(suggest("log.levle", known), "log.level");
    EXPECT_EQ(suggest("level", known), "log.level");
    EXPECT_EQ(suggest("port", known), std::nullopt);  // two sections have one
    EXPECT_EQ(suggest("something.else", known), std::nullopt);
    EXPECT_EQ(suggest(std::string(100'000, 'x'), known), std::nullopt);
    EXPECT_EQ(suggest("x", {}), std::nullopt);
    EXPECT_EQ(suggest("hoks.por", known), "hooks.port");
    EXPECT_EQ(suggest("oks.port", known), "hooks.port");
    EXPECT_EQ(suggest("hooks.ports.x", known), std::nullopt);
    EXPECT_EQ(suggest("aaaa", {"aaaaaaa", "aaaaaa", "aaaaa"}), "aaaaa");
    EXPECT_EQ(suggest("", {"abc", "ab"}), "ab");
}

}  // namespace
}  // namespace callhook::app
