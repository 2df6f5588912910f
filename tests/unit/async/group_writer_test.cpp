#include "async/group_writer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <semaphore>
#include <string>

namespace callhook::async {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;
using writer = group_writer<std::string>;

class group_writer_test : public testing::Test {
protected:
    ~group_writer_test() override {
        gate.release(1'000);
        box.stop();
    }

    writer::work how() {
        return {
            [](const std::string& s) { return s.size(); },
            [this](const writer::group& taken) {
                gate.acquire();
                std::string all;
                for (const auto& one : taken)
                    all += *one;
                groups.push_back(all);
                return outcome;
            },
            [](const writer::group&, const result<void>&) {},
            [this] { ++looks; },
            {errc::overloaded, "full", ""},
            {errc::timed_out, "late", ""}};
    }

    asio::awaitable<void> append(
        writer::shared_item what, steady::time_point deadline, std::optional<result<void>>& into
    ) {
        into = co_await box.append(what, deadline);
    }
    std::size_t start(const std::string& text, steady::duration patience = 60s) {
        outcomes.emplace_back();
        auto what = std::make_shared<const std::string>(text);
        asio::co_spawn(
            loop, append(std::move(what), steady::now() + patience, outcomes.back()), asio::detached
        );
        loop.restart();
        loop.poll();
        return outcomes.size() - 1;
    }
    void finish(std::size_t n) {
        for (const auto give_up = steady::now() + 30s; !outcomes[n] && steady::now() < give_up;) {
            loop.restart();
            loop.run_one_for(100ms);
        }
        ASSERT_TRUE(outcomes[n]) << "an append never ended";
    }
    /// Waits until the writer has a group in hand.
    void await_busy() {
        const auto busy = [this] { return box.busy_for().has_value() && looks > 0; };
        for (const auto give_up = steady::now() + 30s; !busy() && steady::now() < give_up;)
            std::this_thread::sleep_for(1ms);
        ASSERT_TRUE(busy());
    }

    asio::io_context loop;
    std::counting_semaphore<100'000> gate{0};
    std::vector<std::string> groups;  // the writer's thread; read once it has ended or waits
    std::atomic<int> looks{0};
    result<void> outcome{boost::system::in_place_value};
    std::deque<std::optional<result<void>>> outcomes;
    writer box{{4, 100, 3, 50}, how(), 20ms};
};

TEST_F(group_writer_test, what_queues_during_a_group_is_the_next_one) {
    start("a");
    await_busy();
    for (const auto* text : {"b", "c"})
        start(text);
    gate.release(2);
    finish(2);
    EXPECT_EQ(groups, (std::vector<std::string>{"a", "bc"}));
}

TEST(group_writer, one_who_comes_alone_after_many_is_written_all_the_same) {
    asio::io_context loop;
    std::counting_semaphore<100> gate{0};
    std::vector<std::size_t> groups;
    std::size_t told = 0;
    writer box{
        {100, 1'000, 50, 1'000},
        {[](const std::string& s) { return s.size(); },
         [&](const writer::group& taken) {
             gate.acquire();
             groups.push_back(taken.size());
             return result<void>{boost::system::in_place_value};
         },
         [](const writer::group&, const result<void>&) {},
         [] {},
         {errc::overloaded, "full", ""},
         {errc::timed_out, "late", ""}},
        20ms};
    const auto append = [&]() -> asio::awaitable<void> {
        const auto outcome =
            co_await box.append(std::make_shared<const std::string>("x"), steady::now() + 60s);
        told += outcome ? 1U : 0U;
    };
    const auto start = [&](int many) {
        for (int i = 0; i < many; ++i)
            asio::co_spawn(loop, append(), asio::detached);
        loop.restart();
        loop.poll();
    };
    const auto await = [&](std::size_t all) {
        for (const auto give_up = steady::now() + 30s; told < all && steady::now() < give_up;) {
            loop.restart();
            loop.run_one_for(100ms);
        }
        ASSERT_EQ(told, all);
    };
    start(1);
    while (!box.busy_for())
        std::this_thread::sleep_for(1ms);
    start(20);
    gate.release(2);
    await(21);
    // Twenty are expected back and one comes.
    start(1);
    gate.release(1);
    await(22);
    box.stop();
    EXPECT_EQ(groups.back(), 1U);
}

TEST_F(group_writer_test, groups_and_queue_are_bounded) {
    start("a");
    await_busy();
    const auto large = start(std::string(60, 'x'));
    start(std::string(40, 'y'));
    const auto refused = start("z");
    ASSERT_TRUE(outcomes[refused]);
    EXPECT_EQ(outcomes[refused]->error().code, errc::overloaded);
    gate.release(3);
    finish(large + 1);
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups[1].size(), 60U) << "one of any size goes alone";
}

TEST_F(group_writer_test, a_short_deadline_behind_a_long_one_is_kept) {
    start("a");
    await_busy();
    const auto patient = start("b", 60s);
    const auto hurried = start("c", 50ms);
    const auto begun = steady::now();
    finish(hurried);
    EXPECT_EQ(outcomes[hurried]->error().code, errc::timed_out);
    EXPECT_LT(steady::now() - begun, 30s);
    EXPECT_FALSE(outcomes[patient]);
    gate.release(2);
    finish(patient);
    EXPECT_EQ(groups.back(), "b") << "nobody waits for the other any more";
}

TEST_F(group_writer_test, everyone_in_a_group_gets_its_outcome) {
    outcome = error{errc::unavailable, "no", ""};
    start("a");
    await_busy();
    start("b");
    start("c");
    gate.release(2);
    finish(2);
    for (const auto& one : outcomes)
        EXPECT_EQ(one->error().code, errc::unavailable);
}

TEST_F(group_writer_test, looks_around_while_idle) {
    for (const auto give_up = steady::now() + 30s; looks < 5 && steady::now() < give_up;)
        std::this_thread::sleep_for(1ms);
    EXPECT_GE(looks, 5);
}

TEST_F(group_writer_test, is_silent_only_while_its_work_does_not_come_back) {
    const auto silence_is = [this](auto is_so) {
        for (const auto give_up = steady::now() + 30s; !is_so(box.silent_for()) && steady::now() < give_up;)
            std::this_thread::sleep_for(1ms);
        return is_so(box.silent_for());
    };
    start("a");
    EXPECT_TRUE(silence_is([](steady::duration d) { return d > 300ms; })) << "many idle intervals";
    gate.release();
    EXPECT_TRUE(silence_is([](steady::duration d) { return d < 100ms; }));
}

}  // namespace
}  // namespace callhook::async
