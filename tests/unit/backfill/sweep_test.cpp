#include "world.hpp"

#include <numeric>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using ids = std::vector<std::int64_t>;
using kind = sources::api_failure::kind;

class sweep_test : public world {
protected:
    /// `count` calls, 10 minutes apart and long over, of which no webhook came.
    void vendor_has_many(int count) {
        for (int i = 1; i <= count; ++i)
            vendor_has(i, 1h + i * 10min);
    }
    /// The calls 1 to `last`.
    static ids all(int last) {
        ids out(static_cast<std::size_t>(last));
        std::iota(out.begin(), out.end(), 1);
        return out;
    }
    /// Sweeps in the background; `ended` tells when it is through.
    void start_sweep(reconciler& with, sweep_options options = {}) {
        auto work = [](sweep_test& t, reconciler& r, sweep_options o) -> asio::awaitable<void> {
            t.ended.emplace(co_await r.sweep(t.day(), std::move(o)));
        };
        asio::co_spawn(loop, work(*this, with, std::move(options)), [](const std::exception_ptr& e) {
            if (e) std::rethrow_exception(e);
        });
    }
    /// Closes the reconciler, which has to end the sweep soon and as nobody's fault.
    void expect_soon_over_after_close(reconciler& with) {
        EXPECT_FALSE(ended);
        const auto closed = std::chrono::steady_clock::now();
        with.close();
        run_until([&] { return ended.has_value(); });
        EXPECT_LT(std::chrono::steady_clock::now() - closed, 2s);
        ASSERT_FALSE(*ended);
        EXPECT_TRUE(ended->error().retryable);
    }
    /// Puts a row into pending, as a webhook that was received so long ago and is not sequenced yet.
    void leave_pending(std::chrono::seconds ago) {
        const auto id = to_string(store::test_id(1, now() - ago));
        db.exec(
            "INSERT INTO pending (batch, first_id, last_id, deliveries) VALUES ('" + id + "', '" + id +
            "', '" + id + "', 1)"
        );
    }

    std::optional<outcome<sweep_report>> ended;
};

// Paging --------------------------------------------------------------------------------------------------

TEST_F(sweep_test, appends_every_call_once_as_the_vendor_gave_it) {
    vendor_has_many(35);
    const auto report = sweep().value();
    EXPECT_EQ(appended_ids(), all(35));
    EXPECT_EQ(report.calls, 35U);
    EXPECT_EQ(report.unknown_calls, 35U);
    EXPECT_EQ(report.appended, 35U);
    EXPECT_EQ(report.unreadable, 0U);
    std::set<uuid> delivery_ids;
    for (const auto& d : appended) {
        EXPECT_EQ(d.from, lifecycle::origin::backfill);
        EXPECT_EQ(d.source, "main");
        EXPECT_TRUE(d.remote_address.empty());
        delivery_ids.insert(d.id);
    }
    EXPECT_EQ(delivery_ids.size(), 35U);
    const auto& filter = api.filters.at(0);
    EXPECT_EQ(filter.limit, 10U);
    EXPECT_EQ(filter.hidden_too, true);
}

TEST_F(sweep_test, a_second_one_finds_nothing_new) {
    vendor_has_many(25);
    const auto r = make_reconciler();
    const auto over = day();
    sweep(*r, over).value();
    const auto again = sweep(*r, over).value();
    EXPECT_EQ(again.appended, 0U);
    EXPECT_EQ(again.calls, 25U);
    EXPECT_EQ(again.unchanged, 25U);
    EXPECT_EQ(appended.size(), 25U);
}

TEST_F(sweep_test, new_calls_that_shift_the_pages_lose_none_and_double_none) {
    vendor_has_many(60);
    api.before_page = [&](int page) {
        if (page > 1 && page < 8) {
            for (int i = 0; i < 3; ++i)
                vendor_has(100 + page * 10 + i, 30min + i * 1s);
        }
    };
    const auto report = sweep().value();
    const auto found = appended_ids();
    const auto old = all(60);
    EXPECT_TRUE(std::includes(found.begin(), found.end(), old.begin(), old.end()));
    EXPECT_EQ(std::set<std::int64_t>(found.begin(), found.end()).size(), found.size());
    EXPECT_EQ(report.appended, found.size());
}

TEST_F(sweep_test, a_call_that_goes_to_another_place_meanwhile_is_found_by_reading_again) {
    vendor_has_many(60);
    api.before_page = [&](int page) {
        if (page != 2) return;
        // Calls that were to come go to the front, so that others slip out of the pages to come and these
        // are where nobody looks any more.
        api.history.splice(
            api.history.begin(), api.history, std::prev(api.history.end(), 15), api.history.end()
        );
    };
    const auto report = sweep().value();
    EXPECT_EQ(appended_ids(), all(60));
    EXPECT_EQ(report.calls, 60U);
}

