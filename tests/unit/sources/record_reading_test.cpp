#include "rest_support.hpp"

namespace callhook::sources::callpage {
namespace {

using lifecycle::phone_number;
using lifecycle::raw_json;

TEST(record_reading, every_secondary_field) {
    const auto fact = record_in(record_with(
        R"("ref_id":9,"email":"a@b.c","call_attempts_count":"3","scheduled_at":"2026-01-01 00:00:00",
           "cancelled_at":"2026-01-02 00:00:00","scheduled_success":true,"unknown":5,
           "feedback":{"data":{"rating":5}},"department":{"data":{"name":"Sales","id":1}},
           "tags":{"data":[{"data":{"id":107,"name":"t"},"id":107},{"data":{"x":1}},{"id":2}]},
           "notes":[{"data":{"text":"n","user":{"data":{"id":1}}}}],
           "utm":{"data":{"utm_medium":null,"utm_source":"s"}},
           "call":{"data":{"direction":"ab","queued_at":"2026-01-01 00:00:01","started_at":"a","dialed_at_a":"b",
             "dialed_at_b":"c","answered_at_a":"d","answered_at_b":"e","ended_at_a":"f","ended_at_b":"g",
             "dialed_time_a":1,"answered_time_a":"2","dialed_time_b":3,"answered_time_b":4,"billing_time":"5",
             "recording":{"data":{"url":"u"}},"rating":{"data":{"value":4}},"transcribed":1,"more":{}}})"
    ));
    const auto& f = fact.fields;
    EXPECT_EQ(f.ref_id, (raw_json{"9"}));
    EXPECT_EQ(f.email, "a@b.c");
    EXPECT_EQ(f.call_attempts_count, 3);
    EXPECT_EQ(f.scheduled_at->raw, "2026-01-01 00:00:00");
    EXPECT_TRUE(f.cancelled_at->at);
    EXPECT_EQ(f.scheduled_success, (raw_json{"true"}));
    EXPECT_EQ(f.feedback, (raw_json{R"({"rating":5})"}));
    EXPECT_EQ(f.department, (raw_json{R"({"id":1,"name":"Sales"})"}));
    EXPECT_EQ(f.tags, (raw_json{R"([{"id":107,"name":"t"},{"x":1},{"id":2}])"}));
    EXPECT_EQ(f.notes, (raw_json{R"([{"text":"n","user":{"id":1}}])"}));
    EXPECT_EQ(f.utm, (raw_json{R"({"utm_medium":null,"utm_source":"s"})"}));
    EXPECT_EQ(f.direction, "ab");
    EXPECT_TRUE(f.queued_at->at);
    EXPECT_EQ(f.started_at->raw, "a");
    EXPECT_EQ(f.dialed_at_a->raw, "b");
    EXPECT_EQ(f.dialed_at_b->raw, "c");
    EXPECT_EQ(f.answered_at_a->raw, "d");
    EXPECT_EQ(f.answered_at_b->raw, "e");
    EXPECT_EQ(f.ended_at_a->raw, "f");
    EXPECT_EQ(f.ended_at_b->raw, "g");
    EXPECT_EQ(f.dialed_time_a, 1);
    EXPECT_EQ(f.answered_time_a, 2);
    EXPECT_EQ(f.dialed_time_b, 3);
    EXPECT_EQ(f.answered_time_b, 4);
    EXPECT_EQ(f.billing_time, 5);
    EXPECT_EQ(f.recording, (raw_json{R"({"url":"u"})"}));
    EXPECT_EQ(f.rating, (raw_json{R"({"value":4})"}));
    EXPECT_EQ(f.transcribed, (raw_json{"1"}));
    EXPECT_EQ(fact.extra, lifecycle::extras{});
}

TEST(record_reading, status_has_two_names) {
    EXPECT_EQ(record_in(record_with(R"("status":"new")")).fields.status, "new");
    EXPECT_EQ(record_in(record_with(R"("status":"x","human_status":"new")")).fields.status, "new");
    EXPECT_EQ(record_in(record_with(R"("status":7,"human_status":"new")")).fields.status, "new");
    EXPECT_EQ(record_in(record_with(R"("status":"new","human_status":null)")).fields.status, "new");
}

TEST(record_reading, only_a_widget_gives_its_id_and_name) {
    const auto widget_of = [](const std::string& type) {
        const auto f =
            record_in(record_with(type + R"("leadable_id":"3","leadable_description":"plan")")).fields;
        EXPECT_EQ(f.widget_id.has_value(), f.widget_name.has_value());
        return f.widget_id;
    };
    EXPECT_EQ(widget_of(""), 3);
    EXPECT_EQ(widget_of(R"("leadable_type":"Widget",)"), 3);
    EXPECT_EQ(widget_of(R"("leadable_type":"widget",)"), 3);
    EXPECT_EQ(widget_of(R"("leadable_type":null,)"), 3);
    EXPECT_EQ(widget_of(R"("leadable_type":[],)"), 3);
    EXPECT_EQ(widget_of(R"("leadable_type":"IncomingNumber",)"), std::nullopt);
    EXPECT_EQ(record_reason(record_with(R"("leadable_type":"Form","leadable_id":"abc")")), "");
}

TEST(record_reading, a_manager_is_a_user_or_has_a_name_itself) {
    const auto manager = [](const std::string& inner) {
        return record_in(record_with(R"("call":{"data":{"call_attempt":{"data":{"manager":)" + inner + "}}}}")
        )
            .fields;
    };
    const auto own = manager(R"({"data":{"id":4,"name":"Admin","tel":"570934649","email":"e"}})");
    EXPECT_EQ(own.manager_id, 4);
    EXPECT_EQ(own.widget_manager_id, std::nullopt);
    EXPECT_EQ(own.manager_name, "Admin");
    EXPECT_EQ(own.manager_phone, (phone_number{"570934649", "+48570934649"}));
    EXPECT_EQ(own.manager_email, "e");
    for (const auto* both :
         {R"({"id":4,"name":"own","user":{"id":"7","name":"user","tel":null}})",
          R"({"user":{"data":{"name":"user","id":7}},"name":"own","id":4})"}) {
        const auto f = manager(both);
        EXPECT_EQ(f.manager_id, 7);
        EXPECT_EQ(f.widget_manager_id, 4);
        EXPECT_EQ(f.manager_name, "user");
    }
    EXPECT_EQ(record_in(record_with(R"("call_attempt":{"manager":{"id":4}})")).fields.manager_id, 4);
    // A user that is gone leaves a place at the widget.
    EXPECT_EQ(manager(R"({"id":4,"user":{"data":[]}})").manager_id, std::nullopt);
    EXPECT_EQ(manager(R"({"id":4,"user":{"data":[]}})").widget_manager_id, 4);
}

TEST(record_reading, nothing_has_many_spellings) {
    const auto nothing = record_in(R"({"id":1})");
    for (const auto* key :
         {"to",
          "human_status",
          "status",
          "created_at",
          "scheduled_at",
          "cancelled_at",
          "leadable_id",
          "leadable_type",
          "leadable_description",
          "request",
          "call",
          "call_attempt",
          "call_request_fields",
          "tags",
          "notes",
          "department",
          "feedback",
          "extension",
          "utm",
          "referer",
          "traceroutes",
          "ref_id",
          "email",
          "call_attempts_count",
          "scheduled_success"}) {
        for (const auto* value : {"null", "[]", "{}", R"({"data":[]})", R"({"data":{"data":null}})"}) {
            EXPECT_EQ(record_in(record_with('"' + std::string{key} + "\":" + value)), nothing)
                << key << value;
        }
    }
    for (const auto* members :
         {R"("utm":{"data":{"utm_medium":null,"utm_source":null}})",
          R"("referer":{"medium":null,"source":[]})",
          R"("call":{"data":{"rating":{"data":[]},"call_attempt":{"data":{"manager":{"data":[]}}}}})",
          R"("call":{"data":{"call_attempt":{"data":{"manager":{"data":{"user":{"data":[]}}}}}}})",
          R"("call_request_fields":{"data":[[],null,{"data":[]}]})"}) {
        EXPECT_EQ(record_in(record_with(members)), nothing) << members;
    }
}

TEST(record_reading, a_wrapper_around_any_value_is_taken_off) {
    const auto plain =
        record_in(record_with(R"("to":"+48123123123","leadable_id":3,"request":{"id":5,"ip":"i"})"));
    EXPECT_EQ(
        record_in(record_with(
            R"("to":{"data":"+48123123123"},"leadable_id":{"data":3},"request":{"data":{"data":{"ip":"i","id":5},"id":5}})"
        )),
        plain
    );
    // Beside other members, `data` is one of them.
    EXPECT_EQ(
        record_in(record_with(R"("extension":{"data":{"a":1},"b":2})")).fields.extension,
        (raw_json{R"({"b":2,"data":{"a":1}})"})
    );
    EXPECT_EQ(
        record_in(record_with(R"("extension":{"data":{"a":1},"id":2})")).fields.extension,
        (raw_json{R"({"data":{"a":1},"id":2})"})
    );
}

TEST(record_reading, what_does_not_fit_in_a_secondary_field_is_left_out) {
    const auto nothing = record_in(R"({"id":1})");
    for (const auto* members :
         {R"("email":5)",
          R"("cancelled_at":7)",
          R"("call_attempts_count":"many")",
          R"("call_attempts_count":99999999999999999999999e9)",
          R"("leadable_description":["x"])",
          R"("leadable_type":5)",
          R"("call":"none")",
          R"("call":[1])",
          R"("call":{"data":{"id":-1,"sid":5,"type":"out","billing_time":1.5,"direction":{}}})",
          R"("call":{"data":{"id":"18446744073709551616"}})",
          R"("call":{"call_attempt":{"manager":5}})",
          R"("call":{"call_attempt":7})",
          R"("call":{"call_attempt":{"manager":{"id":"x","user":{"id":1.5,"name":5,"tel":[1],"email":false}}}})",
          R"("call_request_fields":"x")",
          R"("call_request_fields":{"a":1})",
          R"("call_request_fields":[5,"x",[1]])"}) {
        EXPECT_EQ(record_in(record_with(members)), nothing) << members;
    }
    const auto rest = record_in(record_with(
        R"("email":5,"call":{"sid":7,"billing_time":8,"call_attempt":{"manager":{"id":"x","user":{"id":2,"tel":3}}}},
           "call_request_fields":[{"id":"x","slug":"s","value":1},7,{"id":2}])"
    ));
    EXPECT_EQ(rest.fields.billing_time, 8);
    EXPECT_EQ(rest.fields.manager_id, 2);
    EXPECT_EQ(rest.fields.fields, (std::vector<lifecycle::form_field>{{{}, {}, "s", "1"}, {2, {}, {}, {}}}));
}

