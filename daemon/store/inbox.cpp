#include "store/inbox.hpp"

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "store/session.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace callhook::store {

namespace {

using clock = std::chrono::steady_clock;

constexpr statement insert_pending{
    "insert_pending",
    "INSERT INTO pending (batch, first_id, last_id, deliveries, bytes) "
    "VALUES ($1::uuid, $2::uuid, $3::uuid, $4::integer, $5::bigint)"};

/// How often an idle writer looks whether the database is there: readiness must not rest on the last webhook,
/// which may be hours old.
constexpr auto probe_interval = std::chrono::milliseconds{500};

/// A commit or probe that has run for so long will hardly end in time for those who wait: a server that is
/// frozen says nothing at all, so nothing fails.
constexpr auto stuck_after = std::chrono::seconds{3};

/// One waiter. The delivery belongs to the writer's thread once taken; the rest to the loop.
struct entry {
    delivery what;
    clock::time_point deadline;
    async::completion<result<void>> done;
};

using group = std::vector<std::shared_ptr<entry>>;

error in_words(const failure& e) {
    return {
        e.cause().code == errc::timed_out ? errc::timed_out : errc::unavailable,
        "the event could not be stored",
        e.what()};
}

}  // namespace

struct inbox::impl {
    impl(
        const settings& where,
        const inbox_settings& b,
        metrics_registry& metrics,
        std::function<void()> on_commit
    )
        : bounds{b},
          committed{std::move(on_commit)},
          db{where, "inbox"},
          commit_duration{metrics.histogram(
              "callhook_inbox_commit_duration_seconds",
              "Time of one group commit into the inbox.",
              metrics_registry::duration_buckets()
          )},
          batch_size{metrics.histogram(
              "callhook_inbox_batch_size",
              "Deliveries in one group commit.",
              {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
          )},
          writer{[this] { run(); }} {}

    // Constant after construction.
    const inbox_settings bounds;
    const std::function<void()> committed;

    // Guarded by the mutex.
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::shared_ptr<entry>> queue;
    std::size_t queued_bytes = 0;
    bool stopping = false;

    // The loop's thread only.
    std::deque<std::shared_ptr<entry>> waiting;
    std::unique_ptr<boost::asio::steady_timer> sweep;
    /// Goes with this object: a sweep that the loop has in hand by then must not touch it.
    const std::shared_ptr<bool> alive = std::make_shared<bool>(true);

    std::atomic<bool> healthy{false};
    /// When the writer began what it asks of the database now; the epoch while it asks nothing.
    std::atomic<clock::time_point> asking_since{};

    // The writer's thread only.
    session db;
    metric_histogram commit_duration;
    metric_histogram batch_size;
    std::thread writer;

    void run();
    group take();
    void write(group& taken);
    void answer(group taken, const result<void>& outcome);
    void probe();
    void arm_sweep(const boost::asio::any_io_executor& executor);
};

inbox::inbox(
    const settings& where,
    const inbox_settings& bounds,
    metrics_registry& metrics,
    std::function<void()> committed
)
    : impl_{std::make_unique<impl>(where, bounds, metrics, std::move(committed))} {}

inbox::~inbox() {
    stop();
}

bool inbox::healthy() const noexcept {
    const auto since = impl_->asking_since.load(std::memory_order_relaxed);
    const bool stuck = since != clock::time_point{} && clock::now() - since > stuck_after;
    return impl_->healthy.load(std::memory_order_relaxed) && !stuck;
}

void inbox::stop() {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->stopping = true;
    }
    impl_->changed.notify_all();
    if (impl_->writer.joinable()) impl_->writer.join();
    if (impl_->sweep) impl_->sweep->cancel();
}

boost::asio::awaitable<result<void>> inbox::append(delivery d, clock::time_point deadline) {
    auto& self = *impl_;
    co_return co_await async::suspend<result<void>>([&](async::completion<result<void>> done) {
        auto item = std::make_shared<entry>(entry{std::move(d), deadline, done});
        const auto size = item->what.body.size();
        {
            const std::unique_lock lock{self.mutex};
            const bool full = self.queue.size() >= self.bounds.queue_deliveries ||
                              (!self.queue.empty() && self.queued_bytes + size > self.bounds.queue_bytes);
            if (full || self.stopping) {
                boost::asio::post(done.executor(), [done] {
                    done(error{
                        errc::overloaded, "too many events wait to be stored", "the inbox queue is full"});
                });
                return;
            }
            self.queued_bytes += size;
            self.queue.push_back(item);
        }
        self.changed.notify_one();
        self.waiting.push_back(std::move(item));
        self.arm_sweep(done.executor());
    });
}

