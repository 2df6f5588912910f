#include "app/secret_files.hpp"
#include "app/settings_report.hpp"
#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace callhook::app {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto key_file = "sources.main.api_key_file";
constexpr auto key_itself = "sources.main.api_key";
constexpr auto ca_file = "sources.main.api_ca_file";
const std::string key_variable = "CALLHOOK_SOURCES_MAIN_API_KEY";

TEST(api_access, the_key_comes_from_a_file_beside_the_configuration_without_one_line_end) {
    const scratch_folder folder;
    for (const std::string end : {"", "\n", "\r\n"}) {
        folder.write("key", "Abc-123_=/+" + end, 0640);
        const auto outcome = load(folder, "sources.main.api_key_file = 'key'");
        ASSERT_TRUE(outcome.ok());
        EXPECT_EQ(outcome.values.sources.at(0).api_key.reveal(), "Abc-123_=/+");
        std::ostringstream summary;
        write_summary(summary, outcome);
        EXPECT_THAT(summary.str(), HasSubstr("1 secret, API key\n"));
        EXPECT_THAT(summary.str(), Not(HasSubstr("Abc")));
    }
}

TEST(api_access, no_key_is_fine) {
    const scratch_folder folder;
    auto environment = enough();
    environment[key_variable] = "";
    const auto outcome = load(folder, "sources.main.api_key_file = ''", environment);
    ASSERT_TRUE(outcome.ok());
    EXPECT_TRUE(outcome.values.sources.at(0).api_key.empty());
}

TEST(api_access, the_key_must_fit_into_a_header_field) {
    struct row {
        std::string content;
        std::string_view reason;
    };
    const row rows[] = {
        {"x", ""},
        {std::string(512, 'a'), ""},
        {"!~", ""},
        {"", "is empty"},
        {"\n", "is empty"},
        {std::string(513, 'a'), "longer than 512"},
        {"two words", "a space"},
        {" padded", "a space"},
        {"key\n\n", "a space"},
        {"key\nX-Other: 1", "a space"},
        {"key\x7f", "no visible ASCII"},
        {"k\xc3\xb3y", "no visible ASCII"},
        {std::string("a\0b", 3), "no visible ASCII"},
    };
    const scratch_folder folder;
    for (const auto& [content, reason] : rows) {
        SCOPED_TRACE(content.substr(0, 20));
        const auto path = folder.write("key", content);
        const auto outcome = load(folder, "sources.main.api_key_file = 'key'");
        EXPECT_EQ(outcome.ok(), reason.empty());
        if (reason.empty()) continue;
        const auto problem = problem_of(outcome, key_file);
        EXPECT_THAT(problem.reason, HasSubstr("the key in " + path + " "));
        EXPECT_THAT(problem.reason, HasSubstr(std::string{reason}));
        EXPECT_EQ(problem.value, "key");
    }
}

TEST(api_access, the_key_of_the_environment_is_checked_as_well) {
    const scratch_folder folder;
    auto environment = enough();
    environment[key_variable] = "Abc123";
    EXPECT_EQ(load(folder, "", environment).values.sources.at(0).api_key.reveal(), "Abc123");

    environment[key_variable] = "Abc 123";
    auto problem = problem_of(load(folder, "", environment), key_itself);
    EXPECT_EQ(problem.value, "***");
    EXPECT_THAT(problem.reason, HasSubstr("a space"));
    EXPECT_EQ(problem.origin.place, key_variable);
}

TEST(api_access, a_file_and_the_key_itself_are_one_too_many) {
    const scratch_folder folder;
    folder.write("key", "Abc123");
    auto environment = enough();
    environment[key_variable] = "Abc123";
    const auto problem =
        problem_of(load(folder, "sources.main.api_key_file = 'key'", environment), key_itself);
    EXPECT_EQ(problem.value, "***");
    EXPECT_THAT(problem.reason, HasSubstr("beside api_key_file"));
    EXPECT_THAT(problem.hint, HasSubstr(key_variable));

    environment[key_variable + "_FILE"] = "";
    EXPECT_TRUE(load(folder, "sources.main.api_key_file = 'key'", environment).ok());
}

