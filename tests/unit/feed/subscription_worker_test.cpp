// What a worker makes of its receiver's answers.
#include "base/json.hpp"
#include "dispatcher_support.hpp"

namespace callhook::feed::outbound {
namespace {

class subscription_worker_test : public dispatcher_test {};

TEST_F(subscription_worker_test, all_is_delivered_once_and_leaves_a_place_and_no_row) {
    write(10);
    subscribe();
    start();
    run_until([&] { return place() == 10; });
    EXPECT_EQ(receiver.sent.size(), 10U);
    write(600);
    run_until([&] { return place() == 610; });
    EXPECT_EQ(sorted_taken(), upto(610));
    EXPECT_EQ(receiver.sent.size(), 610U);
    EXPECT_EQ(receiver.most_at_once, 4);
    EXPECT_EQ(rows(), "");
    EXPECT_EQ(db.number("SELECT count(*) FROM outbound_attempts WHERE status = 200 AND attempt = 1"), 610);
}

TEST_F(subscription_worker_test, what_fails_holds_back_its_call_and_nothing_else) {
    schedule = {1h};
    bool broken = true;
    receiver.answer = [&](std::int64_t position) { return answered(position == 1 && broken ? 500 : 200); };
    write({"a", "b", "a", "c", "a"});
    subscribe();
    start();
    run_until([&] { return place() == 5; });
    EXPECT_EQ(receiver.taken, (positions{2, 4}));
    EXPECT_EQ(rows(), "1,3,5");
    // Another daemon goes by the rows alone.
    stop(daemons.back());
    broken = false;
    db.exec("UPDATE outbound_messages SET due_at = now()");
    start();
    run_until([&] { return rows().empty(); });
    EXPECT_EQ(receiver.taken, (positions{2, 4, 1, 3, 5}));
}

TEST_F(subscription_worker_test, a_schedule_that_is_used_up_makes_a_dead_letter_and_lets_the_call_go_on) {
    receiver.answer = [](std::int64_t position) { return answered(position == 1 ? 500 : 200); };
    write({"a", "a"});
    subscribe();
    start();
    run_until([&] { return rows() == "1 dead" && place() == 2; });
    EXPECT_EQ(receiver.sent, (positions{1, 1, 1, 2}));
    EXPECT_EQ(
        db.text("SELECT string_agg(attempt || ':' || status, ' ' ORDER BY id) FROM outbound_attempts"),
        "1:500 2:500 3:500 1:200"
    );
    EXPECT_EQ(db_store.list_dead("crm", 0, 10).at(0).attempts, 3);
    receiver.answer = [](std::int64_t) { return answered(204); };
    EXPECT_EQ(db_store.redrive("crm", 1, 1), 1);
    wake();
    run_until([&] { return rows().empty(); });
    EXPECT_EQ(receiver.taken, (positions{2, 1}));
}

TEST_F(subscription_worker_test, a_receiver_that_is_gone_is_asked_no_more_and_the_feed_is_told) {
    receiver.answer = [](std::int64_t) { return answered(410); };
    write({"a", "a"});
    subscribe();
    start();
    run_until([&] { return row().state == store::subscription_state::disabled; });
    EXPECT_EQ(row().state_reason, "gone");
    run_for(1s);
    EXPECT_EQ(receiver.sent, positions{1});
    const auto data = parse_json(db.text("SELECT data FROM announcements")).as_object();
    EXPECT_EQ(data.at("reason"), "gone");
    EXPECT_EQ(data.at("subscription"), "crm");

    receiver.answer = [](std::int64_t) { return answered(200); };
    db_store.resume_subscription("crm");
    wake();
    run_until([&] { return rows().empty() && place() == 2; });
    EXPECT_EQ(receiver.taken, (positions{1, 2})) << "nothing is lost by it";
}

TEST_F(subscription_worker_test, a_receiver_that_fails_for_too_long_is_paused) {
    pause_after = 300ms;
    receiver.answer = [](std::int64_t) { return answered(500); };
    write(3);
    subscribe([](auto& what) { what.schedule.assign(50, 20ms); });
    start();
    run_until([&] { return row().state == store::subscription_state::paused; });
    EXPECT_EQ(row().state_reason, "failing");
    ASSERT_TRUE(row().failing_since);
    EXPECT_EQ(db.number("SELECT count(*) FROM announcements"), 1);
}

TEST_F(subscription_worker_test, a_receiver_that_fails_is_asked_one_at_a_time_and_ever_less) {
    schedule.assign(100, 10ms);
    receiver.answer = [](std::int64_t) { return answered(500); };
    write(300);
    subscribe();
    start();
    run_until([&] { return receiver.sent.size() >= 5; });
    run_for(2'500ms);
    EXPECT_LT(receiver.sent.size(), 15U);
    receiver.answer = [](std::int64_t) { return answered(200); };
    run_until([&] { return rows().empty() && place() == 300; });
    EXPECT_EQ(sorted_taken(), upto(300));
}

TEST_F(subscription_worker_test, a_row_of_events_that_are_refused_does_not_hold_up_the_next_for_long) {
    schedule = {1h};
    receiver.answer = [](std::int64_t position) { return answered(position <= 12 ? 422 : 200); };
    write(20);
    subscribe();
    start();
    const auto begun = clock::now();
    run_until([&] { return receiver.taken.size() == 8; });
    EXPECT_LT(clock::now() - begun, 9s) << "pauses that double would make it fifteen";
    run_until([&] { return place() == 20; });
    EXPECT_EQ(rows(), "1,2,3,4,5,6,7,8,9,10,11,12");
}

TEST_F(subscription_worker_test, an_event_whose_text_has_expired_is_dead_and_says_so) {
    schedule = {1h};
    receiver.answer = [](std::int64_t) { return answered(500); };
    write({"a", "b"});
    subscribe();
    start();
    run_until([&] { return rows() == "1,2" && place() == 2; });
    stop(daemons.back());
    tail.stop();  // it has them in memory
    db.exec(
        "DELETE FROM events WHERE position = 1; UPDATE feed_head SET floor = 1; "
        "UPDATE outbound_messages SET due_at = now()"
    );
    log_tail fresh{loop.get_executor(), db.where(), {1 << 20, 100ms}, metrics};
    log_reader again{fresh, readers, metrics};
    store::feed_pool pool{db.where(), 2, metrics};
    receiver.answer = [](std::int64_t) { return answered(200); };
    dispatcher other{
        loop.get_executor(),
        again,
        pool,
        {schedule, pause_after, 4, 1h},
        {[](const auto&) { return true; },
         [&](const auto&) { return std::make_unique<fake_sender>(loop, receiver); }},
        wall,
        metrics};
    other.start();
    run_until([&] { return rows() == "1 dead"; });
    EXPECT_EQ(receiver.taken, positions{2});
    EXPECT_EQ(db_store.list_dead("crm", 0, 10).at(0).last_error, "the event has expired from the log");
    auto ended = asio::co_spawn(loop, other.stop(), asio::use_future);
    run_until([&] { return ended.wait_for(0s) == std::future_status::ready; });
    fresh.stop();
}

TEST_F(subscription_worker_test, a_log_that_became_another_one_pauses_it) {
    write(3);
    subscribe();
    db.exec("UPDATE subscriptions SET epoch = 'ffffffff', position = 2");
    start();
    run_until([&] { return row().state == store::subscription_state::paused; });
    EXPECT_EQ(row().state_reason, "history");
    EXPECT_TRUE(receiver.sent.empty());
    EXPECT_EQ(place(), 2) << "an operator decides where it goes on";
}

TEST_F(subscription_worker_test, too_much_that_waits_stops_the_reading_of_the_log) {
    write(3);
    subscribe();
    db.exec(
        "INSERT INTO outbound_messages (subscription, position, source, subject, due_at) "
        "SELECT 'crm', 1000000 + n, 'main', 'other/' || n, now() + interval '1 hour' FROM "
        "generate_series(1, " +
        std::to_string(most_waiting) + ") n"
    );
    start();
    run_until([&] { return !made.empty(); });
    run_for(1s);
    EXPECT_TRUE(receiver.sent.empty());
    EXPECT_EQ(place(), 0);
}

TEST_F(subscription_worker_test, a_receiver_that_asks_for_time_gets_it_for_all) {
    write(20);
    subscribe();
    receiver.answer = [](std::int64_t) {
        auto out = answered(429);
        out.retry_after = 1s;
        return out;
    };
    start();
    run_until([&] { return receiver.sent.size() == 4 && receiver.at_once == 0; });
    receiver.answer = [](std::int64_t) { return answered(200); };
    const auto begun = clock::now();
    run_until([&] { return receiver.taken.size() > 4; });
    EXPECT_GE(clock::now() - begun, 900ms);
    run_until([&] { return place() == 20 && rows().empty(); });
    EXPECT_EQ(sorted_taken(), upto(20));
}

TEST_F(subscription_worker_test, an_outage_of_the_database_loses_nothing) {
    write(5);
    subscribe();
    start();
    run_until([&] { return place() == 5; });
    db.shut_out();
    run_for(500ms);
    db.let_in();
    sequencer.resign();
    write(5);
    run_until([&] { return place() == 10; });
    EXPECT_EQ(sorted_taken(), upto(10));
}

}  // namespace
}  // namespace callhook::feed::outbound
