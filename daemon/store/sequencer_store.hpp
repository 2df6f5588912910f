#pragma once

#include "store/backfill_store.hpp"
#include "store/rows.hpp"
#include "store/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace callhook::store {

/// What one transaction of the sequencer can read and write. It exists only inside
/// `sequencer_store::sequence` and `rebuild_store`; by then the head row is locked, so whatever it reads is
/// what the previous holder committed. All throw `failure`.
class sequencer_transaction {
public:
    virtual ~sequencer_transaction() = default;

    /// The head as it was when the lock was taken; write the new one with `finish`.
    [[nodiscard]] virtual const feed_head& head() const = 0;

    /// Takes waiting deliveries off `pending`, whole group commits in order, until there are at least
    /// `enough`, or more bytes of them than are fit to hold in memory, or none are left.
    virtual std::vector<pending_delivery> take_pending(std::size_t enough) = 0;

    /// Those of the calls that exist, in no particular order.
    virtual std::vector<call_row> calls(const std::vector<lifecycle::call_key>& keys) = 0;
    /// Calls that have become overdue, at most `most`, the longest due first.
    virtual std::vector<call_row> due_calls(utc_time now, std::size_t most) = 0;
    virtual void write_calls(const std::vector<call_row>& rows) = 0;

    /// Messages of one content, oldest first.
    virtual std::vector<message_row> messages_like(
        const std::string& source, const std::string& content_hash
    ) = 0;
    /// Messages without a link whose visitor is one of these.
    virtual std::vector<message_row> messages_of(const std::vector<visitor_key>& visitors) = 0;
    /// Calls of these visitors that have a readable time.
    virtual std::vector<call_time> calls_of(const std::vector<visitor_key>& visitors) = 0;
    virtual void write_messages(const std::vector<message_row>& rows) = 0;

    /// Reports that no event tells of yet, at most `most`, the oldest first.
    virtual std::vector<gap_report> untold_gaps(std::size_t most) = 0;
    /// Remembers the position of a report's event.
    virtual void mark_gap_told(const uuid& id, std::int64_t position) = 0;

    virtual void append_outcomes(const std::vector<outcome_row>& rows) = 0;
    virtual void append_events(const std::vector<event_row>& rows, utc_time recorded_at) = 0;

    /// Writes the new head and notifies other daemons. Last of all.
    virtual void finish(const feed_head& head) = 0;
};

/// The sequencer's side of the database: one connection, one thread.
class sequencer_store {
public:
    explicit sequencer_store(const settings& where);
    ~sequencer_store();
    sequencer_store(const sequencer_store&) = delete;
    sequencer_store& operator=(const sequencer_store&) = delete;

    /// Tries to become the one daemon that sequences; true also where it is already. Leading only saves idle
    /// work: correctness rests on the head's row lock. Losing the connection loses the lead.
    bool lead();
    /// Gives the lead back, so that a standby need not wait for the connection to end.
    void resign() noexcept;

    /// Checks that the log is still the one in which its epoch began; where it is a restored or promoted copy
    /// a new epoch is begun and its name returned, otherwise an empty string.
    std::string renew_epoch();
    /// Makes the partitions of this month and those ahead; how many months were made. Nothing where a table
    /// is in use: making one takes it for itself, and whoever came after would wait as long, every webhook
    /// among them.
    std::optional<int> ensure_partitions();

    /// What waits: so many deliveries, and whether a call is past its time or a gap report is to be told.
    struct backlog {
        std::size_t deliveries = 0;
        bool overdue = false;
        bool gaps = false;
    };
    backlog read_backlog(utc_time now);

    /// Runs `work` under the head's lock, and commits.
    void sequence(const std::function<void(sequencer_transaction&)>& work);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
