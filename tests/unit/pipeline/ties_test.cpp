#include "pipeline/message_ties.hpp"

#include <gtest/gtest.h>

namespace callhook::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr utc_time noon{1'473'336'000s};

lifecycle::message_fact message() {
    lifecycle::message_fact fact;
    fact.source = "demo";
    fact.text = "call me";
    fact.phone = lifecycle::phone_number{"123", "+48123"};
    fact.widget_id = 3;
    return fact;
}

store::call_time call(std::int64_t id, utc_time at) {
    return {{"demo", id}, "+48123", 3, at};
}

TEST(ties, a_link_settles_it) {
    auto fact = message();
    fact.linked_call = 42;
    auto row = make_message_row(fact, {}, noon);
    EXPECT_EQ(row.call_id, 42);
    EXPECT_FALSE(retie(row, {call(1, noon)}, 24h));
    EXPECT_EQ(row.call_id, 42);
}

TEST(ties, else_the_nearest_call_of_the_visitor_within_the_window) {
    const auto row = make_message_row(message(), {}, noon);
    const auto tied = [&](std::vector<store::call_time> calls) {
        return tie_message(row, calls, 1h).call_id;
    };
    EXPECT_EQ(tied({}), std::nullopt);
    EXPECT_EQ(tied({call(1, noon - 2h)}), std::nullopt);
    EXPECT_EQ(tied({call(1, noon - 1h)}), 1);
    EXPECT_EQ(tied({call(1, noon - 30min), call(2, noon + 10min)}), 2);
    EXPECT_EQ(tied({call(9, noon - 10min), call(2, noon + 10min)}), 2);
    EXPECT_EQ(tied({call(2, noon + 10min), call(9, noon - 10min)}), 2);
    auto other_widget = call(1, noon);
    other_widget.widget_id = 4;
    auto other_source = call(1, noon);
    other_source.key.source = "other";
    auto other_phone = call(1, noon);
    other_phone.phone = "+48124";
    EXPECT_EQ(tied({other_widget, other_source, other_phone}), std::nullopt);
}

TEST(ties, a_message_without_a_readable_number_stands_alone) {
    auto fact = message();
    fact.phone->e164.reset();
    EXPECT_FALSE(tie_message(make_message_row(fact, {}, noon), {call(1, noon)}, 1h).call_id);
}

TEST(ties, retying_says_whether_the_call_changed_and_shows_how_it_is_tied) {
    auto row = make_message_row(message(), {}, noon);
    EXPECT_TRUE(retie(row, {call(1, noon)}, 1h));
    EXPECT_NE(row.record.find(R"("call":{"id":1,"tied_by":"visitor"})"), std::string::npos);
    EXPECT_FALSE(retie(row, {call(1, noon)}, 1h));
    EXPECT_TRUE(retie(row, {}, 1h));
}

}  // namespace
}  // namespace callhook::pipeline
