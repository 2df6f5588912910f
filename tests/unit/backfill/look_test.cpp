#include "world.hpp"

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using ids = std::vector<std::int64_t>;
using kind = sources::api_failure::kind;

constexpr const char* complete = R"(,"call_request_fields":[{"id":1,"label":"a","slug":"b","value":"c"}])";

class look_test : public world {
protected:
    auto look(std::int64_t id, int looks = 0) {
        const auto with = make_reconciler();
        return run(with->look(id, looks));
    }
};

TEST_F(look_test, at_a_call_that_nobody_told_of) {
    vendor_has(7, 30h);
    const auto out = look(7).value();
    EXPECT_TRUE(out.asked);
    EXPECT_TRUE(out.news);
    EXPECT_FALSE(out.again) << "it ended long ago";
    EXPECT_EQ(appended_ids(), ids{7});
    EXPECT_EQ(gap_calls(), "7 call.completed, 7 call.new") << "no sweep will pass over it";
    EXPECT_EQ(db.text("SELECT found_by FROM gaps"), "call");
}

TEST_F(look_test, leaves_to_the_next_sweep_what_that_will_report) {
    own_store.set_swept("main", now() - 1min, now());
    vendor_has(7, 50min);
    vendor_has(8, 70min);
    EXPECT_TRUE(look(7).value().news);
    EXPECT_EQ(gap_calls(), "");
    EXPECT_TRUE(look(8).value().news);
    EXPECT_EQ(gap_calls(), "8 call.completed, 8 call.new") << "before the overlap";
}

TEST_F(look_test, at_an_outcome_adds_what_the_webhooks_did_not_say) {
    auto& c = vendor_has(7, 2min, "user-failed");
    all_webhooks_came(c);
    c.more = complete;
    const auto out = look(7).value();
    EXPECT_TRUE(out.news);
    EXPECT_FALSE(out.again) << "it has all its parts";
    EXPECT_EQ(identity(), "confirmed");
    EXPECT_EQ(gap_calls(), "");
    EXPECT_FALSE(look(7, 1).value().asked) << "never again";
    EXPECT_EQ(api.asked, ids{7});
}

TEST_F(look_test, at_a_call_with_a_missing_part_is_repeated_a_while_after_its_end) {
    const auto c = vendor_has(7, 2min, "user-failed");
    all_webhooks_came(c);
    const auto first = look(7).value();
    EXPECT_EQ(first.again, c.created_at + 1h);
    const auto early = look(7, 1).value();
    EXPECT_FALSE(early.asked) << "not before its time";
    EXPECT_EQ(early.again, c.created_at + 1h);
    clock.move(1h);
    const auto second = look(7, 1).value();
    EXPECT_TRUE(second.asked);
    EXPECT_FALSE(second.news);
    EXPECT_FALSE(second.again);
    EXPECT_EQ(appended.size(), 1U);
}

TEST_F(look_test, at_an_overdue_call_is_repeated_at_growing_intervals) {
    webhook_came(vendor_has(7, 40min, "in-progress"), "call.new");
    std::vector<std::chrono::minutes> waits;
    int looks = 0;
    for (;; ++looks) {
        const auto out = look(7, looks).value();
        ASSERT_TRUE(out.asked);
        if (!out.again) break;
        waits.push_back(std::chrono::round<std::chrono::minutes>(*out.again - now()));
        clock.move(*out.again - now());
        ASSERT_LT(looks, 20);
    }
    EXPECT_EQ(waits, (std::vector<std::chrono::minutes>{1h, 2h, 4h, 8h, 16h}));
    EXPECT_EQ(api.asked.size(), 6U);
    EXPECT_LE(appended.size(), 1U) << "nothing changed";
}

TEST_F(look_test, that_fails_appends_nothing) {
    struct expected {
        kind what;
        bool retryable;
        bool counts;
    };
    webhook_came(vendor_has(7, 2min), "call.completed");
    for (const auto& e :
         {expected{kind::not_found, true, true},
          {kind::broken, true, true},
          {kind::unreachable, true, false},
          {kind::unreadable, true, true},
          {kind::unauthorized, true, false},
          {kind::paused, true, false}}) {
        SCOPED_TRACE(sources::to_string(e.what));
        api.failures = {{e.what, "why", 0, {}}};
        const auto failed = look(7);
        ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error().retryable, e.retryable);
        EXPECT_EQ(failed.error().counts, e.counts);
    }
    EXPECT_TRUE(appended.empty());
}

TEST_F(look_test, that_shows_something_else_is_refused) {
    all_webhooks_came(vendor_has(6, 1h));
    ASSERT_TRUE(look(6));
    ASSERT_EQ(identity(), "confirmed");
    appended.clear();

    auto& c = vendor_has(7, 2min);
    all_webhooks_came(c);
    c.phone = "+48700000000";
    const auto other = look(7);
    ASSERT_FALSE(other);
    EXPECT_FALSE(other.error().retryable);
    EXPECT_TRUE(other.error().counts);

    vendor_has(8, 2h).more = R"(,"to":"x")";  // a key twice
    const auto unreadable = look(8);
    ASSERT_FALSE(unreadable);
    EXPECT_FALSE(unreadable.error().retryable);
    EXPECT_TRUE(appended.empty());
    EXPECT_EQ(gap_calls(), "");
    EXPECT_EQ(identity(), "confirmed");
}

TEST_F(look_test, that_contradicts_an_unknown_identity_stops_all) {
    auto& c = vendor_has(7, 2min);
    all_webhooks_came(c);
    c.phone = "+48700000000";
    const auto first = look(7);
    ASSERT_FALSE(first);
    EXPECT_FALSE(first.error().counts) << "it says nothing against the job";
    EXPECT_EQ(identity(), "mismatch");
    EXPECT_FALSE(look(8));
    EXPECT_EQ(api.asked, ids{7}) << "the second one is not asked for";
}

TEST_F(look_test, waits_for_the_sequencer_and_ends_when_closed) {
    vendor_has(7, 2h);
    const auto id = to_string(store::test_id(1, now() - 1s));
    db.exec(
        "INSERT INTO pending (batch, first_id, last_id, deliveries) VALUES ('" + id + "', '" + id + "', '" +
        id + "', 1)"
    );
    const auto with = make_reconciler();
    later(100ms, [&] { with->close(); });
    const auto began = std::chrono::steady_clock::now();
    const auto failed = run(with->look(7, 0));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    ASSERT_FALSE(failed);
    EXPECT_FALSE(failed.error().counts);
    EXPECT_TRUE(appended.empty());
}

TEST_F(look_test, widgets_without_any_webhook_are_counted) {
    all_webhooks_came(vendor_has(7, 2h));
    db.exec("UPDATE calls SET widget_id = 3");
    api.widget_list = {{3, "a", "u", true}, {4, "b", "u", true}, {5, "c", "u", false}};
    const auto with = make_reconciler();
    EXPECT_EQ(run(with->list_widgets()).value(), 1U) << "4: the disabled one does not matter";
    EXPECT_EQ(db.number("SELECT count(*) FROM widgets"), 3);
    api.failures = {{kind::broken, "status 503", 503, {}}};
    EXPECT_FALSE(run(with->list_widgets()));
}

}  // namespace
}  // namespace callhook::backfill
