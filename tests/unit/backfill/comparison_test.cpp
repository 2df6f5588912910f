#include "backfill/comparison.hpp"

#include "facts_support.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using lifecycle::fact_kind;
using lifecycle::fact_set;
using strings = std::vector<std::string>;

constexpr utc_time later = utc_time{noon} + 1h;

lifecycle::observation ordered() {
    return seen(fact(fact_kind::ordered, fields("new")), 1s);
}
lifecycle::observation scheduled() {
    return seen(fact(fact_kind::scheduled, fields("scheduled")), 1s);
}
lifecycle::observation completed() {
    return seen(fact(fact_kind::completed, fields("completed")), 5min);
}
lifecycle::observation missed() {
    return seen(fact(fact_kind::missed, fields("user-failed")), 5min);
}

lifecycle::call_fields with_notes(const char* notes) {
    auto f = fields("completed");
    f.notes = lifecycle::raw_json{notes};
    return f;
}

strings types(const finding& f) {
    strings out;
    for (const auto& e : f.events)
        out.push_back(e.type);
    return out;
}

// What a record tells -------------------------------------------------------------------------------------

TEST(comparison, a_call_of_which_nothing_is_stored) {
    const auto f = compare({}, record(fields("completed")), later);
    EXPECT_EQ(f.what, difference::unknown_call);
    EXPECT_EQ(types(f), (strings{"call.new", "call.completed"}));
    EXPECT_EQ(f.missing, (strings{"call.new", "call.completed"}));
    EXPECT_FALSE(f.confirms_identity) << "no webhook says who it was";
}

TEST(comparison, an_unknown_call_with_a_status_that_nobody_knows_is_news_but_expects_nothing) {
    const auto f = compare({}, record(fields("teleported")), later);
    EXPECT_EQ(f.what, difference::unknown_call);
    EXPECT_EQ(types(f), strings{"call.updated"});
    EXPECT_TRUE(f.missing.empty());
}

TEST(comparison, an_outcome_that_nobody_told_of) {
    for (const auto& [status, event, expected] :
         std::initializer_list<std::tuple<const char*, const char*, strings>>{
             {"completed", "call.completed", {"call.completed"}},
             {"user-failed", "call.missed", {"call.missed"}},
             {"manager-failed", "call.missed", {"call.missed"}},
             {"cancelled", "call.cancelled", {}},
             {"failed", "call.failed", {}}}) {
        SCOPED_TRACE(status);
        const auto f = compare(fact_set{{ordered()}}, record(fields(status)), later);
        EXPECT_EQ(f.what, difference::untold);
        EXPECT_EQ(types(f), strings{event});
        EXPECT_EQ(f.missing, expected);
        EXPECT_TRUE(f.confirms_identity);
    }
}

TEST(comparison, a_field_that_differs) {
    const auto f = compare(fact_set{{ordered(), completed()}}, record(with_notes("[1]")), later);
    EXPECT_EQ(f.what, difference::changed);
    ASSERT_EQ(types(f), strings{"call.updated"});
    EXPECT_EQ(f.events[0].changed, strings{"notes"});
    EXPECT_TRUE(f.missing.empty());
}

TEST(comparison, a_record_that_knows_less_than_the_webhooks_is_no_news) {
    lifecycle::call_fields bare;
    bare.status = "completed";
    bare.created_at = at(0s);
    EXPECT_EQ(compare(fact_set{{ordered(), completed()}}, record(bare), later).what, difference::none);
}

TEST(comparison, a_call_under_way_expects_its_beginning_only) {
    for (const char* status : {"new", "in-progress", "ringing"}) {
        EXPECT_EQ(compare({}, record(fields(status)), later).missing, strings{"call.new"}) << status;
        const auto f = compare(fact_set{{ordered()}}, record(fields(status)), later);
        EXPECT_NE(f.what, difference::untold) << status;
        EXPECT_TRUE(f.missing.empty()) << status;
    }
}

// Missing webhooks ----------------------------------------------------------------------------------------

TEST(missing_webhooks, the_beginning_may_have_been_told_by_either_event) {
    for (const auto& begun : {ordered(), scheduled()}) {
        const fact_set stored{{begun}};
        EXPECT_EQ(missing_webhooks(stored, {"call.new", "call.completed"}), strings{"call.completed"});
        EXPECT_EQ(missing_webhooks(stored, {"call.scheduled", "call.missed"}), strings{"call.missed"});
    }
    EXPECT_EQ(missing_webhooks(fact_set{{completed()}}, {"call.new", "call.completed"}), strings{"call.new"});
    EXPECT_EQ(missing_webhooks(fact_set{{missed()}}, {"call.new", "call.missed"}), strings{"call.new"});
}

TEST(missing_webhooks, a_call_with_a_slot_is_expected_to_begin_as_scheduled) {
    auto with_slot = fields("completed");
    with_slot.scheduled_at = at(1h);
    EXPECT_EQ(compare({}, record(with_slot), later).missing, (strings{"call.scheduled", "call.completed"}));
    EXPECT_EQ(compare({}, record(fields("scheduled")), later).missing, strings{"call.scheduled"});
    EXPECT_TRUE(compare(fact_set{{ordered(), completed()}}, record(with_slot), later).missing.empty());
}

