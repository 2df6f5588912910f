#include "rest_support.hpp"

namespace callhook::sources::callpage {
namespace {

using namespace std::chrono_literals;
using lifecycle::call_fact;
using lifecycle::fact_kind;
using lifecycle::local_time;
using lifecycle::phone_number;
using lifecycle::raw_json;

local_time winter_time(const char* raw, std::chrono::sys_days day, std::chrono::seconds utc) {
    return {raw, day + utc, 1h, lifecycle::zone_fit::exact};
}

std::vector<std::string> history() {
    return read_history(answered(payload("rest_history")), noon).value().records;
}

/// What all three documented records have in common.
call_fact expected_record(std::int64_t id, const char* status) {
    call_fact out{{"cp", id}, fact_kind::observed, {}, {}};
    auto& f = out.fields;
    f.status = status;
    f.widget_id = 47317;
    f.widget_name = "plan";
    f.scheduled_success = raw_json{"false"};
    f.referer = raw_json{R"({"medium":null,"source":"internal"})"};
    return out;
}

void expect_request_and_pages(const call_fact& fact, const char* request_id, const char* locale) {
    ASSERT_TRUE(fact.fields.request && fact.fields.visited_pages);
    const auto& request = fact.fields.request->text;
    EXPECT_TRUE(request.starts_with(R"({"geo_city":"Krakow","geo_continent_code":"EU",)")) << request;
    EXPECT_NE(
        request.find(std::string{R"("id":)"} + request_id + R"(,"ip":"192.0.2.18","locale":")" + locale),
        std::string::npos
    ) << request;
    EXPECT_TRUE(fact.fields.visited_pages->text.starts_with(R"([{"count":1,"title":null,"url":"https://)"));
}

call_fact without_request_and_pages(call_fact fact) {
    fact.fields.request.reset();
    fact.fields.visited_pages.reset();
    return fact;
}

TEST(record_documented, first_of_history) {
    const auto fact = record_in(history().at(0));
    auto expected = expected_record(10507595, "manager-failed");
    auto& f = expected.fields;
    f.to = phone_number{"+48123456789", "+48123456789"};
    f.created_at = winter_time("2023-01-17 10:59:07", std::chrono::year{2023} / 1 / 17, 9h + 59min + 7s);
    f.billing_time = 0;
    f.phone_call_id = 8826249;
    f.phone_call_type = 1;
    f.fields = {
        {110014, "E-mail", "email", "test@test.com"},
        {110015, "Your name", "name", "dfdsfvvasd"},
        {113855, "", "rating", "4.5"}};
    expect_request_and_pages(fact, "2093773134", "en");
    EXPECT_EQ(without_request_and_pages(fact), expected);
}

TEST(record_documented, second_of_history) {
    const auto fact = record_in(history().at(1));
    auto expected = expected_record(10616808, "new");
    auto& f = expected.fields;
    f.to = phone_number{"+48123123123", "+48123123123"};
    f.created_at = winter_time("2023-02-09 09:45:56", std::chrono::year{2023} / 2 / 9, 8h + 45min + 56s);
    f.extension = raw_json{R"({"email":"john5@callpage.io","message":"test"})"};
    f.fields = {
        {110014, "E-mail", "email", "agent.mulder@callpage.io"}, {110015, "Your name", "name", "Mulder"}};
    expect_request_and_pages(fact, "2128289791", "pl");
    EXPECT_EQ(without_request_and_pages(fact), expected);
}

TEST(record_documented, single_call) {
    const auto fact = record_in(read_call(answered(payload("rest_call")), noon).value());
    auto expected = expected_record(11925829, "completed");
    auto& f = expected.fields;
    f.to = phone_number{"+48500000669", "+48500000669"};
    f.created_at = winter_time("2023-12-19 10:46:56", std::chrono::year{2023} / 12 / 19, 9h + 46min + 56s);
    f.billing_time = 8;
    f.phone_call_id = 10014869;
    f.phone_call_sid = "f09078efb8770f624b008e1334ea316bbd428f34";
    f.phone_call_type = 1;
    f.transcribed = raw_json{"false"};
    f.manager_id = 71727;
    f.widget_manager_id = 95653;
    f.manager_name = "ada";
    f.manager_phone = phone_number{"+48500000417", "+48500000417"};
    f.manager_email = "ada@agency.example";
    f.visited_pages = raw_json{R"([{"count":1,"title":null,"url":"https://cpnow.me/d/JV4k"}])"};
    expect_request_and_pages(fact, "2574382511", "pl");
    f.request = fact.fields.request;
    EXPECT_EQ(fact, expected);
}

TEST(record_documented, the_inner_object_alone_is_the_same) {
    const std::string inner{R"({"id":7,"human_status":"new","to":"+48123123123"})"};
    EXPECT_EQ(record_in(inner), record_in(R"({"data":)" + inner + R"(,"id":7})"));
    EXPECT_EQ(record_in(inner).key, (lifecycle::call_key{"cp", 7}));
}

TEST(record_documented, a_form_is_the_same_from_a_webhook_and_from_the_api) {
    const std::string form{
        R"([{"id":3,"hint":null,"slug":"email","label":"E-mail","value":null,"field_value":"c@example.com"},
            {"id":"4","slug":"x","label":null,"value":["b",{"z":1,"a":2}],"placeholder":"p"},{},
            {"id":5,"value":"old","field_value":"new"}])"};
    const auto from_api = record_in(record_with(R"("call_request_fields":{"data":)" + form + "}"));
    ASSERT_EQ(from_api.fields.fields->size(), 3U);
    EXPECT_EQ(from_api.fields.fields, call_in(completed_with(R"("fields":)" + form)).fields.fields);
    EXPECT_EQ(from_api.extra, lifecycle::extras{});
}

}  // namespace
}  // namespace callhook::sources::callpage
