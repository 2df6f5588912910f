#include "pipeline/batch.hpp"

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "pipeline/call_book.hpp"
#include "pipeline/decoding.hpp"
#include "pipeline/message_ties.hpp"
#include "records/fact_codec.hpp"

#include <algorithm>
#include <set>

namespace callhook::pipeline {

namespace {

using store::verdict;

std::string call_subject(std::int64_t id) {
    return "calls/" + std::to_string(id);
}
std::string message_subject(const uuid& id) {
    return "messages/" + to_string(id);
}

constexpr std::size_t gaps_at_once = 100;
/// An event is no place for a list without end; GET /v1/gaps/{id} has all of it.
constexpr std::size_t calls_in_gap_event = 100;

json::object gap_json(const store::gap_report& gap) {
    std::map<std::string, std::int64_t> events;
    std::set<std::int64_t> calls;
    for (const auto& m : gap.missing) {
        ++events[m.event];
        calls.insert(m.call_id);
    }
    json::array ids;
    for (const auto id : calls) {
        if (ids.size() < calls_in_gap_event) ids.emplace_back(id);
    }
    return {
        {"id", to_string(gap.id)},
        {"source", gap.source},
        {"found_at", to_rfc3339(gap.found_at)},
        {"found_by", gap.found_by},
        {"from", to_rfc3339(gap.from)},
        {"to", to_rfc3339(gap.to)},
        {"calls", calls.size()},
        {"events", json::value_from(events)},
        {"call_ids", std::move(ids)}};
}

class batch {
public:
    batch(
        store::sequencer_transaction& tx,
        const sources::decoder_table& decoders,
        const settings& how,
        utc_time now
    )
        : tx_{tx}, decoders_{decoders}, how_{how}, now_{now}, head_{tx.head()}, book_{how.outcome_deadline} {
        // Never back in time, whatever the clock does: partitions and readers rely on it.
        head_.recorded_at = std::max(head_.recorded_at, now);
    }

    batch_report run() {
        const auto deliveries = tx_.take_pending(how_.batch_deliveries);
        report_.taken = deliveries.size();
        report_.oldest_received_at = now_;
        std::vector<lifecycle::decoded> read;
        read.reserve(deliveries.size());
        for (const auto& d : deliveries) {
            report_.oldest_received_at = std::min(report_.oldest_received_at, d.received_at);
            read.push_back(decode(decoders_, d));
        }
        load_calls(read);
        load_copies(read);
        for (std::size_t i = 0; i < deliveries.size(); ++i)
            take_safely(deliveries[i], read[i]);
        tell_overdue();
        tell_gaps();
        const auto changes = book_.collect();
        tx_.write_calls(changes.rows);
        tie_messages(changes.visitors);
        tx_.append_outcomes(outcomes_);
        tx_.append_events(events_, head_.recorded_at);
        report_.events = events_.size();
        report_.position = head_.position;
        if (!outcomes_.empty() || !events_.empty()) tx_.finish(head_);
        return std::move(report_);
    }

private:
    void load_calls(const std::vector<lifecycle::decoded>& read) {
        std::set<lifecycle::call_key> keys;
        for (const auto& what : read) {
            if (const auto* fact = std::get_if<lifecycle::call_fact>(&what)) keys.insert(fact->key);
        }
        book_.load(tx_.calls({keys.begin(), keys.end()}));
    }

    /// What was stored before of the messages in this batch.
    void load_copies(const std::vector<lifecycle::decoded>& read) {
        for (const auto& what : read) {
            const auto* fact = std::get_if<lifecycle::message_fact>(&what);
            if (fact == nullptr) continue;
            const auto hash = content_hash(records::write_message_fact(*fact));
            const auto [copies, first] = stored_copies_.try_emplace({fact->source, hash});
            if (first) copies->second = tx_.messages_like(fact->source, hash);
        }
    }

    /// A delivery that breaks what it should not is quarantined like one that cannot be read, and leaves
    /// nothing behind in the batch: no delivery can stop the feed.
    void take_safely(const store::pending_delivery& d, lifecycle::decoded& what) {
        const auto head = head_;
        const auto events = events_.size();
        const auto messages = new_messages_.size();
        try {
            std::visit([&](auto& fact) { take(d, std::move(fact)); }, what);
        } catch (const std::exception&) {
            log::error(
                "the pipeline broke on a delivery", {{"delivery", to_string(d.id)}, {"source", d.source}}
            );
            head_ = head;
            events_.resize(events);
            new_messages_.resize(messages);
            take(d, lifecycle::unreadable{"the pipeline broke on it"});
        }
    }

    void take(const store::pending_delivery& d, lifecycle::unreadable what) {
        conclude(d, "", verdict::quarantined).reason = std::move(what.reason);
    }

    void take(const store::pending_delivery& d, lifecycle::call_fact fact) {
        const auto key = fact.key;
        const std::string event{lifecycle::event_name(fact.kind)};
        const auto step = book_.apply({std::move(fact), d.from, d.received_at, d.id});
        for (const auto& happened : step.events) {
            auto data = records::record_json(step.after.record);
            if (!happened.changed.empty()) data.emplace("changed", json::value_from(happened.changed));
            const auto time = happened.time ? utc_time{*happened.time} : d.received_at;
            append_event(
                {happened.type,
                 key.source,
                 call_subject(key.id),
                 time,
                 {},
                 to_string(d.from),
                 d.id,
                 std::move(data)}
            );
        }
        conclude(d, event, step.events.empty() ? verdict::duplicate : verdict::applied).call_id = key.id;
    }