/// Tells those whose deadline has passed, oldest first. Deadlines rise along the queue, since all get the
/// same patience.
void inbox::impl::arm_sweep(const boost::asio::any_io_executor& executor) {
    while (!waiting.empty() && waiting.front()->done.done())
        waiting.pop_front();
    if (waiting.empty()) return;
    if (!sweep) sweep = std::make_unique<boost::asio::steady_timer>(executor, clock::time_point::max());
    if (sweep->expiry() <= waiting.front()->deadline) return;
    sweep->expires_at(waiting.front()->deadline);
    sweep->async_wait([this, executor, here = std::weak_ptr{alive}](boost::system::error_code failed) {
        if (failed || here.expired()) return;
        const auto now = clock::now();
        while (!waiting.empty() && (waiting.front()->done.done() || waiting.front()->deadline <= now)) {
            const auto item = std::move(waiting.front());
            waiting.pop_front();
            item->done(error{
                errc::timed_out, "the event could not be stored in time", "the commit did not end in time"});
        }
        sweep->expires_at(clock::time_point::max());
        arm_sweep(executor);
    });
}

void inbox::impl::run() {
    probe();
    for (;;) {
        auto taken = take();
        if (taken.empty()) {
            {
                const std::lock_guard lock{mutex};
                if (stopping && queue.empty()) return;
            }
            probe();
        } else {
            write(taken);
        }
    }
}

/// Waits for work, then takes all that queued as far as the bounds of a commit allow.
group inbox::impl::take() {
    std::unique_lock lock{mutex};
    const auto ready = [&] { return stopping || !queue.empty(); };
    changed.wait_for(lock, probe_interval, ready);
    group taken;
    std::size_t bytes = 0;
    const auto now = clock::now();
    while (!queue.empty() && taken.size() < bounds.batch_deliveries) {
        auto& next = queue.front();
        const auto size = next->what.body.size();
        if (!taken.empty() && bytes + size > bounds.batch_bytes) break;
        bytes += size;
        queued_bytes -= size;
        // One whose deadline has passed was told so already.
        if (next->deadline > now) taken.push_back(std::move(next));
        queue.pop_front();
    }
    return taken;
}

void inbox::impl::write(group& taken) {
    const auto started = clock::now();
    asking_since = started;
    result<void> outcome{boost::system::in_place_value};
    try {
        const auto [first, last] = std::minmax_element(
            taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a->what.id < b->what.id; }
        );
        const auto first_id = to_string((*first)->what.id);
        const auto last_id = to_string((*last)->what.id);
        db.transact("append deliveries", [&](pqxx::work& tx) {
            copy_writer rows{
                tx, "deliveries", "id,batch,source,origin,received_at,remote_addr,content_type,body"};
            for (const auto& item : taken) {
                const auto& d = item->what;
                rows.row(
                    to_string(d.id),
                    first_id,
                    d.source,
                    std::string{to_string(d.from)},
                    to_rfc3339(d.received_at),
                    d.remote_address.empty() ? parameter{} : parameter{d.remote_address},
                    d.content_type.empty() ? parameter{} : parameter{d.content_type},
                    to_bytea(d.body)
                );
            }
            rows.complete();
            std::size_t bytes = 0;
            for (const auto& item : taken)
                bytes += item->what.body.size();
            db.exec(
                tx,
                insert_pending,
                first_id,
                first_id,
                last_id,
                std::to_string(taken.size()),
                std::to_string(bytes)
            );
        });
        if (!healthy.exchange(true)) log::info("the inbox stores events");
    } catch (const failure& e) {
        if (healthy.exchange(false)) log::error("the inbox cannot store events", {{"reason", e.what()}});
        outcome = in_words(e);
    } catch (const std::exception&) {
        // Breakage, lack of memory for one: this group is refused, the daemon goes on.
        if (healthy.exchange(false)) log::error("the inbox broke on a group of events");
        outcome = error{errc::unavailable, "the event could not be stored", "the inbox broke"};
    }
    asking_since = clock::time_point{};
    commit_duration.observe(std::chrono::duration<double>(clock::now() - started).count());
    batch_size.observe(static_cast<double>(taken.size()));
    const bool stored = outcome.has_value();
    answer(std::move(taken), outcome);
    if (stored && committed) committed();
}

/// One post for the whole group, not one for each.
void inbox::impl::answer(group taken, const result<void>& outcome) {
    const auto executor = taken.front()->done.executor();
    boost::asio::post(executor, [taken = std::move(taken), outcome] {
        for (const auto& item : taken)
            item->done(outcome);
    });
}

/// Finds out whether the database is there while nobody asks, so that readiness comes back by itself.
void inbox::impl::probe() {
    asking_since = clock::now();
    try {
        db.run("probe", [](pqxx::nontransaction& tx) { tx.exec("SELECT 1 FROM feed_head"); });
        if (!healthy.exchange(true)) log::info("the inbox stores events");
    } catch (const failure& e) {
        if (healthy.exchange(false)) log::error("the inbox cannot store events", {{"reason", e.what()}});
    } catch (const std::exception&) {
        if (healthy.exchange(false)) log::error("the inbox broke while it looked for the database");
    }
    asking_since = clock::time_point{};
}

}  // namespace callhook::store
