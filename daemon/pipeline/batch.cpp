#include "pipeline/batch.hpp"

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "lifecycle/subject.hpp"
#include "pipeline/call_book.hpp"
#include "pipeline/erased_deliveries.hpp"
#include "pipeline/erasure.hpp"
#include "pipeline/look_ahead.hpp"
#include "pipeline/message_ties.hpp"
#include "records/fact_codec.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace callhook::pipeline {

namespace {

using lifecycle::call_subject;
using lifecycle::message_subject;
using store::verdict;

constexpr std::size_t announcements_at_once = 100;
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
        utc_time now,
        look_ahead* ahead
    )
        : tx_{tx},
          decoders_{decoders},
          how_{how},
          now_{now},
          ahead_{ahead},
          head_{tx.head()},
          book_{how.outcome_deadline} {
        // Never back in time, whatever the clock does: partitions and readers rely on it.
        head_.recorded_at = std::max(head_.recorded_at, now);
        report_.after = head_.position;
    }

    batch_report run() {
        auto [deliveries, read] = take_deliveries();
        report_.taken = deliveries.size();
        if (head_.erasures > 0) leave_out_erased(deliveries, read);
        load_calls(read);
        load_copies(read);
        const auto due = load_due();
        // The database writes events while the next are made.
        const auto out = tx_.new_events(head_.recorded_at);
        for (std::size_t i = 0; i < deliveries.size(); ++i) {
            if (!erased_.has(i)) take_safely(deliveries[i], read[i]);
            send_events(*out);
        }
        tell_overdue(due);
        send_events(*out);
        out->complete();
        if (how_.also_due) {
            tell_gaps();
            tell_announcements();
        }
        // From here on it is the database that has to work.
        if (ahead_ != nullptr) ahead_->begin(more_after_);
        tie_messages(write_calls());
        tx_.append_outcomes(outcomes_);
        const auto rest = tx_.new_events(head_.recorded_at);
        send_events(*rest);
        rest->complete();
        report_.head = head_;
        std::ranges::sort(report_.kept, {}, &store::event_row::position);
        if (!outcomes_.empty() || report_.events > 0) tx_.finish(head_);
        return std::move(report_);
    }

