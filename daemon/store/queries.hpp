#pragma once

#include "store/backfill_store.hpp"
#include "store/rows.hpp"
#include "store/settings.hpp"

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::store {

/// Which events a reader wants; an empty list takes all.
struct event_filter {
    std::vector<std::string> types{};
    std::vector<std::string> sources{};
    std::vector<std::string> subjects{};
    std::vector<std::int64_t> widgets{};

    [[nodiscard]] bool empty() const {
        return types.empty() && sources.empty() && subjects.empty() && widgets.empty();
    }
    [[nodiscard]] bool takes(const event_row& event) const;

    auto operator<=>(const event_filter&) const = default;
};

/// A stretch of the event log, read in one snapshot together with the head.
struct event_page {
    feed_head head{};
    std::vector<event_row> events{};
};

/// Which calls a reader wants, newest first. `before` is the last row of the page before: rows after it in
/// the order (at, source, id) descending.
struct call_query {
    std::optional<std::string> phase{};
    std::optional<std::int64_t> widget_id{};
    std::optional<std::string> phone{};
    std::optional<utc_time> since{};
    /// Only missed calls whose visitor has had no completed call of the same source since.
    bool never_called_back = false;
    struct place {
        utc_time at{};
        std::string source{};
        std::int64_t id = 0;
    };
    std::optional<place> before{};
    std::size_t limit = 100;
};

struct listed_call {
    call_query::place place{};
    std::string record{};
    std::optional<utc_time> overdue_at{};
    bool never_called_back = false;
};

/// One delivery in a call's history.
struct timeline_entry {
    uuid delivery_id{};
    utc_time received_at{};
    std::string origin{};
    std::string event{};
    std::string result{};
};

struct call_details {
    listed_call call{};
    std::string facts{};
    std::vector<timeline_entry> timeline{};
    /// When the first of its deliveries expired: the timeline shows those that are left.
    std::optional<utc_time> final_at{};
    std::vector<std::string> messages{};
};

struct quarantined_delivery {
    uuid id{};
    std::string source{};
    std::string reason{};
    utc_time received_at{};
    std::string content_type{};
    std::size_t size = 0;
};

/// A gap report as it is listed.
struct listed_gap {
    uuid id{};
    std::string source{};
    utc_time found_at{};
    std::string found_by{};
    utc_time from{};
    utc_time to{};
    std::int64_t calls = 0;
    /// How many webhooks of each event are missing, in the order of the events' names.
    std::vector<std::pair<std::string, std::int64_t>> events{};
    /// Of the missing webhooks, how many have come after all.
    std::int64_t came_late = 0;
};

/// A missing webhook of one report.
struct gap_call {
    std::int64_t call_id = 0;
    std::string event{};
    /// The call's phase now; empty where the call is not known (yet).
    std::string phase{};
    /// When the webhook came after all.
    std::optional<utc_time> came_at{};
};

/// A widget that the API lists and that has never sent a webhook.
struct silent_widget {
    std::string source{};
    widget_row widget{};
    /// Calls of it that are known, all from the API.
    std::int64_t calls = 0;
};

/// What operators count.
struct ledger_counts {
    std::int64_t quarantined = 0;
    /// Deliveries that wait for the sequencer.
    std::int64_t pending = 0;
    /// When the first of them came in.
    std::optional<utc_time> oldest_pending{};
};

/// Reading for people and downstream systems, on one connection: one thread. Every function throws `failure`.
class queries {
public:
    /// `role` is what the connection shows as.
    queries(const settings& where, const std::string& role);
    ~queries();
    queries(const queries&) = delete;
    queries& operator=(const queries&) = delete;

    feed_head head();
    /// Events with after < position <= until that the filter takes, at most `limit`.
    event_page events(std::int64_t after, std::int64_t until, const event_filter& filter, std::size_t limit);

    /// Waits for a commit of the sequencer, at most `longest`; the end of the log that it told, where one was
    /// notified, with an empty epoch where it told none. The first call starts listening.
    std::optional<log_end> await_feed(std::chrono::milliseconds longest);

    std::vector<listed_call> calls(const call_query& query);
    std::optional<call_details> call(const lifecycle::call_key& key);
    /// Newest first; `before` is the last id of the page before.
    std::vector<message_row> messages(const std::optional<uuid>& before, std::size_t limit);
    std::vector<quarantined_delivery> quarantine(const std::optional<uuid>& before, std::size_t limit);
    /// The quarantined delivery with its exact body.
    std::optional<std::pair<quarantined_delivery, std::string>> quarantined(const uuid& id);
    /// Puts quarantined deliveries back before the sequencer; all of them where `ids` is empty. How many
    /// there were.
    std::size_t retry_quarantined(const std::vector<uuid>& ids);
    ledger_counts counts();

    /// Newest first, of one source or of all; `before` is the last id of the page before.
    std::vector<listed_gap> gaps(
        const std::optional<std::string>& source, const std::optional<uuid>& before, std::size_t limit
    );
    std::optional<listed_gap> gap(const uuid& id);
    /// All missing webhooks of one report, by call and event.
    std::vector<gap_call> gap_calls(const uuid& id);
    std::vector<silent_widget> silent_widgets();
    /// Waiting and dead jobs, the dead first, then the longest due; only dead ones where `dead_only`.
    std::vector<job> jobs(bool dead_only, std::size_t limit);
    /// Makes dead jobs due again, with a new budget; all of them where `ids` is empty. How many there were.
    std::size_t retry_jobs(const std::vector<std::int64_t>& ids, utc_time now);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
