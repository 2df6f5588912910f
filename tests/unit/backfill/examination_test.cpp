#include "backfill/examination.hpp"

#include "world.hpp"

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using ids = std::vector<std::int64_t>;

class examination_test : public world {
protected:
    examined examine(const std::vector<std::string>& records) {
        return backfill::examine(own_store, *decoder, "main", records, now(), rules, seen);
    }
    examined examine(const vendor_call& c) { return examine(std::vector{c.record()}); }

    gap_rules rules{now() - 240h, 30min};
    std::set<std::int64_t> seen;
};

using missing = std::vector<store::missing_webhook>;

TEST_F(examination_test, an_unknown_call_is_news_and_its_webhooks_are_missing) {
    const auto& c = vendor_has(7, 2h);
    const auto out = examine(c);
    ASSERT_EQ(out.fresh.size(), 1U);
    EXPECT_EQ(out.fresh[0].found.what, difference::unknown_call);
    EXPECT_EQ(out.fresh[0].key, (lifecycle::call_key{"main", 7}));
    EXPECT_EQ(out.fresh[0].record, c.record()) << "to the byte";
    EXPECT_EQ(out.missing, (missing{{7, "call.new"}, {7, "call.completed"}}));
    EXPECT_EQ(out.ids, ids{7});
    EXPECT_TRUE(out.suspects.empty());
    EXPECT_FALSE(out.confirmed_by);
    EXPECT_EQ(out.created_at, std::vector<utc_time>{c.created_at});
    EXPECT_EQ(seen, std::set<std::int64_t>{7});
}

TEST_F(examination_test, an_outcome_that_was_not_told_and_one_that_was) {
    const auto silent = vendor_has(7, 2h);
    const auto told = vendor_has(8, 3h);
    webhook_came(silent, "call.new");
    all_webhooks_came(told);
    auto full = told;
    full.status.clear();  // a record that knows no more than the webhooks
    const auto out = examine({silent.record(), told.record()});
    ASSERT_GE(out.fresh.size(), 1U);
    EXPECT_EQ(out.fresh[0].found.what, difference::untold);
    EXPECT_EQ(out.missing, (missing{{7, "call.completed"}}));
    EXPECT_TRUE(out.confirmed_by);
    EXPECT_FALSE(out.contradicted_by);
}

TEST_F(examination_test, what_was_merged_before_is_unchanged) {
    const auto c = vendor_has(7, 2h);
    all_webhooks_came(c);
    lifecycle::delivery d;
    d.source = "main";
    d.from = lifecycle::origin::backfill;
    d.received_at = now() - 1h;
    d.body = c.record();
    sequence(d);
    const auto out = examine(c);
    EXPECT_TRUE(out.fresh.empty());
    EXPECT_EQ(out.unchanged, 1U);
    EXPECT_EQ(out.confirmed_by, 7);
}

TEST_F(examination_test, what_cannot_be_read_is_counted_and_hides_nothing_else) {
    const auto out = examine({"not json", R"({"human_status":"new"})", vendor_has(7, 2h).record()});
    EXPECT_EQ(out.unreadable.size(), 2U);
    EXPECT_FALSE(out.unreadable_reason.empty());
    EXPECT_EQ(out.ids, ids{7});
    EXPECT_EQ(out.fresh.size(), 1U);
}

TEST_F(examination_test, another_visitor_is_told_apart_and_neither_merged_nor_missed) {
    auto c = vendor_has(7, 2h);
    all_webhooks_came(c);
    c.phone = "+48700000000";
    const auto out = examine(c);
    EXPECT_EQ(out.others, ids{7});
    EXPECT_TRUE(out.fresh.empty());
    EXPECT_TRUE(out.missing.empty());
    EXPECT_EQ(out.unchanged, 0U);
    EXPECT_FALSE(out.confirmed_by);
    EXPECT_FALSE(out.contradicted_by);
}

TEST_F(examination_test, a_young_call_is_a_suspect_only) {
    const auto& c = vendor_has(7, 5min);
    const auto out = examine(c);
    EXPECT_TRUE(out.missing.empty());
    ASSERT_EQ(out.suspects.size(), 1U);
    EXPECT_EQ(out.suspects[0].call_id, 7);
    EXPECT_EQ(out.suspects[0].missing, (std::vector<std::string>{"call.new", "call.completed"}));
    EXPECT_EQ(out.fresh.size(), 1U);
    const auto old = examine(vendor_has(8, 30min + 2s));
    EXPECT_EQ(old.missing.size(), 2U);
    EXPECT_TRUE(old.suspects.empty());
}

TEST_F(examination_test, a_calls_age_counts_from_its_slot) {
    auto c = vendor_has(7, 5h, "scheduled");
    c.more = R"(,"scheduled_at":"2016-09-09 12:00:00")";  // tomorrow
    const auto out = examine(c);
    EXPECT_TRUE(out.missing.empty());
    ASSERT_EQ(out.suspects.size(), 1U);
    EXPECT_EQ(out.suspects[0].missing, std::vector<std::string>{"call.scheduled"});
    EXPECT_TRUE(out.created_at.empty()) << "which of its times the filter means is not known";
}