TEST_F(sweep_test, a_call_that_goes_away_between_two_pages_does_not_hide_its_neighbour) {
    vendor_has_many(60);
    api.before_page = [&](int page) {
        if (page == 2 || page == 4) api.history.erase(api.history.begin());
    };
    ASSERT_TRUE(sweep());
    EXPECT_EQ(appended_ids(), all(60)) << "pages overlap";
}

TEST_F(sweep_test, a_vendor_that_gives_fewer_than_asked_for) {
    vendor_has_many(33);
    for (const bool count : {true, false}) {
        for (const std::size_t largest : {1U, 4U, 9U}) {
            SCOPED_TRACE(std::to_string(largest) + (count ? " with" : " without") + " a count");
            api.largest_page = largest;
            api.tells_count = count;
            sweep_options dry;
            dry.dry_run = true;
            EXPECT_EQ(sweep(std::move(dry)).value().calls, 33U);
        }
    }
}

TEST_F(sweep_test, without_a_count_it_reads_on_until_nothing_new_comes) {
    api.tells_count = false;
    for (const int calls : {0, 1, 9, 10, 11, 20, 31}) {
        SCOPED_TRACE(calls);
        api.history.clear();
        vendor_has_many(calls);
        sweep_options dry;
        dry.dry_run = true;
        EXPECT_EQ(sweep(std::move(dry)).value().calls, static_cast<std::size_t>(calls));
    }
}

TEST_F(sweep_test, where_the_vendor_counts_more_than_it_gives_it_ends_all_the_same) {
    vendor_has_many(12);
    api.counts_too_many = 5;
    EXPECT_EQ(sweep().value().appended, 12U);
    EXPECT_LT(api.pages, 20);
}

TEST_F(sweep_test, a_vendor_that_knows_no_offset_is_not_asked_for_ever) {
    vendor_has_many(12);
    api.ignores_offset = true;
    for (const bool count : {true, false}) {
        api.tells_count = count;
        api.pages = 0;
        EXPECT_EQ(sweep().value().calls, 10U);
        EXPECT_LT(api.pages, 20);
    }
}

TEST_F(sweep_test, long_stretches_are_asked_for_day_by_day) {
    vendor_has(1, 5min);
    vendor_has(2, 30h);
    vendor_has(3, 70h);
    const auto end = now();
    const auto r = make_reconciler();
    const auto report = sweep(*r, {end - 72h, end}).value();
    EXPECT_EQ(report.calls, 3U);
    EXPECT_EQ(report.gap_calls, 2U) << "the source is known for 48 hours: the third is history";
    std::set<std::chrono::sys_seconds> from;
    for (const auto& f : api.filters) {
        from.insert(*f.from);
        EXPECT_LE(*f.to - *f.from, 24h + 1s);
    }
    EXPECT_EQ(from.size(), 3U);
}

// Trouble -------------------------------------------------------------------------------------------------

TEST_F(sweep_test, a_page_may_fail_twice) {
    vendor_has_many(15);
    api.failures = {{kind::broken, "status 503", 503, {}}, {kind::unreachable, "cut", 0, {}}};
    EXPECT_EQ(sweep().value().appended, 15U);
    api.failures.assign(3, {kind::broken, "status 503", 503, {}});
    const auto failed = sweep();
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().retryable);
    EXPECT_TRUE(failed.error().counts);
    EXPECT_TRUE(api.failures.empty()) << "three times, and no fourth";
}

TEST_F(sweep_test, what_asking_again_does_not_mend_is_not_asked_again) {
    struct expected {
        kind what;
        bool retryable;
        bool counts;
    };
    for (const auto& e :
         {expected{kind::rejected, true, true},
          {kind::unauthorized, true, false},
          {kind::forbidden, true, true},
          {kind::paused, true, false},
          {kind::throttled, true, false}}) {
        SCOPED_TRACE(sources::to_string(e.what));
        api.filters.clear();
        api.failures = {{e.what, "why", 0, {}}};
        const auto failed = sweep();
        ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error().retryable, e.retryable);
        EXPECT_EQ(failed.error().counts, e.counts);
        EXPECT_EQ(api.filters.size(), 1U);
    }
}

TEST_F(sweep_test, it_is_interrupted_between_pages) {
    vendor_has_many(50);
    sweep_options options;
    options.go_on = [](const sweep_report& so_far) -> asio::awaitable<bool> { co_return so_far.calls < 15; };
    const auto failed = sweep(std::move(options));
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().retryable);
    EXPECT_FALSE(failed.error().counts);
    EXPECT_EQ(api.pages, 2);
    EXPECT_EQ(appended.size(), 19U) << "what came before stays";
}

