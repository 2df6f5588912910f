/// Every order of a call's facts, by enumeration: what random orders make likely, this makes certain.

#include "lifecycle/correlator.hpp"
#include "records/record_json.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace callhook::lifecycle {
namespace {

using namespace std::chrono_literals;

/// 2016-09-08 12:00:00 UTC; the wall clock of the vendor stands two hours later.
constexpr std::chrono::sys_seconds noon{1'473'336'000s};

local_time at(std::chrono::seconds after_noon) {
    return {"T+" + std::to_string(after_noon.count()), noon + after_noon, 2h, zone_fit::exact};
}

/// A webhook's time of arrival and its delivery are given to it when it arrives; a record from the API was
/// fetched at a moment of its own.
observation said(fact_kind kind, call_fields fields, std::chrono::seconds fetched = 1h) {
    const auto from = kind == fact_kind::observed ? origin::backfill : origin::webhook;
    return {{{"demo", 7}, kind, std::move(fields), {}}, from, utc_time{noon + fetched}, {}};
}

/// The observation as the `n`th delivery of all.
observation arrived(observation o, std::size_t n) {
    if (o.from == origin::webhook) o.observed_at = utc_time{noon + std::chrono::seconds{n}};
    o.delivery.bytes[14] = static_cast<std::uint8_t>(n >> 8);
    o.delivery.bytes[15] = static_cast<std::uint8_t>(n);
    return o;
}

// One fact of each kind about one call. They overlap, and contradict each other in fields of either rule.

observation scheduled() {
    call_fields f;
    f.status = "scheduled";
    f.ref_id = raw_json{"17"};
    f.to = phone_number{"+48 1", "+481"};
    f.email = "slot@example.com";
    f.widget_id = 3;
    f.created_at = at(0s);
    f.scheduled_at = at(600s);
    return said(fact_kind::scheduled, f);
}

observation ordered() {
    call_fields f;
    f.status = "new";
    f.to = phone_number{"+48 1", "+481"};
    f.email = "order@example.com";
    f.widget_id = 3;
    f.created_at = at(1s);
    f.direction = "outbound";
    auto o = said(fact_kind::ordered, f);
    o.fact.extra["/data/page"].text = "\"from the order\"";
    return o;
}

observation missed() {
    call_fields f;
    f.status = "user-failed";
    f.to = phone_number{"+48 2", "+482"};
    f.direction = "inbound";
    f.dialed_time_a = 9;
    f.manager_id = 1;
    f.manager_name = "Missed";
    f.call_attempts_count = 2;
    f.tags = raw_json{R"(["missed"])"};
    return said(fact_kind::missed, f);
}

observation completed() {
    call_fields f;
    f.status = "completed";
    f.to = phone_number{"+48 1", "+481"};
    f.widget_id = 3;
    f.queued_at = at(605s);
    f.dialed_at_a = at(610s);
    f.started_at = at(630s);
    f.ended_at_a = at(730s);
    f.ended_at_b = at(725s);
    f.dialed_time_a = 5;
    f.billing_time = 100;
    f.recording = raw_json{R"("hook.mp3")"};
    f.manager_id = 2;
    f.call_attempts_count = 1;
    auto o = said(fact_kind::completed, f);
    o.fact.extra["/data/page"].text = "\"from the outcome\"";
    o.fact.extra["/data/queue"].text = "4";
    return o;
}

observation data_added() {
    call_fields f;
    f.to = phone_number{"+48 1", "+481"};
    f.manager_id = 3;
    f.manager_phone = phone_number{"none", {}};
    f.fields = std::vector<form_field>{{1, "Your name", "name", "Ann"}, {2, "Topic", {}, {}}};
    return said(fact_kind::data_added, f);
}

observation observed() {
    call_fields f;
    f.status = "cancelled";
    f.to = phone_number{"+48 1", "+481"};
    f.email = "api@example.com";
    f.widget_id = 4;
    f.scheduled_at = at(900s);
    f.recording = raw_json{R"("api.mp3")"};
    f.fields = std::vector<form_field>{{1, "Your name", "name", "Bob"}};
    f.widget_name = "Shop";
    f.cancelled_at = at(700s);
    f.tags = raw_json{R"(["api"])"};
    f.notes = raw_json{"null"};
    return said(fact_kind::observed, f);
}

std::vector<observation> one_of_each_kind() {
    return {observed(), scheduled(), ordered(), missed(), completed(), data_added()};
}

/// Written by hand from the rules of `fold`: what the six facts come to.
constexpr const char* record_of_all_six = R"({
    "source": "demo",
    "id": 7,
    "phase": "completed",
    "has_feedback": true,
    "events": ["call.scheduled", "call.new", "call.missed", "call.completed", "data.added"],
    "status": "completed",
    "ref_id": 17,
    "to": "+481",
    "to_raw": "+48 1",
    "email": "order@example.com",
    "widget_id": 3,
    "created_at": "2016-09-08T14:00:01+02:00",
    "created_at_raw": "T+1",
    "scheduled_at": "2016-09-08T14:10:00+02:00",
    "scheduled_at_raw": "T+600",
    "direction": "inbound",
    "queued_at": "2016-09-08T14:10:05+02:00",
    "queued_at_raw": "T+605",
    "started_at": "2016-09-08T14:10:30+02:00",
    "started_at_raw": "T+630",
    "dialed_at_a": "2016-09-08T14:10:10+02:00",
    "dialed_at_a_raw": "T+610",
    "ended_at_a": "2016-09-08T14:12:10+02:00",
    "ended_at_a_raw": "T+730",
    "ended_at_b": "2016-09-08T14:12:05+02:00",
    "ended_at_b_raw": "T+725",
    "dialed_time_a": 5,
    "billing_time": 100,
    "recording": "api.mp3",
    "manager_id": 3,
    "manager_name": "Missed",
    "manager_phone_raw": "none",
    "call_attempts_count": 1,
    "fields": [{"id": 1, "label": "Your name", "slug": "name", "value": "Bob"}],
    "widget_name": "Shop",
    "cancelled_at": "2016-09-08T14:11:40+02:00",
    "cancelled_at_raw": "T+700",
    "tags": ["api"],
    "notes": null,
    "extra": {"/data/page": "from the outcome", "/data/queue": 4},
    "clocks": {"seconds_to_answer": 30, "talk_seconds": 100, "attempts": 1},
    "anomalies": [
        {"code": "conflict", "field": "created_at"},
        {"code": "conflict", "field": "to"},
        {"code": "conflict", "field": "widget_id"},
        {"code": "two_outcomes"},
        {"code": "unreadable_phone", "field": "manager_phone"}
    ]
})";

