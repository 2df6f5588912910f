#include "pipeline/look_ahead.hpp"

#include "sources/callpage/callpage.hpp"

#include <gtest/gtest.h>

namespace callhook::pipeline {
namespace {

using namespace std::chrono_literals;

uuid id_of(std::uint8_t number) {
    uuid id;
    id.bytes[15] = number;
    return id;
}

/// Nobody listens there: what can be had without a database must not wait for one.
store::settings nowhere() {
    return {secret{"postgresql://127.0.0.1:1/none"}, 1s, 1s};
}

class look_ahead_test : public testing::Test {
protected:
    void hear(std::uint8_t first, std::uint8_t last) {
        std::vector<store::shared_delivery> group;
        for (auto n = first; n <= last; ++n) {
            lifecycle::delivery d;
            d.id = id_of(n);
            d.source = "main";
            d.body = R"({"data":{"event":"call.new","id":)" + std::to_string(n) + "}}";
            group.push_back(std::make_shared<const lifecycle::delivery>(std::move(d)));
        }
        ahead.hear(group);
    }

    /// What is there of a group: the calls that it is about.
    std::vector<std::int64_t> take(std::uint8_t first, std::uint8_t last, std::uint8_t batch) {
        std::vector<std::int64_t> out;
        for (const auto& [number, group] : ahead.take({{7, id_of(batch), id_of(first), id_of(last)}})) {
            EXPECT_EQ(number, 7);
            EXPECT_EQ(group.read.size(), group.deliveries.size());
            for (const auto& what : group.read)
                out.push_back(std::get<lifecycle::call_fact>(what).key.id);
        }
        return out;
    }
    std::vector<std::int64_t> take(std::uint8_t first, std::uint8_t last) { return take(first, last, first); }

    using calls = std::vector<std::int64_t>;

    const sources::decoder_table decoders{{"main", sources::callpage::make_decoder({}).value()}};
    look_ahead ahead{nowhere(), decoders, 2};
};

TEST_F(look_ahead_test, what_was_stored_here_is_there_once) {
    hear(1, 3);
    EXPECT_EQ(take(1, 3), (calls{1, 2, 3}));
    EXPECT_EQ(take(1, 3), calls{}) << "the database has it";
}

TEST_F(look_ahead_test, however_much_of_it_was_decoded_by_then) {
    hear(1, 1);
    ahead.begin({});
    hear(2, 4);
    hear(5, 5);
    hear(6, 6);
    EXPECT_EQ(take(5, 5), calls{5});
    EXPECT_EQ(take(1, 1), calls{1});
    ahead.begin({});
    EXPECT_EQ(take(2, 4), (calls{2, 3, 4}));
    EXPECT_EQ(take(6, 6), calls{6});
}

TEST_F(look_ahead_test, a_part_of_a_group_is_for_the_database) {
    for (const bool decoded : {false, true}) {
        hear(1, 3);
        if (decoded) ahead.begin({});
        EXPECT_EQ(take(2, 2, 1), calls{});
        ahead.forget();
    }
}

TEST_F(look_ahead_test, without_a_database_it_waits_for_nothing) {
    ahead.begin(5);
    hear(1, 1);
    EXPECT_EQ(take(1, 1), calls{1});
    EXPECT_EQ(take(2, 2), calls{});
}

TEST_F(look_ahead_test, forgets_what_another_daemon_is_to_take) {
    hear(1, 1);
    ahead.forget();
    EXPECT_EQ(take(1, 1), calls{});
    ahead.begin({});
    hear(2, 2);
    EXPECT_EQ(take(3, 3), calls{}) << "decoding has ended";
    ahead.forget();
    EXPECT_EQ(take(2, 2), calls{});
}

}  // namespace
}  // namespace callhook::pipeline