TEST_F(sweep_test, what_cannot_be_appended_stops_it_and_is_nobodys_fault) {
    vendor_has_many(15);
    append_fails = error{errc::overloaded, "the inbox is full", ""};
    const auto failed = sweep();
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().retryable);
    EXPECT_FALSE(failed.error().counts);
    EXPECT_EQ(gap_calls(), "");
    append_fails.reset();
    EXPECT_EQ(sweep().value().appended, 15U);
}

TEST_F(sweep_test, a_source_without_a_state_is_not_swept) {
    db.exec("DELETE FROM source_states");
    const auto failed = sweep();
    ASSERT_FALSE(failed);
    EXPECT_FALSE(failed.error().counts);
    EXPECT_TRUE(api.filters.empty());
}

TEST_F(sweep_test, a_dry_run_changes_nothing) {
    vendor_has(1, 2h);
    all_webhooks_came(vendor_has(2, 3h));
    auto& other = vendor_has(3, 4h);
    all_webhooks_came(other);
    other.phone = "+48700000000";
    vendor_has(4, 5min);
    std::vector<news> told;
    sweep_options dry;
    dry.dry_run = true;
    dry.on_news = [&](const news& n) { told.push_back(n); };
    const auto report = sweep(std::move(dry)).value();
    EXPECT_EQ(report.calls, 4U);
    EXPECT_EQ(report.unknown_calls, 2U);
    EXPECT_EQ(report.others, 1U);
    EXPECT_EQ(report.appended, 0U);
    EXPECT_EQ(report.gap_calls, 1U);
    EXPECT_EQ(report.unsettled, 1U);
    EXPECT_GE(told.size(), 2U);
    EXPECT_TRUE(appended.empty());
    EXPECT_EQ(gap_calls(), "");
    EXPECT_EQ(identity(), "unknown");
    EXPECT_EQ(db.number("SELECT count(*) FROM source_states WHERE zone_error IS NOT NULL"), 0);
}

// Who it is about -----------------------------------------------------------------------------------------

TEST_F(sweep_test, identity_is_confirmed_by_the_first_match) {
    all_webhooks_came(vendor_has(7, 2h));
    vendor_has(8, 3h);
    const auto r = make_reconciler();
    ASSERT_TRUE(sweep(*r, day()));
    EXPECT_EQ(identity(), "confirmed");
    EXPECT_EQ(db.number("SELECT identity_call FROM source_states"), 7);
    EXPECT_FALSE(r->contradicted());
}

TEST_F(sweep_test, without_any_webhook_identity_stays_unknown) {
    vendor_has(7, 2h);
    ASSERT_TRUE(sweep());
    EXPECT_EQ(identity(), "unknown");
}

TEST_F(sweep_test, a_mismatch_stops_everything_and_is_remembered) {
    auto& c = vendor_has(7, 2h);
    all_webhooks_came(c);
    c.phone = "+48700000000";
    vendor_has(8, 3h);
    {
        const auto r = make_reconciler();
        const auto failed = sweep(*r, day());
        ASSERT_FALSE(failed);
        EXPECT_FALSE(failed.error().retryable);
        EXPECT_FALSE(failed.error().counts);
        EXPECT_TRUE(r->contradicted());
    }
    EXPECT_TRUE(appended.empty());
    EXPECT_EQ(gap_calls(), "");
    EXPECT_EQ(identity(), "mismatch");
    EXPECT_EQ(db.number("SELECT identity_call FROM source_states"), 7);
    // Another process finds it so, and does not even ask.
    const auto asked = api.filters.size();
    EXPECT_FALSE(sweep());
    EXPECT_EQ(api.filters.size(), asked);
    own_store.forget_identity("main");
    c.phone.clear();
    EXPECT_TRUE(sweep());
    EXPECT_EQ(identity(), "confirmed");
}

TEST_F(sweep_test, webhooks_that_use_the_inner_id_are_a_mismatch) {
    auto& c = vendor_has(7, 2h);
    auto by_webhook = c;
    by_webhook.phone = c.visitor();
    by_webhook.id = 77;
    all_webhooks_came(by_webhook);
    c.more = R"(,"call":{"id":77})";
    EXPECT_FALSE(sweep());
    EXPECT_EQ(identity(), "mismatch");
    EXPECT_EQ(db.number("SELECT identity_call FROM source_states"), 77);
    EXPECT_TRUE(appended.empty());
}