/// The same where the record from the API was fetched before any webhook came: of what the vendor may change,
/// the webhook saw the later state.
json::value record_of_all_six_fetched_first() {
    auto record = parse_json(record_of_all_six);
    auto& o = record.as_object();
    o["recording"] = "hook.mp3";
    o["tags"] = json::array{"missed"};
    o["fields"] = parse_json(
        R"([{"id": 1, "label": "Your name", "slug": "name", "value": "Ann"}, {"id": 2, "label": "Topic"}])"
    );
    return record;
}

/// The types of event of which each is told once, a bit each.
unsigned bit_of(const std::string& type) {
    constexpr const char* types[] = {
        "call.scheduled",
        "call.new",
        "call.missed",
        "call.completed",
        "data.added",
        "call.cancelled",
        "call.failed"};
    const auto* found = std::find(std::begin(types), std::end(types), type);
    return found == std::end(types) ? 0U : 1U << (found - std::begin(types));
}

/// Walks sequences of facts as a tree, so that those with one beginning share the work of it, and holds after
/// every step: the record is that of the set of facts so far, and what happened is told once.
class walk_of_orders {
public:
    walk_of_orders(std::vector<observation> facts, std::size_t longest, bool repeating)
        : all_{std::move(facts)}, longest_{longest}, repeating_{repeating} {
        for (const auto& o : all_)
            type_.push_back(bit_of(std::string{event_name(o.fact.kind)}));
    }

    void run() {
        count_ = 1;  // the sequence of no fact
        go({}, {}, 0, 0);
    }

    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] std::size_t sets() const { return records_.size(); }
    [[nodiscard]] const call_record& record_of(unsigned set) const { return records_.at(set).record; }