private:
    /// Group commits in order, those that were read ahead and those that were not.
    read_group take_deliveries() {
        const auto groups = tx_.take_pending(how_.batch_deliveries);
        auto ready = ahead_ != nullptr ? ahead_->take(groups) : std::map<std::int64_t, read_group>{};
        std::vector<store::pending_group> others;
        for (const auto& g : groups) {
            if (!ready.contains(g.number)) others.push_back(g);
        }
        auto unread = tx_.deliveries_of(others);
        auto next = unread.begin();
        read_group out;
        for (const auto& g : groups) {
            const auto found = ready.find(g.number);
            auto group =
                found != ready.end() ? std::move(found->second) : read_all(decoders_, std::move(*next++));
            std::move(group.deliveries.begin(), group.deliveries.end(), std::back_inserter(out.deliveries));
            std::move(group.read.begin(), group.read.end(), std::back_inserter(out.read));
        }
        if (out.deliveries.size() >= how_.batch_deliveries) more_after_ = groups.back().number;
        return out;
    }

    /// What is about people who were erased is decided here: it is emptied and leaves no trace but its row.
    void leave_out_erased(
        const std::vector<store::pending_delivery>& deliveries, std::vector<lifecycle::decoded>& read
    ) {
        auto& rows = tx_.erasures();
        erased_ = find_erased(rows, decoders_, deliveries, read, how_.erase_later);
        std::vector<uuid> empty;
        for (std::size_t i = 0; i < deliveries.size(); ++i) {
            if (!erased_.has(i)) continue;
            const auto* fact = std::get_if<lifecycle::call_fact>(&read[i]);
            const bool message = std::holds_alternative<lifecycle::message_fact>(read[i]);
            auto& outcome = conclude(
                deliveries[i],
                fact != nullptr ? std::string{lifecycle::event_name(fact->kind)}
                : message       ? "new.message"
                                : "",
                verdict::erased
            );
            if (fact != nullptr) outcome.call_id = fact->key.id;
            empty.push_back(deliveries[i].id);
            read[i] = lifecycle::unreadable{};  // nobody is to look at it any more
        }
        rows.empty(empty);
        forget_calls();
    }

    /// Calls that only now turn out to be an erased person's: what was stored of them goes, and is told of.
    void forget_calls() {
        auto& rows = tx_.erasures();
        rows.refuse(erased_.calls);
        std::vector<lifecycle::call_key> keys;
        for (const auto& [key, erasure] : erased_.calls)
            keys.push_back(key);
        std::map<uuid, store::erasure_targets> known;
        for (const auto& row : tx_.calls(keys))
            known[erased_.calls.at(row.key)].calls.push_back(row.key);
        for (const auto& [erasure, targets] : known) {
            const auto removed = rows.erase(targets, erasure);
            for (auto& event : erasure_events(rows.receipt(erasure), removed, head_.recorded_at))
                append_event(std::move(event));
        }
    }

    void load_calls(const std::vector<lifecycle::decoded>& read) {
        std::set<lifecycle::call_key> keys;
        for (const auto& what : read) {
            if (const auto* fact = std::get_if<lifecycle::call_fact>(&what)) keys.insert(fact->key);
        }
        book_.load(tx_.call_states({keys.begin(), keys.end()}));
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
        auto told = book_.apply({std::move(fact), d.from, d.received_at, d.id});
        for (auto& happened : told.events) {
            auto data = told.call.text;
            if (!happened.changed.empty()) data = records::with_changed(std::move(data), happened.changed);
            append_event(
                {std::move(happened.type),
                 key.source,
                 call_subject(key.id),
                 happened.time ? utc_time{*happened.time} : d.received_at,
                 {},
                 to_string(d.from),
                 d.id,
                 std::move(data),
                 d.traceparent},
                told.call.record.fields.widget_id
            );
        }
        conclude(d, event, told.events.empty() ? verdict::duplicate : verdict::applied).call_id = key.id;
    }

    void take(const store::pending_delivery& d, const lifecycle::message_fact& fact) {
        auto row = make_message_row(fact, d.id, d.received_at);
        const auto* earlier = find_copy(row);
        if (earlier != nullptr) {
            conclude(d, "new.message", verdict::duplicate).message_id = earlier->id;
            return;
        }
        const auto id = row.id;
        // Its event is written once its tie is known, but has its place in the order.
        new_messages_.push_back({std::move(row), ++head_.position, to_string(d.from), d.traceparent});
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

    std::vector<lifecycle::call_key> load_due() {
        std::vector<lifecycle::call_key> out;
        if (!how_.also_due) return out;
        auto due = tx_.due_calls(now_, how_.batch_deliveries);
        for (const auto& row : due)
            out.push_back(row.key);
        book_.load(std::move(due));
        return out;
    }

    void tell_overdue(const std::vector<lifecycle::call_key>& due) {
        for (const auto& key : due) {
            const auto overdue = book_.take_overdue(key, now_);
            if (!overdue) continue;  // this very batch brought its outcome
            append_event(
                {"call.overdue",
                 key.source,
                 call_subject(key.id),
                 overdue->due_at,
                 {},
                 "clock",
                 {},
                 overdue->call.text},
                overdue->call.record.fields.widget_id
            );
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
                 json::serialize(gap_json(gap))}
            );
            tx_.mark_gap_told(gap.id, head_.position);
        }
    }

    void tell_announcements() {
        for (const auto& a : tx_.take_announcements(announcements_at_once)) {
            append_event(
                {a.type,
                 a.source,
                 a.subject,
                 a.happened_at,
                 {},
                 "callhook",
                 {},
                 json::serialize(parse_json(a.data).as_object())}
            );
        }
    }

    /// What became of the calls; the visitors whose messages may have to be tied anew.
    std::set<store::visitor_key> write_calls() {
        const auto fresh = tx_.new_calls();
        auto changes = book_.collect([&](const store::call_row& row) { fresh->add(row); });
        fresh->complete();
        tx_.update_calls(changes.changed);
        tx_.forget_due(changes.not_due);
        return std::move(changes.visitors);
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
            tell_message(m);
            changed.push_back(m.row);
        }
        for (auto& row : known) {
            if (!retie(row, calls, how_.message_call_window)) continue;
            append_event(
                {"message.linked", row.source, message_subject(row.id), now_, {}, "webhook", {}, row.record},
                row.widget_id
            );
            changed.push_back(std::move(row));
        }
        tx_.write_messages(changed);
    }

    struct new_message {
        store::message_row row;
        std::int64_t position;
        std::string_view origin;
        std::string traceparent;
    };

    void tell_message(const new_message& m) {
        add_event(
            m.position,
            {"new.message",
             m.row.source,
             message_subject(m.row.id),
             m.row.received_at,
             {},
             m.origin,
             m.row.id,
             m.row.record,
             m.traceparent},
            m.row.widget_id
        );
    }

    void append_event(records::cloud_event event, std::optional<std::int64_t> widget_id = {}) {
        add_event(++head_.position, std::move(event), widget_id);
    }

    /// `widget_id` is that of what the event is about, where there is one.
    void add_event(std::int64_t position, records::cloud_event event, std::optional<std::int64_t> widget_id) {
        event.recorded_at = head_.recorded_at;
        auto text = records::write_event(event);
        events_.push_back(
            {position,
             std::move(event.type),
             std::move(event.source),
             std::move(event.subject),
             event.delivery,
             std::move(text),
             widget_id}
        );
    }

    void send_events(store::row_writer<store::event_row>& out) {
        for (const auto& event : events_)
            out.add(event);
        report_.events += events_.size();
        if (how_.keep_events) std::ranges::move(events_, std::back_inserter(report_.kept));
        events_.clear();
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
    look_ahead* const ahead_;
    /// The last group of this batch, where more are likely to wait behind it.
    std::optional<std::int64_t> more_after_;
    store::feed_head head_;
    call_book book_;
    erased_deliveries erased_;
    std::vector<new_message> new_messages_;
    /// By source and content.
    std::map<std::pair<std::string, std::string>, std::vector<store::message_row>> stored_copies_;
    std::vector<store::outcome_row> outcomes_;
    /// Not on their way yet.
    std::vector<store::event_row> events_;
    batch_report report_;
};

}  // namespace

batch_report sequence_batch(
    store::sequencer_transaction& tx,
    const sources::decoder_table& decoders,
    const settings& how,
    utc_time now,
    look_ahead* ahead
) {
    return batch{tx, decoders, how, now, ahead}.run();
}

}  // namespace callhook::pipeline
