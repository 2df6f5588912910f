#include "pipeline/erased_deliveries.hpp"

#include "pipeline/erasure.hpp"

#include <optional>
#include <set>
#include <string>

namespace callhook::pipeline {

namespace {

/// The call that a delivery is about, or that a message links to.
std::optional<lifecycle::call_key> call_of(const lifecycle::decoded& what) {
    if (const auto* call = std::get_if<lifecycle::call_fact>(&what)) return call->key;
    const auto* message = std::get_if<lifecycle::message_fact>(&what);
    if (message == nullptr || !message->linked_call) return {};
    return lifecycle::call_key{message->source, *message->linked_call};
}

/// Whether it is about what was before the moment.
bool is_from_before(const store::pending_delivery& d, const lifecycle::decoded& what, utc_time moment) {
    if (d.received_at <= moment) return true;
    const auto* call = std::get_if<lifecycle::call_fact>(&what);
    if (call == nullptr) return false;
    const auto& created = call->fields.created_at;
    // The API is asked at any time, so that when it answered says nothing.
    if (!created || !created->at) return d.from == lifecycle::origin::backfill;
    return utc_time{*created->at} <= moment;
}

class sieve {
public:
    sieve(
        store::erasure_access& erasures,
        const std::vector<store::pending_delivery>& deliveries,
        const std::vector<lifecycle::decoded>& read
    )
        : erasures_{erasures}, deliveries_{deliveries}, read_{read} {
        out_.which.resize(deliveries.size());
    }

    void take_people(const sources::decoder_table& decoders, bool later) {
        const auto key = erasures_.key();
        std::vector<std::set<std::string>> named(deliveries_.size());
        std::set<std::string> all;
        lifecycle::identifier_finder finder;
        for (std::size_t i = 0; i < deliveries_.size(); ++i) {
            const auto decoder = decoders.find(deliveries_[i].source);
            if (decoder == decoders.end()) continue;
            finder.clear();
            finder.set_region(decoder->second->region());
            decoder->second->find_identifiers(deliveries_[i].body, finder);
            for (const auto& one : finder.found())
                named[i].insert(identifier_hash(key, one));
            all.insert(named[i].begin(), named[i].end());
        }
        const auto people = erasures_.people({all.begin(), all.end()});
        if (people.empty()) return;
        for (std::size_t i = 0; i < deliveries_.size(); ++i) {
            for (const auto& hash : named[i]) {
                const auto found = people.find(hash);
                if (found == people.end()) continue;
                if (!later && !is_from_before(deliveries_[i], read_[i], found->second.erased_at)) continue;
                out_.which[i] = true;
                if (const auto call = call_of(read_[i])) out_.calls.emplace(*call, found->second.erasure);
            }
        }
    }

    void take_calls() {
        std::set<lifecycle::call_key> keys;
        for (const auto& what : read_) {
            if (const auto call = call_of(what)) keys.insert(*call);
        }
        const auto known = erasures_.calls({keys.begin(), keys.end()});
        for (std::size_t i = 0; i < read_.size(); ++i) {
            const auto call = call_of(read_[i]);
            if (call && (known.contains(*call) || out_.calls.contains(*call))) out_.which[i] = true;
        }
        for (const auto& [key, erasure] : known)
            out_.calls.erase(key);
    }

    erased_deliveries& out() { return out_; }

private:
    store::erasure_access& erasures_;
    const std::vector<store::pending_delivery>& deliveries_;
    const std::vector<lifecycle::decoded>& read_;
    erased_deliveries out_;
};

}  // namespace

erased_deliveries find_erased(
    store::erasure_access& erasures,
    const sources::decoder_table& decoders,
    const std::vector<store::pending_delivery>& deliveries,
    const std::vector<lifecycle::decoded>& read,
    bool later
) {
    sieve work{erasures, deliveries, read};
    work.take_people(decoders, later);
    work.take_calls();
    return std::move(work.out());
}

}  // namespace callhook::pipeline
