#include "feed/outbound/delivery_window.hpp"

namespace callhook::feed::outbound {

void delivery_window::add(const shared_event& event, time_point now) {
    entry made;
    made.what = {event->position, event->source, event->subject, 0, {}, event};
    made.due = now;
    if (entries_.contains(event->position)) return;  // it is stored, and the log is read from before it again
    fresh_.insert(event->position);
    fresh_bytes_ += event->event.size();
    insert(std::move(made));
}

void delivery_window::add(const store::waiting_message& stored, time_point now) {
    entry made;
    made.what = {stored.position, stored.source, stored.subject, stored.attempts, stored.last_error, {}};
    made.due = now + stored.due_in;
    made.stored = true;
    insert(std::move(made));
}

void delivery_window::insert(entry made) {
    const line_key line{made.what.source, made.what.subject};
    const auto position = made.what.position;
    entries_.insert_or_assign(position, std::move(made));
    auto& waiting = lines_[line];
    // An earlier one than what was first so far: what is not under way steps back.
    if (!waiting.empty() && position < *waiting.begin()) {
        const auto& first = entries_.at(*waiting.begin());
        ready_.erase({first.due, first.what.position});
    }
    waiting.insert(position);
    if (*waiting.begin() == position) schedule_head(line);
}

void delivery_window::schedule_head(const line_key& line) {
    const auto& first = entries_.at(*lines_.at(line).begin());
    if (!first.under_way) ready_.insert({first.due, first.what.position});
}

const delivery_window::message* delivery_window::take(time_point now) {
    if (ready_.empty() || ready_.begin()->first > now) return nullptr;
    auto& next = entries_.at(ready_.begin()->second);
    ready_.erase(ready_.begin());
    next.under_way = true;
    return &next.what;
}

void delivery_window::delivered(std::int64_t position) {
    const auto found = entries_.find(position);
    if (found->second.stored) {
        delivered_.push_back(position);
    } else {
        ++passed_;
    }
    remove(found);
}

void delivery_window::failed(std::int64_t position, std::string why, time_point due) {
    auto& e = entries_.at(position);
    e.under_way = false;
    e.due = due;
    ++e.what.attempts;
    e.what.last_error = std::move(why);
    mark_stored(e);
    schedule_head({e.what.source, e.what.subject});
}

void delivery_window::dead(std::int64_t position, std::string why) {
    const auto found = entries_.find(position);
    auto& e = found->second;
    ++e.what.attempts;
    e.what.last_error = std::move(why);
    auto row = row_of(e, e.due);
    row.dead = true;
    dead_.push_back(std::move(row));
    remove(found);
}

void delivery_window::forget_texts() {
    for (auto& [position, e] : entries_)
        e.what.event.reset();
    fresh_bytes_ = 0;
}

void delivery_window::put_back(std::int64_t position) {
    auto& e = entries_.at(position);
    e.under_way = false;
    schedule_head({e.what.source, e.what.subject});
}

/// From now on it has a row, or will have one: its text is read from the log again.
void delivery_window::mark_stored(entry& e) {
    if (!e.stored) {
        fresh_.erase(e.what.position);
        if (e.what.event) fresh_bytes_ -= e.what.event->event.size();
    }
    e.stored = true;
    if (!e.under_way) e.what.event.reset();
    changed_.insert(e.what.position);
}

void delivery_window::remove(std::map<std::int64_t, entry>::iterator gone) {
    const auto position = gone->first;
    const line_key line{gone->second.what.source, gone->second.what.subject};
    ready_.erase({gone->second.due, position});
    if (fresh_.erase(position) > 0 && gone->second.what.event)
        fresh_bytes_ -= gone->second.what.event->event.size();
    changed_.erase(position);
    entries_.erase(gone);
    const auto waiting = lines_.find(line);
    waiting->second.erase(position);
    if (waiting->second.empty()) {
        lines_.erase(waiting);
    } else {
        schedule_head(line);
    }
}

delivery_window::time_point delivery_window::next_due() const {
    return ready_.empty() ? time_point::max() : ready_.begin()->first;
}

store::waiting_message delivery_window::row_of(const entry& e, time_point now) const {
    return {
        e.what.position,
        e.what.source,
        e.what.subject,
        e.what.attempts,
        std::chrono::duration_cast<std::chrono::milliseconds>(e.due - now),
        e.what.last_error};
}

store::outbound_progress delivery_window::collect(std::int64_t read_to, time_point now) {
    std::vector<std::int64_t> behind;
    for (const auto position : fresh_) {
        const auto& e = entries_.at(position);
        const auto first = *lines_.at({e.what.source, e.what.subject}).begin();
        if (first != position && entries_.at(first).stored) behind.push_back(position);
    }
    for (const auto position : behind)
        mark_stored(entries_.at(position));

    store::outbound_progress out;
    out.position = place(read_to);
    for (const auto position : changed_)
        out.undelivered.push_back(row_of(entries_.at(position), now));
    out.undelivered.insert(out.undelivered.end(), dead_.begin(), dead_.end());
    out.delivered = std::move(delivered_);
    changed_.clear();
    dead_.clear();
    delivered_.clear();
    passed_ = 0;
    return out;
}

void delivery_window::store_all() {
    for (const auto position : std::set<std::int64_t>{fresh_})
        mark_stored(entries_.at(position));
}

void delivery_window::restore(store::outbound_progress lost) {
    for (auto& row : lost.undelivered) {
        if (row.dead) {
            dead_.push_back(std::move(row));
        } else if (entries_.contains(row.position)) {
            changed_.insert(row.position);
        }
    }
    delivered_.insert(delivered_.end(), lost.delivered.begin(), lost.delivered.end());
    ++passed_;  // the place is to be written again, too
}

}  // namespace callhook::feed::outbound
