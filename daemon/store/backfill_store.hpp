#pragma once

#include "store/rows.hpp"
#include "store/settings.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace callhook::store {

/// Whether the id in webhooks and the id in the API name the same call.
enum class identity_check : std::uint8_t { unknown, confirmed, mismatch };

std::string_view to_string(identity_check state) noexcept;

/// A row of `source_states`.
struct source_state {
    std::string source{};
    utc_time known_since{};
    std::optional<utc_time> swept_until{};
    std::optional<utc_time> swept_at{};
    identity_check identity = identity_check::unknown;
    std::optional<std::int64_t> identity_call{};
    std::optional<std::chrono::seconds> zone_error{};
    /// When the first call was ordered that a webhook told of; empty while none has.
    std::optional<utc_time> first_webhook_call{};
};

/// A row of `jobs`.
struct job {
    std::int64_t id = 0;
    std::string source{};
    std::string kind{};  ///< `sweep`, `call` or `widgets`
    std::int64_t call_id = 0;
    std::string reason{};
    utc_time due_at{};
    std::int64_t generation = 0;
    int looks = 0;
    int attempts = 0;
    std::optional<utc_time> dead_at{};
    std::string last_error{};
};

/// A webhook that never came.
struct missing_webhook {
    std::int64_t call_id = 0;
    std::string event{};

    auto operator<=>(const missing_webhook&) const = default;
};

/// A report to write, and what became of it.
struct gap_report {
    uuid id{};
    std::string source{};
    utc_time found_at{};
    std::string found_by{};
    utc_time from{};
    utc_time to{};
    std::vector<missing_webhook> missing{};
};

/// A widget as the API lists it.
struct widget_row {
    std::int64_t id = 0;
    std::string name{};
    std::string url{};
    bool enabled = true;
};

/// When a webhook about a new call was received, and when the vendor says the call was made.
struct arrival {
    utc_time received_at{};
    utc_time created_at{};
};

/// The progress of `callhookd backfill` over a range.
struct backfill_run {
    std::string source{};
    utc_time from{};
    utc_time to{};
    utc_time done_until{};
    std::int64_t calls = 0;
    std::int64_t appended = 0;
};

/// Backfill's side of the database: one connection, one thread. Every function stands alone in a transaction
/// of its own and throws `failure`. Every one may be called again after that, also where the first call was
/// committed after all: who ends a lease twice does nothing the second time, jobs leased twice come free when
/// the lease expires, a slot taken twice is one wasted, and a gap reported twice is told once.
class backfill_store {
public:
    /// `role` is what the connection shows as.
    backfill_store(const settings& where, const std::string& role);
    ~backfill_store();
    backfill_store(const backfill_store&) = delete;
    backfill_store& operator=(const backfill_store&) = delete;

    // Sources ---------------------------------------------------------------------------------------------

    /// Makes the state of each source where there is none, and its standing jobs (`sweep`, `widgets`), due
    /// now; those that wait for later become due now, unless somebody is at them.
    void open_sources(const std::vector<std::string>& sources, utc_time now);
    std::vector<source_state> states(const std::vector<std::string>& sources);
    /// Only ever forwards, but for a moment that is yet to come: a clock that was ahead once.
    void set_swept(const std::string& source, utc_time until, utc_time now);
    /// `confirmed` never replaces `mismatch`, nor the other way round: what is known stays until
    /// `forget_identity`.
    void set_identity(const std::string& source, identity_check state, std::int64_t call_id);
    void forget_identity(const std::string& source);
    void set_zone_error(const std::string& source, std::chrono::seconds off, utc_time now);
    /// The latest webhooks about new calls, the first one of each call, newest first.
    std::vector<arrival> arrivals(const std::string& source, std::size_t most);

    // Jobs --------------------------------------------------------------------------------------------------

    /// Reads the event log on from where it was read to, at most `most` events, and makes a `call` job for
    /// every outcome (due `delay` after it was recorded) and every overdue call (due now) of these sources.
    /// One that is there already becomes due at the earlier of the two times, alive again, with a new
    /// generation, looks and attempts counted from zero. Events of other sources are passed over for good.
    /// Whether there is more to read.
    bool plan_from_feed(
        const std::vector<std::string>& sources, std::chrono::seconds delay, utc_time now, std::size_t most
    );
    /// Leases up to `most` due jobs of these sources until `until`: those that nobody holds. The longest due
    /// first.
    std::vector<job> lease(
        const uuid& owner,
        const std::vector<std::string>& sources,
        utc_time now,
        utc_time until,
        std::size_t most
    );
    /// False where the lease was lost: then somebody else is at it.
    bool extend(const job& what, const uuid& owner, utc_time until);
    /// Done for good: deletes it, or lets it go where it was asked for anew meanwhile.
    void finish(const job& what, const uuid& owner);
    /// Answered, and due again: counts a look, forgets failures.
    void repeat(const job& what, const uuid& owner, utc_time due_at, const std::string& reason);
    /// Failed: counts an attempt where `counts`, and is due again.
    void postpone(const job& what, const uuid& owner, utc_time due_at, const std::string& why, bool counts);
    /// Failed for the last time.
    void bury(const job& what, const uuid& owner, const std::string& why, utc_time now);
    /// Lets go of all that this owner holds, at a stop.
    void release(const uuid& owner);

    // Pace --------------------------------------------------------------------------------------------------

    /// Takes the next place under a key's rate limit: one request every `interval`, up to `burst` at once.
    /// How long to wait for it. By the database's clock.
    std::chrono::microseconds take_slot(
        const std::string& key, std::chrono::microseconds interval, int burst
    );
    /// Lets no request of anybody out for as long; slots taken already keep their time.
    void hold_back(const std::string& key, std::chrono::microseconds how_long);

    // Comparing ---------------------------------------------------------------------------------------------

    /// Whether every delivery that was stored by now and received before this moment has been sequenced. One
    /// whose commit is under way does not show: leave that a margin.
    bool sequenced_until(utc_time moment);
    std::vector<call_row> calls(const std::vector<lifecycle::call_key>& keys);
    /// Those of the calls that were erased: nothing is to be known of them.
    std::set<lifecycle::call_key> erased_calls(const std::vector<lifecycle::call_key>& keys);
    /// Writes the report with those of its webhooks that were not reported before, and returns these; writes
    /// nothing where there are none.
    std::vector<missing_webhook> report_gap(const gap_report& report);
    /// Remembers what the API lists, and which of these widgets have sent webhooks. The enabled ones that
    /// have not.
    std::vector<std::int64_t> save_widgets(
        const std::string& source, const std::vector<widget_row>& all, utc_time now
    );

    // Runs of the command -----------------------------------------------------------------------------------

    /// The run over this very range, made where there is none.
    backfill_run begin_run(const std::string& source, utc_time from, utc_time to);
    void advance_run(const backfill_run& run);
    void end_run(const backfill_run& run);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace callhook::store
