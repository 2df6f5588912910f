#pragma once

#include "store/backfill_store.hpp"
#include "store/erasures.hpp"
#include "store/rows.hpp"
#include "store/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace callhook::store {

/// Rows on their way to a table, by COPY: the database works on those that were added while the next is made.
/// From the first `add` on nothing else may be asked of the transaction until `complete`; without it nothing
/// is written. Both throw `failure`.
template <class Row>
class row_writer {
public:
    virtual ~row_writer() = default;
    virtual void add(const Row& row) = 0;
    virtual void complete() = 0;

    void add_all(const std::vector<Row>& rows) {
        for (const auto& row : rows)
            add(row);
        complete();
    }
};

/// What one transaction of the sequencer can read and write. It exists only inside
/// `sequencer_store::sequence` and `rebuild_store`; by then the head row is locked, so whatever it reads is
/// what the previous holder committed. All throw `failure`.
class sequencer_transaction {
public:
    virtual ~sequencer_transaction() = default;

    /// The head as it was when the lock was taken, or as `finish` wrote it.
    [[nodiscard]] virtual const feed_head& head() const = 0;

    /// Takes waiting group commits off `pending`, in order, until there are at least `enough` deliveries, or
    /// more bytes of them than are fit to hold in memory, or none are left.
    virtual std::vector<pending_group> take_pending(std::size_t enough) = 0;
    /// What was received in each of them.
    virtual std::vector<std::vector<pending_delivery>> deliveries_of(const std::vector<pending_group>& groups
    ) = 0;

    /// Those of the calls that exist, in no particular order.
    virtual std::vector<call_row> calls(const std::vector<lifecycle::call_key>& keys) = 0;
    /// Calls that have become overdue, without their records, at most `most`, the longest due first.
    virtual std::vector<call_row> due_calls(utc_time now, std::size_t most) = 0;
    /// Those that are stored, without their records: what a batch needs of them.
    virtual std::vector<call_row> call_states(const std::vector<lifecycle::call_key>& keys) = 0;
    /// For calls that are not stored yet.
    virtual std::unique_ptr<row_writer<call_row>> new_calls() = 0;
    /// All of them are stored.
    virtual void update_calls(const std::vector<call_row>& rows) = 0;
    /// They are not due any more, whatever their facts say.
    virtual void forget_due(const std::vector<lifecycle::call_key>& keys) = 0;

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

    /// Takes announcements off their table, at most `most`, the oldest first.
    virtual std::vector<announcement> take_announcements(std::size_t most) = 0;

    /// People who were erased; there is nobody where the head's `erasures` is 0.
    virtual erasure_access& erasures() = 0;

    virtual void append_outcomes(const std::vector<outcome_row>& rows) = 0;
    /// In any order of their positions.
    virtual std::unique_ptr<row_writer<event_row>> new_events(utc_time recorded_at) = 0;

    /// Writes the new head and notifies other daemons. Last of all, or of one of several batches.
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

    /// Checks that the log is still the one in which its epoch began, and that it has all that was there up
    /// to `position` of `epoch`; where it is a restored, promoted or older copy a new epoch is begun and its
    /// name returned, otherwise an empty string.
    std::string renew_epoch(const std::string& epoch = {}, std::int64_t position = 0);
    /// Epoch and position of the log now.
    log_end read_end();
    /// Makes the partitions of this month and those ahead; how many months were made. Nothing where a table
    /// is in use: making one takes it for itself, and whoever came after would wait as long, every webhook
    /// among them.
    std::optional<int> ensure_partitions();

    /// What waits: so many deliveries, and whether a call is past its time or something else is to be told: a
    /// gap report, an announcement.
    struct backlog {
        std::size_t deliveries = 0;
        /// When the first of them was received; now where there are none.
        utc_time oldest{};
        bool overdue = false;
        bool untold = false;
    };
    backlog read_backlog(utc_time now);

    /// Runs `work` under the head's lock, and commits.
    void sequence(const std::function<void(sequencer_transaction&)>& work);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Reads what waits for the sequencer, without its lock: deliveries never change, but for an erasure, which
/// the sequencer looks for itself. For one thread.
class backlog_reader {
public:
    explicit backlog_reader(const settings& where);
    ~backlog_reader();
    backlog_reader(const backlog_reader&) = delete;
    backlog_reader& operator=(const backlog_reader&) = delete;

    /// The groups after this one, with the same bounds as `sequencer_transaction::take_pending`.
    std::vector<pending_group> groups(std::int64_t after, std::size_t enough);
    std::vector<std::vector<pending_delivery>> deliveries_of(const std::vector<pending_group>& groups);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
