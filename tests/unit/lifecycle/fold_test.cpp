#include "lifecycle/correlator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace callhook::lifecycle {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_seconds noon{1'473'336'000s};

local_time at(std::chrono::seconds after_noon) {
    return {"raw" + std::to_string(after_noon.count()), noon + after_noon, 2h, zone_fit::exact};
}

uuid id_of(int n) {
    uuid id;
    id.bytes[15] = static_cast<std::uint8_t>(n);
    id.bytes[14] = static_cast<std::uint8_t>(n >> 8);
    return id;
}

/// A fact of call demo/7 and its observation number `n`, received `n` seconds after noon.
observation seen(fact_kind kind, int n, call_fields fields = {}) {
    const auto from = kind == fact_kind::observed ? origin::backfill : origin::webhook;
    return {
        {{"demo", 7}, kind, std::move(fields), {}}, from, utc_time{noon + std::chrono::seconds{n}}, id_of(n)};
}

call_fields ordered_fields() {
    call_fields f;
    f.status = "new";
    f.to = phone_number{"+48 1", "+481"};
    f.widget_id = 3;
    f.created_at = at(0s);
    return f;
}

call_fields completed_fields() {
    auto f = ordered_fields();
    f.status = "completed";
    f.queued_at = at(5s);
    f.dialed_at_a = at(10s);
    f.answered_at_a = at(15s);
    f.dialed_at_b = at(16s);
    f.answered_at_b = at(20s);
    f.started_at = at(20s);
    f.ended_at_a = at(120s);
    f.ended_at_b = at(110s);
    f.dialed_time_a = 5;
    f.answered_time_a = 5;
    f.dialed_time_b = 11;
    f.answered_time_b = 4;
    f.billing_time = 100;
    f.call_attempts_count = 1;
    return f;
}

call_record record_of(std::vector<observation> all) {
    return fold(fact_set{std::move(all)}).record;
}

bool has_anomaly(const call_record& r, const std::string& code, const std::string& field = "") {
    return r.anomalies.contains({code, field});
}

field_source source_of(const folded& state, std::string_view field) {
    for (const auto& [name, source] : state.from) {
        if (name == field) return source;
    }
    ADD_FAILURE() << "no source of " << field;
    return {};
}

std::vector<std::string> types(const step& s) {
    std::vector<std::string> out;
    for (const auto& e : s.events)
        out.push_back(e.type);
    return out;
}

TEST(fold, a_terminal_event_that_comes_first_creates_the_call_and_a_late_start_fills_in) {
    fact_set facts;
    const auto first = correlate(facts, seen(fact_kind::completed, 1, completed_fields()));
    EXPECT_EQ(first.after.record.phase, phase::completed);
    EXPECT_TRUE(has_anomaly(first.after.record, "outcome_without_start"));
    EXPECT_EQ(types(first), std::vector<std::string>{"call.completed"});
    EXPECT_EQ(first.events[0].time, noon + 110s);

    auto late = ordered_fields();
    late.email = "late@example.com";
    const auto second = correlate(facts, seen(fact_kind::ordered, 2, late));
    EXPECT_EQ(second.after.record.phase, phase::completed);
    EXPECT_EQ(second.after.record.fields.status, "completed");
    EXPECT_EQ(second.after.record.fields.email, "late@example.com");
    EXPECT_FALSE(has_anomaly(second.after.record, "outcome_without_start"));
    EXPECT_EQ(types(second), std::vector<std::string>{"call.new"});
}

TEST(fold, phases_outweigh_each_other_and_contradictions_are_kept) {
    const auto ordered = seen(fact_kind::ordered, 1, ordered_fields());
    const auto scheduled = seen(fact_kind::scheduled, 2, {});
    auto missed_fields = ordered_fields();
    missed_fields.status = "manager-failed";
    const auto missed = seen(fact_kind::missed, 3, missed_fields);
    const auto completed = seen(fact_kind::completed, 4, completed_fields());
    call_fields cancelled;
    cancelled.status = "cancelled";
    call_fields failed;
    failed.status = "failed";
    call_fields ringing;
    ringing.status = "ringing";

    EXPECT_EQ(record_of({scheduled}).phase, phase::scheduled);
    EXPECT_EQ(record_of({scheduled, ordered}).phase, phase::fresh);
    EXPECT_EQ(record_of({ordered, seen(fact_kind::observed, 9, ringing)}).phase, phase::in_progress);
    EXPECT_EQ(record_of({ordered, seen(fact_kind::observed, 9, failed)}).phase, phase::failed);
    EXPECT_EQ(
        record_of({seen(fact_kind::observed, 8, failed), seen(fact_kind::observed, 9, cancelled)}).phase,
        phase::cancelled
    );
    EXPECT_EQ(record_of({missed, seen(fact_kind::observed, 9, cancelled)}).phase, phase::missed);

    const auto both = record_of({ordered, missed, completed});
    EXPECT_EQ(both.phase, phase::completed);
    EXPECT_EQ(both.fields.status, "completed");
    EXPECT_TRUE(has_anomaly(both, "two_outcomes"));
    EXPECT_FALSE(has_anomaly(record_of({ordered, completed}), "two_outcomes"));
}

