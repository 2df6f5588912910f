#include "pipeline/erasure.hpp"

#include "base/digest.hpp"
#include "base/time_text.hpp"
#include "lifecycle/subject.hpp"
#include "records/fact_codec.hpp"
#include "records/fact_identifiers.hpp"
#include "store/erasure_store.hpp"

#include <algorithm>
#include <map>

namespace callhook::pipeline {

namespace {

/// An event is no place for a list without end.
constexpr std::size_t subjects_in_event = 100;

/// Looks a person up in everything.
class search {
public:
    search(
        const sources::decoder_table& decoders,
        const lifecycle::identifier& who,
        const std::function<void(std::int64_t, std::int64_t)>& progress
    )
        : decoders_{decoders}, finder_{who}, progress_{progress} {}

    void run(store::erasure_scan& scan) {
        const auto all = scanned_ + scan.rows();
        for (auto page = scan.next_deliveries(); !page.empty(); page = scan.next_deliveries()) {
            for (const auto& d : page) {
                if (is_in_body(d.source, d.text)) targets_.deliveries.push_back(d.id);
            }
            tell(page.size(), all);
        }
        // What has expired as a delivery may be known all the same.
        for (auto page = scan.next_calls(); !page.empty(); page = scan.next_calls()) {
            for (const auto& call : page) {
                if (is_in_facts(call.key, call.text)) targets_.calls.push_back(call.key);
            }
            tell(page.size(), all);
        }
        for (auto page = scan.next_messages(); !page.empty(); page = scan.next_messages()) {
            for (const auto& message : page) {
                if (is_in_message(message.source, message.fact)) targets_.messages.push_back(message.id);
            }
            tell(page.size(), all);
        }
    }

    [[nodiscard]] const store::erasure_targets& targets() const { return targets_; }
    [[nodiscard]] std::int64_t scanned() const { return scanned_; }

private:
    const sources::decoder* decoder_of(const std::string& source) const {
        const auto found = decoders_.find(source);
        if (found != decoders_.end()) return found->second.get();
        // A source that is not configured any more: any other's knows more than none.
        return decoders_.empty() ? nullptr : decoders_.begin()->second.get();
    }

    const sources::decoder* begin(const std::string& source) {
        finder_.clear();
        const auto* decoder = decoder_of(source);
        finder_.set_region(decoder == nullptr ? std::string_view{} : decoder->region());
        return decoder;
    }

    bool is_in_body(const std::string& source, const std::string& body) {
        if (const auto* decoder = begin(source); decoder != nullptr)
            decoder->find_identifiers(body, finder_);
        else
            finder_.look_in(body);
        return finder_.done();
    }

    bool is_in_facts(const lifecycle::call_key& key, const std::string& text) {
        begin(key.source);
        try {
            const auto facts = records::read_facts(text, key);
            for (const auto& o : facts.observations())
                records::find_identifiers(o.fact, finder_);
        } catch (const std::exception&) {
            finder_.look_in(text);
        }
        return finder_.done();
    }

    bool is_in_message(const std::string& source, const std::string& fact) {
        begin(source);
        try {
            records::find_identifiers(records::read_message_fact(fact, source), finder_);
        } catch (const std::exception&) {
            finder_.look_in(fact);
        }
        return finder_.done();
    }

    void tell(std::size_t more, std::int64_t all) {
        scanned_ += static_cast<std::int64_t>(more);
        progress_(scanned_, std::max(all, scanned_));
    }

