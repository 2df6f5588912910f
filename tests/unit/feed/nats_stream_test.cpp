#include "base/text.hpp"
#include "feed/nats/stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callhook::feed::nats {
namespace {

using store::publisher_place;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string info =
    R"({"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"callhook","subjects":["callhook.>"],)"
    R"("retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,)"
    R"("max_msg_size":-1,"discard":"old","storage":"file","num_replicas":3,"duplicate_window":600000000000,)"
    R"("metadata":{"a":"b"},"sealed":false},"created":"2026-01-01T00:00:00Z","state":{"messages":5,"bytes":100,)"
    R"("first_seq":3,"last_seq":7,"consumer_count":0},"cluster":{"leader":"n1"}})";

std::string with(std::string from, std::string_view what, std::string_view instead) {
    return from.replace(from.find(what), what.size(), instead);
}

std::vector<std::string> faults(std::string_view what, std::string_view instead) {
    return faults_of(read_stream(with(info, what, instead)).value(), {"callhook", "callhook", 3});
}

TEST(nats_stream, a_good_one_has_no_faults) {
    const auto stream = read_stream(info).value();
    EXPECT_EQ(stream.last_sequence, 7);
    EXPECT_EQ(stream.replicas, 3);
    EXPECT_THAT(faults_of(stream, {"callhook", "callhook", 3}), IsEmpty());
    EXPECT_THAT(faults_of(stream, {"callhook", "callhook", 1}), IsEmpty()) << "more copies than asked for";
}

TEST(nats_stream, each_fault_says_what_it_should_be) {
    EXPECT_THAT(faults("\"file\"", "\"memory\""), ElementsAre(HasSubstr("must be file")));
    EXPECT_THAT(faults("limits", "interest"), ElementsAre(HasSubstr("must be limits")));
    EXPECT_THAT(faults("\"old\"", "\"new\""), ElementsAre(HasSubstr("must be old")));
    EXPECT_THAT(faults("600000000000", "119000000000"), ElementsAre(HasSubstr("is 119 s")));
    EXPECT_THAT(faults("\"num_replicas\":3", "\"num_replicas\":1"), ElementsAre(HasSubstr("has 1 replicas")));
    EXPECT_THAT(
        faults("[\"callhook.>\"]", "[\"callhook.*\",\"x\"]"), ElementsAre(HasSubstr("callhook.*, x and must"))
    );
    EXPECT_THAT(faults("[\"callhook.>\"]", "null"), ElementsAre(HasSubstr("subjects are none")));
    EXPECT_THAT(faults("subject\":-1", "subject\":1"), ElementsAre(HasSubstr("messages per subject")));
    EXPECT_THAT(faults("max_msg_size\":-1", "max_msg_size\":9"), ElementsAre(HasSubstr("1 MiB")));
    EXPECT_THAT(faults("\"sealed\":false", "\"sealed\":true"), ElementsAre("it is sealed"));
    EXPECT_THAT(
        faults("\"sealed\":false", "\"no_ack\":true"), ElementsAre(HasSubstr("acknowledges nothing"))
    );
    EXPECT_THAT(
        faults("\"sealed\":false", "\"sources\":[{\"name\":\"x\"}]"), ElementsAre(HasSubstr("other streams"))
    );
    EXPECT_THAT(faults("\"sealed\":false", "\"sources\":[]"), IsEmpty());
}

TEST(nats_stream, all_faults_are_told_at_once) {
    stream_view nothing;
    EXPECT_GE(faults_of(nothing, {}).size(), 6U);
}

TEST(nats_stream, the_documented_definition_is_a_good_one) {
    const stream_rules rules{"CRM", "crm.calls", 3};
    auto made = definition(rules);
    const auto stream = read_stream(R"({"config":)" + made + R"(,"state":{"last_seq":0}})").value();
    EXPECT_THAT(faults_of(stream, rules), IsEmpty());
    EXPECT_EQ(stream.last_sequence, 0);
}

TEST(nats_stream, refusals_are_told_apart) {
    const auto missing =
        read_stream(R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})");
    EXPECT_EQ(missing.error().code, errc::not_found);
    const auto other =
        read_stream(R"({"error":{"code":503,"err_code":10039,"description":"not enabled\u0007"}})");
    EXPECT_EQ(other.error().code, errc::unavailable);
    EXPECT_THAT(other.error().message, HasSubstr("not enabled\\x07"));
    for (const char* nonsense : {"", "[]", "{", "null", "{\"config\":3}"})
        EXPECT_EQ(read_stream(nonsense).error().code, errc::unavailable) << nonsense;
}

