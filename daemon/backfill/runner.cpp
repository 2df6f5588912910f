#include "backfill/runner.hpp"

#include "backfill/zone_check.hpp"
#include "base/log.hpp"
#include "base/time_text.hpp"

#include <algorithm>
#include <utility>

namespace callhook::backfill {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t events_at_once = 5'000;
constexpr std::chrono::seconds states_every{5};
constexpr std::chrono::seconds zones_every{60};

std::map<std::string, account, std::less<>> by_source(const std::vector<account>& accounts) {
    std::map<std::string, account, std::less<>> out;
    for (const auto& a : accounts)
        out.emplace(a.calls->source(), a);
    return out;
}

std::string zone_problem(const std::string& source, std::chrono::seconds off) {
    return source + ": the configured time zone seems to be off by " + std::to_string(off.count()) + " s";
}

}  // namespace

runner::runner(
    const asio::any_io_executor& executor,
    std::vector<account> accounts,
    store::backfill_pool& pool,
    const settings& how,
    const clock_source& clock,
    metrics_registry& metrics
)
    : executor_{executor},
      accounts_{by_source(accounts)},
      pool_{pool},
      how_{how},
      clock_{clock},
      metrics_{metrics},
      owner_{uuid_v7_generator{clock}()},
      random_{std::random_device{}()},
      tasks_{executor, "backfill"},
      closing_{executor} {}

void runner::start() {
    if (!accounts_.empty()) tasks_.spawn(run());
}

asio::awaitable<void> runner::stop() {
    closing_.close();
    for (const auto& [source, a] : accounts_) {
        a.way->close();
        a.calls->close();
    }
    co_await tasks_.join();
    if (accounts_.empty()) co_return;
    auto release = [owner = owner_](store::backfill_store& db) { db.release(owner); };
    co_await tell_store(std::move(release));
}

