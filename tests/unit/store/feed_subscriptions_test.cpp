#include "store/feed_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

class feed_subscriptions : public testing::Test {
protected:
    static subscription_draft draft(const std::string& name = "crm") {
        subscription_draft out;
        out.name = name;
        out.url = "https://crm.example/hook";
        return out;
    }

    made_subscription put(const subscription_draft& what, std::int64_t position = 0) {
        return store.put_subscription(what, secret{"whsec_first"}, epoch(), position).value();
    }

    /// One message of `crm` for each position; dead those from `first_dead` on.
    void write_messages(int count, int first_dead) {
        db.exec(
            "INSERT INTO outbound_messages (subscription, position, source, subject, attempts, due_at, "
            "dead_at, "
            "last_error) SELECT 'crm', n, 'main', 'calls/' || n, 3, now() + interval '1 hour', CASE WHEN n "
            ">= " +
            std::to_string(first_dead) + " THEN now() END, 'status 500' FROM generate_series(1, " +
            std::to_string(count) + ") n"
        );
    }

    /// Live for good, and to end.
    std::string secrets() {
        return db.text(
            "SELECT coalesce(string_agg(secret || CASE WHEN expires_at IS NULL THEN '' ELSE ' ends' END, ', "
            "' "
            "ORDER BY secret), '') FROM subscription_secrets"
        );
    }

    std::string epoch() { return db.text("SELECT epoch FROM feed_head"); }

    test_database db;
    feed_store store{db.where(), "test"};
};

TEST_F(feed_subscriptions, what_is_put_is_read_as_it_was_given) {
    auto what = draft();
    what.mode = "binary";
    what.filter = {{"call.new"}, {"main"}, {"calls/1"}, {3, -4}};
    what.timeout = 5s;
    what.schedule = {1s, 2min};
    what.pause_after = 1h;
    EXPECT_TRUE(put(what, 7).made);
    const auto read = store.read_subscription("crm");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->what, what);
    EXPECT_EQ(read->state, subscription_state::active);
    EXPECT_EQ(read->epoch, epoch());
    EXPECT_EQ(read->position, 7);
    EXPECT_EQ(read->generation, 1);
    EXPECT_EQ(secrets(), "whsec_first");
    EXPECT_FALSE(store.read_subscription("other"));
}

TEST_F(feed_subscriptions, a_second_put_changes_what_it_says_and_neither_place_nor_secret) {
    put(draft(), 7);
    auto changed = draft();
    changed.url = "https://other.example/";
    const auto again = store.put_subscription(changed, secret{"whsec_second"}, epoch(), 0).value();
    EXPECT_FALSE(again.made);
    EXPECT_EQ(again.what.what.url, changed.url);
    EXPECT_EQ(again.what.position, 7);
    EXPECT_EQ(again.what.generation, 2);
    EXPECT_EQ(secrets(), "whsec_first");
    const auto twice = put(changed);
    EXPECT_EQ(twice.what.generation, 2) << "said twice, it is no change";
    EXPECT_TRUE(twice.made) << "and who made it learns so, whose secret it has";
}

TEST_F(feed_subscriptions, the_configuration_takes_over_and_a_client_does_not) {
    put(draft(), 7);
    auto configured = draft();
    configured.origin = subscription_origin::config;
    const auto taken = store.put_subscription(configured, {}, epoch(), 0).value();
    EXPECT_FALSE(taken.made);
    EXPECT_EQ(taken.what.position, 7);
    EXPECT_EQ(taken.what.what.origin, subscription_origin::config);
    EXPECT_EQ(secrets(), "");

    const auto refused = store.put_subscription(draft(), secret{"whsec_x"}, epoch(), 0);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::conflict);
    EXPECT_EQ(store.rotate_secret("crm", secret{"whsec_x"}, 1s).error().code, errc::conflict);
    EXPECT_EQ(secrets(), "");
}

TEST_F(feed_subscriptions, pause_and_resume) {
    put(draft());
    write_messages(3, 3);
    db.exec("UPDATE subscriptions SET failing_since = now()");
    auto now = store.pause_subscription("crm", "operator");
    ASSERT_TRUE(now);
    EXPECT_EQ(now->state, subscription_state::paused);
    EXPECT_EQ(now->state_reason, "operator");
    EXPECT_EQ(now->generation, 2);
    EXPECT_EQ(store.pause_subscription("crm", "failing")->state_reason, "operator");

    now = store.resume_subscription("crm");
    EXPECT_EQ(now->state, subscription_state::active);
    EXPECT_EQ(now->state_reason, "");
    EXPECT_FALSE(now->failing_since);
    EXPECT_EQ(now->generation, 3);
    EXPECT_EQ(
        db.text("SELECT count(*) FROM outbound_messages WHERE dead_at IS NULL AND due_at <= now()"), "2"
    );

    db.exec("UPDATE subscriptions SET state = 'disabled', state_reason = 'gone'");
    EXPECT_EQ(store.pause_subscription("crm", "operator")->state, subscription_state::disabled);
    EXPECT_EQ(store.resume_subscription("crm")->state, subscription_state::active);
    EXPECT_FALSE(store.pause_subscription("other", "operator"));
    EXPECT_FALSE(store.resume_subscription("other"));
}

