#include "base/time_text.hpp"
#include "store/audit.hpp"
#include "store/retention_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

/// Months are made for it, and not all are dropped again, so it has a database of its own.
class retention : public testing::Test {
protected:
    retention() {
        for (const char* month : {"2020-01", "2020-02", "2020-03"})
            make_month(month);
    }

    void make_month(const std::string& month) {
        const auto suffix = "y" + month.substr(0, 4) + "m" + month.substr(5);
        const auto from = "'" + month + "-01T00:00:00Z'::timestamptz";
        const auto until = "(" + from + " + interval '1 month')";
        for (const std::string table : {"deliveries", "outcomes"}) {
            const auto low = db.text("SELECT uuid_floor(" + from + ")");
            const auto high = db.text("SELECT uuid_floor(" + until + ")");
            db.exec(
                "CREATE TABLE " + table + "_" + suffix + " PARTITION OF " + table + " FOR VALUES FROM ('" +
                low + "') TO ('" + high + "')"
            );
        }
        db.exec(
            "CREATE TABLE events_" + suffix + " PARTITION OF events FOR VALUES FROM ('" + month +
            "-01T00:00:00Z') TO ('" + db.text("SELECT " + until) + "')"
        );
    }

    /// A delivery that told of a call, with its event.
    uuid put(std::string_view at, std::int64_t call) {
        ++seq;
        const auto when = *parse_rfc3339(at);
        const auto id = test_id(static_cast<std::uint32_t>(seq), when);
        put_group(db, {{id}});
        db.exec("DELETE FROM pending");
        const auto n = std::to_string(seq);
        const auto key = "'" + to_string(id) + "'";
        db.exec(
            "INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) VALUES (" + key + ", " +
            n + ", 'applied', 'main', 'call.new', " + std::to_string(call) +
            ");"
            "INSERT INTO calls (source, id, phase, at, record, facts) VALUES ('main', " +
            std::to_string(call) +
            ", 'new', now(), '{}', '[]') ON CONFLICT DO NOTHING;"
            "INSERT INTO events (position, recorded_at, type, source, subject, delivery_id, event) VALUES (" +
            n + ", '" + std::string{at} + "', 'call.new', 'main', 'calls/1', " + key +
            ", '{}');"
            "UPDATE feed_head SET position = " +
            n + ", outcomes = " + n
        );
        return id;
    }

    /// Drops the month with all that belongs to it.
    drop_outcome drop(const old_month& month) {
        finalizing progress;
        while (!progress.done)
            store.make_some_final(month, now, progress);
        return store.drop_deliveries(month, now, progress);
    }

    std::vector<std::string> names(const std::vector<old_month>& months) {
        std::vector<std::string> out;
        for (const auto& month : months)
            out.push_back(month.partition);
        return out;
    }

    std::string violations() {
        std::string out;
        for (const auto& check : audit(db.where()).checks) {
            if (check.violations != 0) out += check.name + "; ";
        }
        return out;
    }

    test_database db{test_database::content::fresh};
    retention_store store{db.where(), 10s};
    const utc_time now = *parse_rfc3339("2020-06-01T00:00:00Z");
    std::int64_t seq = 0;
};

using list = std::vector<std::string>;

TEST_F(retention, a_month_is_old_once_all_of_it_is) {
    EXPECT_EQ(
        names(store.old_months_of_deliveries(*parse_rfc3339("2020-02-01T00:00:00Z"))),
        (list{"deliveries_y2020m01"})
    );
    EXPECT_EQ(names(store.old_months_of_deliveries(*parse_rfc3339("2020-01-31T23:59:59Z"))), list{});
    EXPECT_EQ(
        names(store.old_months_of_events(*parse_rfc3339("2020-03-31T00:00:00Z"))),
        (list{"events_y2020m01", "events_y2020m02"})
    );
    const auto month = store.old_months_of_deliveries(now).front();
    EXPECT_EQ(month.outcomes, "outcomes_y2020m01");
    EXPECT_EQ(to_rfc3339(month.from), "2020-01-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(month.until), "2020-02-01T00:00:00Z");
    EXPECT_GT(month.bytes, 0);
}

TEST_F(retention, records_become_final_with_the_first_of_their_deliveries) {
    put("2020-01-10T00:00:00Z", 1);
    put("2020-02-10T00:00:00Z", 1);
    put("2020-02-11T00:00:00Z", 2);
    ASSERT_EQ(violations(), "");
    const auto months = store.old_months_of_deliveries(*parse_rfc3339("2020-02-15T00:00:00Z"));
    ASSERT_EQ(months.size(), 1U);
    EXPECT_EQ(store.count_deliveries(months[0]), 1);
    EXPECT_EQ(store.count_finals(*parse_rfc3339("2020-02-15T00:00:00Z"), months).calls, 1);
    EXPECT_EQ(drop(months[0]), drop_outcome::dropped);
    EXPECT_EQ(db.text("SELECT string_agg(id::text, ',') FROM calls WHERE final_at IS NOT NULL"), "1");
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 2);
    EXPECT_EQ(db.number("SELECT count(*) FROM outcomes"), 2);
    EXPECT_EQ(violations(), "") << "an event whose delivery has expired is no fault";
    EXPECT_EQ(store.count_finals(now, store.old_months_of_deliveries(now)).calls, 1) << "the other call";
}

