#include "store/feed_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

class feed_consumers : public testing::Test {
protected:
    /// A log of so many events, the n-th recorded so many minutes ago as there are after it, and one more.
    void write(int count) {
        db.exec(
            "INSERT INTO events (position, recorded_at, type, source, subject, event) "
            "SELECT n, now() - make_interval(mins => " +
            std::to_string(count) +
            " - n + 1), 'call.new', 'main', 'calls/1', '{}' FROM generate_series(1, " +
            std::to_string(count) + ") n; UPDATE feed_head SET position = " + std::to_string(count)
        );
    }

    made_consumer make(const std::string& name, std::int64_t position = 0, event_filter filter = {}) {
        return store.make_consumer({name, consumer_kind::reader, std::move(filter), epoch(), position})
            .value();
    }

    publisher_place place_after(const publisher_place& from, const publisher_place& to) {
        const auto row = store.advance_consumer("nats", epoch(), from, to).value();
        return {row.position, row.stream_sequence};
    }

    std::string epoch() { return db.text("SELECT epoch FROM feed_head"); }

    test_database db;
    feed_store store{db.where(), "test"};
};

TEST_F(feed_consumers, what_is_made_is_read_as_it_was_given) {
    const event_filter filter{{"call.new", R"(a "quoted", \\ one)"}, {"main"}, {"calls/1", ""}, {3, -4}};
    const auto made = make("crm", 7, filter);
    EXPECT_TRUE(made.made);
    const auto read = store.read_consumer("crm");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->name, "crm");
    EXPECT_EQ(read->kind, consumer_kind::reader);
    EXPECT_EQ(read->filter.types, filter.types);
    EXPECT_EQ(read->filter.sources, filter.sources);
    EXPECT_EQ(read->filter.subjects, filter.subjects);
    EXPECT_EQ(read->filter.widgets, filter.widgets);
    EXPECT_EQ(read->epoch, epoch());
    EXPECT_EQ(read->position, 7);
    EXPECT_FALSE(read->acked_at);
    EXPECT_FALSE(store.read_consumer("other"));
}

TEST_F(feed_consumers, a_second_make_changes_the_filter_and_no_place) {
    make("crm", 3, {{"call.new"}, {}, {}, {}});
    store.ack_consumer("crm", epoch(), 5);
    const auto again = make("crm", 0, {{"call.missed"}, {}, {}, {}});
    EXPECT_FALSE(again.made);
    EXPECT_EQ(again.what.position, 5);
    EXPECT_EQ(again.what.filter.types, std::vector<std::string>{"call.missed"});
}

TEST_F(feed_consumers, a_publisher_is_another_kind) {
    EXPECT_TRUE(store.make_consumer({"nats", consumer_kind::publisher, {}, epoch(), 0})->made);
    const auto refused =
        store.make_consumer({"nats", consumer_kind::reader, {{"x"}, {}, {}, {}}, epoch(), 0});
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::conflict);
    EXPECT_TRUE(store.read_consumer("nats")->filter.empty());
}

TEST_F(feed_consumers, an_ack_moves_forward_only_and_within_its_epoch) {
    make("crm");
    auto at = store.ack_consumer("crm", epoch(), 5);
    ASSERT_TRUE(at);
    EXPECT_EQ(at->position, 5);
    EXPECT_TRUE(at->acked_at);
    EXPECT_EQ(store.ack_consumer("crm", epoch(), 4)->position, 5);
    at = store.ack_consumer("crm", "00000000", 9);
    EXPECT_EQ(at->position, 5);
    EXPECT_EQ(at->epoch, epoch());
    EXPECT_FALSE(store.ack_consumer("other", epoch(), 1));
}

TEST_F(feed_consumers, who_advances_leaves_a_place_that_was_moved) {
    store.make_consumer({"nats", consumer_kind::publisher, {}, epoch(), 0}).value();
    const publisher_place begun{0, {}};
    const publisher_place later{5, 17};
    EXPECT_EQ(place_after(begun, {0, 12}), (publisher_place{0, 12})) << "the stream was looked at";
    EXPECT_FALSE(store.read_consumer("nats")->acked_at) << "which acknowledges nothing";
    EXPECT_EQ(place_after({0, 12}, later), later);
    EXPECT_TRUE(store.read_consumer("nats")->acked_at);
    EXPECT_EQ(place_after({0, 12}, later), later) << "said twice";
    EXPECT_EQ(place_after({5, 16}, {9, 21}), later) << "somebody else has published";
    EXPECT_FALSE(store.advance_consumer("other", epoch(), begun, later));
}

TEST_F(feed_consumers, a_reset_forgets_what_the_stream_said) {
    store.make_consumer({"nats", consumer_kind::publisher, {}, epoch(), 0}).value();
    place_after({0, {}}, {5, 17});
    EXPECT_FALSE(store.reset_consumer("nats", epoch(), 5)->stream_sequence);
    EXPECT_EQ(place_after({5, 17}, {9, 21}), (publisher_place{5, {}}));
    EXPECT_EQ(place_after({5, {}}, {9, 21}), (publisher_place{9, 21}));
}

TEST_F(feed_consumers, a_reset_moves_anywhere) {
    make("crm", 9);
    EXPECT_EQ(store.reset_consumer("crm", epoch(), 2)->position, 2);
    EXPECT_EQ(store.reset_consumer("crm", "0123abcd", 4)->epoch, "0123abcd");
    EXPECT_FALSE(store.reset_consumer("other", epoch(), 0));
}

TEST_F(feed_consumers, the_lag_is_counted_from_the_place_or_the_floor) {
    write(10);
    make("level", 10);
    make("behind", 4);
    make("expired", 1);
    make("elsewhere", 8);
    store.reset_consumer("elsewhere", "00000000", 8);
    db.exec("UPDATE feed_head SET floor = 3; DELETE FROM events WHERE position <= 3");
    using list = std::vector<std::pair<std::string, std::int64_t>>;
    list lags;
    for (const auto& one : store.list_consumers())
        lags.emplace_back(one.name, one.lag_events);
    EXPECT_EQ(lags, (list{{"behind", 6}, {"elsewhere", 7}, {"expired", 7}, {"level", 0}}));
    EXPECT_EQ(store.read_consumer("level")->lag.count(), 0);
    const auto lag = store.read_consumer("behind")->lag;
    EXPECT_GE(lag, std::chrono::minutes{6});
    EXPECT_LT(lag, std::chrono::minutes{7});
}

TEST_F(feed_consumers, what_is_removed_is_gone) {
    make("crm");
    EXPECT_TRUE(store.remove_consumer("crm"));
    EXPECT_FALSE(store.remove_consumer("crm"));
    EXPECT_TRUE(make("crm").made);
}

TEST_F(feed_consumers, there_are_only_so_many) {
    db.exec(
        "INSERT INTO consumers (name, epoch, position) SELECT 'c' || n, '00000000', 0 "
        "FROM generate_series(1, " +
        std::to_string(most_consumers) + ") n"
    );
    const auto refused = store.make_consumer({"more", consumer_kind::reader, {}, epoch(), 0});
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, errc::conflict);
    EXPECT_FALSE(make("c7").made) << "one that is there can still be changed";
    EXPECT_TRUE(store.make_consumer({"nats", consumer_kind::publisher, {}, epoch(), 0})->made);
}

}  // namespace
}  // namespace callhook::store