TEST(missing_webhooks, none_is_documented_for_cancelled_and_failed_calls) {
    EXPECT_EQ(compare({}, record(fields("cancelled")), later).missing, strings{"call.new"});
    EXPECT_EQ(compare({}, record(fields("failed")), later).missing, strings{"call.new"});
    EXPECT_TRUE(missing_webhooks({}, {"call.cancelled", "call.failed", "call.updated"}).empty());
}

TEST(missing_webhooks, what_the_api_told_before_is_no_webhook) {
    const fact_set stored{{ordered(), seen(record(fields("completed")), 10min)}};
    const auto f = compare(stored, record(fields("completed")), later);
    EXPECT_EQ(f.what, difference::none);
    EXPECT_EQ(f.missing, strings{"call.completed"});
}

TEST(missing_webhooks, a_status_that_a_missed_webhook_carried_is_no_other_outcome) {
    const fact_set stored{{ordered(), seen(fact(fact_kind::missed, fields("failed")), 5min)}};
    const auto f = compare(stored, record(fields("failed")), later);
    EXPECT_EQ(f.what, difference::none);
    EXPECT_TRUE(f.missing.empty());
}

// Who it is about -----------------------------------------------------------------------------------------

TEST(identity_of_records, another_number_is_another_visitor) {
    auto other = fields("completed");
    other.to = lifecycle::phone_number{"+48 2", "+482"};
    const auto f = compare(fact_set{{ordered()}}, record(other), later);
    EXPECT_EQ(f.what, difference::another_call);
    EXPECT_TRUE(f.events.empty());
    EXPECT_TRUE(f.missing.empty());
    EXPECT_FALSE(f.confirms_identity);
}

TEST(identity_of_records, the_number_decides_however_it_is_written_and_whatever_the_time) {
    auto same = fields("completed");
    same.to = lifecycle::phone_number{"0048-1", "+481"};
    same.created_at = at(2h);
    const auto f = compare(fact_set{{ordered()}}, record(same), later);
    EXPECT_NE(f.what, difference::another_call);
    EXPECT_TRUE(f.confirms_identity);
}

TEST(identity_of_records, where_a_number_cannot_be_read_the_moment_of_the_order_decides) {
    for (const auto& to :
         {std::optional<lifecycle::phone_number>{}, {lifecycle::phone_number{"anonymous", {}}}}) {
        auto same = fields("completed");
        same.to = to;
        EXPECT_TRUE(compare(fact_set{{ordered()}}, record(same), later).confirms_identity);
        auto other = same;
        other.created_at = at(1s);
        EXPECT_EQ(compare(fact_set{{ordered()}}, record(other), later).what, difference::another_call);
        auto unclear = same;
        unclear.created_at.reset();
        const auto f = compare(fact_set{{ordered()}}, record(unclear), later);
        EXPECT_EQ(f.what, difference::untold);
        EXPECT_FALSE(f.confirms_identity);
    }
}

TEST(identity_of_records, one_webhook_about_somebody_else_is_enough) {
    auto other = fields("user-failed");
    other.to = lifecycle::phone_number{"+48 2", "+482"};
    const fact_set stored{{ordered(), seen(fact(fact_kind::missed, other), 5min)}};
    EXPECT_EQ(compare(stored, record(fields("completed")), later).what, difference::another_call);
}

TEST(identity_of_records, what_the_api_said_before_confirms_and_contradicts_nothing) {
    auto other = fields("completed");
    other.to = lifecycle::phone_number{"+48 2", "+482"};
    const auto f = compare(fact_set{{seen(record(fields("completed")), 1s)}}, record(other), later);
    EXPECT_NE(f.what, difference::another_call);
    EXPECT_FALSE(f.confirms_identity);
}

// Looking again -------------------------------------------------------------------------------------------

TEST(repeated_look, that_shows_what_is_stored_tells_nothing_even_much_later) {
    const fact_set stored{{ordered(), completed(), seen(record(with_notes("[1]")), 10min)}};
    for (const auto when : {utc_time{noon} + 10min, utc_time{noon} + 11min, utc_time{noon} + 24h * 365})
        EXPECT_EQ(compare(stored, record(with_notes("[1]")), when).what, difference::none);
}

TEST(repeated_look, sees_a_changeable_field_go_there_and_back) {
    fact_set stored{{ordered(), completed()}};
    auto minutes = 10min;
    for (const char* notes : {"[\"a\"]", "[\"b\"]", "[\"a\"]", "[\"b\"]"}) {
        const auto when = utc_time{noon} + minutes;
        const auto f = compare(stored, record(with_notes(notes)), when);
        EXPECT_EQ(f.what, difference::changed) << notes;
        stored.insert(seen(record(with_notes(notes)), minutes));
        EXPECT_EQ(fold(stored).record.fields.notes->text, notes);
        EXPECT_EQ(compare(stored, record(with_notes(notes)), when + 1min).what, difference::none) << notes;
        minutes += 10min;
    }
}

TEST(repeated_look, that_was_fetched_before_what_is_stored_does_not_turn_it_back) {
    const fact_set stored{{ordered(), completed(), seen(record(with_notes("[2]")), 10min)}};
    EXPECT_EQ(compare(stored, record(with_notes("[1]")), utc_time{noon} + 9min).what, difference::none);
}

TEST(comparison, every_difference_has_a_name_of_its_own) {
    std::set<std::string_view> names;
    for (const auto d :
         {difference::none,
          difference::unknown_call,
          difference::untold,
          difference::changed,
          difference::another_call})
        names.insert(to_string(d));
    EXPECT_EQ(names.size(), 5U);
}

}  // namespace
}  // namespace callhook::backfill