TEST(fold, the_status_goes_with_the_phase) {
    call_fields later;
    later.status = "in-progress";
    const auto r = record_of({seen(fact_kind::missed, 1, {}), seen(fact_kind::observed, 9, later)});
    EXPECT_EQ(r.phase, phase::missed);
    EXPECT_EQ(r.fields.status, "in-progress");  // nothing else names one

    call_fields cancelled;
    cancelled.status = "cancelled";
    EXPECT_EQ(
        record_of({seen(fact_kind::ordered, 1, ordered_fields()), seen(fact_kind::observed, 2, cancelled)})
            .fields.status,
        "cancelled"
    );
}

TEST(fold, a_field_once_known_is_not_lost_to_a_later_null) {
    auto richer = ordered_fields();
    richer.email = "a@example.com";
    auto completed = completed_fields();
    completed.email.reset();
    const auto r = record_of({seen(fact_kind::ordered, 1, richer), seen(fact_kind::completed, 2, completed)});
    EXPECT_EQ(r.fields.email, "a@example.com");
}

TEST(correlator, a_richer_resend_is_an_update_and_a_poorer_or_equal_one_is_nothing) {
    fact_set facts;
    auto poor = completed_fields();
    poor.billing_time.reset();
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::completed, 1, poor))),
        std::vector<std::string>{"call.completed"}
    );

    const auto richer = correlate(facts, seen(fact_kind::completed, 2, completed_fields()));
    EXPECT_EQ(types(richer), std::vector<std::string>{"call.updated"});
    EXPECT_EQ(richer.events[0].changed, (std::vector<std::string>{"billing_time", "clocks"}));

    auto poorer = poor;
    poorer.started_at.reset();
    const auto again = correlate(facts, seen(fact_kind::completed, 3, poorer));
    EXPECT_TRUE(again.events.empty());
    EXPECT_TRUE(again.changed);  // a fact of its own, to be kept

    const auto repeat = correlate(facts, seen(fact_kind::completed, 4, completed_fields()));
    EXPECT_TRUE(repeat.events.empty());
    EXPECT_FALSE(repeat.changed);
}

TEST(correlator, a_copy_received_earlier_takes_over_the_provenance_and_tells_nothing) {
    fact_set facts;
    correlate(facts, seen(fact_kind::ordered, 5, ordered_fields()));
    const auto earlier = correlate(facts, seen(fact_kind::ordered, 2, ordered_fields()));
    EXPECT_TRUE(earlier.changed);
    EXPECT_TRUE(earlier.events.empty());
    EXPECT_EQ(source_of(earlier.after, "to").delivery, id_of(2));
}

TEST(correlator, feedback_alone_is_evidence_of_the_completed_call) {
    fact_set facts;
    auto fields = completed_fields();
    fields.fields = std::vector<form_field>{{1, "Your name", "name", "Ann"}};
    const auto first = correlate(facts, seen(fact_kind::data_added, 1, fields));
    EXPECT_EQ(first.after.record.phase, phase::completed);
    EXPECT_TRUE(first.after.record.has_feedback);
    EXPECT_TRUE(has_anomaly(first.after.record, "feedback_without_completed"));
    EXPECT_EQ(types(first), std::vector<std::string>{"data.added"});
    // The outcome that it spoke for is a fact of its own when it comes.
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::completed, 2, completed_fields()))),
        std::vector<std::string>{"call.completed"}
    );
}

TEST(correlator, what_only_the_api_tells_is_told_by_callhooks_own_events) {
    fact_set facts;
    auto slot = ordered_fields();
    slot.scheduled_at = at(3600s);
    correlate(facts, seen(fact_kind::scheduled, 1, slot));
    call_fields cancelled;
    cancelled.status = "cancelled";
    cancelled.scheduled_at = at(3600s);
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::observed, 2, cancelled))),
        std::vector<std::string>{"call.cancelled"}
    );
    // Looking again and seeing the same is nothing, however much later.
    const auto again = correlate(facts, seen(fact_kind::observed, 60, cancelled));
    EXPECT_TRUE(again.events.empty());
}

