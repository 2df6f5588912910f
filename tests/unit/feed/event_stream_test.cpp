#include "feed/event_stream.hpp"

#include "log_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <future>

namespace callhook::feed {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A client that notes each piece, may be gone, and may take its time.
class client final : public http::body_stream {
public:
    explicit client(asio::io_context& loop) : loop_{loop} {}

    asio::awaitable<bool> write(std::string_view piece) override {
        pieces.emplace_back(piece);
        places.push_back(piece.data());
        while (slow) {
            asio::steady_timer pause{loop_, 1ms};
            co_await pause.async_wait(asio::use_awaitable);
        }
        co_return !gone;
    }
    [[nodiscard]] bool stopping() const noexcept override { return stopped; }

    [[nodiscard]] std::string all() const {
        std::string out;
        for (const auto& piece : pieces)
            out += piece;
        return out;
    }

    std::vector<std::string> pieces;
    std::vector<const char*> places;
    bool gone = false;
    bool slow = false;
    bool stopped = false;

private:
    asio::io_context& loop_;
};

class event_stream_test : public log_fixture {
protected:
    void begin(
        std::int64_t after,
        store::event_filter filter = {},
        std::chrono::milliseconds heartbeat = std::chrono::hours{1}
    ) {
        log.emplace(*tail, readers, metrics);
        streams.emplace(stream_settings{heartbeat}, *log, metrics);
        answer = streams->answer(std::move(filter), {tail->head()->epoch, after}, *tail->head());
        ended = asio::co_spawn(loop, answer.stream(to), asio::use_future);
    }

    void end() {
        run_until([&] { return ended.wait_for(0s) == std::future_status::ready; });
        ended.get();
    }

    void until(const std::string& text) {
        run_until([&] { return to.all().find(text) != std::string::npos; });
    }

    std::string id(std::int64_t position) { return to_string(cursor{tail->head()->epoch, position}); }

