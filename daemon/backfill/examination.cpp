#include "backfill/examination.hpp"

#include "base/log.hpp"
#include "lifecycle/checks.hpp"
#include "records/fact_codec.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace callhook::backfill {

namespace {

using lifecycle::call_key;

using fact_table = std::map<call_key, lifecycle::fact_set>;

/// The facts of those of the calls that are known. Calls whose facts cannot be read go to `broken`.
fact_table load(store::backfill_store& db, const std::set<call_key>& keys, std::set<call_key>& broken) {
    fact_table table;
    for (const auto& row : db.calls({keys.begin(), keys.end()})) {
        try {
            table.emplace(row.key, records::read_facts(row.facts, row.key));
        } catch (const std::exception&) {
            log::error(
                "the stored facts of a call cannot be read",
                {{"source", row.key.source}, {"call", row.key.id}}
            );
            broken.insert(row.key);
        }
    }
    return table;
}

/// Whether webhooks seem to use the record's inner id: then the call that they told of under it is this very
/// one.
bool known_by_inner_id(const fact_table& stored, const lifecycle::call_fact& record) {
    const auto inner = record.fields.phone_call_id;
    if (!inner || *inner == record.key.id || stored.contains(record.key)) return false;
    const auto found = stored.find({record.key.source, *inner});
    if (found == stored.end()) return false;
    const auto& created = record.fields.created_at;
    const auto made_at_once = [&](const lifecycle::observation& o) {
        const auto& theirs = o.fact.fields.created_at;
        return created && theirs && created->raw == theirs->raw;
    };
    const auto& facts = found->second.observations();
    return std::any_of(facts.begin(), facts.end(), made_at_once) &&
           compare(found->second, record, {}).confirms_identity;
}

class examination {
public:
    examination(utc_time at, const gap_rules& rules) : at_{at}, rules_{rules} {}

    void take(const lifecycle::call_fact& fact, const std::string& record, const fact_table& stored) {
        if (known_by_inner_id(stored, fact)) out_.contradicted_by = fact.fields.phone_call_id;
        const auto known = stored.find(fact.key);
        auto found = compare(known == stored.end() ? lifecycle::fact_set{} : known->second, fact, at_);
        if (found.what == difference::another_call) {
            out_.others.push_back(fact.key.id);
            return;
        }
        if (found.confirms_identity) out_.confirmed_by = fact.key.id;
        judge(fact, found);
        if (found.what == difference::none)
            ++out_.unchanged;
        else
            out_.fresh.push_back({fact.key, record, std::move(found)});
    }

    examined& out() { return out_; }

private:
    void judge(const lifecycle::call_fact& fact, finding& found) {
        const auto begun = lifecycle::begun_at(fact.fields);
        const auto& created = fact.fields.created_at;
        // A webhook belongs to a widget ("Webhooks, Creating Outgoing Webhook"): other calls send none.
        const bool expected =
            fact.fields.widget_id && created && created->at && utc_time{*created->at} >= rules_.since;
        if (!expected) found.missing.clear();
        if (created && created->at && !fact.fields.scheduled_at) out_.created_at.emplace_back(*created->at);
        if (found.missing.empty()) return;
        if (utc_time{*begun} + rules_.ended_after > at_) {
            out_.suspects.push_back({fact.key.id, found.missing});
            return;
        }
        for (const auto& event : found.missing)
            out_.missing.push_back({fact.key.id, event});
    }

    const utc_time at_;
    const gap_rules& rules_;
    examined out_;
};

}  // namespace

examined examine(
    store::backfill_store& db,
    const sources::decoder& decoder,
    const std::string& source,
    const std::vector<std::string>& records,
    utc_time at,
    const gap_rules& rules,
    std::set<std::int64_t>& seen
) {
    examination work{at, rules};
    auto& out = work.out();
    std::vector<std::pair<lifecycle::call_fact, const std::string*>> read;
    std::set<call_key> keys;
    std::set<std::int64_t> now;
    for (const auto& record : records) {
        auto what = decoder.decode_record(source, record);
        if (auto* fact = std::get_if<lifecycle::call_fact>(&what)) {
            out.ids.push_back(fact->key.id);
            if (seen.contains(fact->key.id) || !now.insert(fact->key.id).second) continue;
            keys.insert(fact->key);
            if (fact->fields.phone_call_id) keys.insert({source, *fact->fields.phone_call_id});
            read.emplace_back(std::move(*fact), &record);
        } else {
            out.unreadable.push_back(std::hash<std::string>{}(record));
            if (const auto* why = std::get_if<lifecycle::unreadable>(&what))
                out.unreadable_reason = why->reason;
        }
    }
    std::set<call_key> broken;
    const auto stored = load(db, keys, broken);
    // What the API still tells of them is nobody's business any more.
    const auto erased = db.erased_calls({keys.begin(), keys.end()});
    for (const auto& [fact, record] : read) {
        if (!broken.contains(fact.key) && !erased.contains(fact.key)) work.take(fact, *record, stored);
    }
    // Last: where the database fails above, the same records are examined again.
    seen.merge(now);
    return std::move(out);
}

std::vector<store::missing_webhook> still_missing(
    store::backfill_store& db, const std::string& source, const std::vector<suspect>& suspects
) {
    std::set<call_key> keys;
    for (const auto& s : suspects)
        keys.insert({source, s.call_id});
    std::set<call_key> broken;
    const auto stored = load(db, keys, broken);
    std::vector<store::missing_webhook> out;
    for (const auto& s : suspects) {
        const auto known = stored.find({source, s.call_id});
        if (known == stored.end()) continue;  // unreadable, or not merged: the next sweep tells
        const std::vector<std::string_view> events{s.missing.begin(), s.missing.end()};
        for (auto& event : missing_webhooks(known->second, events))
            out.push_back({s.call_id, std::move(event)});
    }
    return out;
}

lifecycle::fact_set stored_facts(store::backfill_store& db, const call_key& key) {
    const auto rows = db.calls({key});
    return rows.empty() ? lifecycle::fact_set{} : records::read_facts(rows.front().facts, key);
}

}  // namespace callhook::backfill
