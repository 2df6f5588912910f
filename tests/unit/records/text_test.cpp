#include "dom_reference.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"

#include <gtest/gtest.h>

#include <random>

namespace callhook::records {
namespace {

using namespace lifecycle;

/// Facts of all shapes, the same on every run.
class any_facts {
public:
    call_fact fact() {
        call_fact out{{text(), integer()}, static_cast<fact_kind>(below(6)), {}, {}};
        for_each_call_field([&](const char*, auto member, field_rule) {
            if (below(3) != 0) fill((out.fields.*member).emplace());
        });
        if (below(2) == 0) {
            for (std::size_t i = 0; i < 1 + below(4); ++i)
                fill(out.extra["/" + text()]);
        }
        return out;
    }

    observation seen(std::uint8_t number) {
        auto what = fact();
        what.key = {"demo", 7};
        uuid id;
        id.bytes[15] = number;
        const auto at = utc_time{std::chrono::seconds{integer() % 4'000'000'000}} +
                        std::chrono::microseconds{below(2) * below(1'000'000)};
        return {std::move(what), below(2) == 0 ? origin::webhook : origin::backfill, at, id};
    }

    std::string text() {
        static const std::vector<std::string> pieces{
            "a", "Łódź", "\"", "\\", "/", "\b\f\n\r\t", "\x01\x1f", "\x7f", "😀", " ", "{}", "<&>"};
        std::string out;
        for (std::size_t i = below(5); i > 0; --i)
            out += pieces[below(pieces.size())];
        return out;
    }

private:
    std::size_t below(std::size_t bound) { return random_() % bound; }
    std::int64_t integer() {
        static const std::vector<std::int64_t> odd{
            0, -1, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
        return below(4) == 0 ? odd[below(odd.size())] : static_cast<std::int64_t>(below(10'000'000'000));
    }

    void fill(std::string& to) { to = text(); }
    void fill(std::int64_t& to) { to = integer(); }
    void fill(raw_json& to) {
        static const std::vector<std::string> odd{
            "null",
            "true",
            "-0",
            "4.5",
            "1e300",
            "-0.1",
            "18446744073709551615",
            "123456789012345678901234567890",
            R"({"b":[1,{"c":null}],"a":""})",
            "[]",
            "{}",
            " [ 1 , \"\\u00fc\\/\\u0000\" ] "};
        to.text = below(4) == 0 ? json::serialize(json::string{text()}) : odd[below(odd.size())];
    }
    void fill(phone_number& to) {
        to.raw = text();
        if (below(2) == 0) to.e164 = "+48123123123";
    }
    void fill(local_time& to) {
        to.raw = text();
        to.fit = static_cast<zone_fit>(below(3));
        if (below(2) == 0) return;
        to.at = std::chrono::sys_seconds{std::chrono::seconds{below(4'000'000'000)}};
        to.offset = std::chrono::minutes{static_cast<int>(below(1'440)) - 720};
    }
    void fill(std::vector<form_field>& to) {
        for (std::size_t i = below(3); i > 0; --i)
            to.push_back({integer(), text(), below(2) == 0 ? std::optional{text()} : std::nullopt, text()});
    }

    std::mt19937 random_{20'161'108};
};

constexpr int rounds = 2'000;

TEST(record_text, is_what_the_library_writes_of_the_same_values) {
    any_facts any;
    for (int i = 0; i < rounds; ++i) {
        const fact_set facts{{any.seen(1), any.seen(2)}};
        const auto record = fold(facts).record;
        ASSERT_EQ(write_record(record), json::serialize(dom::record_json(record)));
    }
}

TEST(record_text, of_an_update_ends_in_what_changed) {
    any_facts any;
    const auto record = fold(fact_set{{any.seen(1)}}).record;
    auto expected = dom::record_json(record);
    expected.emplace("changed", json::array{"extra", "to"});
    EXPECT_EQ(with_changed(write_record(record), {"extra", "to"}), json::serialize(expected));
}

TEST(record_text, is_not_made_of_what_is_no_json) {
    call_record record;
    for (const auto* bad : {"", "{", "[1,]", "1 2", "\"\x80\"", "nul"}) {
        record.fields.notes = raw_json{bad};
        EXPECT_ANY_THROW(write_record(record)) << bad;
    }
    record.fields.notes =
        raw_json{std::string(max_json_depth + 1, '[') + std::string(max_json_depth + 1, ']')};
    EXPECT_ANY_THROW(write_record(record));
}

TEST(facts_text, is_what_the_library_writes_of_the_same_values_and_reads_as_the_same_facts) {
    any_facts any;
    for (int i = 0; i < rounds; ++i) {
        const fact_set facts{{any.seen(1), any.seen(2), any.seen(3)}};
        const auto text = write_facts(facts);
        ASSERT_EQ(text, dom::write_facts(facts));
        ASSERT_EQ(read_facts(text, {"demo", 7}), facts);
    }
}

TEST(facts_text, is_read_in_any_order_of_keys) {
    const auto facts = read_facts(
        R"([{"extra":{"/x":"1"},"fields":{"email":"a@example.com","unknown":[1],"status":"new"},"kind":"ordered",)"
        R"("delivery":"00000000-0000-0000-0000-000000000001","observed_at":"2026-01-01T00:00:00Z","from":"backfill"}])",
        {"demo", 7}
    );
    const auto& seen = facts.observations().at(0);
    EXPECT_EQ(seen.fact.fields.email, "a@example.com");
    EXPECT_EQ(seen.fact.fields.status, "new");
    EXPECT_EQ(seen.fact.extra.at("/x").text, "1");
    EXPECT_EQ(seen.from, origin::backfill);
}

TEST(message_text, is_the_text_of_the_same_values_in_their_order) {
    message_fact fact;
    fact.source = "demo";
    fact.email = "a@\"example\".com";
    fact.phone = phone_number{"123 123 123", "+48123123123"};
    fact.widget_id = 3;
    fact.call_request = raw_json{R"({"x": 4.5})"};
    fact.extra["/data/y"] = {"[1, 2]"};
    EXPECT_EQ(
        write_message(fact, {}, utc_time{}, {9, "link"}),
        R"({"source":"demo","id":"00000000-0000-0000-0000-000000000000","received_at":"1970-01-01T00:00:00Z",)"
        R"("email":"a@\"example\".com","phone":"+48123123123","phone_raw":"123 123 123","widget_id":3,)"
        R"("call_request":{"x":4.5E0},"call":{"id":9,"tied_by":"link"},"extra":{"/data/y":[1,2]}})"
    );
    EXPECT_EQ(
        write_message_fact(fact),
        R"({"email":"a@\"example\".com","phone":{"raw":"123 123 123","e164":"+48123123123"},"widget_id":3,)"
        R"("call_request":"{\"x\": 4.5}","extra":{"/data/y":"[1, 2]"}})"
    );
    EXPECT_EQ(read_message_fact(write_message_fact(fact), "demo"), fact);
}

TEST(event_text, is_a_cloud_event_around_the_data) {
    EXPECT_EQ(
        write_event(
            {"call.new",
             "demo",
             "calls/7",
             utc_time{},
             utc_time{},
             "webhook",
             uuid{},
             R"({"id":7})",
             "00-a-b-01"}
        ),
        R"({"specversion":"1.0","type":"call.new","source":"/callhook/demo","subject":"calls/7",)"
        R"("time":"1970-01-01T00:00:00Z","recordedtime":"1970-01-01T00:00:00Z","origin":"webhook",)"
        R"("deliveryid":"00000000-0000-0000-0000-000000000000","traceparent":"00-a-b-01",)"
        R"("datacontenttype":"application/json","data":{"id":7}})"
    );
}

}  // namespace
}  // namespace callhook::records
