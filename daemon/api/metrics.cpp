#include "api/metrics.hpp"

#include "async/wakeup.hpp"
#include "base/log.hpp"
#include "base/version.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>

namespace callhook::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds patience{1};

metric_counter messages(metrics_registry& metrics, const char* level) {
    return metrics.counter(
        "callhook_log_messages_total",
        "Warnings and errors of the log, those that were left out as repeats among them.",
        {{"level", level}}
    );
}

}  // namespace

/// What the database is asked for. A question under way may outlive the endpoint, so it shares this.
struct metrics_endpoint::counts {
    counts(metrics_registry& metrics, const clock_source& at)
        : quarantined{metrics.gauge("callhook_quarantined", "Deliveries in quarantine.")},
          lag_events{metrics.gauge("callhook_pipeline_lag_events", "Deliveries that wait to be sequenced.")},
          lag_seconds{metrics.gauge(
              "callhook_pipeline_lag_seconds",
              "Age of the oldest delivery that waits to be sequenced; 0 when none does."
          )},
          clock{at} {}

    void show(const store::ledger_counts& seen) const {
        quarantined.set(static_cast<double>(seen.quarantined));
        lag_events.set(static_cast<double>(seen.pending));
        const auto age = seen.oldest_pending ? clock.now() - *seen.oldest_pending : utc_time::duration{0};
        lag_seconds.set(std::max(0.0, std::chrono::duration<double>(age).count()));
    }

    static asio::awaitable<void> ask(std::shared_ptr<counts> self, store::reader_pool& readers) {
        const auto seen = co_await readers.run([](store::queries& q) { return q.counts(); });
        if (seen) self->show(*seen);
        self->answered->notify_all();
        self->answered.reset();
    }

    metric_gauge quarantined;
    metric_gauge lag_events;
    metric_gauge lag_seconds;
    const clock_source& clock;
    /// There while a question is under way: it wakes those who wait for its answer.
    std::optional<async::wakeup> answered;
};

metrics_endpoint::metrics_endpoint(
    metrics_registry& metrics,
    store::reader_pool& readers,
    const clock_source& clock,
    std::vector<readiness_part> parts
)
    : metrics_{metrics},
      readers_{readers},
      parts_{std::move(parts)},
      ready_{metrics.gauge("callhook_ready", "1 where /readyz answers 200, degraded or not, else 0.")},
      process_{metrics},
      warnings_{messages(metrics, "warn")},
      errors_{messages(metrics, "error")},
      counts_{std::make_shared<counts>(metrics, clock)} {
    metrics.gauge(
               "callhook_build_info", "Always 1; the label tells the version.", {{"version", version}}
    ).set(1);
    for (const auto& part : parts_) {
        part_gauges_.push_back(metrics.gauge(
            "callhook_part_ok", "1 where /readyz?verbose says ok of a part, else 0.", {{"part", part.name}}
        ));
    }
}

metrics_endpoint::~metrics_endpoint() = default;

asio::awaitable<http::response> metrics_endpoint::handle(http::request) {
    if (!counts_->answered) {
        const auto executor = co_await asio::this_coro::executor;
        counts_->answered.emplace(executor);
        asio::co_spawn(executor, counts::ask(counts_, readers_), asio::detached);
    }
    // It may have been answered at once: the queue of a pool that has too much to do says no by itself.
    if (counts_->answered) co_await counts_->answered->wait(std::chrono::steady_clock::now() + patience);
    look_at_parts();
    look_at_log();
    process_.look();
    http::response answer;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = metrics_.render();
    co_return answer;
}

void metrics_endpoint::look_at_parts() {
    bool ready = true;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const auto found = parts_[i].look();
        part_gauges_[i].set(found.reason.empty() ? 1 : 0);
        if (!found.reason.empty() && found.how == trouble::weight::unready) ready = false;
    }
    ready_.set(ready ? 1 : 0);
}

void metrics_endpoint::look_at_log() {
    warnings_.add(static_cast<double>(log::count(log::level::warn)) - warnings_.value());
    errors_.add(static_cast<double>(log::count(log::level::error)) - errors_.value());
}

}  // namespace callhook::api
