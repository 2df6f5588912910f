#include "app/vendor_account.hpp"

#include "base/digest.hpp"
#include "base/version.hpp"
#include "sources/callpage/rest_client.hpp"

#include <utility>

namespace callhook::app {

namespace {

using sources::api_failure;

/// Sends requests with the source's key. The key goes no further than this.
class keyed_transport final : public sources::transport {
public:
    keyed_transport(http::client& client, secret key, milliseconds timeout)
        : client_{client}, key_{std::move(key)}, timeout_{timeout} {}

    boost::asio::awaitable<sources::api_result<sources::api_answer>> get(sources::api_request what) override {
        http::client_request request;
        request.target = std::move(what.target);
        // CallPage REST and webhook documentation, "Authentication": the bare key, without a scheme.
        request.fields = {
            {"Authorization", key_.reveal()},
            {"Accept", "application/json"},
            {"User-Agent", "callhook/" + std::string{version}}};
        auto answer = co_await client_.send(std::move(request), std::chrono::steady_clock::now() + timeout_);
        if (answer) {
            sources::api_answer out{
                answer->status, std::string{answer->header("Retry-After")}, std::move(answer->body)};
            co_return out;
        }
        const auto& why = answer.error();
        switch (why.code) {
            case errc::overloaded:
                co_return api_failure{api_failure::kind::unreadable, why.message, 0, {}};
            case errc::cancelled:
                co_return api_failure{api_failure::kind::paused, why.message, 0, {}};
            default:
                co_return api_failure{api_failure::kind::unreachable, why.message, 0, {}};
        }
    }

private:
    http::client& client_;
    const secret key_;
    const milliseconds timeout_;
};

http::client_settings client_settings(const source_settings& source, const settings& values) {
    http::client_settings out;
    out.origin = http::parse_origin(source.api_url).value();
    out.ca_file = source.api_ca_file;
    out.max_body = values.backfill.max_answer;
    out.max_idle = source.api_concurrency;
    return out;
}

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

struct vendor_account::parts {
    parts(
        const boost::asio::any_io_executor& executor,
        const source_settings& source,
        const settings& values,
        std::shared_ptr<const sources::decoder> decoder,
        store::backfill_pool& pool,
        backfill::append_function append,
        const clock_source& clock,
        metrics_registry& metrics
    )
        : client{executor, client_settings(source, values)},
          keyed{client, source.api_key, values.backfill.request_timeout},
          paced{executor, source.name, keyed, pool, pace_of(source, values), metrics},
          api{sources::callpage::make_api(paced, clock)},
          calls{
              executor,
              source.name,
              *api,
              std::move(decoder),
              pool,
              std::move(append),
              backfill_rules(values),
              clock,
              metrics} {}

    http::client client;
    keyed_transport keyed;
    backfill::paced_transport paced;
    std::unique_ptr<sources::call_api> api;
    backfill::reconciler calls;
};

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
    : parts_{std::make_unique<parts>(
          executor, source, values, std::move(decoder), pool, std::move(append), clock, metrics
      )} {}

vendor_account::~vendor_account() = default;

sources::call_api& vendor_account::api() noexcept {
    return *parts_->api;
}

backfill::reconciler& vendor_account::calls() noexcept {
    return parts_->calls;
}

backfill::account vendor_account::account() noexcept {
    return {&parts_->calls, &parts_->paced};
}

void vendor_account::close() {
    parts_->paced.close();
    parts_->calls.close();
    parts_->client.close();
}

}  // namespace callhook::app