std::string runner::problems() const {
    std::string out;
    const auto add = [&](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
    for (const auto& [source, a] : accounts_) {
        if (const auto why = a.way->trouble(); !why.empty()) add(source + ": " + why);
        if (contradicted(source))
            add(source + ": ids in webhooks and in the API do not name the same calls, nothing is merged");
        const auto state = states_.find(source);
        if (state != states_.end() && is_zone_error(state->second.zone_error))
            add(zone_problem(source, *state->second.zone_error));
        else if (const auto off = zone_errors_.find(source); off != zone_errors_.end())
            add(zone_problem(source, off->second));
    }
    return out;
}

template <class Query>
asio::awaitable<bool> runner::tell_store(Query query) {
    const auto done = co_await pool_.run(std::move(query));
    co_return done.has_value();
}

asio::awaitable<void> runner::run() {
    while (!closing_.closed() && !co_await open_sources())
        co_await closing_.wait(steady::now() + std::chrono::seconds{1});
    due next{steady::now(), steady::now() + states_every, steady::now()};
    while (!closing_.closed()) {
        try {
            co_await turn(next);
        } catch (const std::exception&) {
            // Breakage of one turn is none of the next.
            log::error("a turn of backfill broke");
        }
        co_await closing_.wait(std::min(next.leases, steady::now() + how_.poll_interval));
    }
}

asio::awaitable<void> runner::turn(due& next) {
    if (steady::now() >= next.states) {
        next.states = steady::now() + states_every;
        co_await refresh_states();
    }
    if (steady::now() >= next.zones) {
        next.zones = steady::now() + zones_every;
        co_await measure_zones();
    }
    if (steady::now() >= next.leases) {
        next.leases = steady::now() + how_.job_lease / 3;
        co_await renew_leases();
    }
    co_await plan();
    co_await take_jobs();
}

asio::awaitable<bool> runner::open_sources() {
    auto open = [all = all_sources(), now = clock_.now()](store::backfill_store& db) {
        db.open_sources(all, now);
    };
    co_return co_await tell_store(std::move(open));
}

asio::awaitable<void> runner::refresh_states() {
    auto read = [all = all_sources()](store::backfill_store& db) { return db.states(all); };
    auto states = co_await pool_.run(std::move(read));
    if (!states) co_return;
    for (auto& state : *states) {
        if (state.swept_until) {
            metrics_
                .gauge(
                    "callhook_backfill_swept_until_timestamp_seconds",
                    "Up to when calls have been compared with the vendor's history.",
                    {{"source", state.source}}
                )
                .set(std::chrono::duration<double>(state.swept_until->time_since_epoch()).count());
        }
        auto source = state.source;
        states_.insert_or_assign(std::move(source), std::move(state));
    }
}

asio::awaitable<void> runner::measure_zones() {
    for (const auto& source : all_sources()) {
        auto read = [source](store::backfill_store& db) { return db.arrivals(source, zone_sample); };
        const auto arrivals = co_await pool_.run(std::move(read));
        if (!arrivals) co_return;
        const auto off = zone_error_of_arrivals(*arrivals);
        if (!is_zone_error(off)) {
            zone_errors_.erase(source);
        } else if (zone_errors_.insert_or_assign(source, *off).second) {
            log::warn(
                "the configured time zone disagrees with the arrival of webhooks",
                {{"source", source}, {"off_by_seconds", off->count()}}
            );
        }
    }
}

/// The event log tells which calls are worth asking about.
asio::awaitable<void> runner::plan() {
    const auto delay = std::chrono::ceil<std::chrono::seconds>(how_.detail_delay);
    for (bool more = true; more && !closing_.closed();) {
        auto read = [all = all_sources(), delay, now = clock_.now()](store::backfill_store& db) {
            return db.plan_from_feed(all, delay, now, events_at_once);
        };
        const auto rest = co_await pool_.run(std::move(read));
        more = rest && *rest;
    }
}

asio::awaitable<void> runner::take_jobs() {
    const auto sources = open_for_work();
    const auto taken = at_work_.size() + reserved_;
    if (taken >= how_.jobs_at_once || sources.empty()) co_return;
    const auto most = how_.jobs_at_once - taken;
    const auto now = clock_.now();
    auto lease = [owner = owner_, sources, now, until = now + how_.job_lease, most](store::backfill_store& db
                 ) { return db.lease(owner, sources, now, until, most); };
    reserved_ += most;  // nobody else shall lease for these places meanwhile
    auto jobs = co_await pool_.run(std::move(lease));
    reserved_ -= most;
    if (!jobs) co_return;
    for (auto& one : *jobs) {
        // One of our own whose lease ran out, because the database was away when it was to be renewed.
        if (at_work_.contains(one.id)) continue;
        at_work_.emplace(one.id, held{one});
        tasks_.spawn(work(std::move(one)));
    }
}

/// What takes long, and what waits for its turn under the rate limit, stays ours.
asio::awaitable<void> runner::renew_leases() {
    if (at_work_.empty()) co_return;
    std::vector<store::job> all;
    for (const auto& [id, one] : at_work_)
        all.push_back(one.what);
    auto renew = [all = std::move(all),
                  owner = owner_,
                  until = clock_.now() + how_.job_lease](store::backfill_store& db) {
        std::vector<std::int64_t> lost;
        for (const auto& one : all) {
            if (!db.extend(one, owner, until)) lost.push_back(one.id);
        }
        return lost;
    };
    const auto lost = co_await pool_.run(std::move(renew));
    if (!lost) co_return;
    for (const auto id : *lost) {
        if (const auto found = at_work_.find(id); found != at_work_.end()) found->second.lost = true;
    }
}

asio::awaitable<void> runner::work(store::job what) {
    bool done = false;
    try {
        const auto result = co_await do_job(what);
        done = result.has_value();
        if (!done) co_await give_up_for_now(what, result.error());
    } catch (...) {
        at_work_.erase(what.id);
        throw;
    }
    at_work_.erase(what.id);
    // The next one need not wait for the next look.
    if (done && !closing_.closed()) co_await take_jobs();
}

asio::awaitable<outcome<void>> runner::do_job(const store::job& what) {
    auto& calls = *account_of(what.source).calls;
    if (what.kind == "sweep") co_return co_await do_sweep(what);
    if (what.kind == "widgets") {
        const auto listed = co_await calls.list_widgets();
        if (!listed) co_return listed.error();
        auto again = [what, owner = owner_, due = clock_.now() + how_.widgets_interval](
                         store::backfill_store& db
                     ) { db.repeat(what, owner, due, "scheduled"); };
        co_await tell_store(std::move(again));
        co_return outcome<void>{};
    }
    const auto looked = co_await calls.look(what.call_id, what.looks);
    if (!looked) co_return looked.error();
    auto conclude = [what, owner = owner_, again = looked->again](store::backfill_store& db) {
        if (again)
            db.repeat(what, owner, *again, "again");
        else
            db.finish(what, owner);
    };
    co_await tell_store(std::move(conclude));
    co_return outcome<void>{};
}

asio::awaitable<outcome<void>> runner::do_sweep(const store::job& what) {
    auto& calls = *account_of(what.source).calls;
    auto read = [source = what.source](store::backfill_store& db) { return db.states({source}); };
    const auto states = co_await pool_.run(std::move(read));
    if (!states) co_return of_store(states.error());
    if (states->empty()) co_return trouble{"the source has no state yet", true, false};
    const auto over =
        due_stretch(states->front().swept_until, how_.sweep_overlap, how_.first_sweep, clock_.now());

    // Day by day, so that what is behind us stays behind us whatever happens to the next.
    sweep_report sum;
    sum.over = over;
    for (const auto& piece : cut(over, longest_piece)) {
        sweep_options options;
        options.go_on = [this, id = what.id](const sweep_report&) -> asio::awaitable<bool> {
            const auto found = at_work_.find(id);
            co_return !closing_.closed() && found != at_work_.end() && !found->second.lost;
        };
        const auto report = co_await calls.sweep(piece, std::move(options));
        if (!report) co_return report.error();
        sum += *report;
        auto remember = [source = what.source, until = piece.to, now = clock_.now()](store::backfill_store& db
                        ) { db.set_swept(source, until, now); };
        if (!co_await tell_store(std::move(remember))) co_return trouble{"the database is away", true, false};
    }
    auto conclude = [what, owner = owner_, due = clock_.now() + how_.sweep_interval](store::backfill_store& db
                    ) { db.repeat(what, owner, due, "scheduled"); };
    co_await tell_store(std::move(conclude));
    tell(sum, what.source);
    co_return outcome<void>{};
}

void runner::tell(const sweep_report& report, const std::string& source) {
    const bool first = !std::exchange(caught_up_[source], true);
    if (!first && report.appended == 0 && report.gap_calls == 0) return;
    log::info(
        first ? "caught up with the vendor's history" : "the vendor's history told something new",
        {{"source", source},
         {"from", to_rfc3339(report.over.from)},
         {"calls", report.calls},
         {"never_heard_of", report.unknown_calls},
         {"outcomes_untold", report.untold},
         {"changed", report.changed},
         {"gap_calls", report.gap_calls}}
    );
}

asio::awaitable<void> runner::give_up_for_now(const store::job& what, const trouble& why) {
    if (closing_.closed()) co_return;
    const bool standing = what.kind != "call";
    // In an outage each trial would use up the attempts of whichever job it is made with.
    const bool counts = why.counts && account_of(what.source).way->trouble().empty();
    const int failures = what.attempts + (counts ? 1 : 0);
    const auto now = clock_.now();
    if (!standing && counts && failures >= how_.job_attempts) {
        log::warn(
            "a call could not be asked for, given up",
            {{"source", what.source}, {"call", what.call_id}, {"job", what.id}, {"reason", why.message}}
        );
        auto bury = [what, owner = owner_, why, now](store::backfill_store& db) {
            db.bury(what, owner, why.message, now);
        };
        co_await tell_store(std::move(bury));
        co_return;
    }
    const auto wait =
        async::backoff(how_.retry_first, how_.retry_longest, std::max(1, failures), random_share());
    if (standing) {
        log::warn(
            "a job failed, it is tried again",
            {{"source", what.source},
             {"job", what.kind},
             {"reason", why.message},
             {"in_seconds", wait.count() / 1000}}
        );
    }
    auto postpone = [what, owner = owner_, due = now + wait, why, counts](store::backfill_store& db) {
        db.postpone(what, owner, due, why.message, counts);
    };
    co_await tell_store(std::move(postpone));
}

const account& runner::account_of(const std::string& source) const {
    return accounts_.find(source)->second;
}

std::vector<std::string> runner::all_sources() const {
    std::vector<std::string> out;
    for (const auto& [source, a] : accounts_)
        out.push_back(source);
    return out;
}

/// Where the API is in trouble or ids do not agree, jobs wait instead of using up their attempts.
std::vector<std::string> runner::open_for_work() const {
    std::vector<std::string> out;
    for (const auto& [source, a] : accounts_) {
        if (a.way->ready() && !contradicted(source)) out.push_back(source);
    }
    return out;
}

bool runner::contradicted(const std::string& source) const {
    const auto state = states_.find(source);
    return state != states_.end() && state->second.identity == store::identity_check::mismatch;
}

double runner::random_share() {
    return std::uniform_real_distribution<double>{0, 1}(random_);
}

}  // namespace callhook::backfill