TEST(nats_stream, acknowledgements_are_read) {
    const auto taken = read_acknowledgement(R"({"stream":"callhook","seq":12})").value();
    EXPECT_EQ(taken.sequence, 12);
    EXPECT_FALSE(taken.duplicate);
    EXPECT_TRUE(read_acknowledgement(R"({"stream":"callhook","seq":12,"duplicate": true})").value().duplicate
    );
    const auto code = [](const std::string& number) {
        return read_acknowledgement(
                   R"({"error":{"code":400,"err_code":)" + number +
                   R"(,"description":"no"},"stream":"callhook","seq":0})"
        )
            .error()
            .code;
    };
    EXPECT_EQ(code("10070"), errc::conflict);
    EXPECT_EQ(code("10071"), errc::conflict);
    EXPECT_EQ(code("10077"), errc::overloaded);
    EXPECT_EQ(code("10023"), errc::unavailable);
    EXPECT_EQ(read_acknowledgement("{}").error().code, errc::unavailable);
}

TEST(nats_stream, the_id_of_a_message_is_found) {
    const auto stored = [](const std::string& headers) {
        return R"({"message":{"subject":"s","seq":3,"hdrs":")" + base64_encode(headers) + R"("}})";
    };
    EXPECT_EQ(read_message_id(stored("NATS/1.0\r\nA: b\r\nnats-msg-id: e.1\r\n\r\n")).value(), "e.1");
    EXPECT_EQ(read_message_id(stored("NATS/1.0\r\nA: b\r\n\r\n")).value(), "");
    EXPECT_EQ(read_message_id(R"({"message":{"subject":"s","seq":3}})").value(), "");
    EXPECT_EQ(read_message_id(R"({"error":{"code":404,"err_code":10037}})").value(), "");
    EXPECT_TRUE(read_message_id(R"({"error":{"code":503,"err_code":1}})").has_error());
}

const std::string epoch = "0a1b2c3d";

std::string id(std::int64_t position, const std::string& of = epoch) {
    return to_string(cursor{of, position});
}

TEST(nats_resume, as_it_was_left) {
    const auto same = resume(epoch, {9, 20}, 20, "");
    EXPECT_EQ(same.place, (publisher_place{9, 20}));
    EXPECT_TRUE(same.remark.empty() && same.halt.empty());
}

TEST(nats_resume, a_new_or_reset_place_takes_the_stream_as_it_is) {
    for (const std::int64_t last : {0, 3, 50}) {
        const auto found = resume(epoch, {9, {}}, last, id(12));
        EXPECT_EQ(found.place, (publisher_place{9, last}));
        EXPECT_TRUE(found.remark.empty() && found.halt.empty());
    }
}

TEST(nats_resume, events_whose_acknowledgement_was_lost_are_not_published_again) {
    const auto found = resume(epoch, {9, 20}, 23, id(14));
    EXPECT_EQ(found.place, (publisher_place{14, 23}));
    EXPECT_TRUE(found.halt.empty());
    EXPECT_THAT(found.remark, HasSubstr("whose acknowledgement was lost"));
}

TEST(nats_resume, messages_of_others_move_nothing) {
    for (const std::string& last :
         {std::string{}, std::string{"x"}, id(14, "ffffffff"), id(9), epoch + ".x"}) {
        const auto found = resume(epoch, {9, 20}, 23, last);
        EXPECT_EQ(found.place, (publisher_place{9, 23})) << last;
        EXPECT_TRUE(found.halt.empty());
        EXPECT_FALSE(found.remark.empty());
    }
}

TEST(nats_resume, a_lost_tail_is_published_again) {
    const auto found = resume(epoch, {9, 20}, 18, id(7));
    EXPECT_EQ(found.place, (publisher_place{7, 18}));
    EXPECT_TRUE(found.halt.empty());
    EXPECT_THAT(found.remark, HasSubstr("has lost events"));
}

TEST(nats_resume, a_stream_made_anew_is_for_somebody_to_decide) {
    for (const std::string& last : {std::string{}, id(7, "ffffffff"), id(10)}) {
        const auto found = resume(epoch, {9, 20}, last.empty() ? 0 : 18, last);
        EXPECT_THAT(found.halt, HasSubstr("reset")) << last;
    }
}

}  // namespace
}  // namespace callhook::feed::nats
