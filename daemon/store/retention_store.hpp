#pragma once

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "store/settings.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::store {

/// A partition whose every row is older than was asked for.
struct old_month {
    std::string partition{};
    /// Of deliveries: their outcomes, which go with them.
    std::string outcomes{};
    utc_time from{};
    utc_time until{};
    /// On disk, indexes included, and those of the outcomes too.
    std::int64_t bytes = 0;
    std::int64_t rows_estimate = 0;
};

/// Old rows outside of any month: of a clock that was far off, or from before there were partitions.
struct old_rows {
    std::int64_t rows = 0;
    std::optional<utc_time> from{};
    std::optional<utc_time> until{};
};

/// What came of an attempt to drop a month.
enum class drop_outcome : std::uint8_t {
    dropped,
    /// Somebody reads the table, a dump or an audit say. Asking again later is all there is to do: a lock
    /// that is waited for makes every webhook wait too.
    in_use,
    /// Some of its deliveries wait for the sequencer.
    pending
};

/// What became final because its deliveries expire.
struct made_final {
    std::int64_t calls = 0;
    std::int64_t messages = 0;
};

/// How far the records of a month have been made final.
struct finalizing {
    /// The last outcome there was when it began; later ones are looked at when the month is dropped.
    std::optional<std::int64_t> begun_at_seq{};
    std::string source{};
    std::int64_t call = -1;
    std::optional<uuid> message{};
    bool calls_done = false;
    bool done = false;
    made_final made{};
};

/// Expiry's side of the database: one connection, one thread. Steps are short, each a transaction that leaves
/// all as consistent as it was, so that a crash between any two does no harm and the next run goes on. All
/// throw `failure`.
class retention_store {
public:
    /// `count_timeout` is how long counting the rows of a month may take before an estimate has to do.
    retention_store(const settings& where, std::chrono::milliseconds count_timeout);
    ~retention_store();
    retention_store(const retention_store&) = delete;
    retention_store& operator=(const retention_store&) = delete;

    /// Keeps others from expiring at the same time; false where somebody does. Until `release`.
    bool acquire();
    /// The next to `acquire` has it at once, where the database is there to be told. Closes the connection.
    void release() noexcept;

    /// Months that end before `before`, the oldest first.
    std::vector<old_month> old_months_of_deliveries(utc_time before);
    std::vector<old_month> old_months_of_events(utc_time before);
    old_rows old_loose_deliveries(utc_time before);
    old_rows old_loose_events(utc_time before);
    std::int64_t count_deliveries(const old_month& month);
    std::int64_t count_events(const old_month& month);
    /// What would become final.
    made_final count_finals(utc_time before, const std::vector<old_month>& months);

    /// Whether a delivery of the month waits for the sequencer.
    bool has_pending(const old_month& month);
    /// Makes some of the calls and messages final that have a delivery in the month, under the head's lock;
    /// `done` says when there are no more.
    void make_some_final(const old_month& month, utc_time now, finalizing& progress);
    /// Drops deliveries and outcomes of a month whose records are final, as far as `progress` went; the rest
    /// in the same transaction.
    drop_outcome drop_deliveries(const old_month& month, utc_time now, finalizing& progress);
    /// Deletes some deliveries of no month, with their outcomes, once the sequencer is through with them;
    /// returns how many there were.
    std::int64_t delete_some_deliveries(utc_time before, utc_time now, made_final& made);

    /// Where the event log begins.
    struct log_start {
        std::int64_t position = 0;
        utc_time recorded_at{};
        std::string partition{};
    };
    std::optional<log_start> first_event();
    /// Drops a month of events, which must hold the first there is, or none, and raises the floor over them.
    drop_outcome drop_events(const old_month& month);
    /// Deletes some events of no month from the beginning of the log and raises the floor over them; returns
    /// how many there were.
    std::int64_t delete_some_events(utc_time before);

    /// Declares dead some of what waits for an attempt and has no event any more.
    std::int64_t bury_some_messages(utc_time now);
    /// Dead letters, and jobs about calls that were given up, from before then.
    std::int64_t count_dead_letters(utc_time before);
    std::int64_t count_dead_jobs(utc_time before);
    std::int64_t delete_some_dead_letters(utc_time before);
    std::int64_t delete_some_dead_jobs(utc_time before);

    /// When the oldest that is kept came in; nothing where there is none.
    std::optional<utc_time> oldest_delivery();
    std::optional<utc_time> oldest_event();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
