#pragma once

// Dispatcher and workers whole, on a database, with receivers that do as the test says.

#include "feed/outbound/dispatcher.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <map>

namespace callhook::feed::outbound {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using positions = std::vector<std::int64_t>;

inline receipt answered(unsigned status) {
    receipt out;
    out.status = status;
    return out;
}

/// What a receiver was sent, whichever daemon sent it.
struct fake_receiver {
    explicit fake_receiver(asio::io_context& loop) : changed{loop.get_executor()} {}

    std::function<receipt(std::int64_t)> answer = [](std::int64_t) { return answered(200); };
    /// While it hangs nothing is answered.
    bool hangs = false;
    positions sent{};   ///< every request
    positions taken{};  ///< those that were answered 2xx
    int at_once = 0;
    int most_at_once = 0;
    async::wakeup changed;
};

class fake_sender final : public sender {
public:
    fake_sender(asio::io_context& loop, fake_receiver& to) : to_{to}, closing_{loop.get_executor()} {}

    asio::awaitable<receipt> send(const std::string&, shared_event event) override {
        const auto position = event->position;
        to_.sent.push_back(position);
        to_.most_at_once = std::max(to_.most_at_once, ++to_.at_once);
        co_await closing_.wait(clock::now() + 1ms);
        while (to_.hangs && !closing_.closed())
            co_await closing_.wait(clock::now() + 5ms);
        --to_.at_once;
        if (closing_.closed()) {
            receipt cut;
            cut.cancelled = true;
            co_return cut;
        }
        auto out = to_.answer(position);
        if (out.status && *out.status < 300) to_.taken.push_back(position);
        co_return out;
    }

    void close() override { closing_.close(); }

private:
    fake_receiver& to_;
    async::wakeup closing_;
};

class dispatcher_test : public testing::Test {
protected:
    /// One daemon's part in it.
    struct daemon {
        explicit daemon(dispatcher_test& t)
            : pool{t.db.where(), 2, t.metrics},
              what{
                  t.loop.get_executor(),
                  t.log,
                  pool,
                  {t.schedule, t.pause_after, 4, 1h},
                  {[](const auto&) { return true; },
                   [&t](const store::active_subscription& of) -> std::unique_ptr<sender> {
                       t.made.push_back(of.what.url);
                       if (of.what.url == "useless") return nullptr;
                       return std::make_unique<fake_sender>(t.loop, t.receiver);
                   }},
                  t.wall,
                  t.metrics} {
            what.start();
        }
        store::feed_pool pool;
        dispatcher what;
    };

    ~dispatcher_test() override {
        for (auto& one : daemons) {
            if (one) stop(one);
        }
        tail.stop();
    }

    daemon& start() { return *daemons.emplace_back(std::make_unique<daemon>(*this)); }

    void stop(std::unique_ptr<daemon>& one) {
        auto ended = asio::co_spawn(loop, one->what.stop(), asio::use_future);
        run_until([&] { return ended.wait_for(0s) == std::future_status::ready; });
        one.reset();
    }

    void subscribe(const std::function<void(store::subscription_draft&)>& change = {}) {
        store::subscription_draft what;
        what.name = "crm";
        what.url = "https://crm.example/hook";
        if (change) change(what);
        ASSERT_TRUE(db_store.put_subscription(what, secret{"whsec_x"}, epoch(), 0));
    }

    /// Appends events as the sequencer does, one for each subject.
    void write(const std::vector<std::string>& subjects) {
        sequencer.sequence([&](store::sequencer_transaction& tx) {
            auto head = tx.head();
            std::vector<store::event_row> rows;
            for (const auto& subject : subjects)
                rows.push_back({++head.position, "call.new", "main", subject, {}, R"({"type":"call.new"})"});
            head.recorded_at = store::this_month();
            tx.new_events(head.recorded_at)->add_all(rows);
            tx.finish(head);
        });
    }

    void write(int count) {
        std::vector<std::string> subjects;
        for (int i = 0; i < count; ++i)
            subjects.push_back("calls/" + std::to_string(i));
        write(subjects);
    }

    /// As the API does after a change by an operator.
    void wake() {
        for (auto& one : daemons) {
            if (one) one->what.wake();
        }
    }

    void run_until(const std::function<bool()>& holds) {
        const auto give_up = clock::now() + 20s;
        while (!holds() && clock::now() < give_up) {
            loop.restart();
            loop.run_for(5ms);
        }
        ASSERT_TRUE(holds());
    }
    void run_for(std::chrono::milliseconds time) {
        const auto until = clock::now() + time;
        run_until([&] { return clock::now() >= until; });
    }

    store::subscription row() { return db_store.read_subscription("crm").value(); }
    std::int64_t place() { return db.number("SELECT position FROM subscriptions"); }
    std::string epoch() { return db.text("SELECT epoch FROM feed_head"); }
    std::string rows() {
        return db.text(
            "SELECT coalesce(string_agg(position || CASE WHEN dead_at IS NULL THEN '' ELSE ' dead' END, ',' "
            "ORDER BY position), '') FROM outbound_messages"
        );
    }
    [[nodiscard]] positions sorted_taken() const {
        auto out = receiver.taken;
        std::sort(out.begin(), out.end());
        return out;
    }
    static positions upto(std::int64_t last) {
        positions out;
        for (std::int64_t i = 1; i <= last; ++i)
            out.push_back(i);
        return out;
    }

    store::test_database db;
    store::sequencer_store sequencer{db.where()};
    store::feed_store db_store{db.where(), "test"};
    asio::io_context loop;
    metrics_registry metrics;
    system_clock_source wall;
    store::reader_pool readers{db.where(), 2, metrics};
    log_tail tail{loop.get_executor(), db.where(), {1 << 20, 100ms}, metrics};
    log_reader log{tail, readers, metrics};
    fake_receiver receiver{loop};
    std::vector<std::chrono::milliseconds> schedule{20ms, 20ms};
    std::chrono::milliseconds pause_after{1h};
    std::vector<std::string> made;
    std::vector<std::unique_ptr<daemon>> daemons;
};

}  // namespace callhook::feed::outbound
