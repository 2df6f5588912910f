#include "feed/outbound/delivery_window.hpp"

#include "feed/outbound/verdict.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace callhook::feed::outbound {
namespace {

using namespace std::chrono_literals;
using positions = std::vector<std::int64_t>;

const delivery_window::time_point start{std::chrono::hours{5}};

shared_event event(std::int64_t position, const std::string& subject) {
    store::event_row row;
    row.position = position;
    row.source = "demo";
    row.subject = subject;
    row.event = R"({"type":"call.new"})";
    return std::make_shared<const store::event_row>(std::move(row));
}

class delivery_window_test : public ::testing::Test {
protected:
    void add(std::initializer_list<std::pair<std::int64_t, const char*>> events) {
        for (const auto& [position, subject] : events)
            window.add(event(position, subject), start);
    }
    positions take_all(delivery_window::time_point now = start) {
        positions out;
        while (const auto* next = window.take(now))
            out.push_back(next->position);
        return out;
    }
    static positions undelivered(const store::outbound_progress& p) {
        positions out;
        for (const auto& m : p.undelivered)
            out.push_back(m.position);
        return out;
    }
    delivery_window window;
};

TEST_F(delivery_window_test, one_of_each_call_goes_out_at_a_time_and_in_order) {
    add({{1, "a"}, {2, "b"}, {3, "a"}, {4, "a"}, {5, "b"}});
    EXPECT_EQ(take_all(), (positions{1, 2}));
    window.delivered(1);
    EXPECT_EQ(take_all(), (positions{3}));
    window.delivered(3);
    window.delivered(2);
    EXPECT_EQ(take_all(), (positions{4, 5}));
}

TEST_F(delivery_window_test, forgotten_texts_are_to_be_read_again) {
    add({{1, "a"}, {2, "b"}, {3, "a"}});
    EXPECT_GT(window.fresh_bytes(), 0U);
    window.take(start);
    window.forget_texts();
    EXPECT_EQ(window.fresh_bytes(), 0U);
    EXPECT_EQ(window.fresh(), 3U);
    EXPECT_EQ(window.under_way(1).event, nullptr);
    window.delivered(1);
    EXPECT_EQ(take_all(), (positions{2, 3}));
    window.delivered(2);
    window.failed(3, "answered 500", start + 1s);
    EXPECT_EQ(window.fresh_bytes(), 0U);
    EXPECT_EQ(undelivered(window.collect(3, start)), (positions{3}));
}

TEST_F(delivery_window_test, a_retry_holds_back_its_call_alone_until_it_is_dead) {
    add({{1, "a"}, {2, "b"}, {3, "a"}, {4, "b"}});
    take_all();
    window.failed(1, "answered 500", start + 5s);
    window.delivered(2);
    EXPECT_EQ(take_all(start + 4s), (positions{4}));
    EXPECT_EQ(window.next_due(), start + 5s);
    EXPECT_EQ(take_all(start + 5s), (positions{1}));
    window.dead(1, "answered 500");
    EXPECT_EQ(take_all(start + 5s), (positions{3}));
}

TEST_F(delivery_window_test, the_place_stays_before_what_is_neither_delivered_nor_stored) {
    add({{3, "a"}, {4, "b"}, {7, "c"}});
    take_all();
    EXPECT_EQ(window.collect(9, start).position, 2);
    window.delivered(4);
    EXPECT_EQ(window.collect(9, start).position, 2);
    window.delivered(3);
    EXPECT_EQ(window.collect(9, start).position, 6);
    window.failed(7, "timed out", start + 1s);
    const auto progress = window.collect(9, start);
    EXPECT_EQ(progress.position, 9);
    ASSERT_EQ(progress.undelivered.size(), 1U);
    EXPECT_EQ(progress.undelivered[0].position, 7);
    EXPECT_EQ(progress.undelivered[0].attempts, 1);
    EXPECT_EQ(progress.undelivered[0].due_in, 1s);
    EXPECT_EQ(progress.undelivered[0].last_error, "timed out");
    EXPECT_EQ(window.changes(), 0U);
}

TEST_F(delivery_window_test, what_waits_behind_a_stored_message_is_stored_too) {
    add({{1, "a"}, {2, "a"}, {3, "b"}});
    take_all();
    window.failed(1, "answered 503", start + 1h);
    window.delivered(3);
    const auto progress = window.collect(3, start);
    EXPECT_EQ(progress.position, 3) << "a call that cannot be delivered holds up no place";
    EXPECT_EQ(undelivered(progress), (positions{1, 2}));
    EXPECT_EQ(window.fresh(), 0U);
    EXPECT_EQ(window.fresh_bytes(), 0U);
    // Delivered later, its row goes.
    EXPECT_EQ(take_all(start + 1h), (positions{1}));
    window.delivered(1);
    EXPECT_EQ(window.collect(3, start).delivered, (positions{1}));
}

TEST_F(delivery_window_test, what_was_stored_comes_first_and_is_not_read_twice) {
    window.add(store::waiting_message{2, "demo", "a", 3, -5s, "answered 500"}, start);
    add({{2, "a"}, {3, "a"}, {4, "b"}});
    EXPECT_EQ(window.size(), 3U);
    const auto* first = window.take(start);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->position, 2);
    EXPECT_EQ(first->attempts, 3);
    EXPECT_EQ(first->event, nullptr);
    EXPECT_EQ(take_all(), (positions{4}));
}

