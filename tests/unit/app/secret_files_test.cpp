#include "app/secret_files.hpp"

#include "app/settings_report.hpp"
#include "scratch_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <sys/stat.h>

namespace callhook::app {
namespace {

using testing::HasSubstr;
using testing::Not;

const environment_map only_database{{"CALLHOOK_DATABASE_URL", "postgresql:///callhook"}};
const auto secret_key = "sources.main.secret_files";

TEST(secret_files, are_read_beside_the_configuration_file_without_one_line_end) {
    const scratch_folder folder;
    folder.write("old", std::string{good_secret} + "\n");
    folder.write("new", std::string{good_secret} + "2\r\n", 0640);
    folder.write("auth", "user:pass:word\n");
    folder.write("header", "value with spaces\n", 0400);
    const auto outcome = load(
        folder,
        R"(
        [sources.main]
        secret_files = ["old", "new"]
        basic_auth_file = "auth"
        required_header = "X-Hook-Key"
        required_header_file = "header"
        allow = ["2001:db8::/32"]
    )",
        only_database
    );
    ASSERT_TRUE(outcome.ok());
    const auto& source = outcome.values.sources.at(0);
    ASSERT_EQ(source.secrets.size(), 2U);
    EXPECT_EQ(source.secrets[0].reveal(), good_secret);
    EXPECT_EQ(source.secrets[1].reveal(), std::string{good_secret} + "2");
    EXPECT_EQ(source.basic_auth.reveal(), "user:pass:word");
    EXPECT_EQ(source.required_header, "X-Hook-Key");
    EXPECT_EQ(source.required_header_value.reveal(), "value with spaces");
}

TEST(secret_files, open_to_every_user_are_refused_with_the_command_that_helps) {
    const scratch_folder folder;
    struct row {
        unsigned mode;
        bool fine;
    };
    const row rows[] = {
        {0600, true},
        {0400, true},
        {0640, true},
        {0660, true},
        {0604, false},
        {0644, false},
        {0602, false},
        {0601, false},
        {0666, false}};
    for (const auto& [mode, fine] : rows) {
        SCOPED_TRACE(mode);
        const auto path = folder.write("secret", good_secret, mode);
        const auto outcome = load(folder, "sources.main.secret_files = ['secret']", only_database);
        EXPECT_EQ(outcome.ok(), fine);
        if (fine) continue;
        EXPECT_THAT(problem_of(outcome, secret_key).reason, HasSubstr("open to every user"));
        EXPECT_EQ(problem_of(outcome, secret_key).hint, "chmod o-rwx '" + path + "'");
    }
}

TEST(secret_files, must_hold_a_usable_part_of_a_path) {
    const scratch_folder folder;
    struct row {
        std::string content;
        std::string_view reason;
    };
    const row rows[] = {
        {"", "is empty"},
        {"\n", "is empty"},
        {std::string(15, 'a'), "shorter than 16"},
        {std::string(16, 'a'), ""},
        {std::string(256, 'a'), ""},
        {std::string(257, 'a'), "longer than 256"},
        {"abcdefghijklmnop/", "a character other than"},
        {"abcdefghijklmnop\n\n", "a character other than"},
        {"abcdefghijklmnop ", "a character other than"},
        {std::string("abcdefghijklmnop\0q", 18), "a character other than"},
        {"AZaz09-._~AZaz09", ""},
        {"................", "nothing but dots"},
        {std::string(70'000, 'a'), "larger than 65536 bytes"},
    };
    for (const auto& [content, reason] : rows) {
        SCOPED_TRACE(content.substr(0, 20));
        folder.write("secret", content);
        const auto outcome = load(folder, "sources.main.secret_files = ['secret']", only_database);
        EXPECT_EQ(outcome.ok(), reason.empty());
        if (!reason.empty()) {
            EXPECT_THAT(problem_of(outcome, secret_key).reason, HasSubstr(std::string{reason}));
        }
    }
}

TEST(secret_files, that_cannot_be_read_are_named) {
    const scratch_folder folder;
    folder.write("fine", good_secret);
    ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
    struct row {
        std::string_view document, key, value, reason;
    };
    const row rows[] = {
        {"secret_files = ['none']", "secret_files", "none", "none does not exist"},
        {"secret_files = ['fine/x']", "secret_files", "fine/x", "does not exist"},
        {"secret_files = ['.']", "secret_files", ".", "not a regular file"},
        {"secret_files = ['pipe']", "secret_files", "pipe", "not a regular file"},
        {"secret_files = ['']", "secret_files", "", "not a regular file"},
        {"secret_files = []", "secret_files", "", "no secret is configured"},
        {"secret_files = ['fine', 'fine', 'fine']", "secret_files", "3 files", "more than two"},
        {"basic_auth_file = 'none'", "basic_auth_file", "none", "does not exist"},
        {"basic_auth_file = 'fine'", "basic_auth_file", "fine", "user:password"},
        {"required_header = 'X'", "required_header_file", "", "missing beside required_header"},
        {"required_header_file = 'fine'", "required_header", "", "missing beside required_header_file"},
        {"required_header = 'a b'\nrequired_header_file = 'fine'",
         "required_header",
         "a b",
         "not a header field's name"},
        {"required_header = 'X'\nrequired_header_file = 'none'",
         "required_header_file",
         "none",
         "does not exist"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.document);
        const auto document = "[sources.main]\n" + std::string{row.document};
        const auto problem =
            problem_of(load(folder, document, only_database), "sources.main." + std::string{row.key});
        EXPECT_EQ(problem.value, row.value);
        EXPECT_THAT(problem.reason, HasSubstr(std::string{row.reason}));
    }
}

TEST(secret_files, give_way_to_the_environment) {
    const scratch_folder folder;
    environment_map environment = only_database;
    environment["CALLHOOK_SOURCES_MY_SITE_SECRETS"] =
        std::string{good_secret} + ", " + std::string{good_secret} + "2";
    const auto outcome = load(folder, "sources.my-site.secret_files = ['/nowhere']", environment);
    ASSERT_TRUE(outcome.ok());
    ASSERT_EQ(outcome.values.sources.size(), 1U);
    EXPECT_EQ(outcome.values.sources[0].name, "my-site");
    EXPECT_EQ(outcome.values.sources[0].secrets.size(), 2U);

    const auto two = load(folder, "[sources.a-b]\n[sources.a_b]", only_database);
    EXPECT_THAT(
        problem_of(two, "sources.a_b").reason, HasSubstr("same environment variables as the source a-b")
    );
}

TEST(secret_files, secrets_are_never_repeated) {
    const scratch_folder folder;
    const std::string hidden = "hunter2hunter2hunter2";
    folder.write("bad", hidden + " " + hidden);
    folder.write("header", hidden + "\n" + hidden);
    const std::string documents[] = {
        "database.url = '" + hidden + "'",
        "database.url = ['" + hidden + "']",
        "database.urll = 'postgresql://u:" + hidden + "@h/d'",
        "database = '" + hidden + "'",
        "databse.url = '" + hidden + "'",
        "database.url = postgresql://u:" + hidden + "@h/d",
        "database.url = \"postgresql://u:" + hidden,
        "database.url = '" + hidden + "' '" + hidden + "'",
        "database.url = " + hidden,
        "sources = '" + hidden + "'",
        "sources.main = '" + hidden + "'",
        "sources.main.secret = '" + hidden + "'",
        "sources.main.secrets = ['" + hidden + "']",
        "sources.main.secret_files = ['" + hidden + "']",
        "sources.main.secret_files = ['bad']",
        "sources.main.basic_auth_file = 'bad'",
        "sources.main.basic_auth = '" + hidden + "'",
        "sources.main.api_key = '" + hidden + "'",
        "sources.main.api_key_file = '" + hidden + "'",
        "sources.main.api_key_file = 'bad'",
        "sources.main.api_ca_file = 'bad'",
        "sources.main.api_url = 'https://u:" + hidden + "@core.callpage.io'",
        "sources.main.api_url = 'https://core.callpage.io?key=" + hidden + "'",
        "[sources.main]\nrequired_header = 'X'\nrequired_header_file = 'header'",
    };
    const environment_map environments[] = {
        {},
        {{"CALLHOOK_DATABASE_URL", hidden}},
        {{"CALLHOOK_DATABASE_URI", hidden}},
        {{"CALLHOOK_SOURCES_MAIN_SECRETS", hidden + "/," + hidden + "," + hidden}},
        {{"CALLHOOK_SOURCES_MAIN_SECRET_FILES", hidden}},
        {{"CALLHOOK_SOURCES_MAIN_SECRET", hidden}},
        {{"CALLHOOK_SOURCES_MAIN_API_KEY", hidden}},
        {{"CALLHOOK_SOURCES_MAIN_API_KEY", hidden + " " + hidden}},
        {{"CALLHOOK_SOURCES_MAIN_API_KEYS", hidden}},
    };
    for (const auto& document : documents) {
        for (const auto& environment : environments) {
            SCOPED_TRACE(document);
            const auto outcome = load(folder, document, environment);
            EXPECT_FALSE(outcome.ok());
            std::ostringstream text;
            write_problems(text, outcome);
            write_summary(text, outcome);
            text << problems_as_json(outcome) << summary_as_json(outcome);
            EXPECT_THAT(text.str(), Not(HasSubstr("hunter2")));
        }
    }
    const auto outcome = load(folder, "sources.main.secret = '" + hidden + "'");
    EXPECT_THAT(problem_of(outcome, "sources.main.secret").hint, HasSubstr("secret_files"));
}

}  // namespace
}  // namespace callhook::app
