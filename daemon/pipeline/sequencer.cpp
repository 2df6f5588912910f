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
/// How often the backlog is counted while batches follow each other.
constexpr auto lag_look_interval = std::chrono::seconds{1};

}  // namespace

sequencer::sequencer(
    const store::settings& where,
    sources::decoder_table decoders,
    const sequencer_settings& how,
    const clock_source& clock,
    metrics_registry& metrics
)
    : decoders_{std::move(decoders)},
      how_{how},
      clock_{clock},
      metrics_{metrics},
      store_{where},
      batch_deliveries_{how.batch.batch_deliveries},
      lag_seconds_{metrics.gauge(
          "callhook_pipeline_lag_seconds",
          "Age of the oldest delivery in the batch sequenced last; 0 when none waits."
      )},
      lag_events_{metrics.gauge("callhook_pipeline_lag_events", "Deliveries that wait to be sequenced.")},
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
        if (failed) {
            leading_ = false;
            leader_.set(0);
        }
        {
            const std::lock_guard lock{mutex_};
            if (stopping_) break;
        }
        woken = wait(failed ? retry_interval : leading() ? how_.poll_interval : how_.takeover_interval);
    }
    store_.resign();
    leading_ = false;
    leader_.set(0);
}

void sequencer::work(bool woken) {
    if (!store_.lead()) {
        leading_ = false;
        leader_.set(0);
        return;
    }
    if (!leading()) take_lead();
    keep_partitions();
    if (woken) take_batches();
    if (const auto waiting = look(); waiting.deliveries > 0 || waiting.overdue || waiting.gaps)
        take_batches();
    else
        lag_seconds_.set(0);
}

store::sequencer_store::backlog sequencer::look() {
    const auto waiting = store_.read_backlog(clock_.now());
    lag_events_.set(static_cast<double>(waiting.deliveries));
    last_look_ = std::chrono::steady_clock::now();
    return waiting;
}

void sequencer::take_lead() {
    if (const auto epoch = store_.renew_epoch(); !epoch.empty()) {
        log::warn(
            "this database is a restored or promoted copy: a new feed epoch begins, readers must start over",
            {{"epoch", epoch}}
        );
    }
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
        how.batch_deliveries =
            std::exchange(batch_deliveries_, std::max<std::size_t>(1, batch_deliveries_ / 4));
        batch_report report;
        store_.sequence([&](store::sequencer_transaction& tx) {
            report = sequence_batch(tx, decoders_, how, clock_.now());
        });
        batch_deliveries_ = std::min(how.batch_deliveries * 2, how_.batch.batch_deliveries);
        count(report);
        if (report.taken < how.batch_deliveries) return;
        if (std::chrono::steady_clock::now() - last_look_ > lag_look_interval) look();
        const std::lock_guard lock{mutex_};
        if (stopping_) return;
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
        lag_seconds_.set(std::chrono::duration<double>(clock_.now() - report.oldest_received_at).count());
        log::debug(
            "batch sequenced",
            {{"deliveries", report.taken}, {"events", report.events}, {"position", report.position}}
        );
    }
}

}  // namespace callhook::pipeline