TEST_F(delivery_window_test, what_could_not_be_written_is_told_again) {
    add({{1, "a"}, {2, "b"}, {3, "c"}});
    take_all();
    window.failed(1, "x", start + 1s);
    window.dead(2, "y");
    window.restore(window.collect(3, start));
    EXPECT_GT(window.changes(), 0U);
    auto again = window.collect(3, start);
    EXPECT_EQ(undelivered(again), (positions{1, 2}));
    EXPECT_TRUE(again.undelivered[1].dead);
    // Meanwhile it got through: its row may be there all the same.
    EXPECT_EQ(take_all(start + 1s), (positions{1}));
    window.delivered(1);
    window.restore(std::move(again));
    again = window.collect(3, start);
    EXPECT_EQ(undelivered(again), (positions{2}));
    EXPECT_EQ(again.delivered, (positions{1}));
}

TEST_F(delivery_window_test, an_orderly_end_stores_all_so_that_nothing_is_sent_twice) {
    add({{1, "a"}, {2, "b"}, {3, "c"}});
    take_all();
    window.delivered(2);
    window.put_back(1);
    window.put_back(3);
    window.store_all();
    const auto progress = window.collect(5, start);
    EXPECT_EQ(progress.position, 5);
    EXPECT_EQ(undelivered(progress), (positions{1, 3}));
    EXPECT_EQ(progress.undelivered[0].attempts, 0);
}

