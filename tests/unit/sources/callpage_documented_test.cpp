#include "callpage_support.hpp"

namespace callhook::sources::callpage {
namespace {

using namespace std::chrono_literals;
using lifecycle::call_fact;
using lifecycle::fact_kind;
using lifecycle::local_time;
using lifecycle::phone_number;

/// A documented time of 8 September 2016, when Warsaw was two hours ahead of UTC.
local_time warsaw_time(const char* time_of_day, std::chrono::seconds utc) {
    const std::chrono::sys_days day{std::chrono::year{2016} / 9 / 8};
    return {std::string{"2016-09-08 "} + time_of_day, day + utc, 2h, lifecycle::zone_fit::exact};
}

call_fact expected_request(fact_kind kind, const char* status) {
    call_fact out{{"cp", 3419}, kind, {}, {}};
    out.fields.status = status;
    out.fields.to = phone_number{"+48888888769", "+48888888769"};
    out.fields.widget_id = 3;
    out.fields.created_at = warsaw_time("13:32:54", 11h + 32min + 54s);
    return out;
}

call_fact expected_completed(fact_kind kind) {
    auto out = expected_request(kind, "completed");
    auto& f = out.fields;
    f.direction = "ab";
    f.queued_at = warsaw_time("13:33:03", 11h + 33min + 3s);
    f.started_at = warsaw_time("13:33:25", 11h + 33min + 25s);
    f.dialed_at_a = warsaw_time("13:33:17", 11h + 33min + 17s);
    f.dialed_at_b = warsaw_time("13:33:21", 11h + 33min + 21s);
    f.answered_at_a = warsaw_time("13:33:22", 11h + 33min + 22s);
    f.answered_at_b = warsaw_time("13:33:25", 11h + 33min + 25s);
    f.ended_at_a = warsaw_time("13:37:33", 11h + 37min + 33s);
    f.ended_at_b = warsaw_time("13:37:25", 11h + 37min + 25s);
    f.dialed_time_a = 14;
    f.answered_time_a = 5;
    f.dialed_time_b = 18;
    f.answered_time_b = 4;
    f.billing_time = 248;
    f.manager_id = 4;
    f.manager_name = "Admin";
    f.manager_phone = phone_number{"+48570934649", "+48570934649"};
    f.manager_email = "admin@callpage.io";
    f.call_attempts_count = 1;
    return out;
}

TEST(callpage_documented, call_scheduled) {
    auto expected = expected_request(fact_kind::scheduled, "scheduled");
    expected.fields.scheduled_at = warsaw_time("14:30:00", 12h + 30min);
    EXPECT_EQ(call_in(payload("call_scheduled")), expected);
}

TEST(callpage_documented, call_new) {
    EXPECT_EQ(call_in(payload("call_new")), expected_request(fact_kind::ordered, "new"));
}

TEST(callpage_documented, call_missed) {
    auto expected = expected_request(fact_kind::missed, "manager-failed");
    expected.fields.call_attempts_count = 3;
    EXPECT_EQ(call_in(payload("call_missed")), expected);
}

TEST(callpage_documented, call_completed) {
    EXPECT_EQ(call_in(payload("call_completed")), expected_completed(fact_kind::completed));
}

TEST(callpage_documented, data_added) {
    auto expected = expected_completed(fact_kind::data_added);
    expected.fields.email = "happy@customer.com";
    expected.fields.fields = {
        {3, "E-mail", "email", "customer@example.com"}, {4, "Your name", "name", "Happy Customer"}};
    EXPECT_EQ(call_in(payload("data_added")), expected);
}

TEST(callpage_documented, new_message) {
    lifecycle::message_fact expected;
    expected.source = "cp";
    expected.email = "happy@customer.com";
    expected.text = "Some text";
    expected.phone = phone_number{"+48 123 123 123", "+48123123123"};
    expected.widget_id = 1;
    expected.user_id = 2;
    expected.url = "https://test.com";
    expected.link = "https://core.callpage.io/calls/1";
    expected.linked_call = 1;
    expected.call_request = lifecycle::raw_json{R"(["$this->callRequest"])"};
    EXPECT_EQ(message_in(payload("new_message")), expected);
}

TEST(callpage_documented, look_names_the_event) {
    const std::array names{
        "call.scheduled", "call.new", "call.missed", "call.completed", "data.added", "new.message"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto seen = warsaw().look(payload(documented[i]));
        EXPECT_EQ(seen.event, names[i]);
        EXPECT_TRUE(seen.readable());
    }
}

}  // namespace
}  // namespace callhook::sources::callpage