TEST_F(examination_test, of_history_no_webhook_is_expected) {
    rules.since = now() - 24h;
    const auto out = examine({vendor_has(7, 25h).record(), vendor_has(8, 23h).record()});
    EXPECT_EQ(out.fresh.size(), 2U) << "merged all the same";
    EXPECT_EQ(out.missing, (missing{{8, "call.new"}, {8, "call.completed"}}));
}

TEST_F(examination_test, a_call_of_no_widget_sends_no_webhooks) {
    auto c = vendor_has(7, 2h);
    c.more = R"(,"leadable_type":"IncomingNumber")";
    const auto out = examine(c);
    EXPECT_EQ(out.fresh.size(), 1U);
    EXPECT_TRUE(out.missing.empty());
    EXPECT_TRUE(out.suspects.empty());
}

TEST_F(examination_test, a_call_without_a_readable_time_is_expected_nothing_of) {
    const auto out = examine(
        {R"({"id":7,"human_status":"completed","to":"+48600000007"})",
         R"({"id":8,"human_status":"completed","to":"+48600000008","created_at":"0000-00-00 00:00:00"})"}
    );
    EXPECT_EQ(out.fresh.size(), 2U);
    EXPECT_TRUE(out.missing.empty());
    EXPECT_TRUE(out.suspects.empty());
    EXPECT_TRUE(out.created_at.empty());
}

TEST_F(examination_test, each_call_is_compared_once) {
    const auto& c = vendor_has(7, 2h);
    EXPECT_EQ(examine({c.record(), c.record()}).fresh.size(), 1U);
    const auto again = examine(c);
    EXPECT_EQ(again.ids, ids{7}) << "still counted as given";
    EXPECT_TRUE(again.fresh.empty());
    EXPECT_TRUE(again.missing.empty());
    EXPECT_TRUE(again.created_at.empty());
    EXPECT_EQ(again.unchanged, 0U);
}

TEST_F(examination_test, the_stored_facts_of_one_call_may_be_broken) {
    const auto broken = vendor_has(7, 2h);
    all_webhooks_came(broken);
    db.exec("UPDATE calls SET facts = '{'");
    const auto out = examine({broken.record(), vendor_has(8, 2h).record()});
    EXPECT_EQ(out.ids, (ids{7, 8}));
    ASSERT_EQ(out.fresh.size(), 1U);
    EXPECT_EQ(out.fresh[0].key.id, 8);
    EXPECT_THROW(stored_facts(own_store, {"main", 7}), std::exception);
}

TEST_F(examination_test, another_sources_call_of_the_same_id_is_nobodys_business) {
    const auto c = vendor_has(7, 2h);
    all_webhooks_came(c);
    db.exec("UPDATE calls SET source = 'other'");
    const auto out = examine(c);
    EXPECT_EQ(out.fresh.at(0).found.what, difference::unknown_call);
}

// Inner ids -----------------------------------------------------------------------------------------------

/// A record whose phone call inside has the id 77.
vendor_call with_inner_id(vendor_call c) {
    c.more = R"(,"call":{"id":77})";
    return c;
}

TEST_F(examination_test, webhooks_that_name_the_inner_id_contradict) {
    auto by_webhook = vendor_has(7, 2h);
    const auto record = with_inner_id(by_webhook);
    by_webhook.phone = by_webhook.visitor();
    by_webhook.id = 77;
    all_webhooks_came(by_webhook);
    const auto out = examine(record);
    EXPECT_EQ(out.contradicted_by, 77);
    EXPECT_FALSE(out.confirmed_by);
}

TEST_F(examination_test, a_chance_call_of_the_inner_id_does_not_contradict) {
    const auto record = with_inner_id(vendor_has(7, 2h));
    all_webhooks_came(vendor_has(77, 3h));
    EXPECT_FALSE(examine(record).contradicted_by) << "another visitor";
    db.exec("DELETE FROM calls");
    stored.clear();
    seen.clear();
    auto same_visitor_later = vendor_has(77, 1h);
    same_visitor_later.phone = record.visitor();
    all_webhooks_came(same_visitor_later);
    EXPECT_FALSE(examine(record).contradicted_by) << "the same visitor at another time";
}

TEST_F(examination_test, a_call_that_is_known_by_its_own_id_is_not_contradicted) {
    const auto c = vendor_has(7, 2h);
    all_webhooks_came(c);
    auto twin = c;
    twin.phone = c.visitor();
    twin.id = 77;
    all_webhooks_came(twin);
    const auto out = examine(with_inner_id(c));
    EXPECT_FALSE(out.contradicted_by);
    EXPECT_EQ(out.confirmed_by, 7);
}

// Suspects ------------------------------------------------------------------------------------------------

TEST_F(examination_test, of_suspects_those_remain_whose_webhook_did_not_come) {
    const auto a = vendor_has(7, 5min);
    const auto b = vendor_has(8, 5min);
    webhook_came(a, "call.new");
    all_webhooks_came(b);
    const std::vector<suspect> suspects{
        {7, {"call.new", "call.completed"}}, {8, {"call.new", "call.completed"}}, {9, {"call.new"}}};
    EXPECT_EQ(still_missing(own_store, "main", suspects), (missing{{7, "call.completed"}}))
        << "an unknown call is the next sweep's business";
    EXPECT_TRUE(still_missing(own_store, "main", {}).empty());
}

}  // namespace
}  // namespace callhook::backfill