/// Whatever succeeds, fails or dies, whenever it is written and wherever it ends: each event is delivered or
/// dead, of each call in order, and a worker that starts from what was written misses nothing.
TEST(delivery_window_walk, misses_nothing_and_keeps_each_call_in_order) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random{seed};
        const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
        constexpr std::int64_t last = 40;
        std::map<std::int64_t, std::string> log;
        for (std::int64_t p = 1; p <= last; ++p)
            log[p] = std::string(1, static_cast<char>('a' + random() % 6));
        std::map<std::int64_t, store::waiting_message> rows;
        std::map<std::string, positions> done;
        std::int64_t place = 0;
        auto now = start;
        bool whole = false;
        while (!whole) {
            delivery_window window;
            for (const auto& [p, row] : rows)
                if (!row.dead) window.add(row, now);
            std::int64_t read_to = place;
            std::set<std::int64_t> under_way;
            for (int step = 0; step < 200; ++step) {
                if (read_to < last && chance(50)) {
                    ++read_to;
                    // What is dead already is not brought back by a place that lies before it.
                    if (!rows.contains(read_to) || !rows.at(read_to).dead)
                        window.add(event(read_to, log.at(read_to)), now);
                }
                if (const auto* next = window.take(now); next != nullptr) under_way.insert(next->position);
                if (!under_way.empty() && chance(70)) {
                    const auto p =
                        *std::next(under_way.begin(), static_cast<long>(random() % under_way.size()));
                    under_way.erase(p);
                    if (chance(60)) {
                        done[log.at(p)].push_back(p);
                        window.delivered(p);
                    } else if (chance(20)) {
                        done[log.at(p)].push_back(p);
                        window.dead(p, "why");
                    } else {
                        window.failed(p, "why", now + std::chrono::seconds{random() % 5});
                    }
                }
                now += 1s;
                if (chance(20)) {
                    auto progress = window.collect(read_to, now);
                    if (chance(20)) {
                        window.restore(std::move(progress));
                    } else {
                        ASSERT_GE(progress.position, place);
                        place = progress.position;
                        for (const auto& row : progress.undelivered)
                            rows[row.position] = row;
                        for (const auto p : progress.delivered)
                            rows.erase(p);
                    }
                }
                if (chance(1)) break;  // a crash
            }
            whole = place == last &&
                    std::all_of(rows.begin(), rows.end(), [](const auto& r) { return r.second.dead; });
        }
        positions all;
        for (const auto& [subject, order] : done) {
            // At least once: an event may come again after a crash, and with it those after it.
            positions first;
            for (const auto p : order)
                if (std::find(first.begin(), first.end(), p) == first.end()) first.push_back(p);
            EXPECT_TRUE(std::is_sorted(first.begin(), first.end())) << "seed " << seed;
            all.insert(all.end(), first.begin(), first.end());
        }
        EXPECT_EQ(all.size(), static_cast<std::size_t>(last)) << "seed " << seed;
    }
}

// What an answer means -------------------------------------------------------------------------------------

const std::vector<std::chrono::milliseconds> schedule{10s, 100s};

receipt answered(unsigned status) {
    receipt out;
    out.status = status;
    return out;
}

TEST(verdict, only_2xx_is_a_delivery_and_410_ends_it_all) {
    for (const auto status : {200U, 201U, 204U, 299U})
        EXPECT_EQ(judge(answered(status), 0, schedule, 0).what, verdict::outcome::delivered);
    for (const auto status : {199U, 300U, 301U, 307U, 400U, 404U, 429U, 500U, 503U})
        EXPECT_EQ(judge(answered(status), 0, schedule, 0).what, verdict::outcome::retry) << status;
    EXPECT_EQ(judge(answered(410), 0, schedule, 0).what, verdict::outcome::gone);
    receipt none;
    none.error = "timed out";
    EXPECT_EQ(judge(none, 0, schedule, 0).what, verdict::outcome::retry);
    EXPECT_EQ(judge(none, 0, schedule, 0).why, "timed out");
    EXPECT_EQ(judge(answered(500), 0, schedule, 0).why, "answered 500");
}

TEST(verdict, the_schedule_is_followed_give_or_take_a_tenth_and_then_it_is_dead) {
    EXPECT_EQ(judge(answered(500), 0, schedule, 0.5).delay, 10s);
    EXPECT_EQ(judge(answered(500), 0, schedule, 0).delay, 9s);
    EXPECT_EQ(judge(answered(500), 1, schedule, 1).delay, 110s);
    EXPECT_EQ(judge(answered(500), 2, schedule, 0.5).what, verdict::outcome::dead);
}

TEST(verdict, a_receiver_may_ask_for_more_time_but_not_for_ever) {
    auto busy = answered(503);
    busy.retry_after = 60s;
    EXPECT_EQ(judge(busy, 0, schedule, 0.5).delay, 60s);
    busy.retry_after = 1s;
    EXPECT_EQ(judge(busy, 0, schedule, 0.5).delay, 10s) << "no sooner than planned";
    busy.retry_after = std::chrono::hours{24 * 365};
    EXPECT_EQ(judge(busy, 0, schedule, 0.5).delay, std::chrono::hours{24 * 7});
}

}  // namespace
}  // namespace callhook::feed::outbound