    store::reader_pool readers{db.where(), 2, metrics};
    std::optional<log_reader> log;
    std::optional<event_streams> streams;
    http::response answer;
    client to{loop};
    std::future<void> ended;
};

TEST_F(event_stream_test, begins_with_its_place_and_tells_each_event_in_a_frame) {
    open();
    write(3);
    run_until([&] { return tail->head()->position == 3; });
    begin(1);
    EXPECT_EQ(answer.content_type, "text/event-stream");
    until("\ndata: {\"id\":\"" + id(3));
    EXPECT_EQ(
        to.all(),
        "retry: 1000\nid: " + id(1) + "\n\nid: " + id(2) + "\ndata: {\"id\":\"" + id(2) +
            "\",\"sequence\":\"00000000000000000002\",\"type\":\"call.missed\"}\n\nid: " + id(3) +
            "\ndata: {\"id\":\"" + id(3) +
            "\",\"sequence\":\"00000000000000000003\",\"type\":\"call.new\"}\n\n"
    );
    write(1);
    until("\nid: " + id(4));
    EXPECT_THAT(metrics.render(), HasSubstr("callhook_feed_streams 1"));
    tail->grown().close();
    end();
    EXPECT_THAT(to.pieces.back(), StartsWith("retry: "));
    EXPECT_TRUE(to.pieces.back().ends_with("\n\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("callhook_feed_streams 0"));
}

TEST_F(event_stream_test, says_that_it_lives_and_how_far_the_filter_has_looked_once) {
    open();
    begin(0, {{"none"}, {}, {}, {}}, 20ms);
    until(": heartbeat\n\n");
    write(5);
    until(": heartbeat\nid: " + id(5) + "\n\n");
    const auto told = to.pieces.size();
    run_until([&] { return to.pieces.size() >= told + 2; });
    EXPECT_EQ(to.pieces.back(), ": heartbeat\n\n");
    to.gone = true;
    end();
}

TEST_F(event_stream_test, pieces_are_bounded_and_come_one_at_a_time) {
    open(64 << 20);
    sequencer.sequence([&](store::sequencer_transaction& tx) {
        auto head = tx.head();
        std::vector<store::event_row> rows;
        for (int i = 0; i < 100; ++i)
            rows.push_back(
                {++head.position,
                 "call.new",
                 "main",
                 "calls/1",
                 {},
                 R"({"pad":")" + std::string(10'000, 'x') + "\"}"}
            );
        head.recorded_at = store::test_time();
        tx.new_events(head.recorded_at)->add_all(rows);
        tx.finish(head);
    });
    run_until([&] { return tail->head()->position == 100; });
    to.slow = true;
    begin(0);
    run_until([&] { return to.pieces.size() == 1; });
    loop.restart();
    loop.run_for(30ms);
    EXPECT_EQ(to.pieces.size(), 1U) << "the next waits for the client";
    to.slow = false;
    until("id: " + id(100) + "\n");
    for (const auto& piece : to.pieces)
        EXPECT_LE(piece.size(), (64U << 10) + 10'200U);
    EXPECT_GT(to.pieces.size(), 14U);
    to.stopped = true;
    tail->grown().notify_all();
    write(1);
    end();
}

TEST_F(event_stream_test, streams_that_are_woken_together_share_what_they_are_told) {
    open();
    write(3);
    run_until([&] { return tail->head()->position == 3; });
    begin(3);
    client same{loop};
    client behind{loop};
    client choosy{loop};
    const auto follow = [&](std::int64_t after, store::event_filter filter = {}) {
        return streams->answer(std::move(filter), {tail->head()->epoch, after}, *tail->head());
    };
    auto second = follow(3);
    auto third = follow(2);
    auto fourth = follow(3, {{"call.new"}, {}, {}, {}});
    std::vector<std::future<void>> others;
    others.push_back(asio::co_spawn(loop, second.stream(same), asio::use_future));
    others.push_back(asio::co_spawn(loop, third.stream(behind), asio::use_future));
    others.push_back(asio::co_spawn(loop, fourth.stream(choosy), asio::use_future));
    run_until([&] { return to.pieces.size() + same.pieces.size() == 2 && behind.pieces.size() == 2; });
    // Their pieces are in memory together, so that one place means one piece.
    for (auto* each : {&to, &same, &behind, &choosy})
        each->slow = true;
    write(4);
    const auto has_more = [](const client& who) {
        return who.pieces.back().find("\ndata: ") != std::string::npos;
    };
    run_until([&] { return has_more(to) && has_more(same) && has_more(choosy) && behind.pieces.size() == 3; }
    );
    EXPECT_EQ(to.places.back(), same.places.back());
    EXPECT_EQ(to.pieces.back(), behind.pieces.back());
    EXPECT_NE(to.places.back(), choosy.places.back());
    EXPECT_THAT(to.pieces.back(), AllOf(HasSubstr("id: " + id(4)), HasSubstr("id: " + id(7))));
    EXPECT_THAT(choosy.pieces.back(), AllOf(Not(HasSubstr("id: " + id(4))), HasSubstr("id: " + id(6))));
    for (auto* each : {&to, &same, &behind, &choosy})
        each->slow = false;
    tail->grown().close();
    for (auto& one : others) {
        run_until([&] { return one.wait_for(0s) == std::future_status::ready; });
        one.get();
    }
    end();
}

TEST_F(event_stream_test, ends_without_a_word_where_the_log_is_another_one) {
    write(5);
    open();
    begin(5);
    run_until([&] { return !to.pieces.empty(); });
    db.exec(
        "UPDATE feed_head SET system_identifier = 'restored', position = 3; DELETE FROM events WHERE "
        "position > 3"
    );
    sequencer.renew_epoch();
    write(1);
    end();
    EXPECT_EQ(to.pieces.size(), 1U);
}

TEST_F(event_stream_test, a_database_that_is_away_is_waited_for) {
    write(5);
    open();  // these five are the database's
    begin(5);
    run_until([&] { return !to.pieces.empty(); });
    client other{loop};
    db.shut_out();
    auto behind = streams->answer({}, {tail->head()->epoch, 0}, *tail->head());
    auto done = asio::co_spawn(loop, behind.stream(other), asio::use_future);
    loop.restart();
    loop.run_for(100ms);
    EXPECT_EQ(other.pieces.size(), 1U);
    db.let_in();
    run_until([&] { return other.all().find("id: " + id(5) + "\ndata") != std::string::npos; });
    tail->grown().close();
    run_until([&] { return done.wait_for(0s) == std::future_status::ready; });
    end();
}

}  // namespace
}  // namespace callhook::feed
