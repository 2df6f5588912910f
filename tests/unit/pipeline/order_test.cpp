#include "lifecycle/correlator.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"
#include "sources/callpage/callpage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

namespace callhook::pipeline {
namespace {

using lifecycle::observation;

std::string payload(const std::string& name) {
    std::ifstream file{std::string{CALLHOOK_PAYLOADS} + "/callpage/" + name + ".json"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// The documented webhooks about a call, each as one delivery.
std::vector<observation> documented_calls() {
    const auto decoder = sources::callpage::make_decoder({}).value();
    std::vector<observation> all;
    std::uint8_t n = 0;
    for (const auto* name : {"call_scheduled", "call_new", "call_missed", "call_completed", "data_added"}) {
        auto decoded = decoder->decode("demo", payload(name));
        uuid id;
        id.bytes[15] = ++n;
        all.push_back(
            {std::get<lifecycle::call_fact>(decoded),
             lifecycle::origin::webhook,
             utc_time{std::chrono::hours{n}},
             id}
        );
    }
    return all;
}

/// Walks every sequence over the deliveries up to a length, and holds each record against the first one that
/// the same set gave.
class sequences {
public:
    explicit sequences(std::vector<observation> all, int longest) : all_{std::move(all)}, longest_{longest} {}

    void walk(const lifecycle::fact_set& facts, unsigned set, int length) {
        ++count;
        if (length > 0) {
            const auto state = lifecycle::fold(facts);
            auto text =
                records::write_record(state.record) + json::serialize(records::provenance_json(state.from));
            const auto [known, first] = records.emplace(set, text);
            if (!first) {
                ASSERT_EQ(known->second, text) << "set " << set;
            }
        }
        if (length == longest_) return;
        for (unsigned i = 0; i < all_.size(); ++i) {
            auto next = facts;
            lifecycle::correlate(next, all_[i]);
            walk(next, set | 1U << i, length + 1);
        }
    }

    std::size_t count = 0;
    std::map<unsigned, std::string> records;

private:
    std::vector<observation> all_;
    int longest_;
};

TEST(order, every_sequence_of_up_to_six_documented_deliveries_depends_on_its_set_alone) {
    sequences s{documented_calls(), 6};
    s.walk({}, 0, 0);
    EXPECT_EQ(s.count, 19'531U);       // 5^0 + … + 5^6
    EXPECT_EQ(s.records.size(), 31U);  // every set but the empty one
}

TEST(order, each_documented_delivery_is_told_once_in_any_order) {
    auto all = documented_calls();
    std::vector<int> order{0, 1, 2, 3, 4};
    do {
        lifecycle::fact_set facts;
        std::multiset<std::string> told;
        for (const int i : order) {
            for (const auto& e : lifecycle::correlate(facts, all[static_cast<std::size_t>(i)]).events)
                told.insert(e.type);
            EXPECT_TRUE(lifecycle::correlate(facts, all[static_cast<std::size_t>(i)]).events.empty());
        }
        const std::multiset<std::string> expected{
            "call.completed", "call.missed", "call.new", "call.scheduled", "data.added"};
        EXPECT_EQ(told, expected);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(codec, facts_survive_being_stored_and_equal_sets_give_equal_texts) {
    auto all = documented_calls();
    all[0].fact.extra["/data/new_key"].text = R"({"a":[1,"ü"]})";
    all[1].fact.fields.created_at->fit = lifecycle::zone_fit::ambiguous;
    const lifecycle::fact_set facts{all};
    const auto text = records::write_facts(facts);
    const auto again = records::read_facts(text, {"demo", 3419});
    EXPECT_EQ(again, facts);
    EXPECT_EQ(records::write_facts(again), text);
    std::reverse(all.begin(), all.end());
    EXPECT_EQ(records::write_facts(lifecycle::fact_set{all}), text);
}

TEST(codec, a_message_survives_being_stored) {
    const auto decoder = sources::callpage::make_decoder({}).value();
    const auto fact = std::get<lifecycle::message_fact>(decoder->decode("demo", payload("new_message")));
    EXPECT_EQ(records::read_message_fact(records::write_message_fact(fact), "demo"), fact);
}

}  // namespace
}  // namespace callhook::pipeline
