// What the dispatcher writes, and when it may not.
#include "store/feed_store.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;
using positions = std::vector<std::int64_t>;

class feed_outbound : public testing::Test {
protected:
    feed_outbound() {
        put("crm");
        take_lease(me);
    }

    subscription put(
        const std::string& name,
        subscription_origin origin = subscription_origin::api,
        std::int64_t position = 0
    ) {
        subscription_draft what;
        what.name = name;
        what.origin = origin;
        what.url = "https://crm.example/hook";
        const secret first{origin == subscription_origin::api ? "whsec_first" : ""};
        return store.put_subscription(what, first, db.text("SELECT epoch FROM feed_head"), position)
            .value()
            .what;
    }

    bool take_lease(const uuid& owner) {
        return !store.take_leases({"subscription/crm"}, owner, 60s).empty();
    }

    outbound_claim claim() {
        const auto row = store.active_subscriptions().at(0);
        outbound_claim out;
        out.subscription = row.what.name;
        out.lease = "subscription/crm";
        out.owner = me;
        out.epoch = row.epoch;
        out.generation = row.generation;
        out.created_at = row.created_at;
        return out;
    }

    static outbound_progress to(std::int64_t position, std::int64_t from = 0) {
        outbound_progress out;
        out.from = from;
        out.position = position;
        return out;
    }

    static waiting_message message(
        std::int64_t position, std::chrono::milliseconds due_in, bool dead = false
    ) {
        return {position, "main", "calls/" + std::to_string(position), 1, due_in, "answered 500", dead};
    }

    positions waiting() {
        positions out;
        for (const auto& m : store.waiting_messages("crm", 100))
            out.push_back(m.position);
        return out;
    }

    std::int64_t place() { return db.number("SELECT position FROM subscriptions WHERE name = 'crm'"); }

    /// Everything that a worker writes.
    std::string written() {
        return db.text(
            "SELECT (SELECT string_agg(s::text, ' ' ORDER BY s.name) FROM subscriptions s) || "
            "coalesce((SELECT string_agg(m::text, ' ' ORDER BY position) FROM outbound_messages m), '') || "
            "coalesce((SELECT string_agg(a::text, ' ' ORDER BY id) FROM outbound_attempts a), '') || "
            "(SELECT count(*) FROM announcements)"
        );
    }

    const uuid me = test_id(1, test_time());
    const uuid other = test_id(2, test_time());
    test_database db;
    feed_store store{db.where(), "test"};
};

TEST_F(feed_outbound, the_active_ones_are_listed_with_what_signs_now) {
    put("erp", subscription_origin::config, 5);
    put("paused");
    ASSERT_TRUE(store.pause_subscription("paused", "operator"));
    ASSERT_TRUE(store.rotate_secret("crm", secret{"whsec_second"}, 1h).has_value());
    const auto rows = store.active_subscriptions();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].what.name, "crm");
    EXPECT_EQ(rows[0].what.url, "https://crm.example/hook");
    EXPECT_EQ(rows[0].generation, 2);
    ASSERT_EQ(rows[0].secrets.size(), 2U);
    EXPECT_EQ(rows[0].secrets[0].reveal(), "whsec_second");
    EXPECT_EQ(rows[0].secrets[1].reveal(), "whsec_first");
    EXPECT_EQ(rows[1].what.origin, subscription_origin::config);
    EXPECT_EQ(rows[1].position, 5);
    EXPECT_TRUE(rows[1].secrets.empty());

    db.exec("UPDATE subscription_secrets SET expires_at = now() WHERE secret = 'whsec_first'");
    EXPECT_EQ(store.active_subscriptions()[0].secrets.size(), 1U) << "one that has ended signs no more";
}

TEST_F(feed_outbound, what_was_done_is_written_at_once) {
    auto done = to(9);
    done.undelivered = {message(4, 1h), message(5, -1s), message(6, 0s, true)};
    outbound_attempt answered;
    answered.position = 4;
    answered.attempt = 1;
    answered.at = test_time();
    answered.duration = 12ms;
    answered.status = 500;
    answered.response = std::string{"a \"b\" \\ {c},\0\xff", 14};
    outbound_attempt silent;
    silent.position = 5;
    silent.attempt = 3;
    silent.at = test_time() + 1s;
    silent.error = "no, \"answer\" {came}";
    done.attempts = {answered, silent};
    done.failing_since = test_time();
    EXPECT_EQ(store.settle(claim(), done), 1);

    EXPECT_EQ(place(), 9);
    const auto rows = store.waiting_messages("crm", 100);
    ASSERT_EQ(rows.size(), 2U) << "a dead one waits for nothing";
    EXPECT_EQ(rows[0].position, 4);
    EXPECT_EQ(rows[0].source, "main");
    EXPECT_EQ(rows[0].subject, "calls/4");
    EXPECT_EQ(rows[0].attempts, 1);
    EXPECT_EQ(rows[0].last_error, "answered 500");
    EXPECT_GT(rows[0].due_in, 59min);
    EXPECT_LE(rows[0].due_in, 1h);
    EXPECT_LE(rows[1].due_in, -1s);
    EXPECT_EQ(store.list_dead("crm", 0, 10).at(0).position, 6);
    const auto tried = store.list_attempts("crm", {}, {}, 10);
    ASSERT_EQ(tried.size(), 2U);
    EXPECT_EQ(tried[0].position, 5);
    EXPECT_EQ(tried[0].attempt, 3);
    EXPECT_FALSE(tried[0].status);
    EXPECT_EQ(tried[0].error, silent.error);
    EXPECT_EQ(tried[1].status, 500);
    EXPECT_EQ(tried[1].duration, 12ms);
    EXPECT_EQ(tried[1].at, test_time());
    EXPECT_EQ(tried[1].response, answered.response);
    EXPECT_EQ(store.active_subscriptions()[0].failing_since, test_time());
}

