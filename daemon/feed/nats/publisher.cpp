#include "feed/nats/publisher.hpp"

#include "async/breaker.hpp"
#include "base/log.hpp"
#include "feed/cloud_events.hpp"

#include <algorithm>
#include <utility>

namespace callhook::feed::nats {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

/// The name of the lease and of the row in `consumers`.
const std::string own_name = "nats";

constexpr auto lease_every = 500ms;
constexpr auto idle_for = 1'000ms;
/// How often the stream is looked at while nothing happens.
constexpr auto look_every = 5s;
constexpr auto first_pause = 200ms;
constexpr auto longest_pause = 3'000ms;
/// What a call may take beyond the connection's own timeout before its thread is given up.
constexpr auto grace = 1s;
/// Most bytes on their way at once; a single larger event goes alone.
constexpr std::size_t window_bytes = std::size_t{4} << 20;
/// How long a stop waits for threads to end by themselves.
constexpr auto farewell = 500ms;

const std::string events_lost =
    "events of the feed were lost, rewritten or expired before they were published; decide where to go on, "
    "by POST "
    "/v1/consumers/nats/reset: the position \"0\" publishes all that is kept, \"$\" what comes from now on";

}  // namespace

publisher::publisher(
    const asio::any_io_executor& executor,
    const settings& how,
    log_reader& log,
    store::feed_pool& pool,
    const clock_source& clock,
    metrics_registry& metrics
)
    : executor_{executor},
      how_{how},
      log_{log},
      pool_{pool},
      leases_{pool, uuid_v7_generator{clock}()},
      published_{metrics.counter("callhook_nats_published_total", "Events that the NATS stream took.")},
      connected_{
          metrics.gauge("callhook_nats_connected", "Whether this daemon publishes and has a connection.")},
      tasks_{executor, "nats"},
      closing_{executor},
      threads_(how.servers.size()) {}

void publisher::start() {
    tasks_.spawn(keep_lease());
    tasks_.spawn(run());
}

asio::awaitable<void> publisher::stop(steady::time_point deadline) {
    closing_.close();
    if (session_) session_->cancel();
    co_await tasks_.join();
    co_await leases_.release_all();
    const auto all_ended = [&] {
        return std::ranges::all_of(threads_, [](const auto& thread) { return thread.expired(); });
    };
    // They let go of the connection in order where the server answers; nobody needs them to.
    const auto until = std::min(deadline, steady::now() + farewell);
    for (asio::steady_timer moment{executor_}; !all_ended() && steady::now() < until;) {
        moment.expires_after(10ms);
        co_await moment.async_wait(asio::use_awaitable);
    }
}

bool publisher::leading() const {
    return !closing_.closed() && !log_.closed() && leases_.holds(own_name);
}

asio::awaitable<void> publisher::keep_lease() {
    while (!closing_.closed()) {
        const std::vector<std::string> wanted(1, own_name);
        co_await leases_.ask(wanted);
        co_await closing_.wait(steady::now() + lease_every);
    }
}

asio::awaitable<void> publisher::run() {
    while (!closing_.closed()) {
        if (!leading()) {
            say({});
            co_await pause(100ms);
            continue;
        }
        try {
            co_await lead();
        } catch (const std::exception&) {
            // Breakage of one connection is none of the next.
            say("publishing broke");
        }
        connected_.set(0);
        session_.reset();
        if (!leading()) continue;
        ++failures_;
        co_await pause(async::backoff(first_pause, longest_pause, failures_, 1.0));
    }
}

/// The life of one connection.
asio::awaitable<void> publisher::lead() {
    if (!co_await connect()) co_return;
    connected_.set(1);
    for (bool first = true; leading(); first = false) {
        auto then = co_await take_up(*session_);
        if (first && then == next::go_on && trouble_.empty()) {
            const auto& where = how_.servers[(next_server_ - 1) % how_.servers.size()];
            log::info(
                "publishing to NATS",
                {{"server", shown(where)}, {"stream", how_.stream.name}, {"position", place_.position}}
            );
        }
        if (then == next::go_on) then = co_await publish_all(*session_);
        if (then == next::reconnect) co_return;
    }
}

asio::awaitable<bool> publisher::connect() {
    const auto number = next_server_++ % how_.servers.size();
    const auto& where = how_.servers[number];
    if (!threads_[number].expired()) {
        say("a connection to " + shown(where) + " hangs");
        co_return false;
    }
    session_ = std::make_unique<session>(executor_);
    threads_[number] = session_->thread();
    std::function<result<void>(connection&)> open = [where, who = how_.who, timeout = how_.timeout](
                                                        connection& c
                                                    ) { return c.open(where, who, timeout); };
    const auto opened = co_await session_->call<void>(std::move(open), steady::now() + how_.timeout + grace);
    if (opened) co_return true;
    if (opened.error().code == errc::timed_out)
        say("a connection to " + shown(where) + " hangs");
    else if (opened.error().code != errc::cancelled)
        say(opened.error().message);
    co_return false;
}