call_fields status_of(const char* status) {
    call_fields f;
    f.status = status;
    return f;
}

TEST(correlator, a_record_tells_what_no_webhook_told_and_each_thing_once) {
    fact_set facts;
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::observed, 1, status_of("completed")))),
        (std::vector<std::string>{"call.new", "call.completed"})
    );
    // The webhooks that come after all are no news but for what they add.
    const auto late = correlate(facts, seen(fact_kind::completed, 2, completed_fields()));
    EXPECT_EQ(types(late), std::vector<std::string>{"call.updated"});
    EXPECT_EQ(late.after.record.phase, phase::completed);
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::ordered, 3, ordered_fields()))),
        std::vector<std::string>{"call.updated"}
    );
    EXPECT_TRUE(types(correlate(facts, seen(fact_kind::ordered, 4, ordered_fields()))).empty());
}

TEST(correlator, a_record_tells_the_outcome_alone_where_the_beginning_was_told) {
    for (const auto kind : {fact_kind::ordered, fact_kind::scheduled}) {
        fact_set facts;
        correlate(facts, seen(kind, 1, ordered_fields()));
        auto record = status_of("manager-failed");
        if (kind == fact_kind::scheduled) record.scheduled_at = at(3600s);
        EXPECT_EQ(
            types(correlate(facts, seen(fact_kind::observed, 2, record))),
            std::vector<std::string>{"call.missed"}
        );
    }
}

TEST(correlator, a_slot_is_told_once_whoever_tells_of_it_first_and_whatever_else_began_the_call) {
    auto slot = status_of("cancelled");
    slot.scheduled_at = at(3600s);
    const auto ordered = seen(fact_kind::ordered, 1, ordered_fields());
    const auto scheduled = seen(fact_kind::scheduled, 3, slot);
    fact_set facts;
    correlate(facts, ordered);
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::observed, 2, slot))),
        (std::vector<std::string>{"call.scheduled", "call.cancelled"})
    );
    EXPECT_EQ(types(correlate(facts, scheduled)), std::vector<std::string>{"call.updated"});

    fact_set webhooks_first;
    correlate(webhooks_first, ordered);
    EXPECT_EQ(types(correlate(webhooks_first, scheduled)), std::vector<std::string>{"call.scheduled"});
    EXPECT_EQ(
        types(correlate(webhooks_first, seen(fact_kind::observed, 2, slot))),
        std::vector<std::string>{"call.cancelled"}
    );
}

TEST(correlator, a_record_of_a_slot_begins_with_call_scheduled) {
    fact_set facts;
    auto fields = status_of("cancelled");
    fields.scheduled_at = at(3600s);
    fields.cancelled_at = at(60s);
    const auto step = correlate(facts, seen(fact_kind::observed, 1, fields));
    EXPECT_EQ(types(step), (std::vector<std::string>{"call.scheduled", "call.cancelled"}));
    EXPECT_EQ(step.events.back().time, noon + 60s);
}

TEST(correlator, a_record_with_an_unknown_status_is_an_update) {
    fact_set facts;
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::observed, 1, status_of("on-the-moon")))),
        std::vector<std::string>{"call.updated"}
    );
}

TEST(correlator, the_status_that_a_missed_webhook_carried_is_no_other_outcome_in_a_record) {
    const auto missed = seen(fact_kind::missed, 1, status_of("failed"));
    const auto record = seen(fact_kind::observed, 2, status_of("failed"));
    fact_set facts;
    correlate(facts, missed);
    const auto step = correlate(facts, record);
    EXPECT_EQ(step.after.record.phase, phase::missed);
    EXPECT_FALSE(has_anomaly(step.after.record, "two_outcomes"));
    EXPECT_TRUE(std::none_of(step.events.begin(), step.events.end(), [](const auto& e) {
        return e.type == "call.failed";
    }));
    // Whichever came first.
    EXPECT_EQ(record_of({record, missed}), record_of({missed, record}));
}