TEST_F(feed_outbound, a_row_changes_with_each_attempt_and_goes_when_it_is_delivered) {
    auto first = to(9);
    first.undelivered = {message(4, 1h), message(5, 1h), message(6, 1h)};
    store.settle(claim(), first);
    auto second = to(9, 9);
    second.undelivered = {message(5, 2h), message(6, 0s, true)};
    second.undelivered[0].attempts = 2;
    second.delivered = {4, 77};
    second.failing_since.reset();
    EXPECT_EQ(store.settle(claim(), second), 1);
    EXPECT_EQ(waiting(), positions{5});
    EXPECT_EQ(store.waiting_messages("crm", 100)[0].attempts, 2);
    EXPECT_EQ(db.number("SELECT count(*) FROM outbound_messages WHERE dead_at IS NOT NULL"), 1);
    EXPECT_FALSE(store.active_subscriptions()[0].failing_since);
}

TEST_F(feed_outbound, what_waits_is_read_in_the_log_s_order_up_to_a_bound) {
    auto done = to(9);
    for (const auto position : {7, 3, 5, 1})
        done.undelivered.push_back(message(position, std::chrono::seconds{10 - position}));
    store.settle(claim(), done);
    EXPECT_EQ(waiting(), (positions{1, 3, 5, 7}));
    EXPECT_EQ(store.waiting_messages("crm", 2).back().position, 3);
    EXPECT_TRUE(store.waiting_messages("other", 2).empty());
}

TEST_F(feed_outbound, nothing_is_written_without_the_lease) {
    auto done = to(9);
    done.undelivered = {message(4, 1h)};
    done.attempts.resize(1);
    const auto before = written();
    auto mine = claim();

    mine.owner = other;
    EXPECT_FALSE(store.settle(mine, done));
    mine.owner = me;
    store.release_leases({"subscription/crm"}, me);
    EXPECT_FALSE(store.settle(mine, done)) << "released";
    ASSERT_TRUE(take_lease(other));
    EXPECT_FALSE(store.settle(mine, done)) << "another's";
    EXPECT_FALSE(store.stop_subscription(mine, {}));
    db.exec("UPDATE leases SET owner = '" + to_string(me) + "', leased_until = now()");
    EXPECT_FALSE(store.settle(mine, done)) << "run out";
    EXPECT_EQ(written(), before);
}

TEST_F(feed_outbound, nothing_is_written_where_somebody_has_moved_the_place_or_removed_it) {
    const auto mine = claim();
    auto done = to(9);
    done.undelivered = {message(4, 1h)};
    store.reset_subscription("crm", mine.epoch, 3);
    auto before = written();
    EXPECT_FALSE(store.settle(mine, done));
    EXPECT_EQ(written(), before);
    EXPECT_EQ(place(), 3);

    db.exec("UPDATE subscriptions SET epoch = 'ffffffff', position = 0");
    before = written();
    EXPECT_FALSE(store.settle(mine, done)) << "another history";
    EXPECT_EQ(written(), before);

    store.remove_subscription("crm");
    EXPECT_FALSE(store.settle(mine, done));
}

// What had been sent by then is to be sent again, also where none of it was written down yet.
TEST_F(feed_outbound, nothing_is_written_where_somebody_has_reset_it_to_the_place_it_was_stored_at) {
    const auto mine = claim();
    const auto stored_at = place();
    auto done = to(9);
    done.undelivered = {message(4, 1h)};
    done.from = stored_at;
    store.reset_subscription("crm", mine.epoch, stored_at);
    const auto before = written();
    EXPECT_FALSE(store.settle(mine, done));
    EXPECT_EQ(written(), before);
    EXPECT_EQ(place(), stored_at);
    EXPECT_TRUE(store.settle(claim(), done)) << "who begins after the reset writes";
    EXPECT_EQ(place(), 9);
}

