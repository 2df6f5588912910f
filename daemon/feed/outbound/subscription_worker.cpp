#include "feed/outbound/subscription_worker.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/time_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace callhook::feed::outbound {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

/// What is read ahead at most, and what is held of it.
constexpr std::size_t read_ahead = 256;
constexpr std::size_t read_ahead_bytes = std::size_t{4} << 20;

/// A redrive can make more wait at once than ever waits by itself.
constexpr std::size_t most_loaded = 2 * most_waiting;

/// After so many changes, or so long after the last time, what was done is written.
constexpr std::size_t settle_changes = 128;
constexpr milliseconds settle_interval{100};
/// More than this unwritten, and nothing further goes out: what was not written is sent again after a crash.
constexpr std::size_t most_unsettled = 1'000;

/// The lease is looked at so often at least.
constexpr milliseconds longest_turn{500};
/// How often a place is written that moves over what the filter leaves out.
constexpr milliseconds move_interval{2'000};
constexpr milliseconds retry_interval{500};
/// How long an end waits for what is under way.
constexpr milliseconds drain_time{1'000};
/// How long a receiver can hold up all its events by one answer.
constexpr milliseconds longest_hold{300'000};

/// A receiver that fails is asked less and less often, one request at a time.
constexpr async::breaker::settings caution{5, milliseconds{1'000}, milliseconds{60'000}};

/// Whether an answer may mean this event alone: the receiver is there and can do nothing with what it was
/// sent.
bool may_be_about_event(const receipt& got) {
    constexpr unsigned statuses[]{400, 409, 413, 415, 422};
    return got.status &&
           std::find(std::begin(statuses), std::end(statuses), *got.status) != std::end(statuses);
}

}  // namespace

std::string subscription_worker::lease_name(const std::string& subscription) {
    return "subscription/" + subscription;
}

subscription_worker::subscription_worker(
    const asio::any_io_executor& executor,
    const worker_parts& with,
    store::active_subscription what,
    const uuid& owner,
    std::unique_ptr<sender> way
)
    : with_{with},
      what_{std::move(what)},
      claim_{
          what_.what.name,
          lease_name(what_.what.name),
          owner,
          what_.epoch,
          what_.generation,
          what_.created_at},
      way_{std::move(way)},
      schedule_{what_.what.schedule.empty() ? with.how.schedule : what_.what.schedule},
      pause_after_{what_.what.pause_after.value_or(with.how.pause_after)},
      flights_{executor, "outbound"},
      changed_{executor},
      consumed_{executor},
      breaker_{caution},
      random_{std::random_device{}()},
      failing_since_{what_.failing_since} {}

void subscription_worker::stop() {
    stopping_ = true;
    consumed_.close();
    changed_.notify_all();
}

asio::awaitable<void> subscription_worker::run() {
    const bool begun = co_await begin();
    if (begun) flights_.spawn(watch_log());
    while (begun && !stopping_ && !stop_with_ && with_.leases.holds(claim_.lease)) {
        co_await read_on();
        // Some of what waits may be of somebody who has been erased since it was read.
        if (std::exchange(erasures_, with_.log.erasures()) != with_.log.erasures()) window_.forget_texts();
        launch();
        if (due_to_settle() && !co_await settle()) break;
        // The rest of what waits in the database is the next worker's.
        if (partial_ && window_.size() < most_waiting / 2) break;
        co_await changed_.wait(next_turn());
    }
    stop();
    co_await drain();
    if (begun) co_await finish();
    ended_ = true;
}

/// What is cut is sent again, so that what is about to be answered gets a moment; not where somebody else may
/// be sending it already.
asio::awaitable<void> subscription_worker::drain() {
    const auto until = steady::now() + drain_time;
    while (in_flight_ > 0 && steady::now() < until && with_.leases.holds(claim_.lease))
        co_await changed_.wait(std::min(until, steady::now() + longest_turn));
    way_->close();
    co_await flights_.join();
}

asio::awaitable<bool> subscription_worker::begin() {
    auto read = [name = what_.what.name](store::feed_store& db) {
        return db.waiting_messages(name, most_loaded);
    };
    const auto waiting = co_await with_.pool.run(std::move(read));
    const auto head = co_await with_.log.head();
    if (!waiting || !head) {
        co_await consumed_.sleep_until(steady::now() + retry_interval);
        co_return false;
    }
    const auto now = steady::now();
    for (const auto& m : *waiting)
        window_.add(m, now);
    head_ = *head;
    // What waits belongs to another history, and its positions may be other events' by now.
    if (head_.epoch != what_.epoch) end_with(store::subscription_state::paused, "history");
    partial_ = waiting->size() == most_loaded;
    read_to_ = what_.position;
    settled_to_ = what_.position;
    settled_at_ = now;
    co_return true;
}

/// Wakes the worker whenever there is something to read that it has not seen.
asio::awaitable<void> subscription_worker::watch_log() {
    while (!consumed_.closed() && !with_.log.closed()) {
        co_await with_.log.wait(read_to_, steady::now() + longest_turn);
        more_in_log_ = true;
        changed_.notify_all();
        co_await consumed_.wait(steady::now() + longest_turn);
    }
}

/// Whether more of the log may be held here.
bool subscription_worker::has_room() const {
    return window_.fresh() < read_ahead && window_.fresh_bytes() < read_ahead_bytes &&
           window_.size() < most_waiting && !partial_;
}

asio::awaitable<void> subscription_worker::read_on() {
    if (!more_in_log_ || !has_room() || steady::now() < held_until_) co_return;
    more_in_log_ = false;
    // A name, since GCC 12 destroys a temporary aggregate inside a co_await twice.
    const cursor from{what_.epoch, read_to_};
    const auto found = co_await with_.log.read(from, head_, what_.what.filter, read_ahead - window_.fresh());
    if (!found) {
        const auto code = found.error().code;
        if (code == errc::gone || code == errc::conflict)
            end_with(store::subscription_state::paused, "history");
        held_until_ = steady::now() + retry_interval;
        more_in_log_ = true;
        co_return;
    }
    const auto now = steady::now();
    for (const auto& event : found->events)
        window_.add(event, now);
    more_in_log_ = more_in_log_ || found->read_to > read_to_;
    read_to_ = found->read_to;
    head_ = found->head;
    consumed_.notify_all();
}

void subscription_worker::launch() {
    while (in_flight_ < with_.how.concurrency && attempts_.size() < most_unsettled &&
           with_.leases.holds(claim_.lease) && !stopping_ && !stop_with_) {
        const auto now = steady::now();
        if (window_.next_due() > now || held_until_ > now) return;
        const auto leave = breaker_.allow(now);
        if (!leave) return;
        const auto* next = window_.take(now);
        ++in_flight_;
        flights_.spawn(fly(next->position, *leave));
    }
}

/// The event of a message whose text is not at hand: out of the log again. `not_found` where it has expired,
/// null where its person was erased.
asio::awaitable<result<shared_event>> subscription_worker::text_of(std::int64_t position) {
    const cursor from{what_.epoch, position - 1};
    const store::event_filter all;
    const auto found = co_await with_.log.read(from, head_, all, 1);
    if (!found) {
        if (found.error().code == errc::gone)
            co_return error{errc::not_found, "the event has expired from the log", ""};
        co_return found.error();
    }
    if (found->read_to < position) co_return error{errc::unavailable, "the log was not read so far", ""};
    if (found->events.empty() || found->events.front()->position != position) co_return shared_event{};
    co_return found->events.front();
}

asio::awaitable<void> subscription_worker::fly(std::int64_t position, async::breaker::leave leave) {
    auto event = window_.under_way(position).event;
    store::outbound_attempt attempt;
    attempt.position = position;
    attempt.attempt = window_.under_way(position).attempts + 1;
    receipt got;
    bool expired = false;
    bool erased = false;
    if (!event) {
        auto text = co_await text_of(position);
        if (text) {
            event = *text;
            erased = !event;
        } else {
            expired = text.error().code == errc::not_found;
            got.error = text.error().message;
            got.cancelled = !expired;
        }
    }
    if (event && !stopping_) {
        attempt.at = with_.clock.now();
        const auto started = steady::now();
        try {
            got = co_await way_->send(what_.epoch, event);
        } catch (const std::exception&) {
            got.error = "the event could not be made a request";
        }
        attempt.duration = std::chrono::duration_cast<milliseconds>(steady::now() - started);
    } else if (event) {
        got.cancelled = true;
    }
    --in_flight_;
    if (erased) {
        breaker_.abandoned(leave);
        window_.delivered(position);  // there is nothing to tell
    } else if (expired) {
        breaker_.abandoned(leave);
        window_.dead(position, got.error);
        count("dead");
    } else if (got.cancelled) {
        breaker_.abandoned(leave);
        window_.put_back(position);
        held_until_ = std::max(held_until_, steady::now() + retry_interval);
    } else {
        conclude(position, leave, got, std::move(attempt));
    }
    changed_.notify_all();
}

void subscription_worker::conclude(
    std::int64_t position, async::breaker::leave leave, const receipt& got, store::outbound_attempt attempt
) {
    const auto share = std::uniform_real_distribution<double>{0, 1}(random_);
    const auto before = static_cast<std::size_t>(attempt.attempt - 1);
    auto ruling = judge(got, before, schedule_, share);
    if (got.status) attempt.status = *got.status;
    attempt.error = got.error;
    attempt.response = got.body;
    attempts_.push_back(std::move(attempt));
    const auto now = steady::now();
    if (ruling.what == verdict::outcome::delivered) {
        breaker_.succeeded(leave);
        failing_since_.reset();
        window_.delivered(position);
        count("delivered");
        return;
    }
    if (breaker_.open() && may_be_about_event(got)) {
        // The next one may be taken: one at a time, but not ever less.
        breaker_.abandoned(leave);
        held_until_ = std::max(held_until_, now + caution.pause);
    } else {
        breaker_.failed(leave, now);
    }
    // These two speak of the receiver, not of this event.
    if (got.retry_after && (got.status == 429U || got.status == 503U))
        held_until_ = std::max(held_until_, now + std::min<milliseconds>(*got.retry_after, longest_hold));
    count(got.status ? "refused" : "failed");
    count_failure();
    if (ruling.what == verdict::outcome::dead) {
        window_.dead(position, std::move(ruling.why));
        count("dead");
        return;
    }
    // Also where the receiver wants no more: an operator may turn the subscription on again.
    window_.failed(position, std::move(ruling.why), now + ruling.delay);
    if (ruling.what == verdict::outcome::gone) end_with(store::subscription_state::disabled, "gone");
}

/// Nothing has got through since `failing_since_`.
void subscription_worker::count_failure() {
    const auto now = with_.clock.now();
    if (!failing_since_) failing_since_ = now;
    if (now - *failing_since_ >= pause_after_) end_with(store::subscription_state::paused, "failing");
}

void subscription_worker::end_with(store::subscription_state state, const std::string& reason) {
    if (stop_with_) return;
    const auto& name = what_.what.name;
    const auto now = with_.clock.now();
    json::object data{
        {"subscription", name},
        {"state", to_string(state)},
        {"reason", reason},
    };
    data.emplace("failing_since", failing_since_ ? json::value(to_rfc3339(*failing_since_)) : json::value{});
    stop_with_ = store::outbound_stop{
        state,
        reason,
        {with_.ids(), "subscription.paused", "", "subscriptions/" + name, now, json::serialize(data)}};
    changed_.notify_all();
}

bool subscription_worker::due_to_settle() const {
    const auto changes = window_.changes() + attempts_.size();
    const bool moved = window_.place(read_to_) != settled_to_ && steady::now() >= settled_at_ + move_interval;
    return changes >= settle_changes ||
           ((changes > 0 || moved) && steady::now() >= settled_at_ + settle_interval);
}

std::chrono::steady_clock::time_point subscription_worker::next_turn() const {
    const auto now = steady::now();
    auto at = now + longest_turn;
    if (more_in_log_ && has_room()) at = std::min(at, held_until_);
    if (window_.changes() + attempts_.size() > 0) at = std::min(at, settled_at_ + settle_interval);
    // Where it is not time that the next one waits for, whatever it is ends with a notification or a
    // settlement.
    if (in_flight_ < with_.how.concurrency && attempts_.size() < most_unsettled) {
        auto due = std::max(window_.next_due(), held_until_);
        if (breaker_.open()) due = std::max(due, breaker_.retry_at());
        if (due > now || breaker_.would_allow(now)) at = std::min(at, due);
    }
    return std::max(at, now + milliseconds{1});
}

/// False where this worker has nothing to say any more.
asio::awaitable<bool> subscription_worker::settle() {
    settled_at_ = steady::now();
    auto progress = window_.collect(read_to_, settled_at_);
    progress.attempts = std::exchange(attempts_, {});
    progress.failing_since = failing_since_;
    progress.from = settled_to_;
    auto write = [claim = claim_, progress](store::feed_store& db) { return db.settle(claim, progress); };
    const auto written = co_await with_.pool.run(std::move(write));
    if (written) {
        if (*written) settled_to_ = progress.position;
        // An operator has changed it: the next worker goes by that.
        co_return *written == claim_.generation;
    }
    attempts_.insert(attempts_.begin(), progress.attempts.begin(), progress.attempts.end());
    window_.restore(std::move(progress));
    settled_at_ = steady::now() + retry_interval;
    co_return true;
}

asio::awaitable<void> subscription_worker::finish() {
    if (!with_.leases.holds(claim_.lease)) co_return;
    window_.store_all();
    const bool ours = co_await settle();
    if (!ours || !stop_with_) co_return;
    auto write = [claim = claim_, why = *stop_with_](store::feed_store& db) {
        return db.stop_subscription(claim, why);
    };
    const auto stopped = co_await with_.pool.run(std::move(write));
    if (!stopped || !*stopped) co_return;
    log::error(
        "a subscription is not served any more; see GET /v1/subscriptions/{name}, then resume it",
        {{"subscription", claim_.subscription}, {"reason", stop_with_->reason}}
    );
}

void subscription_worker::count(const char* result) {
    with_.metrics
        .counter(
            "callhook_outbound_attempts_total",
            "Attempts to deliver events to subscriptions, by what came of them.",
            {{"subscription", claim_.subscription}, {"result", result}}
        )
        .add();
}

}  // namespace callhook::feed::outbound
