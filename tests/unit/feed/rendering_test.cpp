#include "feed/outbound/rendering.hpp"

#include "base/json.hpp"
#include "feed/cloud_events.hpp"

#include <gmock/gmock.h>

namespace callhook::feed::outbound {
namespace {

using testing::ElementsAre;

store::event_row event(const json::object& stored) {
    store::event_row row;
    row.position = 7;
    row.event = json::serialize(stored);
    return row;
}

const json::object call_new{
    {"specversion", "1.0"},
    {"type", "call.new"},
    {"source", "/callhook/main"},
    {"subject", "calls/3419"},
    {"time", "2016-09-08T13:32:54+02:00"},
    {"recordedtime", "2016-09-08T11:32:55Z"},
    {"origin", "webhook"},
    {"deliveryid", "01a1fd50-99d0-706f-8024-ef6dd88691fc"},
    {"datacontenttype", "application/json"},
    {"data", {{"note", "zażółć \"🙂\"\n"}, {"id", 3419}}},
};

std::vector<std::string> lines(const http::client_request& post) {
    std::vector<std::string> out;
    for (const auto& field : post.fields)
        out.push_back(field.name + ": " + field.value);
    return out;
}

TEST(rendering, structured_mode_is_the_event_as_the_feed_tells_it) {
    const auto post = render_post("0a1b2c3d", event(call_new), content_mode::structured);
    EXPECT_EQ(post.method, "POST");
    EXPECT_THAT(lines(post), ElementsAre("Content-Type: application/cloudevents+json"));
    EXPECT_EQ(post.body, render("0a1b2c3d", event(call_new)));
}

TEST(rendering, binary_mode_has_the_attributes_as_fields_and_the_data_as_the_body) {
    const auto post = render_post("0a1b2c3d", event(call_new), content_mode::binary);
    EXPECT_EQ(post.method, "POST");
    EXPECT_THAT(
        lines(post),
        ElementsAre(
            "ce-id: 0a1b2c3d.00000000000000000007",
            "ce-sequence: 00000000000000000007",
            "ce-specversion: 1.0",
            "ce-type: call.new",
            "ce-source: /callhook/main",
            "ce-subject: calls/3419",
            "ce-time: 2016-09-08T13:32:54+02:00",
            "ce-recordedtime: 2016-09-08T11:32:55Z",
            "ce-origin: webhook",
            "ce-deliveryid: 01a1fd50-99d0-706f-8024-ef6dd88691fc",
            "Content-Type: application/json"
        )
    );
    EXPECT_EQ(post.body, json::serialize(call_new.at("data")));
}

TEST(rendering, what_an_event_does_not_have_is_not_told) {
    const auto post = render_post(
        "0a1b2c3d",
        event({{"specversion", "1.0"}, {"subject", nullptr}, {"data", nullptr}, {"live", true}}),
        content_mode::binary
    );
    EXPECT_THAT(
        lines(post),
        ElementsAre(
            "ce-id: 0a1b2c3d.00000000000000000007",
            "ce-sequence: 00000000000000000007",
            "ce-specversion: 1.0",
            "ce-live: true",
            "Content-Type: application/json"
        )
    );
    EXPECT_EQ(post.body, "null");
}

TEST(rendering, a_trace_stands_in_a_field_of_its_own_in_either_mode) {
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    auto traced = call_new;
    traced["traceparent"] = trace;
    EXPECT_THAT(
        lines(render_post("0a1b2c3d", event(traced), content_mode::structured)),
        ElementsAre("Content-Type: application/cloudevents+json", "traceparent: " + trace)
    );
    const auto post = render_post("0a1b2c3d", event(traced), content_mode::binary);
    EXPECT_THAT(lines(post), testing::IsSupersetOf({"ce-traceparent: " + trace, "traceparent: " + trace}));
}

TEST(rendering, what_is_no_event_is_an_exception) {
    store::event_row broken;
    broken.event = "{";
    EXPECT_THROW(render_post("0a1b2c3d", broken, content_mode::binary), std::exception);
}

// The first is the example of the binding, section 3.1.3.2.
TEST(rendering, attributes_are_percent_encoded) {
    EXPECT_EQ(encode_attribute("Euro € 😀"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
    EXPECT_EQ(encode_attribute("100% \"sure\""), "100%25%20%22sure%22");
    EXPECT_EQ(encode_attribute("a\r\nx: y\x7f\t"), "a%0D%0Ax:%20y%7F%09");
    EXPECT_EQ(encode_attribute("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"), "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~");
    EXPECT_EQ(encode_attribute(std::string_view{"\0", 1}), "%00");
    EXPECT_EQ(encode_attribute(""), "");
}

}  // namespace
}  // namespace callhook::feed::outbound
