#include "backfill/looks.hpp"

#include "facts_support.hpp"

#include <gtest/gtest.h>

namespace callhook::backfill {
namespace {

using namespace std::chrono_literals;
using lifecycle::fact_kind;
using lifecycle::fact_set;
using names = std::vector<std::string_view>;

constexpr look_rules rules{1h, 4, 6h};

constexpr utc_time moment(std::chrono::seconds after_noon) {
    return utc_time{noon + after_noon};
}

/// A conversation that ended five minutes after noon.
lifecycle::call_fields conversation() {
    auto f = fields("completed");
    f.ended_at_b = at(5min);
    return f;
}

lifecycle::call_fields complete_conversation() {
    auto f = conversation();
    f.manager_id = 4;
    f.recording = lifecycle::raw_json{"\"https://example.com/1\""};
    f.fields.emplace();
    return f;
}

fact_set webhooks(lifecycle::call_fields outcome, fact_kind kind = fact_kind::completed) {
    return fact_set{
        {seen(fact(fact_kind::ordered, fields("new")), 1s), seen(fact(kind, std::move(outcome)), 6min)}};
}

fact_set and_record(fact_set facts, lifecycle::call_fields f, std::chrono::seconds fetched) {
    facts.insert(seen(record(std::move(f)), fetched));
    return facts;
}

// An unknown call -----------------------------------------------------------------------------------------

TEST(next_look, at_a_call_of_which_nothing_is_stored_is_one) {
    EXPECT_EQ(next_look({}, rules, 0, {}, moment(1h)), moment(1h));
    EXPECT_FALSE(next_look({}, rules, 1, {}, moment(1h)));
}

// With an outcome -----------------------------------------------------------------------------------------

TEST(next_look, at_an_outcome_that_the_api_was_never_asked_about_is_now) {
    EXPECT_EQ(next_look(webhooks(conversation()), rules, 0, {}, moment(7min)), moment(7min));
    EXPECT_EQ(next_look(webhooks(complete_conversation()), rules, 0, {}, moment(7min)), moment(7min))
        << "however much the webhooks told";
}

TEST(next_look, what_was_seen_before_the_outcome_was_no_look_at_it) {
    const auto facts = and_record(webhooks(conversation()), fields("in-progress"), 2min);
    EXPECT_EQ(next_look(facts, rules, 0, {}, moment(7min)), moment(7min));
}

TEST(next_look, at_a_complete_record_is_never) {
    const auto facts = and_record(webhooks(conversation()), complete_conversation(), 7min);
    EXPECT_FALSE(next_look(facts, rules, 1, {}, moment(8min)));
    EXPECT_FALSE(next_look(facts, rules, 1, moment(7min), moment(48h)));
    EXPECT_FALSE(next_look(webhooks(complete_conversation()), rules, 1, moment(7min), moment(8min)))
        << "a look that told nothing new is one too";
}

TEST(next_look, where_a_part_is_missing_is_once_more_a_while_after_the_end) {
    const auto first = and_record(webhooks(conversation()), conversation(), 7min);
    EXPECT_EQ(next_look(first, rules, 1, moment(7min), moment(7min)), moment(5min + 1h));
    EXPECT_EQ(next_look(first, rules, 1, {}, moment(2h)), moment(2h)) << "never in the past";
    // That look told nothing new: it is known from `looked_at` alone.
    EXPECT_FALSE(next_look(first, rules, 2, moment(5min + 1h), moment(2h)));
    EXPECT_FALSE(next_look(and_record(first, conversation(), 5min + 1h), rules, 2, {}, moment(2h)));
}

TEST(next_look, at_a_call_imported_long_after_its_end_is_never) {
    const auto imported = and_record({}, conversation(), 48h);
    EXPECT_FALSE(next_look(imported, rules, 0, {}, moment(48h + 1min)));
}

TEST(next_look, counts_from_the_best_known_end) {
    auto cancelled = fields("cancelled");
    cancelled.cancelled_at = at(20min);
    EXPECT_EQ(next_look(and_record({}, cancelled, 21min), rules, 1, {}, moment(21min)), moment(80min));
    auto with_slot = fields("user-failed");
    with_slot.scheduled_at = at(3h);
    EXPECT_EQ(next_look(and_record({}, with_slot, 3h), rules, 1, {}, moment(3h)), moment(4h));
    auto timeless = fields("user-failed");
    timeless.created_at.reset();
    const fact_set facts{{seen(fact(fact_kind::missed, timeless), 10min), seen(record(timeless), 12min)}};
    EXPECT_EQ(next_look(facts, rules, 1, {}, moment(12min)), moment(70min)) << "when it was first heard of";
}

TEST(next_look, of_a_missed_call_only_the_form_is_waited_for) {
    auto without = fields("user-failed");
    auto with_form = without;
    with_form.fields.emplace();
    const auto told = webhooks(without, fact_kind::missed);
    EXPECT_EQ(next_look(and_record(told, without, 7min), rules, 1, {}, moment(7min)), moment(1h));
    EXPECT_FALSE(next_look(and_record(told, with_form, 7min), rules, 1, {}, moment(7min)));
}

TEST(missing_parts, are_those_that_such_a_call_can_have) {
    const auto of = [](lifecycle::call_fields f) {
        return missing_parts(fold(and_record({}, std::move(f), 1h)).record);
    };
    EXPECT_EQ(of(conversation()), (names{"manager", "recording", "fields"}));
    EXPECT_EQ(of(complete_conversation()), names{});
    EXPECT_EQ(of(fields("user-failed")), names{"fields"});
    EXPECT_EQ(of(fields("cancelled")), names{"fields"});
}

// Without an outcome --------------------------------------------------------------------------------------

class overdue_call : public testing::Test {
protected:
    std::optional<utc_time> next(int looks, std::optional<utc_time> looked_at, utc_time now) const {
        return next_look(facts, rules, looks, looked_at, now);
    }
    fact_set facts{{seen(fact(fact_kind::ordered, fields("new")), 1s)}};
};

TEST_F(overdue_call, is_looked_at_now_first) {
    EXPECT_EQ(next(0, {}, moment(30min)), moment(30min));
    EXPECT_EQ(next(0, moment(29min), moment(30min)), moment(30min));
    EXPECT_EQ(next(2, {}, moment(30min)), moment(30min)) << "when it was looked at is not known";
}

TEST_F(overdue_call, is_looked_at_at_doubling_intervals_and_not_for_ever) {
    auto now = moment(30min);
    std::vector<std::chrono::minutes> waits;
    for (int looks = 1; const auto due = next(looks, now, now); ++looks) {
        waits.push_back(std::chrono::duration_cast<std::chrono::minutes>(*due - now));
        now = *due;
        ASSERT_LT(looks, 100);
    }
    EXPECT_EQ(waits, (std::vector<std::chrono::minutes>{1h, 2h, 4h}));
}

TEST_F(overdue_call, is_never_looked_at_in_the_past) {
    EXPECT_EQ(next(1, moment(0s), moment(48h)), moment(48h));
}

TEST_F(overdue_call, waits_at_most_the_longest) {
    constexpr look_rules patient{1h, 1'000'000, 6h};
    for (const int looks : {4, 21, 64, 999'999}) {
        EXPECT_EQ(next_look(facts, patient, looks, moment(0s), moment(0s)), moment(6h)) << looks;
    }
}

TEST_F(overdue_call, has_no_outcome_by_a_status_that_is_not_known) {
    facts.insert(seen(record(fields("teleported")), 20min));
    EXPECT_EQ(next(1, moment(20min), moment(20min)), moment(80min));
}

}  // namespace
}  // namespace callhook::backfill
