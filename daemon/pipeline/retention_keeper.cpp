#include "pipeline/retention_keeper.hpp"

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "store/failure.hpp"

#include <utility>

namespace callhook::pipeline {

namespace {

using namespace std::chrono_literals;
using outcome = expired_part::outcome;
using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds run_interval = 24h;
/// The same where something had to stay: a table was in use, or the database did not answer.
constexpr std::chrono::milliseconds retry_interval = 1min;
/// How soon it is seen that this daemon leads, or no longer does.
constexpr std::chrono::milliseconds look_interval = 500ms;
/// Somebody may wait for the daemon to stop meanwhile.
constexpr std::chrono::milliseconds count_timeout = 2s;

void log_part(const expired_part& part) {
    if (part.partition.empty()) {
        log::info("old rows have expired", {{"table", part.table}, {"rows", part.rows}});
    } else {
        log::info(
            "a partition has expired",
            {{"table", part.table},
             {"partition", part.partition},
             {"rows", part.rows},
             {"bytes", part.bytes},
             {"from", to_rfc3339(*part.from)},
             {"until", to_rfc3339(*part.until)}}
        );
    }
}

}  // namespace

retention_keeper::retention_keeper(
    const store::settings& where,
    const retention_settings& how,
    std::function<bool()> leading,
    const clock_source& clock,
    metrics_registry& metrics
)
    : how_{how},
      leading_{std::move(leading)},
      clock_{clock},
      metrics_{metrics},
      db_{where, count_timeout},
      thread_{[this] { run(); }} {}

retention_keeper::~retention_keeper() {
    stop();
}

void retention_keeper::stop() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

bool retention_keeper::go_on() {
    const std::lock_guard lock{mutex_};
    return !stopping_ && leading_();
}

void retention_keeper::run() {
    for (;;) {
        {
            std::unique_lock lock{mutex_};
            changed_.wait_for(lock, look_interval, [&] { return stopping_; });
            if (stopping_) return;
        }
        if (!leading_()) {
            led_ = false;
            continue;
        }
        if (std::exchange(led_, true) && steady::now() < due_) continue;
        try {
            due_ = steady::now() + turn();
            trouble_told_ = false;
        } catch (const std::exception& e) {
            due_ = steady::now() + retry_interval;
            if (!std::exchange(trouble_told_, true)) {
                const auto* known = dynamic_cast<const store::failure*>(&e);
                log::error(
                    "what is old cannot expire; it is tried again",
                    {{"reason", known != nullptr ? e.what() : "breakage"}}
                );
            }
        }
        db_.release();
    }
}

/// One run; how long until the next.
std::chrono::milliseconds retention_keeper::turn() {
    // Both are there from the first run on, whether or not anything is old.
    for (const char* table : {"deliveries", "events"})
        dropped(table);
    const auto report = expire(db_, how_, clock_.now(), [this] { return go_on(); });
    tell(report);
    show("deliveries", db_.oldest_delivery());
    show("events", db_.oldest_event());
    return report.complete() ? run_interval : retry_interval;
}

void retention_keeper::tell(const expiry_report& report) {
    for (const auto& part : report.parts) {
        if (part.what == outcome::gone) {
            log_part(part);
            if (!part.partition.empty()) dropped(part.table).add();
        } else if (part.what == outcome::in_use) {
            log::warn(
                "a partition that has expired must wait: the table is in use",
                {{"table", part.table}, {"partition", part.partition}}
            );
        } else if (part.what == outcome::pending) {
            log::warn(
                "a partition that has expired must wait: some of its deliveries have not been worked on",
                {{"table", part.table}, {"partition", part.partition}}
            );
        }
    }
    if (report.made_final.calls + report.made_final.messages > 0) {
        log::info(
            "records are final, since deliveries of theirs have expired",
            {{"calls", report.made_final.calls}, {"messages", report.made_final.messages}}
        );
    }
}

metric_counter retention_keeper::dropped(const std::string& table) {
    return metrics_.counter(
        "callhook_retention_dropped_partitions_total",
        "Partitions that were dropped because all in them was older than it is to be kept.",
        {{"table", table}}
    );
}

void retention_keeper::show(const char* table, const std::optional<utc_time>& oldest) {
    const auto since = oldest ? std::chrono::duration<double>(oldest->time_since_epoch()).count() : 0;
    metrics_
        .gauge(
            "callhook_retention_oldest_timestamp_seconds",
            "When the oldest that is kept came in, as Unix time; 0 where nothing is.",
            {{"table", table}}
        )
        .set(since);
}

}  // namespace callhook::pipeline
