#include "backfill/paced_transport.hpp"

#include "base/log.hpp"
#include "sources/retry_after.hpp"

#include <algorithm>
#include <utility>

namespace callhook::backfill {

namespace asio = boost::asio;
using sources::api_failure;
using steady = std::chrono::steady_clock;

namespace {

/// Where the vendor says "too many" and not for how long.
constexpr std::chrono::seconds default_hold{30};
constexpr std::chrono::seconds longest_hold{3'600};

api_failure paused(std::string why) {
    return {api_failure::kind::paused, std::move(why), 0, {}};
}

/// A key that is refused is trouble of the whole API too: asking on would only wear it out.
bool is_trouble(unsigned status) {
    return status >= 500 || status == 401 || status == 403;
}

std::string describe(const sources::api_result<sources::api_answer>& answer) {
    if (!answer) return answer.error().message;
    const auto status = " (status " + std::to_string(answer->status) + ")";
    if (answer->status == 401) return "the API key is refused" + status;
    if (answer->status == 403) return "the API key lacks a scope" + status;
    return "the vendor's API is in trouble" + status;
}

/// How long the vendor wants to be left alone. CallPage documents no 429 and no Retry-After ("HTTP Status
/// Codes"); both are understood all the same.
std::optional<std::chrono::seconds> wished_hold(const sources::api_answer& answer, utc_time now) {
    if (answer.status != 429 && answer.status != 503) return {};
    const auto wish = sources::read_retry_after(answer.retry_after, now);
    if (!wish && answer.status == 503) return {};
    return std::min(wish.value_or(default_hold), longest_hold);
}

}  // namespace

paced_transport::paced_transport(
    const asio::any_io_executor& executor,
    std::string source,
    sources::transport& inner,
    store::backfill_pool& pool,
    const pace& how,
    const clock_source& clock,
    metrics_registry& metrics
)
    : source_{std::move(source)},
      inner_{inner},
      pool_{pool},
      how_{how},
      clock_{clock},
      metrics_{metrics},
      breaker_{how.breaker},
      limiter_{executor, how.at_once},
      closing_{executor},
      open_{metrics.gauge(
          "callhook_backfill_breaker_open",
          "Whether the circuit breaker to the vendor's API is open.",
          {{"source", source_}}
      )} {
    open_.set(0);
}

bool paced_transport::ready() const {
    return !closing_.closed() && breaker_.would_allow(steady::now());
}

void paced_transport::close() {
    closing_.close();
    limiter_.close();
}

asio::awaitable<sources::api_result<sources::api_answer>> paced_transport::get(sources::api_request what) {
    const auto permit = co_await limiter_.acquire();
    if (!permit) co_return paused("stopping");
    const auto leave = breaker_.allow(steady::now());
    if (!leave) co_return paused("the API is in trouble; asked again later");
    const bool may_go = co_await wait_for_slot();
    if (!may_go) {
        breaker_.abandoned(*leave);
        co_return paused(closing_.closed() ? "stopping" : "the rate limit cannot be kept without the database");
    }
    auto answer = co_await inner_.get(what);
    if (closing_.closed()) {
        breaker_.abandoned(*leave);
        co_return paused("stopping");
    }
    count(
        what, answer ? std::to_string(answer->status) : std::string{sources::to_string(answer.error().what)}
    );
    co_await learn(answer, *leave);
    co_return answer;
}

asio::awaitable<bool> paced_transport::wait_for_slot() {
    auto take = [key = how_.key, interval = how_.interval, burst = how_.burst](store::backfill_store& db) {
        return db.take_slot(key, interval, burst);
    };
    const auto wait = co_await pool_.run(std::move(take));
    if (!wait) co_return false;
    const auto until = steady::now() + *wait;
    while (steady::now() < until && !closing_.closed())
        co_await closing_.wait(until);
    co_return !closing_.closed();
}

asio::awaitable<void> paced_transport::learn(
    const sources::api_result<sources::api_answer>& from, async::breaker::leave leave
) {
    const bool trouble =
        from ? is_trouble(from->status) : from.error().what == api_failure::kind::unreachable;
    const bool was_open = breaker_.open();
    if (trouble) {
        breaker_.failed(leave, steady::now());
        last_trouble_ = describe(from);
    } else {
        breaker_.succeeded(leave);
    }
    if (breaker_.open() != was_open) {
        open_.set(breaker_.open() ? 1 : 0);
        if (breaker_.open()) {
            log::warn(
                "the vendor's API is in trouble, asking less",
                {{"source", source_}, {"reason", last_trouble_}}
            );
        } else {
            log::info("the vendor's API answers again", {{"source", source_}});
        }
    }
    if (!from) co_return;
    const auto hold = wished_hold(*from, clock_.now());
    if (!hold) co_return;
    auto hold_back = [key = how_.key, time = *hold](store::backfill_store& db) {
        db.hold_back(key, time);
        return true;
    };
    // Where the database is away nothing goes out anyway.
    static_cast<void>(co_await pool_.run(std::move(hold_back)));
}

void paced_transport::count(const sources::api_request& what, const std::string& code) {
    metrics_
        .counter(
            "callhook_backfill_requests_total",
            "Requests to the vendor's API.",
            {{"source", source_}, {"operation", std::string{what.operation}}, {"code", code}}
        )
        .add();
}

}  // namespace callhook::backfill