private:
    struct known {
        call_record record;
        std::string text;
    };

    void go(const fact_set& facts, const folded& before, unsigned set, unsigned told) {
        if (path_.size() == longest_) return;
        for (std::size_t i = 0; i < all_.size(); ++i) {
            if (!repeating_ && (set >> i & 1U) != 0) continue;
            ++count_;
            path_.push_back(i);
            auto next = facts;
            const auto step = correlate(next, before, arrived(all_[i], path_.size()));
            const auto now_told = check(step, i, set, told);
            if (!failed_) go(next, step.after, set | 1U << i, now_told);
            path_.pop_back();
            if (failed_) return;
        }
    }

    unsigned check(const step& s, std::size_t i, unsigned before, unsigned told) {
        const bool repeat = (before >> i & 1U) != 0;
        const auto set = before | 1U << i;
        auto at = records_.find(set);
        if (at == records_.end()) at = records_.emplace(set, known{s.after.record, text_of(s)}).first;
        if (s.after.record != at->second.record)
            fail("another record than another order of the same facts gave");
        // The text is a function of the record; it is written where that costs little.
        if (path_.size() <= 5 && text_of(s) != at->second.text) fail("equal records, other text");
        if (repeat && (s.changed || !s.events.empty())) fail("a repeat changed or told something");
        for (const auto& e : s.events) {
            const auto type = bit_of(e.type);
            if (type == 0 && e.type != "call.updated") fail("an unknown event");
            if ((told & type) != 0) fail("something was told twice");
            told |= type;
        }
        if ((told & type_[i]) != type_[i]) fail("a webhook's event was not told");
        return told;
    }

    static std::string text_of(const step& s) { return records::write_record(s.after.record); }

    void fail(const char* what) {
        failed_ = true;
        std::string order;
        for (const auto i : path_)
            order += ' ' + std::to_string(i);
        ADD_FAILURE() << what << ", after the facts" << order;
    }

    std::vector<observation> all_;
    std::size_t longest_;
    bool repeating_;
    std::vector<unsigned> type_;
    std::vector<std::size_t> path_;
    std::map<unsigned, known> records_;
    std::size_t count_ = 0;
    bool failed_ = false;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr std::size_t longest = 6;  // the sanitizers look for faults of another kind, and are slow
constexpr std::size_t sequences = 55'987;
#else
constexpr std::size_t longest = 8;
constexpr std::size_t sequences = 2'015'539;
#endif

TEST(every_order, all_sequences_of_the_six_kinds_of_fact_depend_on_their_set_alone) {
    walk_of_orders walk{one_of_each_kind(), longest, true};
    walk.run();
    EXPECT_EQ(walk.count(), sequences);  // 6^0 + … + 6^longest
    ASSERT_EQ(walk.sets(), 63U);         // every set but the empty one
    std::set<std::string> different;
    for (unsigned set = 1; set < 64; ++set)
        different.insert(records::write_record(walk.record_of(set)));
    EXPECT_EQ(different.size(), 63U);  // no fact is without effect, so each could be noticed missing
}

TEST(every_order, all_orders_of_the_six_kinds_of_fact_end_in_the_record_written_by_hand) {
    for (const bool fetched_first : {false, true}) {
        auto all = one_of_each_kind();
        if (fetched_first) all.front().observed_at = utc_time{noon - 1h};
        const auto expected =
            fetched_first ? record_of_all_six_fetched_first() : parse_json(record_of_all_six);
        std::vector<std::size_t> order{0, 1, 2, 3, 4, 5};
        int orders = 0;
        do {
            ++orders;
            fact_set facts;
            folded last;
            std::size_t n = 0;
            for (const auto i : order)
                last = correlate(facts, last, arrived(all[i], ++n)).after;
            ASSERT_EQ(parse_json(records::write_record(last.record)), expected) << orders << "th order";
        } while (std::next_permutation(order.begin(), order.end()));
        EXPECT_EQ(orders, 720);
    }
}

/// Two facts of a kind that contradict each other, for the kinds where that is likeliest.
std::vector<observation> two_of_a_kind() {
    auto richer = completed();
    richer.fact.fields.call_attempts_count = 3;
    richer.fact.fields.ended_at_b = at(800s);
    richer.fact.fields.email = "outcome@example.com";
    auto other = ordered();
    other.fact.fields.email = "other@example.com";
    other.fact.extra["/data/page"].text = "\"from the other order\"";
    // As full as the first one, and a status that means "failed" in a record unless a webhook said otherwise.
    auto failed = missed();
    failed.fact.fields.status = "failed";
    failed.fact.fields.manager_name = "Other";
    auto looked_again = observed();
    looked_again.observed_at = utc_time{noon - 1h};
    looked_again.fact.fields.status = "failed";
    looked_again.fact.fields.tags = raw_json{R"(["earlier"])"};
    return {completed(), richer, ordered(), other, missed(), failed, observed(), looked_again};
}

TEST(every_order, sequences_of_facts_that_contradict_others_of_their_kind_depend_on_their_set_alone) {
    walk_of_orders walk{two_of_a_kind(), 5, true};
    walk.run();
    EXPECT_EQ(walk.count(), 37'449U);  // 8^0 + … + 8^5
}

TEST(every_order, all_orders_of_facts_that_contradict_others_of_their_kind_end_in_one_record) {
    walk_of_orders walk{two_of_a_kind(), 8, false};
    walk.run();
    EXPECT_EQ(walk.count(), 109'601U);  // the beginnings of the 40,320 orders: 8!/0! + … + 8!/8!
    ASSERT_EQ(walk.sets(), 255U);
    EXPECT_EQ(walk.record_of(255).phase, phase::completed);
    EXPECT_EQ(walk.record_of(255).fields.email, "outcome@example.com");
}

}  // namespace
}  // namespace callhook::lifecycle
