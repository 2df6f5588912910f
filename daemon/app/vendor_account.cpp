#include "app/vendor_account.hpp"

#include "app/vendor_transport.hpp"
#include "base/digest.hpp"
#include "sources/callpage/rest_client.hpp"

#include <utility>

namespace callhook::app {

namespace {

backfill::pace pace_of(const source_settings& source, const settings& values) {
    backfill::pace out;
    out.key = to_hex(sha256("callhook api key " + source.api_key.reveal())).substr(0, 32);
    out.interval = std::chrono::microseconds{std::chrono::minutes{1}} / source.api_requests_per_minute;
    out.burst = static_cast<int>(source.api_burst);
    out.at_once = source.api_concurrency;
    out.breaker.failures = static_cast<int>(values.backfill.breaker_failures);
    out.breaker.pause = values.backfill.breaker_pause;
    out.breaker.longest = 10 * values.backfill.breaker_pause;
    return out;
}

}  // namespace

backfill::settings backfill_rules(const settings& values) {
    const auto& b = values.backfill;
    backfill::settings out;
    out.sweep_interval = b.sweep_interval;
    out.sweep_overlap = b.sweep_overlap;
    out.first_sweep = b.first_sweep;
    out.settle = b.settle;
    out.detail_delay = b.detail_delay;
    out.detail_again = b.detail_again;
    out.widgets_interval = b.widgets_interval;
    out.poll_interval = b.poll_interval;
    out.outcome_deadline = values.pipeline.outcome_deadline;
    out.page_size = b.page_size;
    out.jobs_at_once = b.jobs_at_once;
    out.job_attempts = static_cast<int>(b.job_attempts);
    out.job_lease = b.job_lease;
    out.retry_first = b.retry_first;
    out.retry_longest = b.retry_longest;
    return out;
}

vendor_account::vendor_account(
    const boost::asio::any_io_executor& executor,
    const source_settings& source,
    const settings& values,
    std::shared_ptr<const sources::decoder> decoder,
    store::backfill_pool& pool,
    backfill::append_function append,
    const clock_source& clock,
    metrics_registry& metrics
)
    : client_{executor, vendor_client_settings(source, values)},
      keyed_{std::make_unique<keyed_transport>(client_, source.api_key, values.backfill.request_timeout)},
      paced_{executor, source.name, *keyed_, pool, pace_of(source, values), metrics},
      api_{sources::callpage::make_api(paced_, clock)},
      calls_{
          executor,
          source.name,
          *api_,
          std::move(decoder),
          pool,
          std::move(append),
          backfill_rules(values),
          clock,
          metrics} {}

void vendor_account::close() {
    paced_.close();
    calls_.close();
    client_.close();
}

}  // namespace callhook::app
