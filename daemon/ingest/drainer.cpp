#include "ingest/drainer.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace callhook::ingest {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// One transaction's worth, held in memory in several forms at once.
constexpr std::size_t most_deliveries = 500;
constexpr std::size_t most_bytes = 4 << 20;

constexpr auto look_interval = 200ms;
/// Between tries that fail, doubled from the one to the other.
constexpr auto shortest_pause = 500ms;
constexpr auto longest_pause = 4'000ms;
constexpr auto say_every = 60s;

using deliveries = std::vector<lifecycle::delivery>;

}  // namespace

struct drainer::impl {
    impl(surroundings where, metrics_registry& metrics)
        : where{std::move(where)},
          database{this->where.database},
          fresh{replayed(metrics, "new")},
          known{replayed(metrics, "known")},
          thread{[this] { run(); }} {}

    static metric_counter replayed(metrics_registry& metrics, const char* result) {
        return metrics.counter(
            "callhook_spool_replayed_total",
            "Deliveries moved from the spool to the database; known are those that were there already.",
            {{"result", result}}
        );
    }

    const surroundings where;

    std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false;

    // The drainer's thread only.
    store::replay_store database;
    metric_counter fresh;
    metric_counter known;
    /// Since the spool was last empty.
    std::size_t moved = 0;
    bool spooling = false;
    clock::time_point say_again = clock::time_point::min();

    std::thread thread;  // last: it uses the others

    void run();
    bool wait_for(clock::duration longest);
    bool drain_some();
    bool replay(const std::vector<spool::spooled>& stretch);
    bool replay_part(const spool::spooled* begin, const spool::spooled* end);
    void say_how_it_goes();
};

drainer::drainer(surroundings where, metrics_registry& metrics)
    : impl_{std::make_unique<impl>(std::move(where), metrics)} {}

drainer::~drainer() {
    stop();
}

void drainer::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
    }
    impl_->changed.notify_all();
    if (impl_->thread.joinable()) impl_->thread.join();
}

/// Whether to go on.
bool drainer::impl::wait_for(clock::duration longest) {
    std::unique_lock lock{mutex};
    return !changed.wait_for(lock, longest, [this] { return stopping; });
}

void drainer::impl::run() {
    auto pause = shortest_pause;
    for (auto next = clock::duration::zero(); wait_for(next);) {
        say_how_it_goes();
        next = look_interval;
        if (where.spool.waiting() == 0 || !where.database_works()) continue;
        if (drain_some()) {
            pause = shortest_pause;
            next = clock::duration::zero();
        } else {
            next = pause;
            pause = std::min<std::chrono::milliseconds>(pause * 2, longest_pause);
        }
    }
}

/// Moves one stretch; whether that worked.
bool drainer::impl::drain_some() {
    try {
        const auto oldest = where.spool.oldest(most_deliveries, most_bytes);
        if (!oldest) return false;
        return oldest->empty() || replay(*oldest);
    } catch (const std::exception&) {
        // Breakage, lack of memory for one: what() may quote a row, so it stays unsaid.
        log::error("moving events out of the spool broke");
        return false;
    }
}

bool drainer::impl::replay(const std::vector<spool::spooled>& stretch) {
    return replay_part(stretch.data(), stretch.data() + stretch.size());
}

/// Where the database refuses a delivery for what it is, halves until that one is alone, so that the others
/// go.
bool drainer::impl::replay_part(const spool::spooled* begin, const spool::spooled* end) {
    deliveries part;
    std::vector<spool::place> places;
    for (const auto* one = begin; one != end; ++one) {
        part.push_back(one->what);
        places.push_back(one->where());
    }
    try {
        const auto counts = database.replay(part);
        fresh.add(static_cast<double>(counts.fresh));
        known.add(static_cast<double>(counts.known));
    } catch (const store::failure& e) {
        if (!store::replay_store::blames_deliveries(e)) {
            log::warn("events could not be moved out of the spool", {{"reason", e.what()}});
            return false;
        }
        if (end - begin == 1)
            return where.spool.set_aside(begin->where(), std::string{"refused: "} + e.what()).has_value();
        const auto* middle = begin + (end - begin) / 2;
        return replay_part(begin, middle) && replay_part(middle, end);
    }
    // Before the sequencer is woken: a failure here means the same stretch once more, which adds nothing.
    const auto removed = where.spool.remove(places);
    where.committed();
    if (!removed) {
        log::warn(
            "events stay in the spool though the database has them", {{"reason", removed.error().detail}}
        );
        return false;
    }
    moved += part.size();
    return true;
}

/// One line when events begin to wait, one when none do any more, and one a minute in between.
void drainer::impl::say_how_it_goes() {
    const auto waiting = where.spool.waiting();
    if (waiting == 0) {
        if (spooling) log::info("the spool is empty again", {{"moved", moved}});
        spooling = false;
        moved = 0;
        return;
    }
    const auto now = clock::now();
    if (spooling && now < say_again) return;
    log::warn(
        spooling ? "events wait in the spool" : "events go to the spool",
        {{"waiting", waiting}, {"moved", moved}}
    );
    spooling = true;
    say_again = now + say_every;
}

}  // namespace callhook::ingest