TEST_F(sweep_test, after_confirmation_another_visitor_refuses_that_call_only) {
    all_webhooks_came(vendor_has(7, 2h));
    ASSERT_TRUE(sweep());
    appended.clear();
    auto& c = vendor_has(8, 3h);
    all_webhooks_came(c);
    c.phone = "+48700000000";
    vendor_has(9, 4h);
    const auto report = sweep().value();
    EXPECT_EQ(report.others, 1U);
    EXPECT_EQ(appended_ids(), ids{9});
    EXPECT_EQ(identity(), "confirmed");
}

// Webhooks that have not come yet -------------------------------------------------------------------------

TEST_F(sweep_test, compares_only_once_the_sequencer_has_taken_in_what_was_received) {
    const auto c = vendor_has(7, 2h);
    leave_pending(1s);
    const auto r = make_reconciler();
    start_sweep(*r);
    run_for(150ms);
    EXPECT_EQ(api.pages, 1);
    EXPECT_TRUE(appended.empty());
    all_webhooks_came(c);
    db.exec("DELETE FROM pending");
    run_until([&] { return ended.has_value(); });
    EXPECT_EQ(ended->value().gap_calls, 0U);
    EXPECT_EQ(ended->value().unknown_calls, 0U);
}

TEST_F(sweep_test, does_not_wait_for_what_is_received_after_the_page) {
    vendor_has(7, 2h);
    leave_pending(-1h);
    EXPECT_EQ(sweep().value().appended, 1U);
}

TEST_F(sweep_test, a_young_call_gets_the_time_that_its_webhooks_may_take) {
    const auto late = vendor_has(7, 5min);
    vendor_has(8, 5min);
    how.settle = 300ms;
    later(100ms, [&] { all_webhooks_came(late); });
    const auto began = std::chrono::steady_clock::now();
    const auto report = sweep().value();
    EXPECT_GE(std::chrono::steady_clock::now() - began, 290ms);
    EXPECT_EQ(report.gap_calls, 1U);
    EXPECT_EQ(gap_calls(), "8 call.completed, 8 call.new");
    EXPECT_EQ(report.unsettled, 0U);
}

TEST_F(sweep_test, nobody_waits_where_no_call_is_young) {
    how.settle = 1h;
    how.outcome_deadline = 0ms;
    vendor_has(7, 2h);
    EXPECT_EQ(sweep().value().gap_calls, 1U);
}

TEST_F(sweep_test, what_never_came_is_reported_once) {
    vendor_has(7, 2h);
    webhook_came(vendor_has(8, 3h), "call.new");
    all_webhooks_came(vendor_has(9, 4h));
    vendor_has(10, 5h, "cancelled");
    sweep_options options;
    options.found_by = "command";
    EXPECT_EQ(sweep(std::move(options)).value().gap_calls, 3U);
    EXPECT_EQ(gap_calls(), "7 call.completed, 7 call.new, 8 call.completed, 10 call.new");
    EXPECT_EQ(db.text("SELECT found_by || ' ' || calls FROM gaps"), "command 3");
    EXPECT_EQ(sweep().value().gap_calls, 0U);
    EXPECT_EQ(db.number("SELECT count(*) FROM gaps"), 1);
    vendor_has(11, 6h, "user-failed");
    EXPECT_EQ(sweep().value().gap_calls, 1U);
    EXPECT_EQ(db.number("SELECT count(*) FROM gaps"), 2);
}

TEST_F(sweep_test, the_zone_is_measured_by_the_filter) {
    vendor_has_many(20);
    ASSERT_TRUE(sweep());
    EXPECT_EQ(db.number("SELECT zone_error FROM source_states"), 0);
}

// Closing -------------------------------------------------------------------------------------------------

TEST_F(sweep_test, close_ends_the_wait_for_the_sequencer) {
    vendor_has(7, 2h);
    leave_pending(1s);
    const auto r = make_reconciler();
    start_sweep(*r);
    run_for(100ms);
    expect_soon_over_after_close(*r);
    EXPECT_FALSE(ended->error().counts);
}

TEST_F(sweep_test, close_ends_the_wait_between_attempts) {
    how.retry_first = 60s;
    how.retry_longest = 60s;
    api.failures = {{kind::broken, "status 503", 503, {}}};
    const auto r = make_reconciler();
    start_sweep(*r);
    run_for(100ms);
    expect_soon_over_after_close(*r);
}

TEST_F(sweep_test, close_ends_the_wait_for_suspects) {
    how.settle = 60s;
    vendor_has(7, 5min);
    const auto r = make_reconciler();
    start_sweep(*r);
    run_for(150ms);
    expect_soon_over_after_close(*r);
    EXPECT_FALSE(ended->error().counts);
    EXPECT_EQ(gap_calls(), "");
}

}  // namespace
}  // namespace callhook::backfill
