#pragma once

#include "feed/log_tail.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace callhook::feed {

/// A log in a database, its tail in memory, and an event loop.
class log_fixture : public testing::Test {
protected:
    using clock = std::chrono::steady_clock;
    using list = std::vector<std::int64_t>;

    ~log_fixture() override {
        if (tail) tail->stop();
    }

    void open(std::size_t bytes = 1 << 20) {
        // Notifications must do: within a test no poll comes.
        tail.emplace(loop.get_executor(), db.where(), tail_settings{bytes, std::chrono::hours{1}}, metrics);
        run_until([&] { return tail->head().has_value(); });
    }

    /// Runs the loop until something holds; fails where it does not within some seconds.
    void run_until(const std::function<bool()>& holds) {
        const auto give_up = clock::now() + std::chrono::seconds{10};
        while (!holds() && clock::now() < give_up) {
            loop.restart();
            loop.run_for(std::chrono::milliseconds{5});
        }
        ASSERT_TRUE(holds());
    }

    /// Appends events as the sequencer does: every third a `call.new`, the others `call.missed`.
    void write(int count) {
        sequencer.sequence([&](store::sequencer_transaction& tx) {
            auto head = tx.head();
            std::vector<store::event_row> rows;
            for (int i = 0; i < count; ++i) {
                const auto n = ++head.position;
                const std::string type = n % 3 == 0 ? "call.new" : "call.missed";
                rows.push_back({n, type, "main", "calls/1", {}, R"({"type":")" + type + "\"}"});
            }
            head.recorded_at = store::test_time();
            tx.new_events(head.recorded_at)->add_all(rows);
            tx.finish(head);
        });
    }

    store::test_database db;
    store::sequencer_store sequencer{db.where()};
    boost::asio::io_context loop;
    metrics_registry metrics;
    std::optional<log_tail> tail;
};

}  // namespace callhook::feed