TEST(correlator, what_gives_a_record_its_meaning_later_takes_no_event_from_a_webhook) {
    // The record said nothing that anyone knew; that its status means missed shows when a webhook carries it.
    fact_set facts;
    correlate(facts, seen(fact_kind::observed, 1, status_of("nobody-there")));
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::missed, 2, status_of("nobody-there")))),
        std::vector<std::string>{"call.missed"}
    );
    EXPECT_EQ(
        types(correlate(facts, seen(fact_kind::ordered, 3, ordered_fields()))),
        std::vector<std::string>{"call.new"}
    );

    // Whoever told of a completed call told of it, whatever a webhook says of the status after it.
    fact_set odd;
    correlate(odd, seen(fact_kind::observed, 1, status_of("completed")));
    correlate(odd, seen(fact_kind::missed, 2, status_of("completed")));
    EXPECT_EQ(
        types(correlate(odd, seen(fact_kind::completed, 3, completed_fields()))),
        std::vector<std::string>{"call.updated"}
    );
}

TEST(fold, changeable_fields_go_to_the_latest_look_and_fixed_ones_to_the_event) {
    auto hook = completed_fields();
    hook.recording = raw_json{"\"hook\""};
    hook.manager_id = 1;
    call_fields rest;
    rest.recording = raw_json{"\"rest\""};
    rest.manager_id = 2;
    const auto fetched_later =
        record_of({seen(fact_kind::completed, 10, hook), seen(fact_kind::observed, 20, rest)});
    EXPECT_EQ(fetched_later.fields.recording->text, "\"rest\"");
    EXPECT_EQ(fetched_later.fields.manager_id, 1);
    const auto fetched_before =
        record_of({seen(fact_kind::completed, 30, hook), seen(fact_kind::observed, 20, rest)});
    EXPECT_EQ(fetched_before.fields.recording->text, "\"hook\"");
    // A record that was fetched again, unchanged, counts as seen at the last look.
    auto other = rest;
    other.recording = raw_json{"\"other\""};
    const auto back = record_of(
        {seen(fact_kind::observed, 20, rest),
         seen(fact_kind::observed, 30, other),
         seen(fact_kind::observed, 40, rest)}
    );
    EXPECT_EQ(back.fields.recording->text, "\"rest\"");
}

TEST(fold, clocks_are_derived) {
    const auto r = record_of(
        {seen(fact_kind::ordered, 1, ordered_fields()), seen(fact_kind::completed, 2, completed_fields())}
    );
    EXPECT_EQ(r.clocks.seconds_to_answer, 20);
    EXPECT_EQ(r.clocks.talk_seconds, 100);
    EXPECT_EQ(r.clocks.attempts, 1);
    auto no_billing = completed_fields();
    no_billing.billing_time.reset();
    EXPECT_EQ(record_of({seen(fact_kind::completed, 2, no_billing)}).clocks.talk_seconds, 90);
    EXPECT_FALSE(record_of({seen(fact_kind::missed, 2, ordered_fields())}).clocks.talk_seconds);
}

TEST(fold, overdue_counts_from_the_slot_or_the_order_and_never_after_an_outcome) {
    EXPECT_EQ(overdue_at(record_of({seen(fact_kind::ordered, 1, ordered_fields())}), 30min), noon + 30min);
    auto slot = ordered_fields();
    slot.scheduled_at = at(3600s);
    EXPECT_EQ(overdue_at(record_of({seen(fact_kind::scheduled, 1, slot)}), 30min), noon + 90min);
    EXPECT_FALSE(overdue_at(record_of({seen(fact_kind::missed, 1, slot)}), 30min));
    EXPECT_FALSE(overdue_at(record_of({seen(fact_kind::ordered, 1, {})}), 30min));
}

struct planted {
    const char* code;
    const char* field;
    void (*plant)(call_fields&);
};

