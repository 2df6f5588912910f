#include "store/inbox.hpp"

#include "async/group_writer.hpp"
#include "base/log.hpp"
#include "store/copy_writer.hpp"
#include "store/delivery_sql.hpp"
#include "store/session.hpp"

#include <algorithm>
#include <atomic>

namespace callhook::store {

namespace {

using clock = std::chrono::steady_clock;

/// How often an idle writer looks whether the database is there: readiness must not rest on the last webhook,
/// which may be hours old.
constexpr auto probe_interval = std::chrono::milliseconds{500};

/// A commit or probe that has run for so long will hardly end in time for those who wait: a server that is
/// frozen says nothing at all, so nothing fails.
constexpr auto stuck_after = std::chrono::seconds{3};

/// How long a server that answers but took no events (its disk is full, it is a standby) counts as one that
/// does not: the probe only reads, so it cannot tell.
constexpr auto refusal_counts_for = std::chrono::seconds{5};

/// More than anything takes that the writer does: to connect, with each address of a name having its time and
/// the name itself taking some to resolve, and one transaction, after which a silent server is given up
/// (`session`).
clock::duration longest_turn(const settings& where) {
    return std::chrono::minutes{1} + 4 * (where.connect_timeout + where.statement_timeout);
}

using writer = async::group_writer<lifecycle::delivery>;

error in_words(const failure& e) {
    return {
        e.cause().code == errc::timed_out ? errc::timed_out : errc::unavailable,
        "the event could not be stored",
        e.what()};
}

enum class blame {
    events,  ///< the group holds what no database would take
    server,  ///< it answers, and takes nothing
    way,     ///< it is not there: a probe finds out when it is again
};

blame blame_for(const failure& e) {
    const std::string_view state = e.sqlstate();
    if (state.empty() || state.starts_with("57P")) return blame::way;
    return state.starts_with("22") || state.starts_with("23") ? blame::events : blame::server;
}

}  // namespace

struct inbox::impl {
    impl(const settings& where, const inbox_settings& bounds, metrics_registry& metrics, listener on_commit)
        : committed{std::move(on_commit)},
          patience{longest_turn(where)},
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
          groups{bounds, how(), probe_interval} {}

    const listener committed;
    const clock::duration patience;
    std::atomic<bool> healthy{false};

    // The writer's thread only.
    session db;
    metric_histogram commit_duration;
    metric_histogram batch_size;
    clock::time_point refused_until = clock::time_point::min();

    writer groups;  // last: its thread uses the others

    writer::work how();
    result<void> write(const writer::group& taken);
    void copy(const writer::group& taken);
    void failed(const failure& e);
    void probe();
};

inbox::inbox(
    const settings& where, const inbox_settings& bounds, metrics_registry& metrics, listener committed
)
    : impl_{std::make_unique<impl>(where, bounds, metrics, std::move(committed))} {}

inbox::~inbox() {
    stop();
}

bool inbox::healthy() const noexcept {
    const bool stuck = impl_->groups.busy_for().value_or(clock::duration::zero()) > stuck_after;
    return impl_->healthy.load(std::memory_order_relaxed) && !stuck;
}

bool inbox::alive() const noexcept {
    return impl_->groups.silent_for() < impl_->patience;
}

void inbox::stop() {
    impl_->groups.stop();
}

boost::asio::awaitable<result<void>> inbox::append(shared_delivery d, clock::time_point deadline) {
    return impl_->groups.append(std::move(d), deadline);
}

writer::work inbox::impl::how() {
    return {
        [](const lifecycle::delivery& d) { return d.body.size(); },
        [this](const writer::group& taken) { return write(taken); },
        [this](const writer::group& taken, const result<void>& outcome) {
            if (outcome && committed) committed(taken);
        },
        [this] { probe(); },
        {errc::overloaded, "too many events wait to be stored", "the inbox queue is full"},
        {errc::timed_out, "the event could not be stored in time", "the commit did not end in time"}};
}

result<void> inbox::impl::write(const writer::group& taken) {
    const auto started = clock::now();
    result<void> outcome{boost::system::in_place_value};
    try {
        copy(taken);
        if (!healthy.exchange(true)) log::info("the inbox stores events");
    } catch (const failure& e) {
        failed(e);
        outcome = in_words(e);
    } catch (const std::exception&) {
        // Breakage, lack of memory for one: this group is refused, the daemon goes on.
        if (healthy.exchange(false)) log::error("the inbox broke on a group of events");
        outcome = error{errc::unavailable, "the event could not be stored", "the inbox broke"};
    }
    commit_duration.observe(std::chrono::duration<double>(clock::now() - started).count());
    batch_size.observe(static_cast<double>(taken.size()));
    return outcome;
}

void inbox::impl::failed(const failure& e) {
    switch (blame_for(e)) {
        case blame::events:
            log::error("the database refuses a group of events", {{"reason", e.what()}});
            return;
        case blame::server:
            refused_until = clock::now() + refusal_counts_for;
            break;
        case blame::way:
            break;
    }
    if (healthy.exchange(false)) log::error("the inbox cannot store events", {{"reason", e.what()}});
}

void inbox::impl::copy(const writer::group& taken) {
    const auto [first, last] = std::minmax_element(
        taken.begin(), taken.end(), [](const auto& a, const auto& b) { return a->id < b->id; }
    );
    const auto first_id = to_string((*first)->id);
    const auto last_id = to_string((*last)->id);
    db.transact("append deliveries", [&](pqxx::work& tx) {
        copy_writer rows{
            tx, "deliveries", "id,batch,source,origin,received_at,remote_addr,content_type,body,traceparent"};
        std::size_t size = 0;
        for (const auto& d : taken) {
            rows.row(
                d->id,
                (*first)->id,
                d->source,
                to_string(d->from),
                d->received_at,
                unless_empty(d->remote_address),
                unless_empty(d->content_type),
                bytes{d->body},
                unless_empty(d->traceparent)
            );
            size += d->body.size();
        }
        rows.complete();
        db.exec(
            tx,
            sql::insert_pending,
            first_id,
            first_id,
            last_id,
            std::to_string(taken.size()),
            std::to_string(size)
        );
    });
}

/// Finds out whether the database is there while nobody asks, so that readiness comes back by itself.
void inbox::impl::probe() {
    try {
        db.run("probe", [](pqxx::nontransaction& tx) { tx.exec("SELECT 1 FROM feed_head"); });
        if (clock::now() < refused_until) return;
        if (!healthy.exchange(true)) log::info("the inbox stores events");
    } catch (const failure& e) {
        if (healthy.exchange(false)) log::error("the inbox cannot store events", {{"reason", e.what()}});
    } catch (const std::exception&) {
        if (healthy.exchange(false)) log::error("the inbox broke while it looked for the database");
    }
}

}  // namespace callhook::store
