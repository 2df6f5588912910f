#include "store/epoch.hpp"

#include "test_database.hpp"

#include <gtest/gtest.h>

namespace callhook::store {
namespace {

TEST(epoch, is_shown_renewed_and_kept) {
    test_database db;
    db.exec("UPDATE feed_head SET position = 42");
    const auto first = read_epoch(db.where());
    EXPECT_EQ(first.epoch, db.text("SELECT epoch FROM feed_head"));
    EXPECT_EQ(first.position, 42);
    EXPECT_FALSE(first.moved);

    const auto second = begin_epoch(db.where());
    EXPECT_NE(second.epoch, first.epoch);
    EXPECT_EQ(second.epoch.size(), 8U);
    EXPECT_EQ(second.position, 42);

    for (const auto* moved : {"system_identifier = '1'", "timeline = timeline + 1", "place = ''"}) {
        db.exec(std::string{"UPDATE feed_head SET "} + moved);
        EXPECT_TRUE(read_epoch(db.where()).moved) << moved;
        const auto kept = keep_epoch(db.where());
        EXPECT_EQ(kept.epoch, second.epoch);
        EXPECT_FALSE(read_epoch(db.where()).moved) << moved;
    }

    db.exec("UPDATE feed_head SET place = ''");
    const auto third = begin_epoch(db.where());
    EXPECT_NE(third.epoch, second.epoch);
    EXPECT_FALSE(read_epoch(db.where()).moved);
}

}  // namespace
}  // namespace callhook::store