/// More than one step's worth, and one that comes in between the steps and the drop.
TEST_F(retention, records_become_final_however_many_there_are) {
    db.exec(
        "INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) "
        "SELECT uuid_floor('2020-01-02'::timestamptz + make_interval(secs => n)), n, 'duplicate', 'main', "
        "'call.new', n % 1500 FROM generate_series(1, 2500) n;"
        "INSERT INTO calls (source, id, phase, at, record, facts) "
        "SELECT 'main', n, 'new', now(), '{}', '[]' FROM generate_series(0, 1600) n;"
        "INSERT INTO messages (id, source, content_hash, received_at, fact, record) "
        "SELECT uuid_floor('2020-01-03'::timestamptz + make_interval(secs => n)), 'main', '', now(), '', "
        "'{}' "
        "FROM generate_series(1, 1001) n; UPDATE feed_head SET outcomes = 2500"
    );
    const auto month = store.old_months_of_deliveries(now).front();
    finalizing progress;
    int steps = 0;
    for (; !progress.done; ++steps)
        store.make_some_final(month, now, progress);
    EXPECT_EQ(steps, 4) << "two for calls, two for messages";
    EXPECT_EQ(progress.made.calls, 1500);
    EXPECT_EQ(progress.made.messages, 1001);
    db.exec(
        "INSERT INTO outcomes (delivery_id, seq, result, source, event, call_id) VALUES "
        "(uuid_floor('2020-01-20'::timestamptz), 2501, 'applied', 'main', 'call.new', 1600)"
    );
    EXPECT_EQ(store.drop_deliveries(month, now, progress), drop_outcome::dropped);
    EXPECT_EQ(progress.made.calls, 1501);
    EXPECT_EQ(db.number("SELECT count(*) FROM calls WHERE final_at IS NULL"), 100);
    EXPECT_EQ(db.number("SELECT count(*) FROM messages WHERE final_at IS NULL"), 0);
}

TEST_F(retention, a_month_in_which_a_delivery_waits_stays) {
    const auto id = to_string(test_id(7, *parse_rfc3339("2020-01-20T00:00:00Z")));
    put_group(db, {{*parse_uuid(id)}});
    const auto month = store.old_months_of_deliveries(now).front();
    EXPECT_TRUE(store.has_pending(month));
    EXPECT_EQ(drop(month), drop_outcome::pending);
    // The same for one that slipped in after the look.
    EXPECT_EQ(db.text("SELECT drop_deliveries('deliveries_y2020m01', 'outcomes_y2020m01')"), "f");
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 1);
    EXPECT_FALSE(store.has_pending(store.old_months_of_deliveries(now)[1]));
}

/// Webhooks must not queue behind the wait for a lock.
TEST_F(retention, a_month_that_is_read_stays_and_nobody_waits_for_it) {
    put("2020-01-10T00:00:00Z", 1);
    const auto deliveries = store.old_months_of_deliveries(now).front();
    const auto events = store.old_months_of_events(now).front();
    {
        auto other = db.connect();
        pqxx::work reading{*other};
        reading.exec("SELECT count(*) FROM deliveries, events");
        EXPECT_EQ(drop(deliveries), drop_outcome::in_use);
        EXPECT_EQ(store.drop_events(events), drop_outcome::in_use);
    }
    EXPECT_EQ(db.number("SELECT floor FROM feed_head"), 0) << "the floor rises with the drop or not at all";
    EXPECT_EQ(violations(), "");
    EXPECT_EQ(drop(deliveries), drop_outcome::dropped);
    EXPECT_EQ(store.drop_events(events), drop_outcome::dropped);
    EXPECT_EQ(violations(), "");
}

