#include "store/migrations.hpp"

#include "base/digest.hpp"
#include "store/failure.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace callhook::store {
namespace {

TEST(migrations, are_numbered_from_one_without_a_gap) {
    int expected = 1;
    for (const auto& m : embedded_migrations()) {
        EXPECT_EQ(m.number, expected++);
        EXPECT_FALSE(m.name.empty());
        EXPECT_FALSE(m.sql.empty());
    }
    EXPECT_GT(expected, 1);
}

TEST(migrations, make_the_schema_from_nothing_once) {
    test_database db{test_database::content::empty};
    const auto steps = static_cast<int>(embedded_migrations().size());

    const auto before = read_schema_status(db.where());
    EXPECT_EQ(before.pending(), steps);
    EXPECT_FALSE(before.up_to_date());
    EXPECT_EQ(before.mismatch(), "");
    EXPECT_EQ(db.text("SELECT coalesce(to_regnamespace('callhook')::text, '')"), "")
        << "reading makes nothing";

    const auto after = migrate(db.where());
    EXPECT_TRUE(after.up_to_date());
    EXPECT_EQ(after.pending(), 0);
    for (const auto& step : after.steps) {
        EXPECT_TRUE(step.applied);
        EXPECT_FALSE(step.applied_at.empty());
        EXPECT_FALSE(step.changed || step.unknown);
    }

    const auto epoch = db.text("SELECT epoch FROM feed_head");
    const auto applied_at = db.text("SELECT min(applied_at) FROM schema_migrations");
    const auto again = migrate(db.where());
    EXPECT_TRUE(again.up_to_date());
    EXPECT_EQ(db.text("SELECT epoch FROM feed_head"), epoch);
    EXPECT_EQ(db.text("SELECT min(applied_at) FROM schema_migrations"), applied_at);
    EXPECT_EQ(db.number("SELECT count(*) FROM schema_migrations"), steps);
}

TEST(migrations, starters_at_once_queue) {
    test_database db{test_database::content::empty};
    std::vector<schema_status> statuses(4);
    std::vector<std::thread> starters;
    for (auto& status : statuses)
        starters.emplace_back([&] { status = migrate(db.where()); });
    for (auto& s : starters)
        s.join();
    for (const auto& status : statuses)
        EXPECT_TRUE(status.up_to_date());
    EXPECT_EQ(
        db.number("SELECT count(*) FROM schema_migrations"),
        static_cast<std::int64_t>(embedded_migrations().size())
    );
    EXPECT_EQ(db.number("SELECT count(*) FROM feed_head"), 1);
}

TEST(migrations, backfill_begins_where_the_log_of_an_older_schema_ends) {
    test_database db{test_database::content::empty};
    const auto& initial = embedded_migrations().at(0);
    db.exec(
        "CREATE SCHEMA callhook; CREATE TABLE callhook.schema_migrations (number int PRIMARY KEY, name text "
        "NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    );
    db.exec(std::string{initial.sql});
    db.exec(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (1, " + sql_text(initial.name) +
        ", '" + to_hex(sha256(initial.sql)) +
        "'); UPDATE feed_head SET position = 5, outcomes = 7; "
        "INSERT INTO calls (source, id, phase, at, record, provenance, facts) VALUES "
        R"(('main', 1, 'new', now(), '{}', '{}', '[{"kind":"ordered","from":"webhook"}]'), )"
        R"(('main', 2, 'new', now(), '{}', '{}', '[{"kind":"observed","from":"backfill"}]'))"
    );
    const auto epoch = db.text("SELECT epoch FROM feed_head");
    EXPECT_EQ(read_schema_status(db.where()).pending(), static_cast<int>(embedded_migrations().size()) - 1);
    EXPECT_TRUE(migrate(db.where()).up_to_date());
    EXPECT_EQ(db.text("SELECT concat_ws(' ', epoch, position, outcomes) FROM feed_head"), epoch + " 5 7");
    EXPECT_EQ(db.number("SELECT position FROM backfill_cursor"), 5);
    EXPECT_EQ(
        db.text("SELECT string_agg(id || ' ' || by_webhook, ' ' ORDER BY id) FROM calls"), "1 true 2 false"
    );
}

TEST(migrations, a_step_of_another_text_is_a_mismatch) {
    test_database db{test_database::content::fresh};
    db.exec("UPDATE schema_migrations SET checksum = repeat('0', 64) WHERE number = 1");
    for (const auto& status : {read_schema_status(db.where()), migrate(db.where())}) {
        EXPECT_FALSE(status.up_to_date());
        EXPECT_EQ(status.pending(), 0);
        EXPECT_TRUE(status.steps.front().changed);
        EXPECT_NE(status.mismatch().find("migration 1 (initial)"), std::string::npos) << status.mismatch();
    }
    EXPECT_EQ(db.text("SELECT checksum FROM schema_migrations WHERE number = 1"), std::string(64, '0'));
}

TEST(migrations, a_newer_schema_is_a_mismatch_and_left_alone) {
    test_database db{test_database::content::fresh};
    db.exec("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'from_the_future', 'x')");
    for (const auto& status : {read_schema_status(db.where()), migrate(db.where())}) {
        EXPECT_FALSE(status.up_to_date());
        ASSERT_FALSE(status.steps.empty());
        EXPECT_TRUE(status.steps.back().unknown);
        EXPECT_EQ(status.steps.back().name, "from_the_future");
        EXPECT_NE(status.mismatch().find("newer than this binary"), std::string::npos) << status.mismatch();
        EXPECT_NE(status.mismatch().find("9999"), std::string::npos);
    }
    EXPECT_EQ(db.number("SELECT max(number) FROM schema_migrations"), 9999);
}

TEST(migrations, nothing_is_applied_to_a_newer_schema_that_lacks_a_step) {
    test_database db{test_database::content::empty};
    db.exec(
        "CREATE SCHEMA callhook; CREATE TABLE callhook.schema_migrations (number int PRIMARY KEY, name text "
        "NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()); "
        "INSERT INTO callhook.schema_migrations (number, name, checksum) VALUES (9999, 'from_the_future', "
        "'x')"
    );
    const auto status = migrate(db.where());
    EXPECT_NE(status.mismatch(), "");
    EXPECT_EQ(status.pending(), static_cast<int>(embedded_migrations().size()));
    EXPECT_EQ(db.text("SELECT coalesce(to_regclass('callhook.deliveries')::text, '')"), "");
}

TEST(migrations, a_step_that_fails_leaves_nothing_of_itself) {
    test_database db{test_database::content::empty};
    // In the way of the step's last table.
    db.exec("CREATE SCHEMA callhook; CREATE TABLE callhook.events (something_else int)");
    EXPECT_THROW(migrate(db.where()), failure);
    EXPECT_EQ(db.text("SELECT coalesce(to_regclass('callhook.deliveries')::text, '')"), "");
    EXPECT_EQ(db.text("SELECT coalesce(to_regclass('callhook.schema_migrations')::text, '')"), "");
    db.exec("DROP TABLE callhook.events");
    EXPECT_TRUE(migrate(db.where()).up_to_date());
}

TEST(migrations, a_server_that_may_lose_commits_is_a_mismatch) {
    if (!test_cluster::is_private()) GTEST_SKIP() << "needs a server whose settings may be changed";
    test_database db;
    test_cluster::set("full_page_writes", "off");
    const auto unsafe = read_schema_status(db.where());
    test_cluster::set("full_page_writes", "on");
    EXPECT_FALSE(unsafe.up_to_date());
    EXPECT_EQ(unsafe.unsafe_setting, "full_page_writes");
    EXPECT_NE(unsafe.mismatch().find("full_page_writes off"), std::string::npos) << unsafe.mismatch();
    EXPECT_TRUE(read_schema_status(db.where()).up_to_date());
}

TEST(migrations, an_absent_database_is_unavailable) {
    settings where;
    where.url = secret{"postgresql:///callhook?host=/nonexistent/callhook"};
    try {
        (void)read_schema_status(where);
        FAIL() << "there is no such server";
    } catch (const failure& e) {
        EXPECT_EQ(e.cause().code, errc::unavailable);
        EXPECT_TRUE(e.cause().retryable());
        EXPECT_EQ(e.sqlstate(), "");
    }
}

}  // namespace
}  // namespace callhook::store
