#pragma once

#include "backfill/reconciler.hpp"
#include "test_database.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <optional>

namespace callhook::backfill {

namespace asio = boost::asio;

/// Runs like the machine's own, but from a fixed moment, and may be moved.
class running_clock final : public clock_source {
public:
    [[nodiscard]] utc_time now() const override {
        const auto ran = std::chrono::steady_clock::now() - began_;
        return store::test_time() + std::chrono::floor<std::chrono::microseconds>(ran) +
               std::chrono::microseconds{moved_};
    }
    void move(std::chrono::microseconds by) { moved_ += by.count(); }

private:
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::atomic<std::int64_t> moved_ = 0;
};

/// A call as the vendor knows it.
struct vendor_call {
    std::int64_t id = 0;
    utc_time created_at{};
    std::string status = "completed";
    std::string phone{};  ///< made of the id where it is empty
    std::string more{};   ///< further members, each with a comma before it

    [[nodiscard]] std::string record() const;
    /// The webhook of this name about it.
    [[nodiscard]] std::string webhook(const std::string& event) const;
    [[nodiscard]] std::string visitor() const;
};

/// The vendor, newest call first. Every request may be scripted.
class fake_api final : public sources::call_api {
public:
    asio::awaitable<sources::api_result<void>> greet() override;
    asio::awaitable<sources::api_result<std::string>> call(std::int64_t id) override;
    asio::awaitable<sources::api_result<sources::call_page>> calls(sources::call_filter filter) override;
    asio::awaitable<sources::api_result<std::vector<sources::widget>>> widgets() override;
    asio::awaitable<sources::api_result<std::vector<sources::person>>> users() override;
    asio::awaitable<sources::api_result<std::vector<sources::person>>> managers(std::int64_t) override;

    /// A list: tests hold on to its members.
    std::list<vendor_call> history;
    std::vector<sources::widget> widget_list;
    bool tells_count = true;
    int counts_too_many = 0;
    bool ignores_offset = false;
    std::size_t largest_page = 1'000;
    /// What the next requests fail with, whatever they ask for.
    std::deque<sources::api_failure> failures;
    /// Called before each page with its number from 1 on.
    std::function<void(int)> before_page;
    /// Requests take so long.
    std::chrono::milliseconds delay{0};
    /// Where requests go through first.
    sources::transport* way = nullptr;

    int pages = 0;
    std::vector<std::int64_t> asked;  ///< call by call
    int widgets_asked = 0;
    int under_way = 0;
    int most_under_way = 0;
    std::vector<sources::call_filter> filters;

private:
    asio::awaitable<std::optional<sources::api_failure>> travel(std::string operation);
};

/// One source `main` on a database, with a vendor that tests script. What is appended is collected, and
/// sequenced at once where `sequences` is set.
class world : public testing::Test {
protected:
    world();
    ~world() override;

    [[nodiscard]] utc_time now() const { return clock.now(); }

    /// A call that began so long ago, in the vendor's history and nowhere else. Whole seconds, as the vendor
    /// has them.
    vendor_call& vendor_has(std::int64_t id, std::chrono::seconds ago, std::string status = "completed");
    /// Its webhooks came.
    void webhook_came(const vendor_call& c, const std::string& event);
    void all_webhooks_came(const vendor_call& c);
    /// What the sequencer makes of a delivery.
    void sequence(const lifecycle::delivery& d);

    /// A stretch that holds all calls of the last day.
    [[nodiscard]] stretch day() const {
        const auto end = now();
        return {end - std::chrono::hours{24}, end};
    }

    [[nodiscard]] std::vector<std::int64_t> appended_ids() const;
    std::string identity() { return db.text("SELECT identity FROM source_states"); }
    std::string gap_calls() {
        return db.text(
            "SELECT coalesce(string_agg(call_id || ' ' || event, ', ' ORDER BY call_id, event), '') FROM "
            "gap_calls"
        );
    }

    append_function make_append();
    std::unique_ptr<reconciler> make_reconciler();
    outcome<sweep_report> sweep(reconciler& with, stretch over, sweep_options options = {});
    outcome<sweep_report> sweep(sweep_options options = {});

    /// Runs the loop until the coroutine ends.
    template <class T>
    T run(asio::awaitable<T> work) {
        std::optional<T> out;
        auto keep = [](asio::awaitable<T> w, std::optional<T>& to) -> asio::awaitable<void> {
            to.emplace(co_await std::move(w));
        };
        std::exception_ptr broke;
        bool ended = false;
        asio::co_spawn(loop, keep(std::move(work), out), [&](std::exception_ptr e) {
            broke = std::move(e);
            ended = true;
        });
        run_until([&] { return ended; });
        if (broke) std::rethrow_exception(broke);
        return std::move(*out);
    }
    /// Runs the loop until that is so. Where it never is, nothing may be unwound that the loop still refers
    /// to.
    void run_until(
        const std::function<bool()>& done, std::chrono::seconds longest = std::chrono::seconds{20}
    );
    void run_for(std::chrono::milliseconds time);
    /// Does something on the loop a while from now.
    void later(std::chrono::milliseconds after, std::function<void()> what);

    store::test_database db;
    running_clock clock;
    metrics_registry metrics;
    asio::io_context loop;
    asio::executor_work_guard<asio::io_context::executor_type> never_idle{loop.get_executor()};
    store::backfill_pool pool{db.where(), 2, metrics};
    store::backfill_store own_store{db.where(), "test"};
    std::shared_ptr<const sources::decoder> decoder;
    fake_api api;
    settings how;

    std::vector<lifecycle::delivery> appended;
    bool sequences = true;
    std::optional<error> append_fails;
    std::map<std::int64_t, lifecycle::fact_set> stored;

private:
    [[nodiscard]] result<void> append_outcome() const;

    std::uint32_t deliveries_ = 0;
};

}  // namespace callhook::backfill
