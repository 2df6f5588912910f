// Which daemon serves which subscription, and what an operator changes.
#include "dispatcher_support.hpp"

namespace callhook::feed::outbound {
namespace {

TEST_F(dispatcher_test, two_daemons_share_nothing_and_the_other_goes_on_when_one_stops) {
    write(20);
    subscribe();
    start();
    run_until([&] { return place() == 20; });
    start();
    run_for(1s);
    write(20);
    run_until([&] { return place() == 40; });
    EXPECT_EQ(receiver.sent.size(), 40U) << "nothing went out twice";
    EXPECT_EQ(made.size(), 1U);
    stop(daemons.front());
    const auto begun = clock::now();
    write(1);
    run_until([&] { return receiver.taken.size() == 41; });
    EXPECT_LT(clock::now() - begun, 2'500ms) << "long before the lease would have run out";
}

TEST_F(dispatcher_test, a_stop_waits_for_what_is_about_to_be_answered) {
    write(1);
    subscribe();
    start();
    receiver.hangs = true;
    run_until([&] { return receiver.at_once == 1; });
    auto ended = asio::co_spawn(loop, daemons.back()->what.stop(), asio::use_future);
    run_for(100ms);
    receiver.hangs = false;
    run_until([&] { return ended.wait_for(0s) == std::future_status::ready; });
    daemons.back().reset();
    EXPECT_EQ(receiver.taken, positions{1});
    EXPECT_EQ(place(), 1);
    EXPECT_EQ(rows(), "") << "it is not sent again";
}

TEST_F(dispatcher_test, a_stop_cuts_what_hangs_and_the_next_one_sends_it_again) {
    write(3);
    subscribe();
    start();
    receiver.hangs = true;
    run_until([&] { return receiver.at_once == 3; });
    const auto begun = clock::now();
    stop(daemons.back());
    EXPECT_LT(clock::now() - begun, 3s);
    EXPECT_EQ(db.number("SELECT count(*) FROM outbound_attempts"), 0) << "it counts as not tried";
    EXPECT_EQ(db.number("SELECT count(*) FROM leases"), 0);
    receiver.hangs = false;
    start();
    run_until([&] { return receiver.taken.size() == 3 && rows().empty() && place() == 3; });
}

TEST_F(dispatcher_test, a_change_by_an_operator_counts_from_the_next_request_on) {
    write(2);
    subscribe();
    start();
    run_until([&] { return place() == 2; });
    subscribe([](auto& what) {
        what.url = "https://other.example/";
        what.filter.subjects = {"calls/1"};
    });
    wake();
    run_until([&] { return made.size() == 2; });
    EXPECT_EQ(made.back(), "https://other.example/");
    write(3);
    run_until([&] { return place() == 5; });
    EXPECT_EQ(receiver.taken, (positions{1, 2, 4}));

    db_store.reset_subscription("crm", epoch(), 0);
    wake();
    run_until([&] { return receiver.taken.size() == 5 && place() == 5; });
    EXPECT_EQ(receiver.taken, (positions{1, 2, 4, 2, 4}));
    db_store.pause_subscription("crm", "operator");
    wake();
    run_until([&] { return db.number("SELECT count(*) FROM leases") == 0; });
    write(2);
    run_for(1s);
    EXPECT_EQ(receiver.taken.size(), 5U);
}

// Between two turns, so that nobody has seen it gone.
TEST_F(dispatcher_test, one_that_was_removed_and_made_again_is_served_anew) {
    write(2);
    subscribe();
    start();
    run_until([&] { return place() == 2; });
    ASSERT_TRUE(db_store.remove_subscription("crm"));
    subscribe([](auto& what) { what.url = "https://other.example/"; });
    db.exec("UPDATE subscriptions SET position = 2");
    run_until([&] { return made.size() == 2; });
    EXPECT_EQ(made.back(), "https://other.example/");
    write(1);
    run_until([&] { return place() == 3; });
    EXPECT_EQ(receiver.taken, upto(3));
}

TEST_F(dispatcher_test, a_secret_that_ends_changes_who_signs) {
    subscribe();
    ASSERT_TRUE(db_store.rotate_secret("crm", secret{"whsec_y"}, 1h));
    start();
    run_until([&] { return made.size() == 1; });
    db.exec("UPDATE subscription_secrets SET expires_at = now() WHERE expires_at IS NOT NULL");
    run_until([&] { return made.size() == 2; });
}

TEST_F(dispatcher_test, one_that_cannot_be_served_is_tried_again_only_when_it_has_changed) {
    write(1);
    subscribe([](auto& what) { what.url = "useless"; });
    start();
    run_until([&] { return !made.empty(); });
    run_for(2s);
    EXPECT_EQ(made.size(), 1U);
    EXPECT_NE(daemons.back()->what.problems(), "");
    subscribe();
    run_until([&] { return place() == 1; });
    run_until([&] { return daemons.back()->what.problems().empty(); });
}

TEST_F(dispatcher_test, metrics_tell_of_what_there_is_and_of_nothing_else) {
    write(4);
    subscribe();
    db_store.pause_subscription("crm", "operator");
    start();
    const auto shows = [&](const std::string& line) {
        return metrics.render().find(line) != std::string::npos;
    };
    run_until([&] { return shows("callhook_outbound_lag_events{subscription=\"crm\"} 4"); });
    EXPECT_TRUE(shows("callhook_outbound_paused{subscription=\"crm\"} 1"));
    EXPECT_NE(daemons.back()->what.problems(), "");
    EXPECT_TRUE(shows("callhook_outbound_waiting{subscription=\"crm\"} 0"));
    EXPECT_TRUE(shows("callhook_outbound_dead{subscription=\"crm\"} 0"));
    db_store.remove_subscription("crm");
    run_until([&] { return !shows("callhook_outbound_paused{"); });
    EXPECT_FALSE(shows("callhook_outbound_lag_events{"));
}

}  // namespace
}  // namespace callhook::feed::outbound