/// Finds out where to go on, from the database and from the stream.
asio::awaitable<publisher::next> publisher::take_up(session& link) {
    const auto row = co_await read_row();
    if (!row) {
        say(row.error().message);
        co_return co_await after(idle_for);
    }
    const auto head = co_await log_.head();
    if (!head) {
        say(head.error().message);
        co_return co_await after(idle_for);
    }
    head_ = *head;
    const auto known = resolve_cursor(to_string(cursor{row->epoch, row->position}), head_);
    if (!known) {
        say(events_lost);
        co_return co_await after(idle_for);
    }
    const auto found = co_await find_place(link, *row);
    if (!found) {
        // What only somebody can put right needs no new connection.
        if (found.error().code == errc::mismatch) {
            say(found.error().message);
            co_return co_await after(idle_for);
        }
        say(found.error().message);
        co_return co_await after(first_pause, next::reconnect);
    }
    epoch_ = row->epoch;
    place_ = {row->position, row->stream_sequence};
    if (*found != place_ && !co_await advance(*found)) co_return next::look_again;
    next_look_ = steady::now() + look_every;
    co_return next::go_on;
}

/// The place after a look at the stream; `mismatch` where it must not be published to.
asio::awaitable<result<store::publisher_place>> publisher::find_place(
    session& link, const store::consumer& row
) {
    const auto stream = co_await look(link);
    if (!stream && stream.error().code == errc::not_found)
        co_return error{errc::mismatch, stream.error().message + ": " + how_.stream.name};
    if (!stream) co_return stream.error();
    std::string faults;
    for (const auto& fault : faults_of(*stream, how_.stream))
        faults += (faults.empty() ? "" : "; ") + fault;
    if (!faults.empty())
        co_return error{errc::mismatch, "the stream " + how_.stream.name + " cannot be used: " + faults};
    std::string id;
    const store::publisher_place remembered{row.position, row.stream_sequence};
    const bool known = !remembered.stream_sequence || *remembered.stream_sequence == stream->last_sequence;
    if (!known && stream->last_sequence > 0) {
        auto read = co_await last_id(link, stream->last_sequence);
        if (!read) co_return read.error();
        id = std::move(*read);
    }
    const auto found = resume(row.epoch, remembered, stream->last_sequence, id);
    if (!found.halt.empty()) co_return error{errc::mismatch, found.halt};
    if (!found.remark.empty())
        log::warn(found.remark, {{"stream", how_.stream.name}, {"position", found.place.position}});
    co_return found.place;
}

asio::awaitable<publisher::next> publisher::publish_all(session& link) {
    while (leading()) {
        const cursor from{epoch_, place_.position};
        auto stretch = co_await log_.read(from, head_, how_.filter, how_.batch);
        if (!stretch) {
            const auto& why = stretch.error();
            const bool lost = why.code == errc::gone || why.code == errc::conflict;
            say(lost ? events_lost : why.message);
            co_return co_await after(idle_for);
        }
        head_ = stretch->head;
        auto then = next::go_on;
        if (!stretch->events.empty()) {
            then = co_await publish(link, std::move(*stretch));
        } else if (stretch->read_to > place_.position) {
            // Nothing of it is asked for.
            const store::publisher_place passed{stretch->read_to, place_.stream_sequence};
            if (!co_await advance(passed)) then = next::look_again;
        } else {
            then = co_await idle();
        }
        if (then != next::go_on) co_return then;
    }
    co_return next::look_again;
}

asio::awaitable<publisher::next> publisher::publish(session& link, log_stretch stretch) {
    std::vector<message> batch;
    std::size_t bytes = 0;
    for (const auto& event : stretch.events) {
        if (!batch.empty() && bytes + event->event.size() > window_bytes) break;
        bytes += event->event.size();
        batch.push_back(
            {subject_of(how_.stream.subject_prefix, event->source, event->type),
             to_string(cursor{epoch_, event->position}),
             render(epoch_, *event)}
        );
    }
    const auto sent = batch.size();
    std::function<result<published>(connection&)> work =
        [stream = how_.stream.name, batch = std::move(batch), after = *place_.stream_sequence](connection& c
        ) { return result<published>{c.publish(stream, batch, after)}; };
    const auto until = steady::now() + 2 * how_.timeout + grace;  // writing it and hearing of it
    const auto done = co_await link.call<published>(std::move(work), until);
    if (!done) {
        say(done.error().message);
        co_return co_await after(first_pause, next::reconnect);
    }
    if (done->acknowledged > 0) {
        published_.add(static_cast<double>(done->stored));
        const bool all = done->acknowledged == stretch.events.size();
        const auto position = all ? stretch.read_to : stretch.events[done->acknowledged - 1]->position;
        const store::publisher_place reached{position, done->last_sequence};
        if (!co_await advance(reached)) co_return next::look_again;
    }
    if (done->trouble) {
        if (done->trouble->code == errc::conflict) co_return next::look_again;
        say(done->trouble->message);
        co_return co_await after(first_pause, next::reconnect);
    }
    if (done->acknowledged < sent) co_return next::look_again;
    failures_ = 0;
    say({});
    co_return next::go_on;
}

