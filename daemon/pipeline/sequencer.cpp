#include "pipeline/sequencer.hpp"

#include "base/log.hpp"
#include "store/failure.hpp"

#include <algorithm>
#include <utility>

namespace callhook::pipeline {

namespace {

constexpr auto partition_check_interval = std::chrono::hours{24};
/// The same where a table was in use, by a dump or an audit say. Three months are ready ahead, so there is
/// time.
constexpr auto partition_retry_interval = std::chrono::minutes{1};
/// Before the database is asked again after it failed.
constexpr auto retry_interval = std::chrono::milliseconds{250};
/// How long it steps aside before it looks again.
constexpr auto hold_interval = std::chrono::milliseconds{50};
/// How often it is remembered how far the feed is.
constexpr auto memory_interval = std::chrono::seconds{1};

}  // namespace

sequencer::sequencer(
    const store::settings& where,
    sources::decoder_table decoders,
    const sequencer_settings& how,
    const clock_source& clock,
    metrics_registry& metrics,
    log_follower feed
)
    : feed_{std::move(feed)},
      decoders_{std::move(decoders)},
      how_{how},
      clock_{clock},
      metrics_{metrics},
      store_{where},
      memory_{how.memory_file},
      batch_deliveries_{how.batch.batch_deliveries},
      burst_{how.burst_patience, 4 * how.batch.batch_deliveries},
      ahead_{where, decoders_, how.batch.batch_deliveries},
      leader_{
          metrics.gauge("callhook_pipeline_leader", "1 where this daemon sequences, 0 where it stands by.")},
      thread_{[this] { run(); }} {}

sequencer::~sequencer() {
    stop();
}

void sequencer::wake() {
    {
        const std::lock_guard lock{mutex_};
        if (woken_) return;
        woken_ = true;
    }
    changed_.notify_one();
}

void sequencer::hear(const std::vector<store::shared_delivery>& stored) {
    if (leading()) ahead_.hear(stored);
    wake();
}

void sequencer::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

/// Waits for a wake-up; whether one came. Stopping counts as one.
bool sequencer::wait(std::chrono::milliseconds longest) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, longest, [&] { return woken_ || stopping_; });
    return std::exchange(woken_, false) || stopping_;
}

void sequencer::run() {
    for (bool woken = true;;) {
        bool failed = false;
        try {
            work(woken);
            if (!healthy_.exchange(true)) log::info("the pipeline has its database");
        } catch (const store::failure& e) {
            failed = true;
            if (healthy_.exchange(false)) log::error("the pipeline has no database", {{"reason", e.what()}});
        } catch (const std::exception&) {
            // Breakage: say so and try again later rather than spin; nothing was committed.
            failed = true;
            if (healthy_.exchange(false)) log::error("the pipeline broke; it will try the same batch again");
        }
        if (failed) stand_by();
        {
            const std::lock_guard lock{mutex_};
            if (stopping_) break;
        }
        woken = wait(failed ? retry_interval : leading() ? how_.poll_interval : how_.takeover_interval);
    }
    store_.resign();
    stand_by();
}

void sequencer::stand_by() {
    leading_ = false;
    leader_.set(0);
    ahead_.forget();
}

void sequencer::work(bool woken) {
    watch_history();
    if (!store_.lead()) {
        stand_by();
        return;
    }
    if (!leading()) take_lead();
    keep_partitions();
    if (woken) take_batches();
    if (look().deliveries > 0 || also_due_) take_batches();
}

store::sequencer_store::backlog sequencer::look() {
    const auto seen = store_.read_backlog(clock_.now());
    also_due_ = seen.overdue || seen.untold;
    return seen;
}

/// Whether it leads or stands by: a log that is shorter than it was is an older one, wherever it came from.
void sequencer::watch_history() {
    const auto now = std::chrono::steady_clock::now();
    if (now < memory_due_) return;
    const auto [epoch, position] = store_.read_end();
    if (epoch == memory_.epoch() && position < memory_.position())
        renew_epoch();
    else
        memory_.note(epoch, position);
    memory_due_ = now + memory_interval;
}

void sequencer::renew_epoch() {
    const auto epoch = store_.renew_epoch(memory_.epoch(), memory_.position());
    if (epoch.empty()) return;
    log::warn(
        "this database is a restored, promoted or older copy: a new feed epoch begins, readers must start "
        "over",
        {{"epoch", epoch}}
    );
}

void sequencer::take_lead() {
    renew_epoch();
    partitions_due_ = {};
    leading_ = true;
    leader_.set(1);
    log::info("leading the pipeline");
}

void sequencer::keep_partitions() {
    const auto now = std::chrono::steady_clock::now();
    if (now < partitions_due_) return;
    const auto made = store_.ensure_partitions();
    partitions_due_ = now + (made ? partition_check_interval : partition_retry_interval);
    if (!made)
        log::warn("partitions for the months ahead must wait: a table is in use");
    else if (*made > 0)
        log::info("partitions made", {{"months", *made}});
}

/// Batch after batch while there is more. Stopping ends it at a batch's edge: what still waits is another
/// daemon's, or the next start's.
void sequencer::take_batches() {
    for (;;) {
        auto how = how_.batch;
        how.also_due = std::exchange(also_due_, false);
        how.keep_events = feed_.wants && feed_.wants();
        how.batch_deliveries =
            std::exchange(batch_deliveries_, std::max<std::size_t>(1, batch_deliveries_ / 4));
        batch_report report;
        const auto started = std::chrono::steady_clock::now();
        store_.sequence([&](store::sequencer_transaction& tx) {
            report = sequence_batch(tx, decoders_, how, clock_.now(), &ahead_);
        });
        batch_deliveries_ = std::min(how.batch_deliveries * 2, how_.batch.batch_deliveries);
        if (feed_.hear && report.events > 0) feed_.hear(report.after, {report.head, std::move(report.kept)});
        count(report);
        burst_.worked(report.taken, std::chrono::steady_clock::now() - started);
        if (report.taken < how.batch_deliveries || !step_aside()) return;
    }
}

/// Waits while a burst is let through; false where it is time to stop.
bool sequencer::step_aside() {
    for (;;) {
        const auto backlog = look();
        const bool holds =
            burst_.holds(backlog.deliveries, clock_.now() - backlog.oldest, std::chrono::steady_clock::now());
        std::unique_lock lock{mutex_};
        if (holds) changed_.wait_for(lock, hold_interval, [&] { return stopping_; });
        if (stopping_) return false;
        if (!holds) return true;
    }
}

void sequencer::count(const batch_report& report) {
    for (const auto& [key, number] : report.deliveries) {
        const auto& [source, event, result] = key;
        metrics_
            .counter(
                "callhook_deliveries_total",
                "Deliveries by what became of them.",
                {{"source", source}, {"event", event}, {"result", result}}
            )
            .add(static_cast<double>(number));
    }
    if (report.taken > 0) {
        log::debug(
            "batch sequenced",
            {{"deliveries", report.taken}, {"events", report.events}, {"position", report.head.position}}
        );
    }
}

}  // namespace callhook::pipeline