    const sources::decoder_table& decoders_;
    lifecycle::identifier_finder finder_;
    const std::function<void(std::int64_t, std::int64_t)>& progress_;
    store::erasure_targets targets_;
    std::int64_t scanned_ = 0;
};

/// What waits is decided first, so that it is found like everything else.
void sequence_waiting(
    store::sequencer_transaction& tx,
    const sources::decoder_table& decoders,
    const settings& how,
    const clock_source& clock
) {
    while (sequence_batch(tx, decoders, how, clock.now()).taken > 0) {
    }
}

}  // namespace

std::string identifier_hash(std::string_view key, const lifecycle::identifier& who) {
    const auto digest = hmac_sha256(key, who.value);
    return {digest.begin(), digest.end()};
}

json::object counts_json(const store::erasure_counts& counts) {
    return {
        {"deliveries", counts.deliveries},
        {"quarantined", counts.quarantined},
        {"calls", counts.calls},
        {"messages", counts.messages},
        {"events", counts.events},
        {"outbound_messages", counts.outbound_messages},
        {"outbound_attempts", counts.outbound_attempts},
        {"jobs", counts.jobs}};
}

std::vector<records::cloud_event> erasure_events(
    const store::erasure_receipt& receipt, const store::erased_rows& removed, utc_time recorded_at
) {
    std::map<std::string, std::vector<std::string>> by_source;
    for (const auto& key : removed.calls)
        by_source[key.source].push_back(lifecycle::call_subject(key.id));
    for (const auto& message : removed.messages)
        by_source[message.source].push_back(lifecycle::message_subject(message.id));
    if (by_source.empty()) by_source[""];

    std::vector<records::cloud_event> out;
    for (const auto& [source, subjects] : by_source) {
        for (std::size_t at = 0; at == 0 || at < subjects.size(); at += subjects_in_event) {
            json::array some;
            for (auto i = at; i < std::min(at + subjects_in_event, subjects.size()); ++i)
                some.emplace_back(subjects[i]);
            json::object data{
                {"id", to_string(receipt.id)},
                {"kind", receipt.kind},
                {"identifier_hash", to_hex(receipt.identifier_hash)},
                {"erased_at", to_rfc3339(receipt.erased_at)},
                {"subjects", std::move(some)},
                {"counts", parse_json(receipt.counts)}};
            out.push_back(
                {store::erasure_event_type,
                 source,
                 "erasures/" + to_string(receipt.id),
                 receipt.erased_at,
                 recorded_at,
                 "callhook",
                 {},
                 json::serialize(data)}
            );
        }
    }
    return out;
}

erasure_report erase(
    const store::settings& where,
    const sources::decoder_table& decoders,
    const settings& how,
    const clock_source& clock,
    const erasure_order& order,
    const std::function<void(std::int64_t, std::int64_t)>& progress
) {
    search person{decoders, order.who, progress};
    std::int64_t seen = 0;
    store::scan_for_erasure(where, [&](store::erasure_scan& scan) {
        seen = scan.outcomes();
        person.run(scan);
    });
    uuid_v7_generator ids{clock};
    erasure_report report;
    auto& receipt = report.receipt;
    store::erase(where, [&](store::erasure_transaction& erasing) {
        auto& tx = erasing.sequencing();
        sequence_waiting(tx, decoders, how, clock);
        const auto since = erasing.decided_after(seen);
        person.run(*since);
        report.scanned = person.scanned();
        auto& rows = tx.erasures();
        // After everything that has been received: what comes with an earlier time was under way.
        receipt = {
            ids(),
            std::string{to_string(order.who.kind)},
            identifier_hash(rows.key(), order.who),
            clock.now(),
            {}};
        const auto removed = rows.erase(person.targets(), receipt.id);
        report.counts = removed.counts;
        receipt.counts = json::serialize(counts_json(removed.counts));
        rows.record(receipt);
        auto head = tx.head();
        head.recorded_at = std::max(head.recorded_at, receipt.erased_at);
        std::vector<store::event_row> events;
        for (auto& event : erasure_events(receipt, removed, head.recorded_at)) {
            auto text = records::write_event(event);
            events.push_back(
                {++head.position,
                 std::move(event.type),
                 std::move(event.source),
                 std::move(event.subject),
                 {},
                 std::move(text),
                 {}}
            );
        }
        tx.new_events(head.recorded_at)->add_all(events);
        tx.finish(head);
        return !order.dry_run;
    });
    return report;
}

}  // namespace callhook::pipeline
