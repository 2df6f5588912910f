#include "feed/log_reader.hpp"

#include "log_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <future>

namespace callhook::feed {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class log_reader_test : public log_fixture {
protected:
    using reading = std::future<result<log_stretch>>;

    void open_reader() {
        open(1);  // the tail holds one event
        log.emplace(*tail, readers, metrics);
    }

    /// Owns what `read` only looks at.
    asio::awaitable<result<log_stretch>> read_with(
        cursor from, store::feed_head least, store::event_filter filter, std::size_t limit
    ) {
        co_return co_await log->read(from, least, filter, limit);
    }

    reading start(std::int64_t after, const store::event_filter& filter = {}, std::size_t limit = 1'000) {
        const auto head = *tail->head();
        return asio::co_spawn(loop, read_with({head.epoch, after}, head, filter, limit), asio::use_future);
    }

    result<log_stretch> finish(reading& what) {
        run_until([&] { return what.wait_for(0s) == std::future_status::ready; });
        return what.get();
    }

    log_stretch read(std::int64_t after, const store::event_filter& filter = {}, std::size_t limit = 1'000) {
        auto what = start(after, filter, limit);
        return finish(what).value();
    }

    static list positions(const log_stretch& of) {
        list out;
        for (const auto& event : of.events)
            out.push_back(event->position);
        return out;
    }

    int pages_read() {
        const auto text = metrics.render();
        const std::string name = "\ncallhook_feed_pages_read_total ";
        return std::stoi(text.substr(text.find(name) + name.size()));
    }

    store::reader_pool readers{db.where(), 2, metrics};
    std::optional<log_reader> log;
};

TEST_F(log_reader_test, many_who_want_the_same_page_read_it_once) {
    write(400);
    open_reader();
    std::vector<reading> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(start(i));
    for (int i = 0; i < 100; ++i) {
        const auto found = finish(all[static_cast<std::size_t>(i)]).value();
        EXPECT_EQ(found.events.size(), 250U - static_cast<std::size_t>(i));
        EXPECT_EQ(found.read_to, 250);
        EXPECT_EQ(found.head.position, 400);
    }
    EXPECT_EQ(pages_read(), 1);
    EXPECT_EQ(positions(read(248)), (list{249, 250}));
    EXPECT_EQ(read(3).events.front(), read(3).events.front()) << "the text is shared";
    EXPECT_EQ(pages_read(), 1) << "it is kept";
    EXPECT_EQ(read(250).read_to, 400);
    EXPECT_EQ(pages_read(), 2);
}

TEST_F(log_reader_test, reading_on_sees_each_event_once_whatever_the_limit) {
    write(1'100);
    open_reader();
    for (const std::size_t limit : {7U, 250U, 1'000U}) {
        list seen;
        for (std::int64_t at = 0; at < 1'100;) {
            const auto found = read(at, {}, limit);
            ASSERT_GT(found.read_to, at);
            ASSERT_LE(found.events.size(), limit);
            for (const auto position : positions(found))
                seen.push_back(position);
            at = found.read_to;
        }
        ASSERT_EQ(seen.size(), 1'100U);
        for (std::size_t i = 0; i < seen.size(); ++i)
            ASSERT_EQ(seen[i], static_cast<std::int64_t>(i) + 1);
    }
}

TEST_F(log_reader_test, a_filter_has_pages_of_its_own_and_uses_those_without) {
    write(900);
    open_reader();
    const store::event_filter news{{"call.new"}, {}, {}, {}};
    auto found = read(0, news);
    EXPECT_EQ(found.events.size(), 250U);
    EXPECT_EQ(found.read_to, 750) << "cut after so many";
    found = read(found.read_to, news);
    EXPECT_EQ(found.events.size(), 50U);
    EXPECT_EQ(found.read_to, 900);
    EXPECT_EQ(pages_read(), 2);
    read(0);
    EXPECT_EQ(pages_read(), 3);
    const store::event_filter others{{"call.missed"}, {}, {}, {}};
    found = read(10, others, 3);
    EXPECT_EQ(positions(found), (list{11, 13, 14}));
    EXPECT_EQ(found.read_to, 14);
    EXPECT_EQ(pages_read(), 3);
}

TEST_F(log_reader_test, a_page_that_was_the_last_is_read_again_when_there_is_more) {
    write(10);
    open_reader();
    EXPECT_EQ(read(0).read_to, 10);
    write(10);
    run_until([&] { return tail->head()->position == 20; });
    EXPECT_EQ(positions(read(10, {}, 2)), (list{11, 12}));
    EXPECT_EQ(read(0).events.size(), 20U) << "the fuller page has taken its place";
}

TEST_F(log_reader_test, another_history_is_told_whatever_is_kept) {
    write(400);
    open_reader();
    const auto old = *tail->head();
    read(0);
    db.exec(
        "UPDATE feed_head SET system_identifier = 'restored', position = 300; DELETE FROM events WHERE "
        "position > 300"
    );
    const auto epoch = sequencer.renew_epoch();
    write(1);
    run_until([&] { return tail->head()->epoch == epoch; });
    auto stale = asio::co_spawn(loop, read_with({old.epoch, 0}, old, {}, 10), asio::use_future);
    const auto refused = finish(stale);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::gone);
    EXPECT_EQ(read(0).events.size(), 250U);
}

TEST_F(log_reader_test, a_head_is_as_new_as_the_question_also_where_many_ask_at_once) {
    open_reader();
    std::vector<std::future<result<store::feed_head>>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back(asio::co_spawn(loop, log->head(), asio::use_future));
    write(1);
    run_until([&] { return all.back().wait_for(0s) == std::future_status::ready; });
    for (auto& one : all)
        EXPECT_EQ(one.get().value().position, 1) << "none began before it was asked for";
}

TEST_F(log_reader_test, a_wait_ends_when_the_log_goes_on_or_becomes_another) {
    write(5);
    open_reader();
    auto on = asio::co_spawn(loop, log->wait(5, clock::now() + 1h), asio::use_future);
    auto later = asio::co_spawn(loop, log->wait(50, clock::now() + 1h), asio::use_future);
    write(1);
    run_until([&] { return on.wait_for(0s) == std::future_status::ready; });
    EXPECT_NE(later.wait_for(0s), std::future_status::ready);
    db.exec("UPDATE feed_head SET system_identifier = 'restored'");
    sequencer.renew_epoch();
    write(1);
    run_until([&] { return later.wait_for(0s) == std::future_status::ready; });
}

}  // namespace
}  // namespace callhook::feed
