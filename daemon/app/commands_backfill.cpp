#include "app/commands.hpp"
#include "app/exit_codes.hpp"
#include "app/key_trials.hpp"
#include "app/progress.hpp"
#include "app/rooms.hpp"
#include "app/vendor_account.hpp"
#include "app/with_database.hpp"
#include "backfill/stretches.hpp"
#include "base/json.hpp"
#include "base/time_text.hpp"
#include "store/inbox.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>

namespace callhook::app {

namespace asio = boost::asio;

namespace {

using steady = std::chrono::steady_clock;

/// What the shell gives a program that Ctrl-C ended.
constexpr int interrupted = 128 + SIGINT;

void print(const json::value& answer) {
    std::cout << json::serialize(answer) << '\n';
}

/// One command at work on one source: a loop of its own, with all that the daemon has for it.
class backfilling {
public:
    backfilling(const settings& values, const source_settings& source, const backfill_command& what)
        : values_{values},
          what_{what},
          source_{source},
          pool_{store_settings(values), 2, metrics_},
          inbox_{store_settings(values), inbox_bounds(values), metrics_, {}},
          account_{
              loop_.get_executor(),
              source,
              values,
              make_decoders(values).at(source.name),
              pool_,
              [this](lifecycle::delivery d) {
                  return inbox_.append(std::move(d), steady::now() + values_.hooks.answer_timeout);
              },
              clock_,
              metrics_},
          signals_{loop_, SIGINT, SIGTERM} {}

    ~backfilling() {
        account_.close();
        inbox_.stop();
        pool_.stop();
    }

    int run() {
        on_signal([this] {
            stopped_ = true;
            account_.close();
            // Who asks twice means it.
            on_signal([] { std::_Exit(interrupted); });
        });
        auto ended = [this](const std::exception_ptr& broke) {
            // Kept connections and deadlines would hold the loop for a while.
            loop_.stop();
            if (broke) std::rethrow_exception(broke);
        };
        asio::co_spawn(loop_, work(), std::move(ended));
        loop_.run();
        return code_;
    }

private:
    template <class Then>
    void on_signal(Then then) {
        signals_.async_wait([then = std::move(then)](boost::system::error_code failed, int) {
            if (!failed) then();
        });
    }

    asio::awaitable<void> work() {
        switch (what_.what) {
            case backfill_command::action::sweep:
                co_await sweep();
                break;
            case backfill_command::action::check:
                co_await check();
                break;
            case backfill_command::action::forget_identity:
                co_await forget();
                break;
        }
    }

    void fail(const std::string& why, int code) {
        std::cerr << "callhookd: " << why << '\n';
        code_ = code;
    }

    asio::awaitable<std::optional<store::source_state>> state();
    asio::awaitable<void> sweep();
    asio::awaitable<bool> sweep_over(backfill::stretch over);
    asio::awaitable<void> sweep_run(backfill::stretch over);
    asio::awaitable<void> count_calls(backfill::stretch over);
    void show(const backfill::news& one);
    void conclude(backfill::stretch over);

    asio::awaitable<void> check();
    asio::awaitable<void> forget();

