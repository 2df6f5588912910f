#pragma once

#include "async/scope.hpp"
#include "async/wakeup.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "feed/lease_keeper.hpp"
#include "feed/log_reader.hpp"
#include "feed/nats/session.hpp"
#include "feed/nats/settings.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace callhook::feed::nats {

/// Publishes the event log to a JetStream stream: every event, in the order of the log, without a gap. Of any
/// number of daemons on a database one does so, the holder of the lease `nats`. How far it is stands in
/// `consumers` under that name, and moves only after the stream's acknowledgement. Loop thread.
class publisher {
public:
    /// `log` and `pool` must outlive it.
    publisher(
        const boost::asio::any_io_executor& executor,
        const settings& how,
        log_reader& log,
        store::feed_pool& pool,
        const clock_source& clock,
        metrics_registry& metrics
    );

    void start();

    /// Ends at once, with events on their way perhaps in the stream and not counted: the next one to publish
    /// finds them there. The lease goes to whoever wants it.
    boost::asio::awaitable<void> stop(std::chrono::steady_clock::time_point deadline);

    /// What keeps events from being published; empty where all is well, or another daemon's business.
    [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

private:
    /// What to do after something could not be done.
    enum class next { go_on, look_again, reconnect };

    boost::asio::awaitable<void> keep_lease();
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> lead();
    boost::asio::awaitable<bool> connect();
    boost::asio::awaitable<next> take_up(session& link);
    boost::asio::awaitable<result<store::publisher_place>> find_place(
        session& link, const store::consumer& row
    );
    boost::asio::awaitable<next> publish_all(session& link);
    boost::asio::awaitable<next> publish(session& link, log_stretch stretch);
    boost::asio::awaitable<next> idle();

    boost::asio::awaitable<result<stream_view>> look(session& link);
    boost::asio::awaitable<result<std::string>> last_id(session& link, std::int64_t sequence);
    boost::asio::awaitable<result<store::consumer>> read_row();
    boost::asio::awaitable<bool> advance(store::publisher_place to);

    [[nodiscard]] bool leading() const;
    boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
    boost::asio::awaitable<next> after(std::chrono::milliseconds time, next then = next::look_again);
    void say(std::string trouble);

    boost::asio::any_io_executor executor_;
    const settings how_;
    log_reader& log_;
    store::feed_pool& pool_;
    lease_keeper leases_;
    metric_counter published_;
    metric_gauge connected_;
    async::scope tasks_;
    async::wakeup closing_;

    std::unique_ptr<session> session_;
    /// By server: the thread of the last session with it, for as long as it has not ended.
    std::vector<std::weak_ptr<const void>> threads_;
    std::size_t next_server_ = 0;
    int failures_ = 0;
    bool registered_ = false;

    /// Where publishing is, in the database and in the stream.
    std::string epoch_;
    store::publisher_place place_{};
    store::feed_head head_{};
    std::chrono::steady_clock::time_point next_look_{};
    std::string trouble_;
};

}  // namespace callhook::feed::nats
