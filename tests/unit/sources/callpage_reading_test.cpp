#include "callpage_support.hpp"

#include <atomic>
#include <iostream>
#include <random>
#include <thread>

namespace callhook::sources::callpage {
namespace {

using lifecycle::extras;
using lifecycle::fact_kind;
using lifecycle::form_field;
using lifecycle::raw_json;

TEST(callpage_reading, the_wrapper_is_optional) {
    const auto bare = call_in(R"({"event":"call.new","id":5,"widget_id":3,"data":"x"})");
    EXPECT_EQ(bare.key.id, 5);
    EXPECT_EQ(bare.kind, fact_kind::ordered);
    EXPECT_EQ(bare.extra, (extras{{"/data", {R"("x")"}}}));
    EXPECT_EQ(message_in(R"({"message_from_client":"hi"})").text, "hi");
    EXPECT_EQ(
        extra_of(R"({"data":{"event":"call.new","id":5},"meta":{"b":1,"a":2}})"),
        (extras{{"/meta", {R"({"a":2,"b":1})"}}})
    );
}

TEST(callpage_reading, numbers_may_be_strings) {
    const auto call = call_in(
        R"({"data":{"event":"call.completed","id":"3419","widget_id":"3","call_attempts_count":"2",
            "call":{"billing_time":248,"dialed_time_a":"014","dialed_time_b":-1,"answered_time_b":"-1"}}})"
    );
    EXPECT_EQ(call.key.id, 3419);
    EXPECT_EQ(call.fields.widget_id, 3);
    EXPECT_EQ(call.fields.call_attempts_count, 2);
    EXPECT_EQ(call.fields.billing_time, 248);
    EXPECT_EQ(call.fields.dialed_time_a, 14);
    EXPECT_EQ(call.fields.dialed_time_b, -1);
    EXPECT_EQ(call.fields.answered_time_b, -1);
    EXPECT_EQ(call_in(R"({"event":"call.new","id":9223372036854775807})").key.id, INT64_MAX);
}

TEST(callpage_reading, nothing_has_many_spellings) {
    const auto nothing = call_in(R"({"event":"call.completed","id":1})");
    for (const auto* members :
         {R"("call":null)",
          R"("call":[])",
          R"("call":{})",
          R"("call":{"data":[]})",
          R"("call":{"data":null})",
          R"("call":{"data":{"data":[]}})",
          R"("fields":[])",
          R"("fields":{})",
          R"("fields":{"data":[]})",
          R"("fields":[{},[],null])",
          R"("call_attempt":[])",
          R"("call_attempt":{"manager":[]})",
          R"("call_attempt":{"data":{"manager":{"data":{}}}})",
          R"("request":[])",
          R"("ref_id":{})",
          R"("call":{"recording":[]})",
          R"("to":null,"widget_id":null,"email":null)",
          R"("unheard_of":null,"other":[],"third":{})"}) {
        EXPECT_EQ(call_in(completed_with(members)), nothing) << members;
    }
}