TEST(api_access, one_key_belongs_to_one_source) {
    const scratch_folder folder;
    folder.write("key", "Abc123");
    auto environment = enough();
    environment["CALLHOOK_SOURCES_OTHER_SECRETS"] = "0123456789abcdef";
    environment["CALLHOOK_SOURCES_OTHER_API_KEY"] = "Abc123";
    const std::string both = "sources.main.api_key_file = 'key'\nsources.other.kind = 'callpage'";
    const auto problem = problem_of(load(folder, both, environment), "sources.other.api_key_file");
    EXPECT_EQ(problem.value, "***");
    EXPECT_THAT(problem.reason, HasSubstr("the key of the source main too"));

    environment["CALLHOOK_SOURCES_OTHER_API_KEY"] = "Abc124";
    EXPECT_TRUE(load(folder, both, environment).ok());
}

TEST(api_access, the_file_of_the_key_is_as_private_as_other_secrets) {
    const scratch_folder folder;
    const auto path = folder.write("key", "Abc123", 0644);
    const auto open = problem_of(load(folder, "sources.main.api_key_file = 'key'"), key_file);
    EXPECT_THAT(open.reason, HasSubstr("open to every user"));
    EXPECT_EQ(open.hint, "chmod o-rwx '" + path + "'");

    const auto missing = problem_of(load(folder, "sources.main.api_key_file = 'none'"), key_file);
    EXPECT_THAT(missing.reason, HasSubstr("none does not exist"));

    const auto pasted = problem_of(load(folder, "sources.main.api_key_file = 'Abc1234567890abc'"), key_file);
    EXPECT_EQ(pasted.value, "***");
    EXPECT_THAT(pasted.reason, HasSubstr("looks like a secret itself"));

    const auto in_document = problem_of(load(folder, "sources.main.api_key = 'Abc123'"), key_itself);
    EXPECT_EQ(in_document.value, "***");
    EXPECT_THAT(in_document.hint, HasSubstr("api_key_file"));
}

/// Of nobody: it is only loaded.
constexpr std::string_view authority = R"(-----BEGIN CERTIFICATE-----
MIIBUzCCAQWgAwIBAgIUBzR5PzE3+j2RLHFhmiWm1EASTzcwBQYDK2VwMB4xHDAa
BgNVBAMME2F1dGhvcml0eSBvZiBhIHRlc3QwIBcNMjYxMTI5MTMzMjI2WhgPMjEy
NjExMDUxMzMyMjZaMB4xHDAaBgNVBAMME2F1dGhvcml0eSBvZiBhIHRlc3QwKjAF
BgMrZXADIQAjzEai0+3rbhLG7iJSvYmaDlEv1b94pkG193RLbv809aNTMFEwHQYD
VR0OBBYEFJMnppN8tEggHD357hGQ9dbcTYRwMB8GA1UdIwQYMBaAFJMnppN8tEgg
HD357hGQ9dbcTYRwMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAxlf6sW+DKJaB
JNYJDEMl+WEDbre73bgeVFYvv3wVutMkjjTeL6tm2ds0dtQSPv9ornBWEsLwJyHe
VvoGsjwyBg==
-----END CERTIFICATE-----
)";

TEST(api_access, the_file_of_authorities_must_be_there_and_gets_its_whole_path) {
    const scratch_folder folder;
    const auto path = folder.write("ca.pem", authority, 0644);  // nothing about it is secret
    for (const auto& named : {std::string{"ca.pem"}, path}) {
        const auto outcome = load(folder, "sources.main.api_ca_file = '" + named + "'");
        ASSERT_TRUE(outcome.ok());
        EXPECT_EQ(outcome.values.sources.at(0).api_ca_file, path);
    }
    EXPECT_EQ(load(folder, "sources.main.api_ca_file = ''").values.sources.at(0).api_ca_file, "");

    folder.write("other", "no certificate\n");
    folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    struct row {
        std::string_view named, reason;
    };
    const row rows[] = {
        {"none.pem", "none.pem does not exist"},
        {".", "not a regular file"},
        {"other", "holds no certificate in PEM"},
        {"broken.pem", "holds no certificate in PEM"},
    };
    for (const auto& [named, reason] : rows) {
        SCOPED_TRACE(named);
        const auto document = "sources.main.api_ca_file = '" + std::string{named} + "'";
        const auto problem = problem_of(load(folder, document), ca_file);
        EXPECT_EQ(problem.value, named);
        EXPECT_THAT(problem.reason, HasSubstr(std::string{reason}));
    }
}

}  // namespace
}  // namespace callhook::app
