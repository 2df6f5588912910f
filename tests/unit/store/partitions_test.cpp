#include "base/time_text.hpp"
#include "store/sequencer_store.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

class partitions : public testing::Test {
protected:
    /// The partition that a delivery of this id lands in.
    std::string partition_of_delivery(const std::string& id) {
        db.exec(
            "INSERT INTO deliveries (id, batch, source, origin, received_at, body) VALUES (" + id + ", " +
            id + ", 'main', 'webhook', now(), '')"
        );
        return db.text("SELECT tableoid::regclass FROM deliveries WHERE id = " + id);
    }

    std::string suffix(int months) {
        return db.text(
            "SELECT to_char(date_trunc('month', now()) + make_interval(months => " + std::to_string(months) +
            "), '\"y\"YYYY\"m\"MM')"
        );
    }

    bool exists(const std::string& table) {
        return db.text("SELECT to_regclass('callhook." + table + "') IS NOT NULL") == "t";
    }

    test_database db;
};

TEST_F(partitions, this_month_and_three_ahead_are_there) {
    for (int month = 0; month <= 3; ++month) {
        for (const char* table : {"deliveries_", "outcomes_", "events_"})
            EXPECT_TRUE(exists(table + suffix(month))) << table << month;
    }
    EXPECT_FALSE(exists("deliveries_" + suffix(4)));
    sequencer_store store{db.where()};
    EXPECT_EQ(store.ensure_partitions(), 0) << "nothing is left to make";
}

TEST_F(partitions, those_missing_are_made_again) {
    for (const char* table : {"deliveries_", "outcomes_", "events_"})
        db.exec("DROP TABLE " + (table + suffix(2)));
    sequencer_store store{db.where()};
    EXPECT_EQ(store.ensure_partitions(), 1);
    EXPECT_EQ(store.ensure_partitions(), 0);
    EXPECT_TRUE(exists("deliveries_" + suffix(2)));
    EXPECT_TRUE(exists("outcomes_" + suffix(2)));
    EXPECT_TRUE(exists("events_" + suffix(2)));
}

/// One delivery of a clock that was far ahead must not cost the other months their partitions.
TEST_F(partitions, a_month_that_the_default_has_rows_of_does_not_keep_the_others_away) {
    for (int month = 1; month <= 3; ++month) {
        for (const char* table : {"deliveries_", "outcomes_", "events_"})
            db.exec("DROP TABLE " + (table + suffix(month)));
    }
    EXPECT_EQ(
        partition_of_delivery("uuid_floor(date_trunc('month', now()) + interval '2 months 1 day')"),
        "deliveries_default"
    );
    sequencer_store store{db.where()};
    EXPECT_EQ(store.ensure_partitions(), 2);
    EXPECT_TRUE(exists("deliveries_" + suffix(1)));
    EXPECT_FALSE(exists("deliveries_" + suffix(2)));
    EXPECT_FALSE(exists("outcomes_" + suffix(2))) << "a month is made whole or not at all";
    EXPECT_TRUE(exists("deliveries_" + suffix(3)));
    EXPECT_TRUE(exists("events_" + suffix(3)));
    db.exec("DELETE FROM deliveries");
    EXPECT_EQ(store.ensure_partitions(), 1);
}

/// Making a partition takes the table for itself; webhooks must not queue behind the wait for it.
TEST_F(partitions, are_not_waited_for_while_the_table_is_in_use) {
    for (const char* table : {"deliveries_", "outcomes_", "events_"})
        db.exec("DROP TABLE " + (table + suffix(3)));
    sequencer_store store{db.where()};
    {
        auto other = db.connect();
        pqxx::work reading{*other};
        reading.exec("SELECT count(*) FROM deliveries");
        EXPECT_EQ(store.ensure_partitions(), std::nullopt);
    }
    EXPECT_EQ(store.ensure_partitions(), 1);
}

TEST_F(partitions, a_delivery_lands_in_the_month_of_its_id) {
    EXPECT_EQ(
        partition_of_delivery('\'' + to_string(test_id(1, this_month())) + '\''), "deliveries_" + suffix(0)
    );
}

TEST_F(partitions, the_bounds_are_the_first_and_the_last_id_of_a_month) {
    EXPECT_EQ(partition_of_delivery("uuid_floor(date_trunc('month', now()))"), "deliveries_" + suffix(0));
    EXPECT_EQ(
        partition_of_delivery("uuid_floor(date_trunc('month', now()) + interval '1 month')"),
        "deliveries_" + suffix(1)
    );
    // All bits set in the last millisecond.
    EXPECT_EQ(
        partition_of_delivery(
            "(left(uuid_floor(date_trunc('month', now()) + interval '1 month' - interval '1 ms')"
            "::text, 13) || '-ffff-ffff-ffffffffffff')::uuid"
        ),
        "deliveries_" + suffix(0)
    );
    EXPECT_EQ(
        partition_of_delivery("(left(uuid_floor(date_trunc('month', now()) - interval '1 ms')"
                              "::text, 13) || '-ffff-ffff-ffffffffffff')::uuid"),
        "deliveries_default"
    );
}

TEST_F(partitions, what_no_month_was_made_for_lands_in_the_default) {
    EXPECT_EQ(
        partition_of_delivery("uuid_floor(date_trunc('month', now()) + interval '4 months')"),
        "deliveries_default"
    );
    EXPECT_EQ(partition_of_delivery("uuid_floor('2099-01-01')"), "deliveries_default");
    EXPECT_EQ(partition_of_delivery("uuid_floor('1970-01-01')"), "deliveries_default");
    EXPECT_EQ(partition_of_delivery("'ffffffff-ffff-ffff-ffff-ffffffffffff'"), "deliveries_default");
}

TEST_F(partitions, uuid_floor_is_the_least_id_of_a_millisecond) {
    for (const char* at : {"1970-01-01T00:00:00Z", "2016-09-08T13:32:54.321Z", "2026-12-01T00:00:00Z"}) {
        auto least = test_id(0, *parse_rfc3339(at));
        // Below every version and variant.
        least.bytes[6] = 0;
        least.bytes[8] = 0;
        EXPECT_EQ(db.text("SELECT uuid_floor('" + std::string{at} + "')"), to_string(least));
        EXPECT_EQ(time_of(least), *parse_rfc3339(at));
    }
}

TEST_F(partitions, uuid_floor_does_not_depend_on_the_sessions_zone) {
    EXPECT_EQ(
        db.text("SET LOCAL timezone = 'Pacific/Kiritimati'; SELECT uuid_floor('2026-12-01T00:00:00Z')"),
        db.text("SELECT uuid_floor('2026-12-01T00:00:00Z')")
    );
}

}  // namespace
}  // namespace callhook::store