    void take(const store::pending_delivery& d, const lifecycle::message_fact& fact) {
        auto row = make_message_row(fact, d.id, d.received_at);
        const auto* earlier = find_copy(row);
        if (earlier != nullptr) {
            conclude(d, "new.message", verdict::duplicate).message_id = earlier->id;
            return;
        }
        // Its event is written once its tie is known, but holds its place in the order.
        append_event(
            {"new.message",
             row.source,
             message_subject(row.id),
             d.received_at,
             {},
             to_string(d.from),
             d.id,
             {}}
        );
        const auto id = row.id;
        new_messages_.push_back({std::move(row), events_.size() - 1, to_string(d.from)});
        conclude(d, "new.message", verdict::applied).message_id = id;
    }

    /// The first copy of the same message inside the window, stored or in this batch.
    const store::message_row* find_copy(const store::message_row& row) {
        const auto close = [&](const store::message_row& other) {
            return std::chrono::abs(other.received_at - row.received_at) <= how_.message_window;
        };
        for (const auto& m : new_messages_) {
            if (m.row.source == row.source && m.row.content_hash == row.content_hash && close(m.row))
                return &m.row;
        }
        const auto& copies = stored_copies_.at({row.source, row.content_hash});
        const auto found = std::find_if(copies.begin(), copies.end(), close);
        return found == copies.end() ? nullptr : &*found;
    }

    void tell_overdue() {
        const auto due = tx_.due_calls(now_, how_.batch_deliveries);
        book_.load(due);
        for (const auto& row : due) {
            const auto overdue = book_.take_overdue(row.key, now_);
            if (!overdue) continue;  // this very batch brought its outcome
            append_event({
                "call.overdue",
                row.key.source,
                call_subject(row.key.id),
                overdue->due_at,
                {},
                "clock",
                {},
                records::record_json(overdue->record),
            });
        }
    }

    void tell_gaps() {
        for (const auto& gap : tx_.untold_gaps(gaps_at_once)) {
            append_event(
                {"gap.found",
                 gap.source,
                 "gaps/" + to_string(gap.id),
                 gap.found_at,
                 {},
                 to_string(lifecycle::origin::backfill),
                 {},
                 gap_json(gap)}
            );
            tx_.mark_gap_told(gap.id, head_.position);
        }
    }

    void tie_messages(std::set<store::visitor_key> visitors) {
        std::vector<store::message_row> rows;
        for (const auto& m : new_messages_) {
            rows.push_back(m.row);
            if (!m.row.linked_call && m.row.phone && m.row.widget_id) {
                visitors.insert({m.row.source, *m.row.phone, *m.row.widget_id});
            }
        }
        if (rows.empty() && visitors.empty()) return;
        const std::vector<store::visitor_key> keys{visitors.begin(), visitors.end()};
        auto known = tx_.messages_of(keys);
        const auto calls =
            known.empty() && rows.empty() ? std::vector<store::call_time>{} : tx_.calls_of(keys);

        for (auto& m : new_messages_)
            retie(m.row, calls, how_.message_call_window);
        std::vector<store::message_row> changed;
        for (auto& m : new_messages_) {
            finish_event(m);
            changed.push_back(m.row);
        }
        for (auto& row : known) {
            if (!retie(row, calls, how_.message_call_window)) continue;
            auto data = parse_json(row.record).as_object();
            append_event(
                {"message.linked",
                 row.source,
                 message_subject(row.id),
                 now_,
                 {},
                 "webhook",
                 {},
                 std::move(data)}
            );
            changed.push_back(std::move(row));
        }
        tx_.write_messages(changed);
    }

    struct new_message {
        store::message_row row;
        std::size_t event;
        std::string_view origin;
    };

    void finish_event(const new_message& m) {
        records::cloud_event event{
            "new.message",
            m.row.source,
            message_subject(m.row.id),
            m.row.received_at,
            head_.recorded_at,
            m.origin,
            m.row.id,
            parse_json(m.row.record).as_object()};
        events_[m.event].event = records::write_event(std::move(event));
    }

    void append_event(records::cloud_event event) {
        event.recorded_at = head_.recorded_at;
        store::event_row row{head_.position + 1, event.type, event.source, event.subject, event.delivery, {}};
        row.event = records::write_event(std::move(event));
        events_.push_back(std::move(row));
        ++head_.position;
    }

    store::outcome_row& conclude(const store::pending_delivery& d, const std::string& event, verdict result) {
        // What was asked for is a state of the call, not an event.
        const bool record = d.from == lifecycle::origin::backfill && result != verdict::quarantined;
        const std::string label = !event.empty() ? event : record ? "record" : "unknown";
        ++report_.deliveries[{d.source, label, std::string{to_string(result)}}];
        return outcomes_.emplace_back(store::outcome_row{
            d.id, ++head_.outcomes, result, d.source, event, {}, {}, {}});
    }

    store::sequencer_transaction& tx_;
    const sources::decoder_table& decoders_;
    const settings& how_;
    const utc_time now_;
    store::feed_head head_;
    call_book book_;
    std::vector<new_message> new_messages_;
    /// By source and content.
    std::map<std::pair<std::string, std::string>, std::vector<store::message_row>> stored_copies_;
    std::vector<store::outcome_row> outcomes_;
    std::vector<store::event_row> events_;
    batch_report report_;
};

}  // namespace

batch_report sequence_batch(
    store::sequencer_transaction& tx,
    const sources::decoder_table& decoders,
    const settings& how,
    utc_time now
) {
    return batch{tx, decoders, how, now}.run();
}

}  // namespace callhook::pipeline