TEST_F(feed_subscriptions, a_rotation_keeps_one_older_secret_for_a_while) {
    put(draft());
    EXPECT_TRUE(store.rotate_secret("crm", secret{"whsec_second"}, 60s));
    EXPECT_EQ(secrets(), "whsec_first ends, whsec_second");
    EXPECT_TRUE(store.rotate_secret("crm", secret{"whsec_second"}, 60s)) << "said twice";
    EXPECT_EQ(secrets(), "whsec_first ends, whsec_second");
    EXPECT_TRUE(store.rotate_secret("crm", secret{"whsec_third"}, 60s));
    EXPECT_EQ(secrets(), "whsec_second ends, whsec_third");
    EXPECT_TRUE(store.rotate_secret("crm", secret{"whsec_fourth"}, 0s));
    EXPECT_EQ(secrets(), "whsec_fourth");
    EXPECT_EQ(store.rotate_secret("other", secret{"whsec_x"}, 0s).error().code, errc::not_found);
}

TEST_F(feed_subscriptions, dead_letters_of_a_range_are_due_again) {
    put(draft());
    write_messages(10, 5);
    auto counted = store.read_subscription("crm");
    EXPECT_EQ(counted->waiting, 4);
    EXPECT_EQ(counted->dead, 6);
    EXPECT_EQ(store.redrive("crm", 1, 6), 2);
    EXPECT_EQ(
        db.text("SELECT string_agg(position || ' ' || attempts, ', ' ORDER BY position) "
                "FROM outbound_messages WHERE due_at <= now() AND dead_at IS NULL"),
        "5 0, 6 0"
    );
    EXPECT_EQ(store.redrive("crm", 1, 6), 0);
    EXPECT_FALSE(store.redrive("other", 1, 6));

    const auto dead = store.list_dead("crm", 7, 2);
    ASSERT_EQ(dead.size(), 2U);
    EXPECT_EQ(dead[0].position, 8);
    EXPECT_EQ(dead[0].subject, "calls/8");
    EXPECT_EQ(dead[0].attempts, 3);
    EXPECT_EQ(dead[0].last_error, "status 500");
    EXPECT_EQ(dead[1].position, 9);
}

TEST_F(feed_subscriptions, a_reset_drops_what_waits_and_what_comes_again) {
    put(draft(), 10);
    write_messages(10, 4);
    const auto reset = store.reset_subscription("crm", epoch(), 6);
    ASSERT_TRUE(reset);
    EXPECT_EQ(reset->position, 6);
    EXPECT_EQ(reset->waiting, 0);
    EXPECT_EQ(reset->dead, 3);
    EXPECT_EQ(reset->generation, 2);
    EXPECT_FALSE(store.reset_subscription("other", epoch(), 0));
}

TEST_F(feed_subscriptions, attempts_come_newest_first_and_in_pages) {
    put(draft());
    db.exec(
        "INSERT INTO outbound_attempts (subscription, position, attempt, at, duration_ms, status, error, "
        "response) "
        "SELECT 'crm', 1 + n % 2, n, now(), n, CASE WHEN n > 1 THEN 500 END, 'no', '\\x00ff' "
        "FROM generate_series(1, 6) n"
    );
    const auto newest = store.list_attempts("crm", {}, {}, 2);
    ASSERT_EQ(newest.size(), 2U);
    EXPECT_EQ(newest[0].attempt, 6);
    EXPECT_EQ(newest[0].status, 500);
    EXPECT_EQ(newest[0].duration, 6ms);
    EXPECT_EQ(newest[0].response, std::string("\0\xff", 2));
    const auto older = store.list_attempts("crm", {}, newest[1].id, 10);
    ASSERT_EQ(older.size(), 4U);
    EXPECT_EQ(older[0].attempt, 4);
    EXPECT_FALSE(older[3].status);
    const auto of_one = store.list_attempts("crm", 2, {}, 10);
    ASSERT_EQ(of_one.size(), 3U);
    EXPECT_EQ(of_one[2].attempt, 1);
    EXPECT_TRUE(store.list_attempts("other", {}, {}, 10).empty());
}

TEST_F(feed_subscriptions, what_is_removed_is_gone_with_all_that_belongs_to_it) {
    put(draft());
    put(draft("b"));
    write_messages(2, 2);
    std::vector<std::string> names;
    for (const auto& one : store.list_subscriptions())
        names.push_back(one.what.name);
    EXPECT_EQ(names, (texts{"b", "crm"}));
    EXPECT_TRUE(store.remove_subscription("crm"));
    EXPECT_FALSE(store.remove_subscription("crm"));
    EXPECT_EQ(db.text("SELECT count(*) FROM outbound_messages"), "0");
}

}  // namespace
}  // namespace callhook::store