    const settings& values_;
    const backfill_command& what_;
    const source_settings& source_;
    system_clock_source clock_;
    metrics_registry metrics_;
    asio::io_context loop_{1};
    store::backfill_pool pool_;
    store::inbox inbox_;
    vendor_account account_;
    asio::signal_set signals_;
    progress_bar bar_{"comparing"};
    backfill::sweep_report sum_;
    std::int64_t done_before_ = 0;
    std::int64_t all_ = 0;
    json::array news_;
    bool stopped_ = false;
    int code_ = exit_code::fine;
};

/// The source's state, made where no daemon has made it yet; a dry run makes none.
asio::awaitable<std::optional<store::source_state>> backfilling::state() {
    auto read = [source = source_.name, now = clock_.now(), make = !what_.dry_run](store::backfill_store& db
                ) {
        auto states = db.states({source});
        if (states.empty() && !make) states.push_back({source, now});
        if (states.empty()) {
            db.open_sources({source}, now);
            states = db.states({source});
        }
        return states;
    };
    auto states = co_await pool_.run(std::move(read));
    if (!states || states->empty()) {
        fail(states ? "the source has no state" : states.error().message, exit_code::unavailable);
        co_return std::nullopt;
    }
    co_return states->front();
}

asio::awaitable<void> backfilling::count_calls(backfill::stretch over) {
    const auto page = co_await account_.api().calls(backfill::calls_of(over, 1));
    if (page && page->count) all_ = *page->count;
}

asio::awaitable<void> backfilling::sweep() {
    const auto known = co_await state();
    if (!known) co_return;
    if (what_.from && what_.to) {
        co_await sweep_run({*what_.from, *what_.to});
        co_return;
    }
    const auto rules = backfill_rules(values_);
    const auto over =
        backfill::due_stretch(known->swept_until, rules.sweep_overlap, rules.first_sweep, clock_.now());
    co_await count_calls(over);
    const bool swept = co_await sweep_over(over);
    if (swept && !what_.dry_run) {
        auto remember = [source = source_.name, until = over.to, now = clock_.now()](store::backfill_store& db
                        ) { db.set_swept(source, until, now); };
        const auto remembered = co_await pool_.run(std::move(remember));
        if (!remembered) fail(remembered.error().message, exit_code::unavailable);
    }
    conclude(over);
}

/// A range is worked through piece by piece, and goes on where it was interrupted.
asio::awaitable<void> backfilling::sweep_run(backfill::stretch over) {
    store::backfill_run run{source_.name, over.from, over.to, over.from, 0, 0};
    if (!what_.dry_run) {
        auto begin = [run](store::backfill_store& db) { return db.begin_run(run.source, run.from, run.to); };
        const auto begun = co_await pool_.run(std::move(begin));
        if (!begun) {
            fail(begun.error().message, exit_code::unavailable);
            co_return;
        }
        run = *begun;
        if (run.done_until > run.from)
            std::cerr << "going on from " << to_rfc3339(run.done_until) << ", after " << run.calls
                      << " calls\n";
    }
    const auto before = run;
    co_await count_calls({run.done_until, over.to});
    for (const auto& piece : backfill::cut({run.done_until, over.to}, backfill::longest_piece)) {
        const bool swept = co_await sweep_over(piece);
        if (!swept) break;
        run.done_until = piece.to;
        run.calls = before.calls + static_cast<std::int64_t>(sum_.calls);
        run.appended = before.appended + static_cast<std::int64_t>(sum_.appended);
        const bool through = piece.to == over.to;
        auto remember = [run, through](store::backfill_store& db) {
            if (through)
                db.end_run(run);
            else
                db.advance_run(run);
        };
        if (what_.dry_run) continue;
        const auto remembered = co_await pool_.run(std::move(remember));
        if (!remembered) {
            fail(remembered.error().message, exit_code::unavailable);
            break;
        }
    }
    conclude(over);
}

/// Whether it went through; says why not.
asio::awaitable<bool> backfilling::sweep_over(backfill::stretch over) {
    backfill::sweep_options options;
    options.found_by = "command";
    options.dry_run = what_.dry_run;
    options.go_on = [this](const backfill::sweep_report& report) -> asio::awaitable<bool> {
        const auto done = done_before_ + static_cast<std::int64_t>(report.calls);
        bar_.show(done, std::max(done, all_));
        co_return !stopped_;
    };
    if (what_.dry_run) options.on_news = [this](const backfill::news& one) { show(one); };
    const auto report = co_await account_.calls().sweep(over, std::move(options));
    if (report) {
        sum_ += *report;
        done_before_ = static_cast<std::int64_t>(sum_.calls);
        co_return true;
    }
    bar_.finish();
    if (stopped_) {
        const bool remembered = what_.from && !what_.dry_run;
        fail(remembered ? "interrupted; the same command goes on from there" : "interrupted", interrupted);
    } else {
        fail(
            report.error().message,
            report.error().retryable ? exit_code::unavailable : exit_code::check_failed
        );
    }
    co_return false;
}

/// A difference, as a dry run tells it.
void backfilling::show(const backfill::news& one) {
    const auto& found = one.found;
    std::vector<std::string> events;
    std::vector<std::string> fields;
    for (const auto& e : found.events) {
        events.push_back(e.type);
        fields.insert(fields.end(), e.changed.begin(), e.changed.end());
    }
    if (what_.json) {
        news_.emplace_back(json::object{
            {"call_id", one.key.id},
            {"difference", to_string(found.what)},
            {"events", json::value_from(events)},
            {"fields", json::value_from(fields)},
            {"missing_webhooks", json::value_from(found.missing)}});
        return;
    }
    const auto list = [](const std::vector<std::string>& words) {
        std::string out;
        for (const auto& w : words)
            out += (out.empty() ? "" : " ") + w;
        return out;
    };
    std::cout << "call " << std::left << std::setw(12) << one.key.id << std::setw(14) << to_string(found.what)
              << "would tell " << list(events);
    if (!fields.empty()) std::cout << ": " << list(fields);
    if (!found.missing.empty()) std::cout << "; never came: " << list(found.missing);
    std::cout << '\n';
}

void backfilling::conclude(backfill::stretch over) {
    bar_.finish();
    if (what_.json) {
        json::object out{
            {"source", source_.name},
            {"from", to_rfc3339(over.from)},
            {"to", to_rfc3339(over.to)},
            {"complete", code_ == exit_code::fine},
            {"dry_run", what_.dry_run},
            {"calls", sum_.calls},
            {"unchanged", sum_.unchanged},
            {"never_heard_of", sum_.unknown_calls},
            {"outcomes_untold", sum_.untold},
            {"changed", sum_.changed},
            {"unreadable", sum_.unreadable},
            {"about_others", sum_.others},
            {"appended", sum_.appended},
            {"gap_calls", sum_.gap_calls}};
        if (what_.dry_run) {
            out.emplace("unsettled", sum_.unsettled);
            out.emplace("differences", std::move(news_));
        }
        print(out);
        return;
    }
    const auto line = [](const char* name, std::size_t value) {
        std::cout << std::left << std::setw(44) << name << std::right << std::setw(10) << value << '\n';
    };
    std::cout << source_.name << ", " << to_rfc3339(over.from) << " to " << to_rfc3339(over.to)
              << (what_.dry_run ? ", nothing changed" : "") << "\n\n";
    line("calls compared", sum_.calls);
    line("as they were known", sum_.unchanged);
    line("never heard of", sum_.unknown_calls);
    line("something happened that was not told", sum_.untold);
    line("fields added or corrected", sum_.changed);
    line("records that cannot be read", sum_.unreadable);
    line("records about another visitor, not merged", sum_.others);
    line(
        what_.dry_run ? "calls with a webhook missing" : "calls with a webhook missing, newly reported",
        sum_.gap_calls
    );
    if (what_.dry_run) line("calls too young to say", sum_.unsettled);
}

asio::awaitable<void> backfilling::check() {
    const auto trials = co_await try_key(account_.api());
    for (const auto& t : trials) {
        if (t.failure && t.needed) code_ = exit_code::check_failed;
    }
    if (what_.json) {
        json::array all;
        for (const auto& t : trials)
            all.emplace_back(json::object{
                {"check", t.name}, {"scope", t.scope}, {"ok", !t.failure}, {"result", t.result()}});
        print(json::object{
            {"source", source_.name}, {"ok", code_ == exit_code::fine}, {"checks", std::move(all)}});
        co_return;
    }
    for (const auto& t : trials) {
        std::cout << std::left << std::setw(36) << t.name << std::setw(16) << t.scope << t.result()
                  << (t.failure && !t.needed ? " (not needed)" : "") << '\n';
    }
}

asio::awaitable<void> backfilling::forget() {
    const auto known = co_await state();
    if (!known) co_return;
    auto forget = [source = source_.name](store::backfill_store& db) { db.forget_identity(source); };
    const auto forgotten = co_await pool_.run(std::move(forget));
    if (!forgotten) {
        fail(forgotten.error().message, exit_code::unavailable);
        co_return;
    }
    if (what_.json)
        print(json::object{{"source", source_.name}, {"identity", "unknown"}});
    else
        std::cout << "forgotten; the next outcome is checked anew\n";
}

}  // namespace

int backfill(const settings& values, const backfill_command& what) {
    const source_settings* source = nullptr;
    for (const auto& s : values.sources) {
        if (s.name == what.source) source = &s;
    }
    if (source == nullptr) {
        std::cerr << "callhookd: no source of this name is configured\n";
        return exit_code::usage;
    }
    if (source->api_key.empty()) {
        std::cerr << "callhookd: the source has no API key; set sources." << source->name
                  << ".api_key_file\n";
        return exit_code::configuration;
    }
    return with_known_schema(values, [&] { return backfilling{values, *source, what}.run(); });
}

}  // namespace callhook::app