TEST(record_reading, primary_fields_must_fit) {
    const std::vector<std::pair<std::string, std::string>> table{
        {"", "the document: empty"},
        {"[]", "the document: expected an object, found an array"},
        {"null", "the document: expected an object, found another value"},
        {"{}", "/id: missing"},
        {R"({"data":[],"id":1})", "/data: expected an object, found an array"},
        {R"({"data":null,"id":1})", "/data: expected an object, found another value"},
        {R"({"data":{},"id":1})", "/data/id: missing"},
        {R"({"data":{"id":0},"id":1})", "/data/id: an id of 0"},
        {R"({"data":{"id":[]},"id":1})", "/data/id: missing"},
        {R"({"data":{"id":-5}})", "/data/id: an id below 0"},
        {R"({"data":{"id":"abc"}})", "/data/id: expected an integer, found a string"},
        {R"({"data":{"id":9223372036854775808}})", "/data/id: an integer beyond 64 bits"},
        {R"({"data":{"id":"9223372036854775808"}})", "/data/id: an integer beyond 64 bits"},
        {record_with(R"("to":48123123123)"), "/data/to: expected a string, found an integer"},
        {record_with(R"("human_status":1)"), "/data/human_status: expected a string, found an integer"},
        {record_with(R"("status":1)"), "/data/status: expected a string, found an integer"},
        {record_with(R"("created_at":[1])"), "/data/created_at: expected a string, found an array"},
        {record_with(R"("scheduled_at":{"a":1})"), "/data/scheduled_at: expected a string, found an object"},
        {record_with(R"("leadable_id":"abc")"), "/data/leadable_id: expected an integer, found a string"},
        {record_with(R"("x":"\u0000")"), "/data/*: a string with U+0000"},
        {record_with(R"("request":{"ip":1,"ip":2})"), "/data/request/*: a key that occurs twice"},
        {record_with(R"("call_request_fields":18446744073709551615)"),
         "/data/call_request_fields: an integer beyond 64 bits"},
        {record_with(R"("x":)" + std::string(31, '[') + std::string(31, ']')),
         "/data/*/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: nested deeper than 32 levels"},
        {std::string(500'000, '[') + std::string(500'000, ']'), "the document: nested deeper than 32 levels"},
    };
    for (const auto& [body, reason] : table)
        EXPECT_EQ(record_reason(body), reason) << body.substr(0, 200);
}

TEST(record_reading, a_record_cut_short_is_unreadable) {
    const auto whole = read_call(answered(payload("rest_call")), noon).value();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::vector<char> exact{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_NE(record_reason({exact.data(), exact.size()}), "") << size;
    }
}

TEST(record_reading, any_value_anywhere_is_read_or_refused) {
    // Each value of a record in turn is replaced by each of these.
    const auto whole = read_call(answered(payload("rest_call")), noon).value();
    for (auto at = whole.find("\": "); at != std::string::npos; at = whole.find("\": ", at + 1)) {
        const auto begin = at + 3;
        if (whole[begin] == '{' || whole[begin] == '[') continue;
        const auto end = whole.find_first_of(",\n", begin);
        for (const auto* value :
             {"-1", "1e308", "true", "\"\"", "\"x\"", "[[1]]", R"({"data":{"data":[{}]}})"}) {
            auto body = whole;
            static_cast<void>(warsaw().decode_record("cp", body.replace(begin, end - begin, value)));
        }
    }
}

}  // namespace
}  // namespace callhook::sources::callpage