// A client that removes a subscription and makes it again may be quicker than the worker notices.
TEST_F(feed_outbound, nothing_is_written_of_one_that_was_removed_to_another_of_its_name) {
    const auto mine = claim();
    ASSERT_TRUE(store.remove_subscription("crm"));
    put("crm");
    const auto now = store.active_subscriptions().at(0);
    EXPECT_EQ(now.generation, mine.generation);
    EXPECT_NE(now.created_at, mine.created_at);
    auto done = to(9);
    done.undelivered = {message(4, 1h)};
    const auto before = written();
    EXPECT_FALSE(store.settle(mine, done));
    EXPECT_FALSE(store.stop_subscription(mine, {subscription_state::disabled, "gone", {}}));
    EXPECT_EQ(written(), before);
    EXPECT_EQ(store.settle(claim(), done), 1);
}

/// As the pool does where the connection broke and the first time had been committed.
TEST_F(feed_outbound, a_second_time_writes_nothing_new) {
    auto done = to(9);
    done.undelivered = {message(4, 1h)};
    done.attempts.resize(1);
    const auto mine = claim();
    ASSERT_TRUE(store.settle(mine, done));
    const auto before = written();
    EXPECT_FALSE(store.settle(mine, done));
    EXPECT_EQ(written(), before);
}

TEST_F(feed_outbound, a_change_by_an_operator_is_told_and_what_was_done_is_written_all_the_same) {
    const auto mine = claim();
    ASSERT_TRUE(store.pause_subscription("crm", "operator"));
    EXPECT_EQ(store.settle(mine, to(9)), 2);
    EXPECT_EQ(place(), 9);
}

TEST_F(feed_outbound, a_stop_is_announced_once_and_in_the_order_of_happening) {
    const auto stop = [&](std::uint32_t n, utc_time at) {
        return outbound_stop{
            subscription_state::paused,
            "failing",
            {test_id(n, at), "subscription.paused", "", "subscriptions/crm", at, R"({"reason":"failing"})"}};
    };
    sequencer_store sequencer{db.where()};
    EXPECT_FALSE(sequencer.read_backlog(test_time()).untold);
    const auto mine = claim();
    EXPECT_TRUE(store.stop_subscription(mine, stop(7, test_time())));
    EXPECT_FALSE(store.stop_subscription(mine, stop(8, test_time()))) << "it has changed";
    const auto row = store.read_subscription("crm").value();
    EXPECT_EQ(row.state, subscription_state::paused);
    EXPECT_EQ(row.state_reason, "failing");
    EXPECT_EQ(row.generation, 2);
    EXPECT_TRUE(store.active_subscriptions().empty());

    ASSERT_TRUE(store.resume_subscription("crm"));
    EXPECT_FALSE(store.stop_subscription(mine, stop(9, test_time()))) << "an operator wants it";
    EXPECT_TRUE(store.stop_subscription(claim(), stop(10, test_time() + 1s)));

    EXPECT_TRUE(sequencer.read_backlog(test_time()).untold);
    std::vector<announcement> told;
    const auto take = [&](std::size_t most) {
        sequencer.sequence([&](sequencer_transaction& tx) { told = tx.take_announcements(most); });
    };
    take(1);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].id, test_id(7, test_time()));
    EXPECT_EQ(told[0].type, "subscription.paused");
    EXPECT_EQ(told[0].source, "");
    EXPECT_EQ(told[0].subject, "subscriptions/crm");
    EXPECT_EQ(told[0].happened_at, test_time());
    EXPECT_EQ(told[0].data, R"({"reason":"failing"})");
    take(10);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].id, test_id(10, test_time() + 1s));
    EXPECT_FALSE(sequencer.read_backlog(test_time()).untold);
}

TEST_F(feed_outbound, a_transaction_that_does_not_commit_takes_no_announcement) {
    outbound_stop why;
    why.told = {test_id(7, test_time()), "subscription.paused", "", "subscriptions/crm", test_time(), "{}"};
    why.reason = "gone";
    ASSERT_TRUE(store.stop_subscription(claim(), why));
    sequencer_store sequencer{db.where()};
    const auto broken = [](sequencer_transaction& tx) {
        EXPECT_EQ(tx.take_announcements(10).size(), 1U);
        throw std::runtime_error{"broken"};
    };
    EXPECT_ANY_THROW(sequencer.sequence(broken));
    EXPECT_TRUE(sequencer.read_backlog(test_time()).untold);
}

TEST_F(feed_outbound, old_attempts_go_in_small_steps) {
    auto done = to(1);
    for (int i = 0; i < 5; ++i) {
        outbound_attempt one;
        one.attempt = i;
        one.at = test_time() + std::chrono::seconds{i};
        done.attempts.push_back(one);
    }
    store.settle(claim(), done);
    EXPECT_EQ(store.expire_attempts(test_time() + 3s, 2), 2U);
    EXPECT_EQ(store.expire_attempts(test_time() + 3s, 2), 1U);
    EXPECT_EQ(store.expire_attempts(test_time() + 3s, 2), 0U);
    EXPECT_EQ(db.number("SELECT min(attempt) FROM outbound_attempts"), 3);
}

}  // namespace
}  // namespace callhook::store