TEST(callpage_reading, wrappers_around_inner_objects_are_taken_off) {
    const auto plain = call_in(completed_with(
        R"("call":{"billing_time":7},"call_attempt":{"manager":{"id":4}},"fields":[{"id":3,"value":"v"}])"
    ));
    EXPECT_EQ(plain.fields.billing_time, 7);
    EXPECT_EQ(plain.fields.manager_id, 4);
    EXPECT_EQ(plain.fields.fields, (std::vector<form_field>{{3, {}, {}, "v"}}));
    EXPECT_EQ(
        call_in(completed_with(R"("call":{"data":{"billing_time":7}},
        "call_attempt":{"data":{"manager":{"data":{"id":4}}}},
        "fields":{"data":[{"data":{"id":3,"value":"v"}}]})")),
        plain
    );
    EXPECT_EQ(
        extra_of(completed_with(R"("call":{"data":{"billing_time":7,"x":1},"meta":2})")),
        (extras{{"/data/call/data/x", {"1"}}, {"/data/call/meta", {"2"}}})
    );
    // Beside other members, an empty or plain `data` is one of them and hides nothing.
    EXPECT_EQ(call_in(completed_with(R"("call":{"data":[],"billing_time":7})")).fields.billing_time, 7);
    EXPECT_EQ(call_in(completed_with(R"("call":{"data":5,"billing_time":7})")).fields.billing_time, 7);
}

TEST(callpage_reading, form_answers) {
    const auto call = call_in(completed_with(
        R"("fields":[{"id":"1","label":"L","slug":"s","value":"old","field_value":"new",
             "placeholder":"p","hint":null},
            {"value":"only"},{"field_value":5},{"field_value":["b","a"]},{"field_value":""},{"odd":1}])"
    ));
    const std::vector<form_field> expected{
        {1, "L", "s", "new"},
        {{}, {}, {}, "only"},
        {{}, {}, {}, "5"},
        {{}, {}, {}, "[\"b\",\"a\"]"},
        {{}, {}, {}, ""},
        {}};
    EXPECT_EQ(call.fields.fields, expected);
    EXPECT_EQ(
        call.extra,
        (extras{
            {"/data/fields/0/placeholder", {R"("p")"}},
            {"/data/fields/0/value", {R"("old")"}},
            {"/data/fields/5/odd", {"1"}}})
    );
}

TEST(callpage_reading, unknown_keys_are_kept_by_pointer) {
    EXPECT_EQ(
        extra_of(completed_with(
            R"("a/b~c":1,"":2,"call":{"k":{"z":[1.50,1e2,-0.0,18446744073709551616.0,true,null],"a":"\u0105\n\u0001\"\\\/"}},
               "call_attempt":{"n":false,"manager":{"m":"x"}},"number":"+48")"
        )),
        (extras{
            {"/data/a~1b~0c", {"1"}},
            {"/data/", {"2"}},
            {"/data/call/k", {R"({"a":"ą\n\u0001\"\\/","z":[1.5,100,0,1.8446744073709552e+19,true,null]})"}},
            {"/data/call_attempt/n", {"false"}},
            {"/data/call_attempt/manager/m", {R"("x")"}},
            {"/data/number", {R"("+48")"}}})
    );
}

TEST(callpage_reading, undocumented_shapes_are_kept_as_json) {
    const auto call =
        call_in(completed_with(R"("ref_id":7,"request":{"b":1,"a":[ ]},"call":{"recording":"u"})"));
    EXPECT_EQ(call.fields.ref_id, (raw_json{"7"}));
    EXPECT_EQ(call.fields.request, (raw_json{R"({"a":[],"b":1})"}));
    EXPECT_EQ(call.fields.recording, (raw_json{R"("u")"}));
}

TEST(callpage_reading, spelling_does_not_matter) {
    EXPECT_EQ(call_in(completed_with(R"("request":{"b":1,"a":"\u0041"},"x":{"d":[],"c":1.0})")), call_in(R"( {
        "data" : { "x":{"c":1.0,"d":[]}, "request":{"a":"A","b":1},
        "i\u0064" : 1, "event" : "call.completed" } } )"));
}

TEST(callpage_reading, what_makes_no_sense_stays_raw) {
    const auto call =
        call_in(completed_with(R"("to":"anonymous","created_at":"soon","status":"","email":"")"));
    EXPECT_EQ(call.fields.to, (lifecycle::phone_number{"anonymous", {}}));
    EXPECT_EQ(call.fields.created_at, (lifecycle::local_time{.raw = "soon"}));
    EXPECT_EQ(call.fields.status, "");
    EXPECT_EQ(call.fields.email, "");
}