TEST(fold, each_anomaly_is_found_and_a_good_call_has_none) {
    const auto good = record_of(
        {seen(fact_kind::ordered, 1, ordered_fields()), seen(fact_kind::completed, 2, completed_fields())}
    );
    EXPECT_TRUE(good.anomalies.empty());
    const planted table[] = {
        {"ambiguous_time", "queued_at", [](call_fields& f) { f.queued_at->fit = zone_fit::ambiguous; }},
        {"nonexistent_time", "queued_at", [](call_fields& f) { f.queued_at->fit = zone_fit::nonexistent; }},
        {"unreadable_time",
         "queued_at",
         [](call_fields& f) {
             f.queued_at = local_time{"soon", {}, {}, {}};
         }},
        {"unreadable_phone", "to", [](call_fields& f) { f.to->e164.reset(); }},
        {"unknown_status", "status", [](call_fields& f) { f.status = "teleported"; }},
        {"impossible_order", "started_at", [](call_fields& f) { f.started_at = at(1s); }},
        {"impossible_order", "ended_at_b", [](call_fields& f) { f.ended_at_b = at(1s); }},
        {"arithmetic", "dialed_time_a", [](call_fields& f) { f.dialed_time_a = 6; }},
        {"arithmetic", "billing_time", [](call_fields& f) { f.billing_time = 99; }},
        {"conflict",
         "to",
         [](call_fields& f) {
             f.to = phone_number{"+48 2", "+482"};
         }},
        {"conflict", "widget_id", [](call_fields& f) { f.widget_id = 4; }},
        {"conflict", "created_at", [](call_fields& f) { f.created_at = at(1s); }},
    };
    for (const auto& [code, field, plant] : table) {
        auto fields = completed_fields();
        plant(fields);
        const auto r =
            record_of({seen(fact_kind::ordered, 1, ordered_fields()), seen(fact_kind::completed, 2, fields)});
        EXPECT_TRUE(has_anomaly(r, code, field)) << code << ' ' << field;
    }
}

/// A random fact over few values, so that equal, overlapping and conflicting facts all occur.
observation random_observation(std::mt19937& random) {
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    call_fields f;
    for_each_call_field([&](const char*, auto member, field_rule) {
        if (pick(3) != 0) return;
        auto& value = (f.*member).emplace();
        using type = std::remove_reference_t<decltype(value)>;
        if constexpr (std::is_same_v<type, std::string>)
            value = std::string{"new"} + std::to_string(pick(3));
        else if constexpr (std::is_same_v<type, std::int64_t>)
            value = pick(3);
        else if constexpr (std::is_same_v<type, local_time>)
            value = at(std::chrono::seconds{pick(3)});
        else if constexpr (std::is_same_v<type, phone_number>)
            value = {std::to_string(pick(2)), "+48" + std::to_string(pick(2))};
        else if constexpr (std::is_same_v<type, raw_json>)
            value.text = std::to_string(pick(3));
        else
            value.push_back({pick(2), "l", "s", std::to_string(pick(3))});
    });
    constexpr const char* statuses[] = {
        "new", "scheduled", "completed", "cancelled", "failed", "user-failed", "odd"};
    if (pick(2) == 0) f.status = statuses[pick(7)];
    auto o = seen(static_cast<fact_kind>(pick(6)), pick(200), std::move(f));
    if (pick(3) == 0) o.fact.extra["/data/x" + std::to_string(pick(2))].text = std::to_string(pick(3));
    return o;
}

TEST(fold, random_sets_fold_to_one_record_in_any_order_with_any_repetition) {
    const unsigned seed = std::random_device{}();
    RecordProperty("seed", static_cast<int>(seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 150; ++round) {
        std::vector<observation> all;
        for (unsigned n = 1 + random() % 40; n > 0; --n)
            all.push_back(random_observation(random));
        const auto expected = fold(fact_set{all});
        for (int shuffle = 0; shuffle < 6; ++shuffle) {
            auto shuffled = all;
            for (unsigned n = random() % 10; n > 0; --n)
                shuffled.push_back(all[random() % all.size()]);
            std::shuffle(shuffled.begin(), shuffled.end(), random);
            fact_set facts;
            call_record last;
            for (auto& o : shuffled)
                last = correlate(facts, std::move(o)).after.record;
            ASSERT_EQ(last, expected.record) << "round " << round;
            ASSERT_EQ(fold(facts).from, expected.from);
            // Associative: the union of two parts is the whole.
            const auto cut = static_cast<std::ptrdiff_t>(random() % all.size());
            const fact_set left{{all.begin(), all.begin() + cut}};
            fact_set joined{{all.begin() + cut, all.end()}};
            for (const auto& o : left.observations())
                joined.insert(o);
            ASSERT_EQ(joined, facts);
        }
    }
}

TEST(fold, webhooks_alone_fold_to_one_record_whatever_their_times_of_arrival) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    for (int round = 0; round < 150; ++round) {
        std::vector<observation> all;
        while (all.size() < 12) {
            auto o = random_observation(random);
            if (o.fact.kind != fact_kind::observed) all.push_back(std::move(o));
        }
        const auto expected = record_of(all);
        for (auto& o : all) {
            o.observed_at += std::chrono::seconds{random() % 1'000};
            o.delivery = id_of(static_cast<int>(random() % 1'000));
        }
        ASSERT_EQ(record_of(all), expected) << "round " << round;
    }
}

}  // namespace
}  // namespace callhook::lifecycle
