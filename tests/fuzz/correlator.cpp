// Any bytes as a sequence of facts about one call. Promises: in any order, with any repetition, the facts
// come to the same set, record and provenance; what happened is told once, and every webhook's event is told;
// what is stored reads back.
#include "lifecycle/correlator.hpp"

#include "fuzz/facts_of_bytes.hpp"
#include "fuzz/support.hpp"
#include "records/fact_codec.hpp"
#include "records/record_json.hpp"

#include <set>
#include <vector>

namespace {

using namespace callhook;
using fuzz::require;

constexpr std::size_t most_facts = 6;

struct outcome {
    lifecycle::fact_set facts;
    lifecycle::folded last;
};

outcome take(const std::vector<lifecycle::observation>& all) {
    outcome out;
    std::set<std::string> told;
    for (const auto& o : all) {
        const auto before = out.facts.size();
        auto step = lifecycle::correlate(out.facts, out.last, o);
        for (const auto& e : step.events) {
            if (e.type == "call.updated")
                require(before == 0 || !e.changed.empty(), "an update says what changed");
            else
                require(told.insert(e.type).second, "what happened is told once");
        }
        if (!step.changed) require(step.events.empty(), "a repeat tells nothing");
        if (o.fact.kind != lifecycle::fact_kind::observed)
            require(
                told.contains(std::string{lifecycle::event_name(o.fact.kind)}), "a webhook's event is told"
            );
        out.last = std::move(step.after);
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in{fuzz::as_text(data, size)};
    const auto seed = in.byte();
    std::vector<lifecycle::observation> all;
    while (!in.empty() && all.size() < most_facts)
        all.push_back(fuzz::observation_of(in));
    if (all.empty()) return 0;
    const auto first = take(all);

    // Another order, out of the seed, with one of them twice.
    auto other = all;
    other.push_back(all[seed % all.size()]);
    for (std::size_t i = other.size() - 1, at = seed; i > 0; --i, at = at * 5 + 3)
        std::swap(other[i], other[at % (i + 1)]);
    const lifecycle::fact_set facts{std::move(other)};
    require(facts == first.facts, "the set does not depend on order or repetition");
    const auto folded = lifecycle::fold(facts);
    require(folded.record == first.last.record, "the record does not depend on order or repetition");
    require(folded.from == first.last.from, "nor does where it came from");

    if (seed % 8 == 0) {
        const auto text = records::write_facts(first.facts);
        require(records::read_facts(text, all.front().fact.key) == first.facts, "facts survive being stored");
        require(records::write_facts(facts) == text, "equal sets have one text");
        require(
            records::write_record(first.last.record) == records::write_record(folded.record),
            "equal records have one text"
        );
    }
    return 0;
}