TEST(callpage_reading, messages_are_told_by_their_shape) {
    EXPECT_EQ(
        message_in(R"({"data":{"number":"123 123 123","widget":7}})").phone,
        (lifecycle::phone_number{"123 123 123", "+48123123123"})
    );
    EXPECT_EQ(message_in(R"({"data":{"number":"1","link":null}})").link, std::nullopt);
    EXPECT_EQ(
        message_in(R"({"data":{"event":"new.message","text":"t","email":"e"}})").extra,
        (extras{{"/data/text", {R"("t")"}}})
    );
    EXPECT_EQ(
        message_in(R"({"data":{"event":null,"message_from_client":"m","call_request":[]}})").call_request,
        std::nullopt
    );
    EXPECT_EQ(call_in(R"({"data":{"event":"call.new","id":1,"message_from_client":"m"}})").extra.size(), 1U);
}

TEST(callpage_reading, links_name_calls_in_one_form_only) {
    const auto call_of = [](const std::string& link) {
        return message_in(R"({"data":{"message_from_client":"m","link":")" + link + "\"}}").linked_call;
    };
    EXPECT_EQ(call_of("https://core.callpage.io/calls/41"), 41);
    EXPECT_EQ(call_of("https://core.callpage.io/calls/41?tab=2#/calls/3"), 41);
    EXPECT_EQ(call_of("https:\\/\\/core.callpage.io\\/calls\\/41"), 41);
    for (const auto* other :
         {"",
          "41",
          "/calls/41",
          "https://core.callpage.io",
          "https://core.callpage.io/calls/",
          "https://core.callpage.io/calls/41/edit",
          "https://core.callpage.io/calls/41/",
          "https://x/a/calls/41",
          "https://x/calls/-1",
          "https://x/calls/0",
          "https://x/calls/1x",
          "https://x/?u=/calls/1",
          "https://x/calls/99999999999999999999",
          "https://x#/calls/1",
          "://"}) {
        EXPECT_EQ(call_of(other), std::nullopt) << other;
    }
}

TEST(callpage_reading, threads_do_not_disturb_each_other) {
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            const auto body = payload(documented[t]);
            const auto expected = decode(body);
            for (int i = 0; i < 500; ++i)
                wrong += decode(body) == expected && warsaw().look(body).readable() ? 0 : 1;
        });
    }
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

/// Bytes that mean something to JSON, so that damage often leaves a document that still parses.
constexpr std::string_view meaningful = "{}[]:,\"\\0123456789-.eEtfn /u\n";

std::string damaged(std::string body, std::mt19937_64& random) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (auto times = 1 + below(3); times > 0 && !body.empty(); --times) {
        const auto at = below(body.size());
        switch (below(6)) {
            case 0:
                body[at] = static_cast<char>(body[at] ^ (1 << below(8)));
                break;
            case 1:
                body[at] = meaningful[below(meaningful.size())];
                break;
            case 2:
                body.insert(at, 1, meaningful[below(meaningful.size())]);
                break;
            case 3:
                body.erase(at, 1 + below(8));
                break;
            case 4:
                body.insert(below(body.size()), body.substr(at, 1 + below(40)));
                break;
            default:
                body.resize(at);
        }
    }
    return body;
}

TEST(callpage_reading, damage_never_makes_look_and_decode_disagree) {
    const std::uint64_t seed = 20'261'121;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::cout << "seed " << seed << '\n';
    std::mt19937_64 random{seed};
    int readable = 0;
    std::vector<std::string> bodies;
    for (const auto* name : documented)
        bodies.push_back(payload(name));
    for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i) {
        // Exactly as long as it is, so that a sanitizer sees a read past the end.
        const std::string body = damaged(bodies[random() % bodies.size()], random);
        const std::vector<char> exact{body.begin(), body.end()};
        readable += reason_of({exact.data(), exact.size()}).empty() ? 1 : 0;
    }
    EXPECT_GT(readable, 1'000);
    EXPECT_LT(readable, 19'000);
}

}  // namespace
}  // namespace callhook::sources::callpage
