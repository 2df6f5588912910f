#include "backfill/reconciler.hpp"

#include "async/breaker.hpp"
#include "backfill/looks.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <utility>

namespace callhook::backfill {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;
using store::identity_check;

namespace {

/// How much of an inbox's group commit one page may fill at once.
constexpr std::size_t appends_at_once = 32;
constexpr std::chrono::milliseconds sequencer_patience{30'000};
constexpr std::chrono::milliseconds sequencer_poll{25};
constexpr int widget_names_in_log = 20;

trouble stopping() {
    return {"stopping", true, false};
}

trouble disagreement() {
    return {"ids in webhooks and in the API do not name the same calls; nothing is merged", false, false};
}

}  // namespace

std::size_t count_calls(const std::vector<store::missing_webhook>& missing) {
    std::set<std::int64_t> ids;
    for (const auto& m : missing)
        ids.insert(m.call_id);
    return ids.size();
}

reconciler::reconciler(
    const asio::any_io_executor& executor,
    std::string source,
    sources::call_api& api,
    std::shared_ptr<const sources::decoder> decoder,
    store::backfill_pool& pool,
    append_function append,
    const settings& how,
    const clock_source& clock,
    metrics_registry& metrics
)
    : executor_{executor},
      source_{std::move(source)},
      api_{api},
      decoder_{std::move(decoder)},
      pool_{pool},
      append_{std::move(append)},
      how_{how},
      clock_{clock},
      next_id_{clock},
      gap_calls_{metrics.counter(
          "callhook_gap_calls_total",
          "Calls of which a webhook never came, as found by asking the vendor's API.",
          {{"source", source_}}
      )},
      closing_{executor} {}

void reconciler::close() {
    closing_.close();
}

asio::awaitable<bool> reconciler::pause(std::chrono::milliseconds time) {
    return closing_.sleep_until(steady::now() + time);
}

/// Learns where the source stands; refuses where ids do not agree. Who is only looking makes no state.
reconciler::task<void> reconciler::open(bool only_looking) {
    auto read = [source = source_](store::backfill_store& db) { return db.states({source}); };
    auto states = co_await ask_store(std::move(read));
    if (!states) co_return states.error();
    if (states->empty() && !only_looking) co_return trouble{"the source has no state yet", true, false};
    state_ = store::source_state{};
    state_.source = source_;
    state_.known_since = clock_.now();
    if (!states->empty()) state_ = std::move(states->front());
    if (contradicted()) co_return disagreement();
    co_return outcome<void>{};
}

gap_rules reconciler::rules() const {
    return {
        std::min(state_.known_since, state_.first_webhook_call.value_or(state_.known_since)),
        how_.outcome_deadline + how_.settle};
}

/// Compares only with what the sequencer has taken in: a webhook that waits for it is not missing.
reconciler::task<void> reconciler::wait_until_sequenced(utc_time moment) {
    const auto deadline = steady::now() + sequencer_patience;
    for (;;) {
        auto look = [moment](store::backfill_store& db) { return db.sequenced_until(moment); };
        const auto done = co_await ask_store(std::move(look));
        if (!done) co_return done.error();
        if (*done) co_return outcome<void>{};
        if (steady::now() >= deadline) {
            co_return trouble{
                "received webhooks still wait for the pipeline (does a callhookd serve run on this "
                "database?)",
                true,
                false};
        }
        if (!co_await pause(sequencer_poll)) co_return stopping();
    }
}

reconciler::task<void> reconciler::settle_identity(
    std::optional<std::int64_t> confirmed, std::optional<std::int64_t> against
) {
    // Another page or look may have found it meanwhile.
    if (contradicted()) co_return disagreement();
    if (state_.identity != identity_check::unknown || (!confirmed && !against)) co_return outcome<void>{};
    const auto found = against ? identity_check::mismatch : identity_check::confirmed;
    const auto call = against ? *against : *confirmed;
    auto set = [source = source_, found, call](store::backfill_store& db) {
        db.set_identity(source, found, call);
    };
    const auto done = co_await ask_store(std::move(set));
    if (!done) co_return done.error();
    state_.identity = found;
    if (!against) {
        log::info(
            "ids in webhooks and in the API name the same calls", {{"source", source_}, {"call", call}}
        );
        co_return outcome<void>{};
    }
    log::error(
        "ids in webhooks and in the API do not name the same calls, nothing from the API is merged",
        {{"source", source_}, {"call", call}, {"hint", "see README, What backfill asks for"}}
    );
    co_return disagreement();
}

reconciler::task<void> reconciler::append_all(std::vector<news> fresh, utc_time fetched_at) {
    std::size_t next = 0;
    std::optional<error> failed;
    const auto append_some = [&]() -> asio::awaitable<void> {
        while (next < fresh.size() && !failed) {
            auto& one = fresh[next++];
            lifecycle::delivery d;
            d.id = next_id_();
            d.source = source_;
            d.from = lifecycle::origin::backfill;
            d.received_at = fetched_at;
            d.content_type = "application/json";
            d.body = std::move(one.record);
            // Until it is told otherwise: an exception must not look like success.
            auto stored = result<void>{error{errc::unavailable, "the inbox broke", ""}};
            try {
                stored = co_await append_(std::move(d));
            } catch (const std::exception&) {
                log::error("appending a record broke", {{"source", source_}});
            }
            if (!stored) failed = stored.error();
        }
    };
    async::scope workers{executor_, "append records"};
    for (std::size_t i = 0; i < std::min(appends_at_once, fresh.size()); ++i)
        workers.spawn(append_some());
    co_await workers.join();
    if (failed) co_return of_store(*failed);
    co_return outcome<void>{};
}

/// Appends what is new, once it is sure that it is about the calls that it seems to be about.
reconciler::task<void> reconciler::merge(examined found, utc_time fetched_at) {
    auto against = found.contradicted_by;
    if (!against && !found.others.empty() && state_.identity == identity_check::unknown)
        against = found.others.front();
    for (const auto id : found.others) {
        log::warn(
            "a record shows another visitor than the webhooks of its call, it is not merged",
            {{"source", source_}, {"call", id}}
        );
    }
    const auto sure = co_await settle_identity(found.confirmed_by, against);
    if (!sure) co_return sure.error();
    co_return co_await append_all(std::move(found.fresh), fetched_at);
}

reconciler::task<std::size_t> reconciler::report(
    std::vector<store::missing_webhook> missing, std::string found_by, stretch over
) {
    if (missing.empty()) co_return std::size_t{0};
    store::gap_report report{
        next_id_(), source_, clock_.now(), std::move(found_by), over.from, over.to, std::move(missing)};
    const auto id = to_string(report.id);
    auto write = [report = std::move(report)](store::backfill_store& db) { return db.report_gap(report); };
    const auto written = co_await ask_store(std::move(write));
    if (!written) co_return written.error();
    const auto calls = count_calls(*written);
    if (calls > 0) {
        gap_calls_.add(static_cast<double>(calls));
        log::warn(
            "webhooks never came",
            {{"source", source_}, {"gap", id}, {"calls", calls}, {"webhooks", written->size()}}
        );
    }
    co_return calls;
}

reconciler::task<reconciler::look_result> reconciler::look(std::int64_t call_id, int looks) {
    const auto opened = co_await open();
    if (!opened) co_return opened.error();
    const lifecycle::call_key key{source_, call_id};
    const look_rules when{how_.detail_again};
    auto plan = [key, when, looks, now = clock_.now()](store::backfill_store& db) {
        return next_look(stored_facts(db, key), when, looks, {}, now);
    };
    const auto due = co_await ask_store(std::move(plan));
    if (!due) co_return due.error();
    const auto fetched_at = clock_.now();
    if (!*due || **due > fetched_at) co_return look_result{*due, false, false};

    auto record = co_await api_.call(call_id);
    if (!record) co_return of_api(record.error());
    const auto sequenced = co_await wait_until_sequenced(fetched_at);
    if (!sequenced) co_return sequenced.error();
    struct looked {
        examined found;
        std::optional<utc_time> again;
        std::optional<utc_time> created_at;
    };
    auto compare = [key, when, looks, fetched_at, rules = rules(), decoder = decoder_, text = *record](
                       store::backfill_store& db
                   ) {
        std::set<std::int64_t> seen;
        looked out{examine(db, *decoder, key.source, {text}, fetched_at, rules, seen), {}, {}};
        auto facts = stored_facts(db, key);
        auto what = decoder->decode_record(key.source, text);
        if (auto* fact = std::get_if<lifecycle::call_fact>(&what)) {
            const auto& created = fact->fields.created_at;
            if (created && created->at) out.created_at = *created->at;
            facts.insert({std::move(*fact), lifecycle::origin::backfill, fetched_at, {}});
        }
        out.again = next_look(facts, when, looks + 1, fetched_at, fetched_at);
        return out;
    };
    auto compared = co_await ask_store(std::move(compare));
    if (!compared) co_return compared.error();
    auto& found = compared->found;
    if (!found.unreadable.empty())
        co_return trouble{"the record cannot be read: " + found.unreadable_reason, false, true};
    const bool somebody_else = !found.others.empty() || found.ids != std::vector{call_id};
    const bool news = !found.fresh.empty();
    auto missing = std::move(found.missing);
    if (somebody_else) found.fresh.clear();
    const auto merged = co_await merge(std::move(found), fetched_at);
    if (!merged) co_return merged.error();
    if (somebody_else) co_return trouble{"the record is about another call", false, true};
    // The next sweep reports what it passes over itself, and all of it in one.
    const auto next_sweep = due_stretch(state_.swept_until, how_.sweep_overlap, how_.first_sweep, fetched_at);
    if (!compared->created_at || *compared->created_at < next_sweep.from) {
        const auto reported = co_await report(std::move(missing), "call", {fetched_at, fetched_at});
        if (!reported) co_return reported.error();
    }
    co_return look_result{compared->again, true, news};
}

reconciler::task<std::size_t> reconciler::list_widgets() {
    auto listed = co_await api_.widgets();
    if (!listed) co_return of_api(listed.error());
    std::vector<store::widget_row> rows;
    for (auto& w : *listed)
        rows.push_back({w.id, std::move(w.name), std::move(w.url), w.enabled});
    auto save = [source = source_, rows = std::move(rows), now = clock_.now()](store::backfill_store& db) {
        return db.save_widgets(source, rows, now);
    };
    const auto silent = co_await ask_store(std::move(save));
    if (!silent) co_return silent.error();
    std::string ids;
    for (std::size_t i = 0; i < silent->size() && i < widget_names_in_log; ++i)
        ids += (i == 0 ? "" : " ") + std::to_string((*silent)[i]);
    if (!silent->empty()) {
        log::warn(
            "widgets have never sent a webhook",
            {{"source", source_}, {"widgets", silent->size()}, {"ids", ids}}
        );
    }
    co_return silent->size();
}

}  // namespace callhook::backfill