/// All is published. Waits for more, and sees whether place and stream are still what they were.
asio::awaitable<publisher::next> publisher::idle() {
    failures_ = 0;
    say({});
    co_await log_.wait(place_.position, steady::now() + idle_for);
    if (!leading()) co_return next::look_again;
    const auto row = co_await read_row();
    if (!row) {
        say(row.error().message);
        co_return co_await after(idle_for);
    }
    if (row->epoch != epoch_ || store::publisher_place{row->position, row->stream_sequence} != place_)
        co_return next::look_again;
    // Taking up again looks at the stream, too.
    co_return steady::now() < next_look_ ? next::go_on : next::look_again;
}

asio::awaitable<result<stream_view>> publisher::look(session& link) {
    std::function<result<stream_view>(connection&)> work = [rules = how_.stream,
                                                            create = how_.create_stream](connection& c) {
        const auto info = c.request("$JS.API.STREAM.INFO." + rules.name, "");
        if (!info) return result<stream_view>{info.error()};
        auto found = read_stream(*info);
        if (found || found.error().code != errc::not_found || !create) return found;
        const auto made = c.request("$JS.API.STREAM.CREATE." + rules.name, definition(rules));
        if (!made) return result<stream_view>{made.error()};
        return read_stream(*made);
    };
    co_return co_await link.call<stream_view>(std::move(work), steady::now() + 2 * how_.timeout + grace);
}

asio::awaitable<result<std::string>> publisher::last_id(session& link, std::int64_t sequence) {
    std::function<result<std::string>(connection&)> work = [name = how_.stream.name,
                                                            sequence](connection& c) {
        const auto answer =
            c.request("$JS.API.STREAM.MSG.GET." + name, R"({"seq":)" + std::to_string(sequence) + "}");
        if (!answer) return result<std::string>{answer.error()};
        return read_message_id(*answer);
    };
    co_return co_await link.call<std::string>(std::move(work), steady::now() + how_.timeout + grace);
}

/// The row in `consumers`, made where there is none, with the filter as it is configured now.
asio::awaitable<result<store::consumer>> publisher::read_row() {
    if (registered_) {
        auto read = [](store::feed_store& db) { return db.read_consumer(own_name); };
        auto row = co_await pool_.run(std::move(read));
        if (!row) co_return row.error();
        if (*row) co_return std::move(**row);
        registered_ = false;
    }
    const auto head = co_await log_.head();
    if (!head) co_return head.error();
    head_ = *head;
    store::consumer_draft draft{
        own_name, store::consumer_kind::publisher, how_.filter, head->epoch, head->floor};
    auto make = [draft](store::feed_store& db) -> std::optional<store::consumer> {
        auto made = db.make_consumer(draft);
        if (!made) return {};
        return std::move(made->what);
    };
    auto row = co_await pool_.run(std::move(make));
    if (!row) co_return row.error();
    if (!*row) {
        co_return error{
            errc::conflict,
            "a client has made a consumer with the name nats, which publishing needs; remove it by DELETE "
            "/v1/consumers/nats"};
    }
    registered_ = true;
    co_return std::move(**row);
}

/// Whether the place could be moved: nobody else has done so, and the database answers.
asio::awaitable<bool> publisher::advance(store::publisher_place to) {
    auto move = [epoch = epoch_, from = place_, to](store::feed_store& db) {
        return db.advance_consumer(own_name, epoch, from, to);
    };
    const auto row = co_await pool_.run(std::move(move));
    if (!row) say(row.error().message);
    if (!row || !*row) co_return false;
    const bool moved =
        (*row)->epoch == epoch_ && store::publisher_place{(*row)->position, (*row)->stream_sequence} == to;
    if (moved) place_ = to;
    co_return moved;
}

asio::awaitable<void> publisher::pause(std::chrono::milliseconds time) {
    co_await closing_.sleep_until(steady::now() + time);
}

asio::awaitable<publisher::next> publisher::after(std::chrono::milliseconds time, next then) {
    co_await pause(time);
    co_return then;
}

void publisher::say(std::string trouble) {
    if (closing_.closed()) return;
    if (trouble == trouble_) return;
    trouble_ = std::move(trouble);
    if (trouble_.empty()) {
        if (leading()) log::info("publishing to NATS goes on", {{"stream", how_.stream.name}});
    } else {
        log::warn("publishing to NATS is held up", {{"stream", how_.stream.name}, {"reason", trouble_}});
    }
}

}  // namespace callhook::feed::nats
