#include "backfill/paced_transport.hpp"

#include "base/log.hpp"

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
/// A place under the rate limit that is further off is not waited for.
constexpr std::chrono::seconds longest_wait{10};

api_failure paused(std::string why) {
    return {api_failure::kind::paused, std::move(why), 0, {}};
}

/// What a failure says of the API as a whole.
enum class verdict { well, trouble, nothing };

/// A key that is refused is trouble too: asking on would only wear it out. One that may not see the history
/// is no use; one that may not see a single call, or widgets, may be good for the rest.
verdict judgement(std::string_view operation, const api_failure& failure) {
    using kind = api_failure::kind;
    switch (failure.what) {
        case kind::broken:
        case kind::unauthorized:
        case kind::unreadable:
        case kind::unreachable:
            return verdict::trouble;
        case kind::forbidden:
            return operation == "history" ? verdict::trouble : verdict::nothing;
        case kind::paused:
        case kind::throttled:
            return verdict::nothing;
        default:
            return verdict::well;
    }
}

std::string describe(const api_failure& failure) {
    if (failure.what == api_failure::kind::unauthorized)
        return "the API key is refused (" + failure.message + ")";
    if (failure.what == api_failure::kind::forbidden)
        return "the API key lacks a scope (" + failure.message + ")";
    return "the vendor's API is in trouble (" + failure.message + ")";
}

}  // namespace

paced_transport::paced_transport(
    const asio::any_io_executor& executor,
    std::string source,
    sources::transport& inner,
    store::backfill_pool& pool,
    const pace& how,
    metrics_registry& metrics
)
    : source_{std::move(source)},
      inner_{inner},
      pool_{pool},
      how_{how},
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
    const auto now = steady::now();
    return !closing_.closed() && breaker_.would_allow(now) && now >= held_until_;
}

std::string paced_transport::trouble() const {
    if (breaker_.open()) return last_trouble_;
    return steady::now() < held_until_ ? "the vendor's API wants to be left alone for a while" : "";
}

void paced_transport::close() {
    closing_.close();
    limiter_.close();
}

asio::awaitable<sources::api_result<sources::api_answer>> paced_transport::get(sources::api_request what) {
    const auto permit = co_await limiter_.acquire();
    if (!permit) co_return paused("stopping");
    if (steady::now() < held_until_) co_return paused("the API wants to be left alone; asked again later");
    const auto leave = breaker_.allow(steady::now());
    if (!leave) co_return paused("the API is in trouble; asked again later");
    const bool may_go = co_await wait_for_slot();
    if (!may_go) {
        breaker_.abandoned(*leave);
        co_return paused(closing_.closed() ? "stopping" : "no place under the rate limit; asked again later");
    }
    auto answer = co_await inner_.get(what);
    if (closing_.closed()) {
        breaker_.abandoned(*leave);
        co_return paused("stopping");
    }
    if (answer) {
        count(what, std::to_string(answer->status));
        answer->mark = leave->turn;
        co_return answer;
    }
    count(what, std::string{sources::to_string(answer.error().what)});
    if (judgement(what.operation, answer.error()) == verdict::trouble)
        failed(*leave, describe(answer.error()));
    else
        breaker_.abandoned(*leave);
    co_return answer;
}

asio::awaitable<void> paced_transport::judge(
    std::string_view operation, std::uint64_t mark, const sources::api_failure* failure
) {
    const async::breaker::leave leave{mark};
    switch (failure == nullptr ? verdict::well : judgement(operation, *failure)) {
        case verdict::well:
            succeeded(leave);
            break;
        case verdict::trouble:
            failed(leave, describe(*failure));
            break;
        case verdict::nothing:
            breaker_.abandoned(leave);
            break;
    }
    if (failure == nullptr || failure->what != api_failure::kind::throttled) co_return;
    co_await hold_back(std::min(failure->retry_after.value_or(default_hold), longest_hold));
}

/// False where it takes too long to wait for: then somebody held the key back, and places are not kept.
asio::awaitable<bool> paced_transport::wait_for_slot() {
    auto take = [key = how_.key, interval = how_.interval, burst = how_.burst](store::backfill_store& db) {
        return db.take_slot(key, interval, burst);
    };
    const auto wait = co_await pool_.run(std::move(take));
    if (!wait) co_return false;
    const auto until = steady::now() + *wait;
    const auto own_queue = how_.interval * static_cast<int>(2 * how_.at_once);
    if (*wait > std::max<std::chrono::microseconds>(longest_wait, own_queue)) {
        held_until_ = until;
        co_return false;
    }
    co_return co_await closing_.sleep_until(until);
}

asio::awaitable<void> paced_transport::hold_back(std::chrono::seconds time) {
    held_until_ = steady::now() + time;
    log::warn("the vendor's API wants to be left alone", {{"source", source_}, {"seconds", time.count()}});
    auto hold = [key = how_.key, time](store::backfill_store& db) { db.hold_back(key, time); };
    // Where the database is away the others find out for themselves.
    static_cast<void>(co_await pool_.run(std::move(hold)));
}

void paced_transport::failed(async::breaker::leave leave, std::string why) {
    const bool was_open = breaker_.open();
    breaker_.failed(leave, steady::now());
    last_trouble_ = std::move(why);
    if (was_open || !breaker_.open()) return;
    open_.set(1);
    log::warn("the circuit breaker opens, asking less", {{"source", source_}, {"reason", last_trouble_}});
}

void paced_transport::succeeded(async::breaker::leave leave) {
    const bool was_open = breaker_.open();
    breaker_.succeeded(leave);
    if (!was_open || breaker_.open()) return;
    open_.set(0);
    log::info("the vendor's API answers again", {{"source", source_}});
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
