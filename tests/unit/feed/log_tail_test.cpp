#include "feed/log_tail.hpp"

#include "base/json.hpp"
#include "feed/events_endpoint.hpp"
#include "log_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>

namespace callhook::feed {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class log_tail_test : public log_fixture {
protected:
    std::vector<std::int64_t> read(
        std::int64_t after, const store::event_filter& filter = {}, std::size_t limit = 100
    ) {
        std::vector<std::int64_t> out;
        for (const auto& event : tail->read(after, filter, limit, read_to))
            out.push_back(event->position);
        return out;
    }

    /// What the sequencer offers after a position: these events, up to a head of this epoch, or of the
    /// tail's.
    void offer(std::int64_t after, const list& positions, std::int64_t until, const std::string& epoch = {}) {
        store::event_page page{*tail->head(), {}};
        page.head.position = until;
        if (!epoch.empty()) page.head.epoch = epoch;
        for (const auto position : positions)
            page.events.push_back({position, "call.new", "main", "calls/1", {}, "{}"});
        tail->offer(after, std::move(page));
    }

    bool covers(std::int64_t position) { return tail->covers(position, *tail->head()); }

    std::int64_t read_to = -1;
};

TEST_F(log_tail_test, begins_at_the_end_and_keeps_what_comes) {
    write(5);
    open();
    EXPECT_EQ(tail->head()->position, 5);
    EXPECT_TRUE(covers(5));
    EXPECT_FALSE(covers(4)) << "what was there before is the database's";
    EXPECT_EQ(read(5), list{});
    EXPECT_EQ(read_to, 5);

    write(3);
    run_until([&] { return tail->head()->position == 8; });
    EXPECT_TRUE(covers(5));
    EXPECT_FALSE(covers(4));
    EXPECT_EQ(read(5), (list{6, 7, 8}));
    EXPECT_EQ(read(7), list{8});
    EXPECT_EQ(read_to, 8);
    EXPECT_NE(metrics.render().find("callhook_feed_position 8"), std::string::npos);
}

TEST_F(log_tail_test, tells_how_far_a_filter_or_a_limit_let_it_look) {
    open();
    write(10);
    run_until([&] { return tail->head()->position == 10; });
    EXPECT_EQ(read(0, {{"call.new"}, {}, {}}), (list{3, 6, 9}));
    EXPECT_EQ(read_to, 10) << "looked through to the end";
    EXPECT_EQ(read(0, {{"call.new"}, {}, {}}, 2), (list{3, 6}));
    EXPECT_EQ(read_to, 6) << "no further than what was taken";
    EXPECT_EQ(read(3, {{"none"}, {}, {}}), list{});
    EXPECT_EQ(read_to, 10);
}

TEST_F(log_tail_test, covers_nothing_where_the_database_is_ahead) {
    open();
    write(3);
    run_until([&] { return tail->head()->position == 3; });
    auto least = *tail->head();
    EXPECT_TRUE(tail->covers(0, least));
    least.position = 2;
    EXPECT_TRUE(tail->covers(0, least));
    least.position = 4;
    EXPECT_FALSE(tail->covers(0, least));
    EXPECT_FALSE(tail->covers(4, least));
    least.position = 3;
    least.epoch = "00000000";
    EXPECT_FALSE(tail->covers(3, least)) << "another history";
}

TEST_F(log_tail_test, is_bounded_by_bytes) {
    open(200);
    write(50);
    run_until([&] { return tail->head()->position == 50; });
    EXPECT_FALSE(covers(0));
    EXPECT_TRUE(covers(48));
    EXPECT_EQ(read(48), (list{49, 50}));
    for (std::int64_t position = 0; position < 50; ++position) {
        if (!covers(position)) continue;
        EXPECT_EQ(read(position).size(), static_cast<std::size_t>(50 - position));
    }
}

TEST_F(log_tail_test, a_stretch_longer_than_a_page_comes_whole) {
    open();
    write(2'500);
    run_until([&] { return tail->head()->position == 2'500; });
    EXPECT_EQ(read(0, {}, 10'000).size(), 2'500U);
}

TEST_F(log_tail_test, takes_what_the_sequencer_offers_and_reads_on_behind_it) {
    open();
    // Not in the database: so it is known which were taken.
    offer(0, {1, 2}, 2);
    run_until([&] { return tail->head()->position == 2; });
    EXPECT_EQ(read(0), (list{1, 2}));
    db.exec("UPDATE feed_head SET position = 2");
    write(2);
    run_until([&] { return tail->head()->position == 4; });
    EXPECT_EQ(read(0), (list{1, 2, 3, 4})) << "nobody offered these";
}

TEST_F(log_tail_test, takes_no_offer_that_does_not_follow) {
    open();
    write(3);
    run_until([&] { return tail->head()->position == 3; });
    offer(4, {5}, 5);
    offer(2, {3}, 5);
    offer(3, {4}, 5, "00000000");
    write(1);
    run_until([&] { return tail->head()->position == 4; });
    EXPECT_EQ(read(0), (list{1, 2, 3, 4}));
}

TEST_F(log_tail_test, an_offer_without_events_moves_the_head) {
    open();
    write(3);
    run_until([&] { return tail->head()->position == 3; });
    offer(3, {}, 5);
    run_until([&] { return tail->head()->position == 5; });
    EXPECT_FALSE(covers(3)) << "they are the database's";
    EXPECT_TRUE(covers(5));
}

TEST_F(log_tail_test, another_epoch_is_another_history) {
    open();
    write(5);
    run_until([&] { return tail->head()->position == 5; });
    db.exec(
        "UPDATE feed_head SET system_identifier = 'restored', position = 3; DELETE FROM events WHERE "
        "position > 3"
    );
    const auto epoch = sequencer.renew_epoch();
    write(4);
    run_until([&] { return tail->head()->epoch == epoch && tail->head()->position == 7; });
    EXPECT_FALSE(covers(2));
    EXPECT_EQ(read(6), list{7});
}

TEST_F(log_tail_test, follows_on_after_an_outage) {
    open();
    write(2);
    run_until([&] { return tail->head()->position == 2; });
    db.disconnect_others();
    // The sequencer's connection is gone, too.
    EXPECT_THROW(write(1), store::failure);
    write(3);
    run_until([&] { return tail->head()->position == 5; });
    EXPECT_EQ(read(0), (list{1, 2, 3, 4, 5}));
}

TEST_F(log_tail_test, stop_wakes_who_waits_and_nothing_comes_after_it) {
    open();
    auto woken = asio::co_spawn(loop, tail->grown().wait(clock::now() + 1h), asio::use_future);
    loop.restart();
    loop.poll();
    write(1);
    tail->stop();
    loop.restart();
    loop.run_for(10ms);
    EXPECT_EQ(woken.wait_for(0s), std::future_status::ready);
    EXPECT_EQ(tail->head()->position, 0);
    tail.reset();
    loop.restart();
    loop.run_for(10ms);
}

// The endpoint over it
// -------------------------------------------------------------------------------------------------

class events_endpoint_test : public log_tail_test {
protected:
    void SetUp() override {
        write(10);
        open();
        log.emplace(*tail, readers, metrics);
        streams.emplace(stream_settings{}, *log, metrics);
        endpoint.emplace(feed_parts{{6, 5'000ms}, *log, *streams});
    }

    std::future<http::response> ask(const std::string& query, std::vector<http::field> fields = {}) {
        http::request whole;
        whole.method = "GET";
        whole.query = query;
        whole.fields = std::move(fields);
        return asio::co_spawn(loop, endpoint->handle(std::move(whole)), asio::use_future);
    }

    http::response get(const std::string& query, std::vector<http::field> fields = {}) {
        auto answer = ask(query, std::move(fields));
        run_until([&] { return answer.wait_for(0s) == std::future_status::ready; });
        return answer.get();
    }

    static list positions(const http::response& answer) {
        list out;
        const auto events = json::parse(answer.body);
        for (const auto& event : events.as_array())
            out.push_back(std::stoll(std::string{event.at("sequence").as_string()}));
        return out;
    }

    static std::string field_of(const http::response& answer, std::string_view name) {
        for (const auto& f : answer.fields) {
            if (f.name == name) return f.value;
        }
        return {};
    }

    std::string id(std::int64_t position) { return to_string(cursor{tail->head()->epoch, position}); }

    store::reader_pool readers{db.where(), 2, metrics};
    std::optional<log_reader> log;
    std::optional<event_streams> streams;
    std::optional<events_endpoint> endpoint;
};

TEST_F(events_endpoint_test, pages_through_the_log_by_its_own_header) {
    const auto first = get("lastEventId=0");
    EXPECT_EQ(first.status, 200U);
    EXPECT_EQ(first.content_type, "application/cloudevents-batch+json");
    EXPECT_EQ(positions(first), (list{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(field_of(first, "Last-Event-ID"), id(6));
    const auto second = get("lastEventId=" + id(6));
    EXPECT_EQ(positions(second), (list{7, 8, 9, 10}));
    const auto third = get("lastEventId=" + field_of(second, "Last-Event-ID"));
    EXPECT_EQ(third.body, "[]");
    EXPECT_EQ(field_of(third, "Last-Event-ID"), id(10));
    EXPECT_EQ(positions(get("limit=2")), (list{1, 2})) << "the beginning where nothing is said";
    EXPECT_EQ(positions(get("", {{"Last-Event-ID", id(8)}})), (list{9, 10}));
    EXPECT_EQ(get("lastEventId=$").body, "[]");
}

TEST_F(events_endpoint_test, a_filter_reads_no_stretch_twice) {
    const auto some = get("type=call.new&limit=2");
    EXPECT_EQ(positions(some), (list{3, 6}));
    EXPECT_EQ(field_of(some, "Last-Event-ID"), id(6));
    const auto rest = get("type=call.new&lastEventId=" + id(6));
    EXPECT_EQ(positions(rest), list{9});
    EXPECT_EQ(field_of(rest, "Last-Event-ID"), id(10));
    EXPECT_EQ(field_of(get("type=none"), "Last-Event-ID"), id(10));
    EXPECT_EQ(positions(get("type=call.new,call.missed&source=/callhook/main&limit=1")), list{1});
    EXPECT_EQ(get("source=other").body, "[]");
}

TEST_F(events_endpoint_test, lines_where_they_are_asked_for) {
    const auto answer = get("limit=2", {{"Accept", "text/html, Application/X-NDJSON;q=0.9"}});
    EXPECT_EQ(answer.content_type, "application/x-ndjson");
    EXPECT_EQ(std::count(answer.body.begin(), answer.body.end(), '\n'), 2);
}

TEST_F(events_endpoint_test, a_long_poll_answers_when_an_event_comes) {
    const auto started = clock::now();
    auto waiting = ask("lastEventId=$&timeout=25000");
    auto filtered = ask("lastEventId=$&timeout=25000&type=call.new");
    loop.restart();
    loop.run_for(50ms);
    EXPECT_NE(waiting.wait_for(0s), std::future_status::ready);
    write(1);
    run_until([&] { return waiting.wait_for(0s) == std::future_status::ready; });
    EXPECT_EQ(positions(waiting.get()), list{11});
    EXPECT_NE(filtered.wait_for(0s), std::future_status::ready) << "its type has not come yet";
    write(1);
    run_until([&] { return filtered.wait_for(0s) == std::future_status::ready; });
    EXPECT_EQ(positions(filtered.get()), list{12});
    EXPECT_LT(clock::now() - started, 25s) << "before its time was over";
}

TEST_F(events_endpoint_test, a_long_poll_ends_at_its_timeout_or_with_the_feed) {
    const auto started = clock::now();
    const auto answer = get("lastEventId=$&timeout=100");
    EXPECT_GE(clock::now() - started, 100ms);
    EXPECT_EQ(answer.body, "[]");
    EXPECT_EQ(field_of(answer, "Last-Event-ID"), id(10));
    auto waiting = ask("lastEventId=$&timeout=5000");
    loop.restart();
    loop.run_for(50ms);
    tail->grown().close();
    run_until([&] { return waiting.wait_for(0s) == std::future_status::ready; });
    EXPECT_EQ(waiting.get().body, "[]");
    EXPECT_LT(clock::now() - started, 5s);
}

TEST_F(events_endpoint_test, refusals_have_their_status) {
    const std::pair<std::string, unsigned> cases[] = {
        {"lastEventId=nonsense", 400},
        {"lastEventId=00000000.00000000000000000001", 410},
        {"lastEventId=" + id(11), 409},
        {"timeout=-1", 400},
        {"timeout=soon", 400},
        {"limit=0", 400},
        {"limit=all", 400},
        {"lasteventid=0", 400},
        {"type=%zz", 400},
    };
    for (const auto& [query, status] : cases) {
        const auto answer = get(query);
        EXPECT_EQ(answer.status, status) << query;
        EXPECT_EQ(answer.content_type, "application/problem+json") << query;
    }
    db.exec("UPDATE feed_head SET floor = 4; DELETE FROM events WHERE position <= 4");
    EXPECT_EQ(get("lastEventId=" + id(3)).status, 410U);
    EXPECT_EQ(positions(get("lastEventId=" + id(4) + "&limit=1")), list{5});
    EXPECT_EQ(positions(get("lastEventId=0&limit=1")), list{5});
}

TEST_F(events_endpoint_test, without_a_database_it_says_when_to_come_back) {
    db.shut_out();
    const auto answer = get("lastEventId=0");
    EXPECT_EQ(answer.status, 503U);
    EXPECT_EQ(field_of(answer, "Retry-After"), "1");
    db.let_in();
}

}  // namespace
}  // namespace callhook::feed