TEST_F(retention, the_floor_rises_over_the_events_of_a_month) {
    put("2020-01-10T00:00:00Z", 1);
    put("2020-01-11T00:00:00Z", 2);
    put("2020-02-10T00:00:00Z", 3);
    EXPECT_EQ(store.first_event()->partition, "events_y2020m01");
    const auto months = store.old_months_of_events(now);
    EXPECT_EQ(store.count_events(months[0]), 2);
    EXPECT_EQ(store.drop_events(months[0]), drop_outcome::dropped);
    EXPECT_EQ(db.text("SELECT floor || ' ' || outcomes_floor FROM feed_head"), "2 2");
    EXPECT_EQ(violations(), "") << "deliveries whose events have expired are no fault";
    EXPECT_EQ(store.drop_events(months[2]), drop_outcome::dropped) << "an empty one";
    EXPECT_EQ(db.number("SELECT floor FROM feed_head"), 2);
    EXPECT_EQ(to_rfc3339(*store.oldest_event()), "2020-02-10T00:00:00Z");
    db.exec("DELETE FROM events");
    EXPECT_NE(violations(), "") << "one that is above the floor is missed";
}

TEST_F(retention, rows_of_no_month_go_from_the_beginning_of_the_log_alone) {
    put("2019-12-10T00:00:00Z", 1);
    put("2019-12-11T00:00:00Z", 2);
    put("2020-01-10T00:00:00Z", 3);
    put("2020-04-10T00:00:00Z", 4);
    EXPECT_EQ(store.old_loose_events(now).rows, 3);
    EXPECT_EQ(store.old_loose_deliveries(now).rows, 3);
    EXPECT_EQ(to_rfc3339(*store.old_loose_deliveries(now).until).substr(0, 10), "2020-04-10");
    EXPECT_EQ(store.delete_some_events(*parse_rfc3339("2019-12-11T00:00:00Z")), 1);
    EXPECT_EQ(store.delete_some_events(now), 1);
    EXPECT_EQ(store.delete_some_events(now), 0) << "a month is between";
    EXPECT_EQ(db.number("SELECT floor FROM feed_head"), 2);
    EXPECT_EQ(violations(), "");
    made_final made;
    EXPECT_EQ(store.delete_some_deliveries(now, now, made), 3);
    EXPECT_EQ(store.delete_some_deliveries(now, now, made), 0);
    EXPECT_EQ(made.calls, 3);
    EXPECT_EQ(violations(), "");
    EXPECT_EQ(db.number("SELECT count(*) FROM outcomes"), 1);
}

TEST_F(retention, a_loose_delivery_that_waits_or_was_never_decided_stays) {
    const std::vector<uuid> ids{
        test_id(1, *parse_rfc3339("2019-12-10T00:00:00Z")),
        test_id(2, *parse_rfc3339("2019-12-11T00:00:00Z"))};
    put_group(db, {{ids[0]}});
    put_group(db, {{ids[1]}});
    db.exec("DELETE FROM pending WHERE first_id = '" + to_string(ids[1]) + "'");
    made_final made;
    EXPECT_EQ(store.delete_some_deliveries(now, now, made), 0);
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 2);
}

TEST_F(retention, only_months_are_dropped) {
    EXPECT_ANY_THROW(db.exec("SELECT drop_events('calls')"));
    EXPECT_ANY_THROW(db.exec("SELECT drop_events('events_default')"));
    EXPECT_ANY_THROW(db.exec("SELECT drop_deliveries('deliveries_y2020m01', 'outcomes_y2020m02')"));
    EXPECT_ANY_THROW(db.exec("SELECT drop_deliveries('deliveries_default', 'outcomes_default')"));
}

TEST_F(retention, one_at_a_time) {
    retention_store other{db.where(), 10s};
    EXPECT_TRUE(store.acquire());
    EXPECT_TRUE(store.acquire());
    EXPECT_FALSE(other.acquire());
    store.release();
    EXPECT_TRUE(other.acquire());
}

}  // namespace
}  // namespace callhook::store
