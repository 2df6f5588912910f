#include "store/replay_store.hpp"

#include "base/time_text.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace callhook::store {
namespace {

class replay_store_test : public testing::Test {
protected:
    /// The same moment each time, and with it the same id for the same number.
    static utc_time when() {
        static const auto moment = this_month();
        return moment;
    }

    static lifecycle::delivery make(std::uint32_t n, std::string body = "{}") {
        lifecycle::delivery d;
        d.id = test_id(n, when());
        d.source = "main";
        d.received_at = test_time();
        d.remote_address = "192.0.2.7";
        d.content_type = "application/json";
        d.body = std::move(body);
        return d;
    }

    static std::vector<lifecycle::delivery> make_some(std::uint32_t first, std::uint32_t last) {
        std::vector<lifecycle::delivery> out;
        for (auto n = first; n <= last; ++n)
            out.push_back(make(n));
        return out;
    }

    /// Every delivery is one that its group's row of `pending` stands for, and none of two.
    void expect_pending_to_match() {
        EXPECT_EQ(
            db.number("SELECT count(*) FROM deliveries"),
            db.number("SELECT coalesce(sum(deliveries), 0) FROM pending")
        );
        EXPECT_EQ(
            db.number(
                "SELECT count(*) FROM pending p WHERE batch <> first_id OR deliveries <> (SELECT count(*) "
                "FROM "
                "deliveries d WHERE d.batch = p.batch AND d.id BETWEEN p.first_id AND p.last_id) OR bytes <> "
                "(SELECT sum(octet_length(d.body)) FROM deliveries d WHERE d.batch = p.batch)"
            ),
            0
        );
    }

    test_database db;
    replay_store replay{db.where()};
};

TEST_F(replay_store_test, stores_every_field) {
    std::string every_byte;
    for (int c = 0; c < 256; ++c)
        every_byte += static_cast<char>(c);
    auto full = make(1, every_byte);
    auto bare = make(2, "");
    bare.remote_address.clear();
    bare.content_type.clear();
    bare.from = lifecycle::origin::backfill;
    const auto counts = replay.replay({full, bare});
    EXPECT_EQ(counts.fresh, 2U);
    EXPECT_EQ(counts.known, 0U);
    EXPECT_EQ(
        db.text(
            "SELECT string_agg(concat_ws('|', source, origin, remote_addr, content_type), ' ' ORDER BY id) "
            "FROM deliveries"
        ),
        "main|webhook|192.0.2.7|application/json main|backfill"
    );
    EXPECT_EQ(from_bytea(db.text("SELECT body FROM deliveries ORDER BY id LIMIT 1")), every_byte);
    EXPECT_EQ(
        db.number("SELECT count(*) FROM deliveries WHERE received_at = '" + to_rfc3339(test_time()) + "'"), 2
    );
    expect_pending_to_match();
}

TEST_F(replay_store_test, again_changes_nothing) {
    (void)replay.replay(make_some(1, 20));
    const auto counts = replay.replay(make_some(1, 20));
    EXPECT_EQ(counts.fresh, 0U);
    EXPECT_EQ(counts.known, 20U);
    EXPECT_EQ(db.number("SELECT count(*) FROM pending"), 1);
    expect_pending_to_match();
}

TEST_F(replay_store_test, adds_only_what_is_missing) {
    (void)replay.replay({make(1), make(4), make(7), make(20)});
    const auto counts = replay.replay(make_some(1, 20));
    EXPECT_EQ(counts.fresh, 16U);
    EXPECT_EQ(counts.known, 4U);
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 20);
    expect_pending_to_match();
}

TEST_F(replay_store_test, the_same_delivery_twice_is_one) {
    const auto counts = replay.replay({make(1), make(2), make(1)});
    EXPECT_EQ(counts.fresh, 2U);
    EXPECT_EQ(counts.known, 1U);
    expect_pending_to_match();
}

TEST_F(replay_store_test, one_of_a_month_without_a_partition_is_taken) {
    auto old = make(1);
    old.id = test_id(1, test_time());
    EXPECT_EQ(replay.replay({old, make(2)}).fresh, 2U);
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries_default"), 1);
    expect_pending_to_match();
}

TEST_F(replay_store_test, blames_the_delivery_that_no_column_can_hold) {
    auto bad = make(2);
    bad.remote_address = "not an address";
    try {
        (void)replay.replay({make(1), bad});
        FAIL() << "it must be refused";
    } catch (const failure& e) {
        EXPECT_TRUE(replay_store::blames_deliveries(e)) << e.what();
    }
    EXPECT_EQ(db.number("SELECT count(*) FROM deliveries"), 0) << "all or nothing";
    EXPECT_EQ(replay.replay({make(1)}).fresh, 1U);
}

TEST_F(replay_store_test, blames_the_server_for_what_is_the_servers) {
    db.shut_out();
    try {
        (void)replay.replay({make(1)});
        FAIL() << "it cannot have worked";
    } catch (const failure& e) {
        EXPECT_FALSE(replay_store::blames_deliveries(e)) << e.what();
    }
    db.let_in();
    EXPECT_EQ(replay.replay({make(1)}).fresh, 1U);
}

/// The group commit whose end nobody learned of is still under way: whether it is made decides.
TEST_F(replay_store_test, waits_for_a_commit_in_doubt) {
    for (const bool made : {true, false}) {
        SCOPED_TRACE(made);
        const std::uint32_t base = made ? 100 : 200;
        const auto other = db.connect();
        pqxx::work doubt{*other};
        const auto first = to_string(make(base).id);
        doubt.exec(
            "INSERT INTO deliveries (id, batch, source, origin, received_at, body) VALUES ('" + first +
            "', '" + first + "', 'main', 'webhook', now(), '{}')"
        );
        doubt.exec(
            "INSERT INTO pending (batch, first_id, last_id, deliveries, bytes) VALUES ('" + first + "', '" +
            first + "', '" + first + "', 1, 2)"
        );
        std::thread end{[&] {
            while (
                db.number("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM "
                          "pg_database WHERE datname = current_database()) OR NOT granted AND locktype = "
                          "'transactionid'") == 0
            )
                std::this_thread::sleep_for(std::chrono::milliseconds{5});
            if (made)
                doubt.commit();
            else
                doubt.abort();
        }};
        // Where it was made after all, this notices and asks to be done again.
        std::size_t fresh = 0;
        try {
            fresh = replay.replay(make_some(base, base + 3)).fresh;
            EXPECT_FALSE(made);
        } catch (const failure& e) {
            EXPECT_TRUE(made);
            EXPECT_FALSE(replay_store::blames_deliveries(e));
        }
        end.join();
        if (made) fresh = replay.replay(make_some(base, base + 3)).fresh;
        EXPECT_EQ(fresh, made ? 3U : 4U);
        expect_pending_to_match();
    }
}

}  // namespace
}  // namespace callhook::store
