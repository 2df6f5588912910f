#include "store/fresh_deliveries.hpp"

#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

using namespace std::chrono_literals;

shared_delivery delivery_of(std::uint32_t number, std::string body = "{}") {
    lifecycle::delivery d;
    d.id = test_id(number, test_time());
    d.source = "main";
    d.received_at = test_time() + std::chrono::microseconds{number};
    d.body = std::move(body);
    d.traceparent = "trace";
    return std::make_shared<const lifecycle::delivery>(std::move(d));
}

pending_group row_of(std::uint32_t batch, std::uint32_t first, std::uint32_t last) {
    return {1, test_id(batch, test_time()), test_id(first, test_time()), test_id(last, test_time())};
}

const fresh_deliveries::clock::time_point now{1h};

TEST(fresh_deliveries_test, gives_a_group_once_and_in_the_order_of_ids) {
    fresh_deliveries fresh{1'000};
    fresh.put({delivery_of(3, "three"), delivery_of(1, "one"), delivery_of(2, "two")}, now);
    const auto found = fresh.take(row_of(1, 1, 3));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 3U);
    const auto& second = found->at(1);
    EXPECT_EQ(second.id, test_id(2, test_time()));
    EXPECT_EQ(second.source, "main");
    EXPECT_EQ(second.received_at, test_time() + 2us);
    EXPECT_EQ(second.body, "two");
    EXPECT_EQ(second.traceparent, "trace");
    EXPECT_FALSE(fresh.take(row_of(1, 1, 3)));
}

TEST(fresh_deliveries_test, a_row_that_names_a_part_of_a_group_is_for_the_database) {
    fresh_deliveries fresh{1'000};
    fresh.put({delivery_of(1), delivery_of(2)}, now);
    EXPECT_FALSE(fresh.take(row_of(1, 2, 2)));
    fresh.put({delivery_of(1), delivery_of(2)}, now);
    EXPECT_FALSE(fresh.take(row_of(1, 1, 1)));
}

TEST(fresh_deliveries_test, keeps_the_oldest_where_there_is_no_room) {
    fresh_deliveries fresh{10};
    fresh.put({delivery_of(1, "123456")}, now);
    fresh.put({delivery_of(2, "12345")}, now);
    fresh.put({delivery_of(3, "1234")}, now);
    EXPECT_FALSE(fresh.take(row_of(2, 2, 2))) << "it was one byte too long";
    EXPECT_TRUE(fresh.take(row_of(3, 3, 3)));
    EXPECT_TRUE(fresh.take(row_of(1, 1, 1)));
    fresh.put({delivery_of(4, "1234567890")}, now);
    EXPECT_TRUE(fresh.take(row_of(4, 4, 4))) << "what was taken makes room";
}

TEST(fresh_deliveries_test, what_nobody_takes_for_a_minute_makes_room) {
    fresh_deliveries fresh{10};
    fresh.put({delivery_of(1, "123456")}, now);
    fresh.put({delivery_of(2, "123456")}, now + 60s);
    EXPECT_FALSE(fresh.take(row_of(2, 2, 2)));
    fresh.put({delivery_of(3, "123456")}, now + 61s);
    EXPECT_FALSE(fresh.take(row_of(1, 1, 1)));
    EXPECT_TRUE(fresh.take(row_of(3, 3, 3)));
}

TEST(fresh_deliveries_test, can_be_emptied) {
    fresh_deliveries fresh{10};
    fresh.put({delivery_of(1, "123456")}, now);
    fresh.clear();
    EXPECT_FALSE(fresh.take(row_of(1, 1, 1)));
    fresh.put({delivery_of(2, "1234567890")}, now);
    EXPECT_TRUE(fresh.take(row_of(2, 2, 2)));
}

}  // namespace
}  // namespace callhook::store
